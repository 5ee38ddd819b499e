//! How many messages a second does the relay take so that a power cut loses none, how long are they on their way, and what does one cost?
//!
//! Each relay is a process of its own and so is the load. Clients send sealed blobs and acknowledge what they get. Beside the figures
//! stands a bare probe of the disk: write 1 KiB, flush, repeat. If messages a second are many times the flushes a second, then that
//! many share a flush; and where the probe swings, so does everything that waits for the disk.

mod growth;
mod load;
pub mod server;
pub mod side;
pub mod wire;

use std::time::Duration;

use anyhow::Result;

use crate::measure::{at_most, median, verdict};
use side::{Blindrelay, Side, Started};

/// Messages a second where latency is taken.
const PACE: u32 = 1_000;

/// How long everything takes.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    batches: usize,
    time: Duration,
    /// Connections that are opened and then idle.
    idle: usize,
    mailboxes: usize,
    stored: u64,
}

impl Effort {
    fn new(quick: bool) -> Self {
        let millis = Duration::from_millis;
        if quick {
            Self { batches: 1, time: millis(200), idle: 400, mailboxes: 300, stored: 20_000 }
        } else {
            Self { batches: 5, time: millis(600), idle: 4_000, mailboxes: 10_000, stored: 1_000_000 }
        }
    }
}

/// Prints the tables.
pub fn run(peer: Option<Box<dyn Side>>, quick: bool) -> Result<()> {
    let effort = Effort::new(quick);
    wire::check_template()?;
    server::raise_descriptor_limit();
    let mut sides: Vec<Box<dyn Side>> = vec![Box::new(Started::<Blindrelay>::new()?)];
    sides.extend(peer);
    head(&sides);
    for size in [256, 1024] {
        for connections in [2, 100, 1_000] {
            compare(&mut sides, connections, size, effort)?;
        }
    }
    idle(&mut sides, effort)?;
    drop(sides);
    growth::run(effort)
}

/// One load on either relay: as much as it takes, and then at a given pace.
fn compare(sides: &mut [Box<dyn Side>], connections: usize, size: usize, effort: Effort) -> Result<()> {
    let probe = probe()?;
    for side in &mut *sides {
        side.start(connections, size)?;
    }
    let flood = in_turn(sides, effort.batches, |side| side.flood(effort.time))?;
    let latency = in_turn(sides, effort.batches, |side| side.latency(PACE, effort.time))?;
    println!("{connections} connections, {size} B; flush probe {probe:.0} to {:.0}/s", self::probe()?);
    let share = |figures: &[[f64; 2]], n: usize| figures[0][n] / figures.get(1).map_or(f64::NAN, |peer| peer[n]);
    let least = match connections {
        100 => at_least(share(&flood, 0), 1.2),
        1_000 => at_least(share(&flood, 0), 3.0),
        _ => String::new(),
    };
    row("durable messages", "/s", &flood, 0, &least);
    row("server processor for one", "µs", &flood, 1, "");
    row("on the way at 1,000/s, p50", "µs", &latency, 0, &at_most(share(&latency, 0), 0.85, "×"));
    row("on the way at 1,000/s, p99", "µs", &latency, 1, &at_most(share(&latency, 1), 1.0, "×"));
    Ok(())
}

/// What a connection adds that does nothing. A hundred were there before, for what is needed but once.
fn idle(sides: &mut [Box<dyn Side>], effort: Effort) -> Result<()> {
    let mut figures = Vec::new();
    for side in sides {
        let mut few_and_many = [0.0; 2];
        for (figure, connections) in few_and_many.iter_mut().zip([100, effort.idle]) {
            side.start(connections, 256)?;
            *figure = side.resident();
        }
        #[allow(clippy::cast_precision_loss)]
        figures.push([(few_and_many[1] - few_and_many[0]) / 1024.0 / (effort.idle - 100) as f64; 2]);
    }
    println!("{} idle connections", effort.idle);
    row("server memory for one", "KiB", &figures, 0, &at_most(figures[0][0], 8.0, " KiB"));
    Ok(())
}

/// Lets each run a batch in turn; the medians. The first batch warms up and does not count.
fn in_turn(
    sides: &mut [Box<dyn Side>],
    batches: usize,
    mut run: impl FnMut(&mut dyn Side) -> Result<[f64; 2]>,
) -> Result<Vec<[f64; 2]>> {
    let mut figures = vec![[const { Vec::new() }; 2]; sides.len()];
    for batch in 0..=batches {
        for (side, figures) in sides.iter_mut().zip(&mut figures) {
            let batch_figures = run(&mut **side)?;
            for (list, figure) in figures.iter_mut().zip(batch_figures).filter(|_| batch > 0) {
                list.push(figure);
            }
        }
    }
    Ok(figures.into_iter().map(|lists| lists.map(median)).collect())
}

fn probe() -> Result<f64> {
    server::flushes(tempfile::tempdir()?.path())
}

fn at_least(figure: f64, bound: f64) -> String {
    verdict(format!("≥ {bound}×"), bound / figure)
}

fn head(sides: &[Box<dyn Side>]) {
    let names: String = sides.iter().map(|side| format!("{:>15}", side.name())).collect();
    println!("{:<30}{names}{:>9}", "", if sides.len() > 1 { "ratio" } else { "" });
}

fn row(name: &str, unit: &str, figures: &[[f64; 2]], column: usize, target: &str) {
    let digits = if figures[0][column] < 100.0 { 2 } else { 0 };
    let cells: String = figures.iter().map(|figures| format!("{:>11.digits$} {unit:<3}", figures[column])).collect();
    let ratio = match figures {
        [ours, peer] => format!("{:>8.2}×", ours[column] / peer[column]),
        _ => String::new(),
    };
    println!("{}", format!("  {name:<28}{cells}{ratio}  {target}").trim_end());
}
