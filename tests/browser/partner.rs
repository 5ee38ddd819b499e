//! StreamCo's pane beyond the inbox: recommendations, the report's chart, and which ad and why, open and sealed beside each other.

use serde_json::{Value, json};

use super::cdp::{Browser, Page};
use super::hall::{Hall, Stage, shot};
use super::look::{assert_legible, assert_no_sideways_scroll};

/// The pairs of numbers in "78 sends" and "33 clicks".
async fn counts(page: &Page) -> (u64, u64) {
    let counts =
        "[...document.querySelectorAll('#business figcaption span')].map((span) => parseInt(span.textContent))";
    let counts = page.evaluate(counts).await;
    (counts[0].as_u64().unwrap(), counts[1].as_u64().unwrap())
}

/// The height of today's bars of a kind, in parts of the highest bar; 0 if there is none.
async fn today(page: &Page, kind: &str) -> f64 {
    let bars = format!(
        "(() => {{ const bars = [...document.querySelectorAll('#business .chart > svg .{kind}')].map((bar) => bar.getBBox());
            const today = bars.find((bar) => bar.x > 13 * 30)?.height ?? 0;
            return today / Math.max(...[...document.querySelectorAll('#business .sends')].map((bar) => bar.getBBox().height)); }})()"
    );
    page.evaluate(&bars).await.as_f64().unwrap()
}

/// Presses a button by the keyboard: what moves meanwhile does not matter.
async fn press(page: &Page, button: &str) {
    page.evaluate(&format!("document.querySelector({}).focus()", json!(button))).await;
    page.press("Enter").await;
}

async fn words(page: &Page, side: &str) -> Value {
    let words =
        format!("[...document.querySelectorAll('#business .was-{side} .words mark')].map((word) => word.textContent)");
    page.evaluate(&words).await
}

async fn side(page: &Page, side: &str, group: &str) -> String {
    page.text(&format!("document.querySelector('#business .was-{side} .{group}').innerText")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recommendation_arrives_and_is_counted_alike_open_and_sealed() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    press(page, "#tabs [data-tab=report]").await;
    page.until("document.querySelector('#business .chart')").await;
    press(page, "#tabs [data-tab=inbox]").await;
    hall.type_as("alice", "in the open").await;
    page.until_text("#bob", "in the open").await;
    let opened = "document.querySelectorAll('#bob .open-link').length";
    let (mut before, mut notes) = (None, 0);
    for (n, mode) in [(1, "open"), (2, "sealed")] {
        press(page, &format!("#modes [data-mode={mode}]")).await;
        page.until(&format!(
            "document.querySelector('#modes [data-mode={mode}]').getAttribute('aria-pressed') === 'true'"
        ))
        .await;
        press(page, "#recommend").await;
        page.until(&format!("{opened} === {n}")).await;
        assert!(page.text_at("#bob .said:last-of-type").await.contains("The Last Train North"));
        press(page, "#tabs [data-tab=report]").await;
        page.until_text("#business", &format!("Today {n} sent and {} opened", n - 1)).await;
        let (sends, clicks) = counts(page).await;
        let bar = today(page, "clicks").await;
        // Twice, which counts once.
        for _ in 0..2 {
            press(page, "#bob li:nth-last-of-type(-n + 3) .open-link").await;
            notes += 1;
            page.until(&format!("document.querySelectorAll('#bob .note').length === {notes}")).await;
        }
        page.until_text("#business", &format!("Today {n} sent and {n} opened")).await;
        assert_eq!(counts(page).await, (sends, clicks + 1));
        assert!(today(page, "clicks").await > bar, "the bar has grown");
        page.until_text("#business", "✓ The same, byte for byte").await;
        if let Some((sends_before, clicks_before)) = before {
            assert_eq!((sends, clicks), (sends_before + 1, clicks_before + 1), "sealed counts as open did");
        }
        before = Some((sends, clicks));
        press(page, "#tabs [data-tab=inbox]").await;
    }
    // The control: StreamCo reads the open one in Bob's inbox, and of the sealed one it has noise.
    page.until("document.querySelectorAll('#partner .rows .noise').length >= 1").await;
    let read = "[...document.querySelectorAll('#partner .rows .legible')].filter((row) => row.textContent.includes('The Last Train North')).length";
    assert_eq!(page.evaluate(read).await, 1);
    // In the open again, but the latest is sealed: StreamCo has nothing to write with, and says so.
    press(page, "#modes [data-mode=open]").await;
    press(page, "#recommend").await;
    page.until_text("#notices", "StreamCo cannot write here").await;
    // Where the key has changed Alice's device sends nothing, and nothing is counted.
    press(page, "#modes [data-mode=sealed]").await;
    page.until("document.querySelector('#modes [data-mode=sealed]').getAttribute('aria-pressed') === 'true'").await;
    hall.act(json!({ "do": "swap" })).await;
    page.until_text("#alice .state", "alarm").await;
    press(page, "#recommend").await;
    page.until_text("#notices", "sends nothing until the changed key").await;
    press(page, "#tabs [data-tab=report]").await;
    page.until_text("#business", "Today 2 sent and 2 opened").await;
    hall.assert_calm();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ad_comes_from_words_only_where_they_can_be_read_and_the_rest_stays() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    page.note_requests().await;
    page.click("#tabs [data-tab=ads]").await;
    page.until("document.querySelectorAll('#business .ad').length === 2").await;
    assert_eq!(words(page, "open").await, json!([]), "nothing was said yet");
    let told = page.text_at("#business .shared .signals").await;
    assert!(told.contains("alleged") && told.contains("The Noodle War"), "{told}");

    let said = "Cheap flights! <img src=x onerror=alert(1)> and a hotel";
    hall.act(json!({ "do": "send", "as": "alice", "text": said })).await;
    page.until("document.querySelector('#business .was-open mark')").await;
    // The control: the open side names the word and its message; the sealed side has been told the same sentence.
    assert_eq!(words(page, "open").await, json!(["flights"]));
    assert!(side(page, "open", "words").await.contains("Alice: “Cheap flights! <img"));
    page.until_text("#business .was-open .ad", "Flights for the long weekend").await;
    assert_eq!(words(page, "sealed").await, json!([]));
    assert!(side(page, "sealed", "words").await.contains("not one word can be read"));
    assert!(!side(page, "sealed", "ad").await.contains("Flights"));
    // The page draws what StreamCo tells and metadata once only because they are equal; and they are what they were.
    page.until_text("#business .shared .metadata", "with Alice, who watched").await;
    assert_eq!(page.text_at("#business .shared .signals").await, told);
    page.click("#business [data-whose=alice]").await;
    page.until_text("#business .shared .metadata", "with Bob, who watched").await;
    assert_eq!(page.evaluate("document.activeElement.dataset.whose").await, "alice", "the button keeps the focus");
    shot(page, "ads-alice").await;

    let elsewhere: Vec<String> =
        page.requests().into_iter().filter(|url| !url.starts_with("http://127.0.0.1:")).collect();
    assert_eq!(elsewhere, [""; 0], "the page asks nobody else for anything");
    hall.assert_calm();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_and_the_ads_are_legible_from_the_last_row_and_fit_a_phone() {
    let Some(browser) = Browser::open().await else { return };
    let stage = Stage::start(&[]);
    let hall = Hall::free(&browser, &stage).await;
    let page = &hall.0;
    for act in [
        json!({ "do": "mode", "mode": "open" }),
        json!({ "do": "send", "as": "alice", "text": "Dinner before the train on Friday?" }),
        json!({ "do": "recommend" }),
        json!({ "do": "open_link" }),
        json!({ "do": "send", "as": "bob", "text": "Yes! And I found cheap flights and a hotel for the holiday." }),
    ] {
        let done = hall.act(act.clone()).await;
        assert_eq!(done["ok"], true, "{act}: {done}");
    }
    for (tab, ready) in [("report", "#business .proof"), ("ads", "#business .was-open mark")] {
        page.viewport(1280, 800, false).await;
        page.click(&format!("#tabs [data-tab={tab}]")).await;
        page.until(&format!("document.querySelector('{ready}')")).await;
        shot(page, &format!("{tab}-1280")).await;
        page.viewport(1024, 768, false).await;
        page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))").await;
        shot(page, &format!("{tab}-1024")).await;
        assert_legible(page, ".panes", 24).await;
        assert_no_sideways_scroll(page).await;
        let cut = "[...document.querySelectorAll('.pane > header, #tabs, #business, #business *')].filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline').map((one) => one.className || one.localName)";
        assert_eq!(page.evaluate(cut).await, json!([]), "{tab}: something is wider than its place");
        assert_eq!(page.evaluate("document.documentElement.scrollHeight").await, 768, "{tab}: all is in sight");
        for (width, height) in [(390, 844), (320, 640)] {
            page.viewport(width, height, true).await;
            assert_no_sideways_scroll(page).await;
            if width == 390 {
                page.evaluate("document.querySelector('#partner').scrollIntoView()").await;
                shot(page, &format!("{tab}-phone")).await;
                page.evaluate("document.querySelector('#business').lastChild.scrollIntoView({ block: 'center' })")
                    .await;
                shot(page, &format!("{tab}-phone-end")).await;
            }
        }
    }
    // By keyboard alone: to the tabs, one of them pressed, on into what it shows, and to both new buttons.
    page.viewport(1024, 768, false).await;
    page.click("#tabs [data-tab=inbox]").await;
    page.evaluate("document.activeElement.blur()").await;
    let mut reached = Vec::new();
    for _ in 0..32 {
        page.press("Tab").await;
        let at = page.text("document.activeElement.dataset.tab || document.activeElement.id || document.activeElement.className || ''").await;
        if at == "report" {
            page.press("Enter").await;
            page.until("document.querySelector('#business .chart')").await;
        }
        reached.push(at);
    }
    for wanted in ["recommend", "inbox", "report", "ads", "business", "open-link"] {
        assert!(reached.iter().any(|at| at == wanted), "{wanted}: {reached:?}");
    }
    hall.assert_calm();
}
