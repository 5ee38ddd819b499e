//! The report as one page: charts, then the table that they are of.
//!
//! It is a file that somebody mails, so it brings all along and asks for nothing: its policy forbids scripts and the network. Whatever
//! stands in a label is text.

use std::fmt::Write;

use super::{Report, Row, chart};
use crate::wire::sanitise;

const STYLE: &str = include_str!("report.css");

/// What a report counts by, beside the day.
type LabelOf = fn(&Row) -> &str;
const LABELS: [(&str, LabelOf); 3] =
    [("variant", |row| &row.variant), ("interface", |row| &row.interface), ("surface", |row| &row.surface)];

/// A text inside an element or an attribute in quotes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in sanitise(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// 1234567 → 1,234,567.
pub(super) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

/// A count of at most four letters: 950, 1.2k, 34k, 5.6M.
pub(super) fn short(count: u64) -> String {
    let (unit, letter) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        _ => (1_000_000_000, "G"),
    };
    let tenths = count / (unit / 10);
    if tenths < 100 && !tenths.is_multiple_of(10) {
        format!("{}.{}{letter}", tenths / 10, tenths % 10)
    } else {
        format!("{}{letter}", tenths / 10)
    }
}

pub(super) fn page(report: &Report) -> String {
    let (total, days) = (report.total(), report.by_day());
    let (partner, from, to) = (escape(&report.partner), report.period.from, report.period.to);
    let rate = total.rate().unwrap_or_else(|| "–".to_owned());
    let wide = chart::days(&days, chart::WIDE);
    let narrow = chart::days(&days, chart::NARROW);
    let breakdowns: Vec<String> = LABELS
        .iter()
        .map(|(what, label)| (what, chart::breakdown(what, &report.by(*label))))
        .map(|(what, chart)| format!("<figure class=\"pane\"><figcaption>By {what}</figcaption>{chart}</figure>\n"))
        .collect();
    let breakdowns = breakdowns.concat();
    let nothing =
        if report.rows.is_empty() { "<p class=\"pane\">Nothing was sent or opened in these days.</p>\n" } else { "" };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Recommendations of {partner}, {from} to {to}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kicker\">{partner} → the platform</p>\n<h1>Recommendations</h1>\n\
         <p class=\"when\"><time datetime=\"{from}\">{from}</time> to <time datetime=\"{to}\">{to}</time>, days in UTC</p>\n</header>\n\
         <dl class=\"tiles\">\n<div class=\"pane\"><dt><i class=\"key sends\"></i>Sends</dt><dd>{sends}</dd></div>\n\
         <div class=\"pane\"><dt><i class=\"key clicks\"></i>Clicks</dt><dd>{clicks}</dd></div>\n\
         <div class=\"pane\"><dt>Clicks per send</dt><dd>{rate}</dd></div>\n</dl>\n{nothing}\
         <figure class=\"pane\"><figcaption>Day by day<span class=\"legend\"><i class=\"key sends\"></i>sends \
         <i class=\"key clicks\"></i>clicks</span></figcaption>\n{wide}{narrow}</figure>\n\
         <div class=\"three\">\n{breakdowns}</div>\n{table}{NOTE}</main>\n</body>\n</html>\n",
        sends = thousands(total.sends),
        clicks = thousands(total.clicks),
        table = table(report),
    )
}

/// What the report is, and what may be said of such reports.
const NOTE: &str = "<footer>\n<p><strong>What is not in here:</strong> names, and a word of any message. A send is counted when \
    StreamCo's own app has sent or handed out a link, a click when that link is opened for the first time. The counts are the same, byte for byte, \
    when the conversations are sealed.</p>\n\
    <p><em>Alleged</em> (plaintiffs' filing, Klein v. Meta): that a partner was to give “a written report every two weeks that \
    shows daily counts of recommendation sends and recipient clicks by interface, initiation surface, and/or implementation \
    variant”. <em>Denied</em>: that private messages were shared with it. Not adjudicated. StreamCo and the platform are \
    fictional, and so are these figures.</p>\n</footer>\n";

fn table(report: &Report) -> String {
    let mut out = String::from(
        "<section class=\"pane\">\n<h2>Every count</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Every count\">\
         <table>\n<thead><tr><th scope=\"col\">Day</th><th scope=\"col\">Interface</th><th scope=\"col\">Surface</th>\
         <th scope=\"col\">Variant</th><th scope=\"col\" class=\"n\">Sends</th><th scope=\"col\" class=\"n\">Clicks</th></tr></thead>\n<tbody>\n",
    );
    for Row { day, interface, surface, variant, sends, clicks } in &report.rows {
        let _into_memory = writeln!(
            out,
            "<tr><th scope=\"row\">{day}</th><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(interface),
            escape(surface),
            escape(variant),
            thousands(*sends),
            thousands(*clicks)
        );
    }
    let total = report.total();
    let _into_memory = write!(
        out,
        "</tbody>\n<tfoot><tr><th scope=\"row\" colspan=\"4\">All</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr></tfoot>\n\
         </table></div>\n</section>\n",
        thousands(total.sends),
        thousands(total.clicks)
    );
    out
}
