//! The relay's eye under load: how soon, how smooth, and how much memory. The figures are printed; what is asserted has room for a
//! busy machine, and would still fail if the page grew or stood still.

use std::time::Duration;

use super::cdp::{Browser, Page};
use super::relay::{Person, Relay, open, sealed, watch};

fn full() -> bool {
    std::env::var("EFFORT").is_ok_and(|effort| effort == "full")
}

#[tokio::test]
async fn ten_thousand_sightings_leave_the_page_quick_and_small() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let page = watch(&browser, &relay).await;
    let paint =
        page.until("performance.getEntriesByName('first-contentful-paint')[0]?.startTime").await.as_f64().unwrap();
    println!("first paint {paint:.0} ms after navigation");
    assert!(paint < 5_000.0);

    let each = if full() { 500 } else { 100 };
    let mut people = Vec::new();
    for n in 0..10 {
        people.push(Person::join(&relay, &format!("person{n}")).await);
    }
    // Half of them first, so that everything that the page keeps is full; what it needs must not grow after that.
    burst(&mut people, each, &page).await;
    let (heap, nodes) = page.memory().await;
    let frames = "window.frames_ = []; window.last_ = performance.now();
        const tick = (now) => { frames_.push(now - last_); last_ = now; requestAnimationFrame(tick); }; requestAnimationFrame(tick); 0";
    page.evaluate(frames).await;
    burst(&mut people, each, &page).await;
    let frames = page.evaluate("frames_.slice(1).sort((a, b) => a - b)").await;
    let frames: Vec<f64> = frames.as_array().unwrap().iter().filter_map(serde_json::Value::as_f64).collect();
    let (later, more) = page.memory().await;
    println!(
        "{} sightings: frames p50 {:.1} ms, p95 {:.1} ms, longest {:.0} ms ({} frames); heap {:.1} → {:.1} MiB, nodes {nodes} → {more}",
        20 * each,
        at(&frames, 0.5),
        at(&frames, 0.95),
        at(&frames, 1.0),
        frames.len(),
        heap / 1_048_576.0,
        later / 1_048_576.0,
    );
    assert!(at(&frames, 0.5) < 1_000.0, "the page still draws");
    assert!(later < 1.3 * heap + 2_097_152.0 && more < 1.3 * nodes, "the page does not grow");
    assert_eq!(page.evaluate("document.querySelectorAll('#rows li').length <= 200").await, true);
    assert_eq!(page.troubles(), Vec::<String>::new());
}

/// Everybody hands over `each` messages at once; returns when the page has counted all of them.
async fn burst(people: &mut [Person], each: usize, page: &Page) {
    let before: usize = page.text_at("#totals").await.split(' ').next().unwrap().replace(',', "").parse().unwrap();
    let posts = people.iter_mut().enumerate().map(|(n, person)| async move {
        for i in 0..each {
            let payload = if i % 2 == 0 { sealed(642) } else { open("Nothing new, and you?") };
            person.post(&format!("person{}", (n + 1 + i % 3) % 10), payload).await;
        }
    });
    futures_util::future::join_all(posts).await;
    let all = before + people.len() * each;
    page.until(&format!(
        "document.querySelector('#totals').textContent.replaceAll(',', '').startsWith('{all} passed')"
    ))
    .await;
}

#[tokio::test]
async fn a_sighting_is_on_the_page_at_once_at_two_hundred_a_second() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let mut alice = Person::join(&relay, "alice").await;
    let mut bob = Person::join(&relay, "bob").await;
    let page = watch(&browser, &relay).await;
    // From the moment the sender writes into the text to the moment the row is in the document: socket, disk, and stream included.
    page.evaluate("window.late_ = []; new MutationObserver((changes) => { const now = performance.timeOrigin + performance.now();
        for (const change of changes) for (const row of change.addedNodes) { const sent = Number(row.querySelector?.('[dir]')?.textContent);
            if (sent > 1e12) late_.push(now - sent); } }).observe(document.querySelector('#rows'), { childList: true }); 0").await;
    let count = if full() { 2_000 } else { 400 };
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    for n in 0..count {
        tick.tick().await;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let text = open(&format!("{:.3}", now.as_secs_f64() * 1000.0));
        if n % 2 == 0 { alice.post("bob", text).await } else { bob.post("alice", text).await }
    }
    page.until(&format!(
        "document.querySelector('#totals').textContent.replaceAll(',', '').startsWith('{count} passed')"
    ))
    .await;
    let late = page.evaluate("late_.sort((a, b) => a - b)").await;
    let late: Vec<f64> = late.as_array().unwrap().iter().filter_map(serde_json::Value::as_f64).collect();
    println!(
        "at 200 messages/s, from the sender to the page: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        at(&late, 0.5),
        at(&late, 0.95),
        at(&late, 0.99),
        at(&late, 1.0),
    );
    assert!(late.len() > count * 9 / 10, "nearly all were drawn: {}", late.len());
    assert!(late[0] > 0.0 && at(&late, 0.5) < 500.0, "not seconds behind");
}

/// The value at that part of a sorted list.
fn at(sorted: &[f64], part: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = ((sorted.len() - 1) as f64 * part) as usize;
    sorted[index]
}
