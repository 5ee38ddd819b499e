//! The formats against each other, and hostile labels in each.

use super::*;

fn row(day: &str, variant: &str, sends: u64, clicks: u64) -> Row {
    let [interface, surface] = ["tv", "post-play"].map(str::to_owned);
    Row { day: day.parse().unwrap(), interface, surface, variant: variant.to_owned(), sends, clicks }
}

fn report(rows: Vec<Row>) -> Report {
    Report { partner: "streamco".to_owned(), period: "2026-11-09..2026-11-22".parse().unwrap(), rows }
}

fn some() -> Report {
    let days = ["2026-11-09", "2026-11-10", "2026-11-22"];
    report(days.into_iter().flat_map(|day| [row(day, "A", 3, 1), row(day, "B", 1_200, 7)]).collect())
}

/// Fields of a line, as RFC 4180 reads them.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted, mut chars) = (vec![String::new()], false, line.chars().peekable());
    while let Some(c) = chars.next() {
        let last = fields.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => last.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => last.push(c),
        }
    }
    fields
}

fn csv_total(csv: &str) -> Counts {
    let mut total = Counts::default();
    for line in csv.lines().skip(1) {
        let fields = fields(line);
        total.sends += fields[4].parse::<u64>().unwrap();
        total.clicks += fields[5].parse::<u64>().unwrap();
    }
    total
}

#[test]
fn all_formats_say_the_same_numbers() {
    let report = some();
    let json: Report = serde_json::from_str(&report.write(Format::Json)).unwrap();
    assert_eq!(json, report);
    let total = Counts { sends: 3_609, clicks: 24 };
    assert_eq!((json.total(), csv_total(&report.write(Format::Csv))), (total, total));
    let table = report.write(Format::Table);
    let last: Vec<&str> = table.lines().find(|line| line.starts_with("all")).unwrap().split_whitespace().collect();
    assert_eq!(last, ["all", "3609", "24"]);
    let html = report.write(Format::Html);
    assert!(
        html.contains("<dd>3,609</dd>") && html.contains("<dd>24</dd>") && html.contains("<dd>0.7 %</dd>"),
        "{html}"
    );
    assert_eq!(html.matches("<tr><th scope=\"row\">2026").count(), 6);
    // The control: one count more is one more everywhere.
    let mut other = report.clone();
    other.rows[5].clicks += 1;
    for format in [Format::Table, Format::Csv, Format::Json, Format::Html] {
        assert_ne!(report.write(format), other.write(format), "{format:?}");
    }
    assert_eq!(csv_total(&other.write(Format::Csv)).clicks, 25);
}

#[test]
fn the_json_is_what_the_platform_was_promised() {
    let expected = "{\"partner\":\"streamco\",\"period\":{\"from\":\"2026-11-09\",\"to\":\"2026-11-22\"},\"rows\":[\
                    {\"day\":\"2026-11-09\",\"interface\":\"tv\",\"surface\":\"post-play\",\"variant\":\"B\",\"sends\":3,\"clicks\":1}]}";
    assert_eq!(report(vec![row("2026-11-09", "B", 3, 1)]).json(), expected);
}

#[test]
fn a_label_cannot_become_a_formula_in_a_spreadsheet() {
    for evil in ["=HYPERLINK(\"http://x\",\"y\")", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"] {
        let csv = report(vec![row("2026-11-09", evil, 1, 0)]).write(Format::Csv);
        let line = csv.split_once('\n').unwrap().1.trim_end_matches('\n');
        let fields = fields(line);
        assert_eq!((fields.len(), fields[3].as_str()), (6, format!("'{evil}").as_str()), "{csv:?}");
    }
    let csv = report(vec![row("2026-11-09", "a,\"b\"", 1, 0)]).write(Format::Csv);
    assert_eq!(fields(csv.lines().nth(1).unwrap())[3], "a,\"b\"", "and an honest one is as it was");
}

#[test]
fn a_label_stays_text_in_the_page_and_the_page_asks_for_nothing() {
    let evil = "\"><script>alert(1)</script><img src=http://x onerror='alert(1)'>\u{202e}";
    let mut hostile = some();
    hostile.rows[0].variant = evil.to_owned();
    hostile.rows[0].surface = evil.to_owned();
    hostile.rows[0].interface = evil.to_owned();
    hostile.partner = evil.to_owned();
    let page = hostile.write(Format::Html);
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(!page.contains('\u{202e}'));
    let honest = some().write(Format::Html);
    for outside in ["http://", "https://", "url(", "@import", "<script", "<link", "<img", " src=", " href="] {
        assert!(!honest.contains(outside), "{outside}");
    }
    assert!(honest.contains("default-src 'none'; style-src 'unsafe-inline'"));
    // Each picture has words, and nothing opens that does not close.
    assert_eq!(honest.matches("<svg").count(), 5);
    assert_eq!(honest.matches("role=\"img\" aria-labelledby").count(), 5);
    for page in [&page, &honest] {
        for tag in ["svg", "figure", "div", "table", "tr", "td", "th", "text", "main", "section", "desc", "title"] {
            let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}

#[test]
fn a_page_has_room_for_nothing_for_a_year_and_for_floods() {
    let empty = report(Vec::new());
    let page = empty.write(Format::Html);
    assert!(page.contains("Nothing was sent or opened") && page.contains("<dd>–</dd>"), "{page}");
    assert!(empty.write(Format::Table).contains("No clicks"));
    let mut year = report(vec![row("2026-03-01", "A", u64::MAX, u64::MAX), row("2026-03-01", "B", 1, 0)]);
    year.period = "2026-01-01..2026-12-31".parse().unwrap();
    let page = year.write(Format::Html);
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    assert_eq!(Counts { sends: 8, clicks: 1 }.rate().as_deref(), Some("12.5 %"));
}
