//! StreamCo's report as a file in a browser: legible, no wider than its window, and it asks for nothing.

use blindrelay::streamco::report::{Format, Report, Row};

use super::cdp::Browser;
use super::look::{assert_legible, assert_no_sideways_scroll};

fn report() -> Report {
    let mut rows = Vec::new();
    for day in 9..=22_u64 {
        for (n, variant) in ["A", "B", "<img src=http://x/ onerror=alert(1)>"].into_iter().enumerate() {
            let [interface, surface] = [["tv", "web", "phone"][n], "post-play"].map(str::to_owned);
            let (day, sends) = (format!("2026-11-{day:02}").parse().unwrap(), 1_000 * day + 7);
            rows.push(Row { day, interface, surface, variant: variant.to_owned(), sends, clicks: sends / 3 });
        }
    }
    Report { partner: "streamco".to_owned(), period: "2026-11-09..2026-11-22".parse().unwrap(), rows }
}

#[tokio::test]
async fn the_report_is_legible_on_a_screen_and_on_a_phone_and_asks_for_nothing() {
    let Some(browser) = Browser::open().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    std::fs::write(&path, report().write(Format::Html)).unwrap();
    let page = browser.page().await;
    page.note_requests().await;
    let url = format!("file://{}", path.display());
    for (width, height, mobile, shown) in [(1280, 800, false, "wide"), (390, 844, true, "narrow")] {
        page.viewport(width, height, mobile).await;
        page.navigate(&url).await;
        assert_legible(&page, "main", 12).await;
        assert_no_sideways_scroll(&page).await;
        // The table needs no sideways scrolling either, the one long label aside.
        let fits = "[...document.querySelectorAll('td')].filter((cell) => cell.textContent.includes('img')).forEach((cell) => cell.textContent = 'C');
            const box = document.querySelector('.scroll'); box.scrollWidth - box.clientWidth";
        assert_eq!(page.evaluate(fits).await, 0, "at {width}");
        let drawn = "[...document.querySelectorAll('svg')].filter((svg) => svg.checkVisibility()).map((svg) => svg.getAttribute('class'))";
        assert_eq!(page.evaluate(drawn).await, serde_json::json!([shown, null, null, null]));
        // A bar is as high as its count: the last day's beside the first's.
        let ratio = format!(
            "(() => {{ const bars = [...document.querySelectorAll('svg.{shown} rect.sends')].map((bar) => bar.getBBox().height);
                return bars.at(-1) / bars[0]; }})()"
        );
        let ratio = page.evaluate(&ratio).await.as_f64().unwrap();
        assert!((ratio - 22_007.0 / 9_007.0).abs() < 0.01, "{ratio}");
    }
    assert_eq!(page.requests(), [url.clone(), url], "the file, once for each window, and nothing else");
    assert_eq!(page.troubles(), [""; 0]);
    // The control: the same label as markup would have asked.
    let markup =
        report().write(Format::Html).replace("&lt;img src", "<img src").replace("Content-Security-Policy", "x");
    std::fs::write(&path, markup).unwrap();
    page.navigate(&format!("file://{}", path.display())).await;
    assert!(page.requests().iter().any(|request| request.starts_with("http://x/")), "{:?}", page.requests());
}
