//! How fast is the protocol, how much of that is its own doing, and how does another one do?
//!
//! Each row times an operation and, in turn with it, the bare sum of the primitives that it must call and the same operation of a
//! peer, if there is one. All go through bytes, as over a network, and all are optimised alike.

mod ours;
mod primitives;

use std::time::{Duration, Instant};

use crate::measure::{at_most, median, resident};

/// Two people and their sessions, of either make.
pub trait Pair {
    /// What it is.
    fn name(&self) -> &'static str;
    /// One of them writes (0 is Alice), the other reads.
    fn say(&mut self, from: usize, text: &[u8]);
    /// Who writes next if they take turns.
    fn turn(&mut self) -> &mut usize;
    /// Alice writes, Bob reads.
    fn one_way(&mut self, text: &[u8]) {
        self.say(0, text);
        *self.turn() = 1;
    }
    /// Whoever read last writes: every message turns the ratchet.
    fn ping_pong(&mut self, text: &[u8]) {
        let from = *self.turn();
        self.say(from, text);
        *self.turn() = 1 - from;
    }
    /// A session is made and its first message read, so many times; fresh one-time keys are not in the time.
    fn set_up(&mut self, text: &[u8], times: u32) -> Duration;
    /// So many messages of Alice's are late, and Bob reads the next one. Only the reading is in the time.
    fn skip(&mut self, missing: u32, text: &[u8]) -> Duration;
    /// So many more sessions that have been answered are kept in memory.
    fn hold(&mut self, sessions: usize);
    /// Bytes of one session as it is stored.
    fn stored(&mut self) -> f64;
}

/// Stands in where there is no peer.
#[derive(Default)]
struct Nobody {
    turn: usize,
}

impl Pair for Nobody {
    fn name(&self) -> &'static str {
        ""
    }
    fn say(&mut self, _: usize, _: &[u8]) {}
    fn turn(&mut self) -> &mut usize {
        &mut self.turn
    }
    fn set_up(&mut self, _: &[u8], _: u32) -> Duration {
        Duration::ZERO
    }
    fn skip(&mut self, _: u32, _: &[u8]) -> Duration {
        Duration::ZERO
    }
    fn hold(&mut self, _: usize) {}
    fn stored(&mut self) -> f64 {
        0.0
    }
}

/// Prints the table.
pub fn run(peer: Option<&mut dyn Pair>, quick: bool) {
    let (alone, mut nobody) = (peer.is_none(), Nobody::default());
    let peer = peer.unwrap_or(&mut nobody);
    let mut ours = ours::Ours::new();
    let batches = if quick { 3 } else { 31 };
    head(ours.name(), peer.name());
    for (size, one_way) in [(64, None), (1024, Some(0.55))] {
        let text = vec![0x42; size];
        let figures = in_turn(
            batches,
            [
                &mut || micros(200, || ours.one_way(&text)),
                &mut || micros(200, || primitives::one_way(&text)),
                &mut || micros(200, || peer.one_way(&text)),
            ],
        );
        row(
            &format!("seal + open, one way, {size} B"),
            "µs",
            figures,
            alone,
            &to_peer(figures, one_way.filter(|_| !alone)),
        );
    }
    for (size, bound) in [(64, None), (1024, Some(1.05))] {
        let text = vec![0x42; size];
        let figures = in_turn(
            batches,
            [
                &mut || micros(20, || ours.ping_pong(&text)),
                &mut || micros(20, || primitives::ping_pong(&text)),
                &mut || micros(20, || peer.ping_pong(&text)),
            ],
        );
        row(
            &format!("seal + open, ping-pong, {size} B"),
            "µs",
            figures,
            alone,
            &to_peer(figures, bound.filter(|_| !alone)),
        );
    }
    let text = vec![0x42; 1024];
    let figures = in_turn(
        batches,
        [&mut || each(ours.set_up(&text, 5), 5), &mut || micros(5, || primitives::set_up(&text)), &mut || {
            each(peer.set_up(&text, 5), 5)
        }],
    );
    let target = format!("primitives {}", at_most(figures[0] / figures[1], 1.25, "×"));
    row("set-up with the first message, 1 KiB", "µs", figures, alone, &target);
    let figures = in_turn(
        batches,
        [&mut || each(ours.skip(999, &text), 1), &mut || micros(1, || primitives::skip(999, &text)), &mut || {
            each(peer.skip(999, &text), 1)
        }],
    );
    row("open after 999 that are late, 1 KiB", "µs", figures, alone, "");
    let figures = in_turn(
        batches,
        [&mut || micros(100, || ours.safety_number()), &mut || micros(100, primitives::safety_number), &mut || {
            f64::NAN
        }],
    );
    row("safety number", "µs", figures, alone, "");
    let memory = [in_memory(&mut ours, quick), f64::NAN, if alone { f64::NAN } else { in_memory(peer, quick) }];
    row("a session in memory", "B", memory, alone, &at_most(memory[0], 2048.0, " B"));
    row("a session as stored", "B", [ours.stored(), f64::NAN, peer.stored()], alone, "");
}

/// Lets each of them run a batch in turn, so many times; the median of what each returned.
fn in_turn<const N: usize>(batches: usize, mut contestants: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    let mut figures = [const { Vec::new() }; N];
    for batch in 0..=batches {
        for (contestant, figures) in contestants.iter_mut().zip(&mut figures) {
            let figure = contestant();
            if batch > 0 {
                figures.push(figure);
            }
        }
    }
    figures.map(median)
}

/// How long one took, on average, in microseconds.
fn micros(times: u32, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    each(start.elapsed(), times)
}

/// Microseconds for each of so many.
fn each(took: Duration, times: u32) -> f64 {
    took.as_secs_f64() * 1e6 / f64::from(times)
}

/// What a session adds to this process. A first few are made before, for what is needed but once.
fn in_memory(pair: &mut dyn Pair, quick: bool) -> f64 {
    pair.hold(100);
    let sessions = if quick { 500 } else { 4_000 };
    let before = resident("self");
    pair.hold(sessions);
    #[allow(clippy::cast_precision_loss)]
    let count = sessions as f64;
    (resident("self") - before) / count
}

fn to_peer([ours, _, peer]: [f64; 3], bound: Option<f64>) -> String {
    bound.map(|bound| format!("peer {}", at_most(ours / peer, bound, "×"))).unwrap_or_default()
}

fn head(ours: &str, peer: &str) {
    let (primitives, ratio) = ("primitives", "ratio");
    println!("{:<40}{ours:>12}{primitives:>13}{ratio:>8}{peer:>13}{:>8}", "", if peer.is_empty() { "" } else { ratio });
}

fn row(name: &str, unit: &str, [ours, primitives, peer]: [f64; 3], alone: bool, target: &str) {
    let beside = |figure: f64| {
        if figure.is_nan() {
            format!("{:>21}", "")
        } else {
            format!("{figure:>10.1} {unit:<2}{:>7.2}×", ours / figure)
        }
    };
    let peer = if alone { String::new() } else { beside(peer) };
    let line = format!("{name:<40}{ours:>9.1} {unit:<2}{}{peer}  {target}", beside(primitives));
    println!("{}", line.trim_end());
}
