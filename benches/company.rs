//! `cargo bench --bench company`: how long does StreamCo's report take when a million events are to be counted?
//!
//! Its database is on the disk and has six hundred thousand recommendations and four hundred thousand clicks, all within the fourteen
//! days of one period. What is measured is one report from the open database to the text: counting, and writing it in a format.

#[allow(dead_code, reason = "memory is not measured here")]
mod measure;

use std::time::Instant;

use anyhow::Result;
use blindrelay::streamco::report::{Format, Period, Report};
use blindrelay::streamco::{DAY_MS, Events, EventsError, Recommendation};
use measure::{at, at_most, median, verdict};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::json;

/// 9 November 2026, 00:00 UTC.
const START: u64 = 1_794_182_400_000;
/// So many in one transaction.
const BATCH: usize = 10_000;

fn main() -> Result<()> {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let (links, rounds) = if quick { (6_000, 3) } else { (600_000, 11) };
    let dir = tempfile::tempdir()?;
    let events = Events::open(&dir.path().join("streamco.db"))?;
    let start = Instant::now();
    fill(&events, links)?;
    let period: Period = "2026-11-09..2026-11-22".parse()?;
    let total = Report::make(&events, period)?.total();
    let all = total.sends + total.clicks;
    println!("{all} events, filled in {:.0} s; a report of all of them", start.elapsed().as_secs_f64());
    for (name, format) in
        [("json", Format::Json), ("csv", Format::Csv), ("table", Format::Table), ("html", Format::Html)]
    {
        let mut figures = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            let text = Report::make(&events, period)?.write(format);
            figures.push(start.elapsed().as_secs_f64() * 1e3);
            anyhow::ensure!(!text.is_empty());
        }
        let slowest = at(figures.clone(), 1.0);
        let target = if quick { verdict(String::new(), f64::NAN) } else { at_most(slowest, 1_000.0, " ms") };
        println!("  {name:<28}{:>11.1} ms, at most {slowest:.1} ms  {target}", median(figures));
    }
    Ok(())
}

/// Recommendations from a dozen buttons in three variants, two thirds of which are opened.
fn fill(events: &Events, links: usize) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut left = links;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        events.at_once::<(), EventsError>(|events| {
            for _ in 0..batch {
                let mut one_of = |labels: &[&'static str]| labels[rng.random_range(0..labels.len())];
                let button: Recommendation = serde_json::from_value(json!({
                    "from": "alice", "title": "Dark Harbour", "interface": one_of(&["tv", "web", "phone"]),
                    "surface": one_of(&["post-play", "details", "search", "home"]), "variant": one_of(&["A", "B", "C"]),
                }))
                .expect("these are labels");
                let link = events.make_link(&button, &mut rng)?;
                let at = START + rng.random_range(0..13 * DAY_MS);
                events.sent(&link, at)?;
                if rng.random_range(0..3) < 2 {
                    events.opened(&link, at + rng.random_range(0..DAY_MS))?;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}
