//! Schedules: does it keep working when everything that can go wrong does, in any order?
//!
//! A seed decides everything: who says what, which frame moves, what is lost, who is killed, how the relay lies. After every step
//! an oracle compares what is shown with what was said. Then the faults stop, and everything must work again. There is no
//! network, no clock and no chance in it, so a seed that fails once fails always.
//!
//! ```text
//! seed → say · carry · break · kill · drop · duplicate · … (some hundred draws from a menu) → faults stop → a fresh word each way
//!          └── after each: the oracle                                                          └── shown, delivered, nothing left
//! ```
//!
//! Replay a failure with `SEED=123 cargo test --test schedules`. `EFFORT=full` tries 1,000 seeds instead of 20.

#![allow(clippy::unwrap_used, clippy::unit_arg, clippy::unnecessary_wraps)] // every step and rule has one shape

#[path = "schedules/ending.rs"]
mod ending;
#[path = "schedules/hostility.rs"]
mod hostility;
#[path = "schedules/person.rs"]
mod person;
#[path = "schedules/steps.rs"]
mod steps;
#[path = "schedules/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use blindrelay::lab::model::oracle::{Broken, Check, Rule};
use world::{Weakness, Weather, World};

/// Steps of one schedule, before the faults stop.
const STEPS: u32 = 160;
/// How much of a failing schedule is printed; `LAST=1000` prints more.
const LAST: usize = 40;

/// What must have happened somewhere in 20 schedules, or they prove little.
const HAPPENED: [&str; 16] = [
    "1,500 dropped",
    "alarm",
    "days passed",
    "delivered",
    "killed after saving",
    "no one-time key",
    "relay busy",
    "relay restarted",
    "relay wiped",
    "restarted",
    "set aside",
    "shown after a gap",
    "shown as repeated",
    "shown late",
    "two sessions at once",
    "vault restored",
];

/// Each rule, and a world that is broken so that the oracle must say so.
const CONTROLS: [(Weakness, Weather, Rule); 10] = [
    (Weakness::ForgetsSeen, Weather::Lies, Rule::ShownOnce),
    (Weakness::BelievesForgedTexts, Weather::Lies, Rule::OnlyWhatWasSaid),
    (Weakness::BelievesForgedReceipts, Weather::Lies, Rule::DeliveredWasShown),
    (Weakness::ForgetsCounters, Weather::Lies, Rule::GapsAreMarked),
    (Weakness::RewoundDice, Weather::Copies, Rule::NoKeyTwice),
    (Weakness::CallsOpenSealed, Weather::Lies, Rule::OpenIsCalledOpen),
    (Weakness::SavesAfterSending, Weather::Lies, Rule::NothingLost),
    (Weakness::RelayNeverMends, Weather::Honest, Rule::Recovers),
    (Weakness::ForgetsOutbox, Weather::Lies, Rule::NothingLeftBehind),
    (Weakness::CallsLiesHonest, Weather::Honest, Rule::NoFalseAlarm),
];

/// Every fourth schedule has an honest relay, every fourth restored copies.
fn weather(seed: u64) -> Weather {
    match seed % 4 {
        0 => Weather::Honest,
        1 | 2 => Weather::Lies,
        _ => Weather::Copies,
    }
}

fn run(seed: u64, weather: Weather, weak: Option<Weakness>) -> (World, Check) {
    let mut world = World::new(seed, weather, weak);
    let result = schedule(&mut world, seed);
    (world, result)
}

fn schedule(world: &mut World, seed: u64) -> Check {
    for step in 0..STEPS {
        if seed % 100 == 9 && step == STEPS / 2 {
            steps::burst(world, 0, 1)?;
        }
        steps::step(world)?;
    }
    ending::recover(world)
}

#[test]
fn whatever_happens_each_text_is_shown_once_or_known_to_be_missing_and_all_recovers() {
    let full = std::env::var("EFFORT").is_ok_and(|effort| effort == "full");
    let one = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    let seeds = one.map_or(0..if full { 1_000 } else { 20 }, |seed: u64| seed..seed + 1);
    let schedules = seeds.end - seeds.start;
    let (tally, failures) = explore(seeds);
    println!("{tally:?}");
    for (seed, (Broken(rule, what), _)) in &failures {
        println!("seed {seed}: {rule:?} is broken: {what}");
    }
    if let Some((seed, (Broken(rule, what), log))) = failures.first_key_value() {
        let last = std::env::var("LAST").map_or(LAST, |last| last.parse().expect("LAST is a number"));
        let last = log[log.len().saturating_sub(last)..].join("\n");
        panic!(
            "seed {seed} ({:?}): {rule:?} is broken: {what}\nthe last steps:\n{last}\nreplay: SEED={seed} cargo test --test schedules",
            weather(*seed)
        );
    }
    let count = |what| tally.get(what).copied().unwrap_or_default();
    println!("tried: {schedules} schedules of {STEPS} steps, {} texts, {} restarts", count("said"), count("restarted"));
    let missing: Vec<_> = HAPPENED.iter().filter(|what| !tally.contains_key(**what)).collect();
    assert!(one.is_some() || missing.is_empty(), "never happened: {missing:?}");
}

/// How often each thing happened, and the seeds that failed with how, and after which steps.
type Explored = (BTreeMap<&'static str, u64>, BTreeMap<u64, (Broken, Vec<String>)>);

/// Runs schedules on as many threads as there are cores.
fn explore(seeds: Range<u64>) -> Explored {
    let (next, explored) = (AtomicU64::new(seeds.start), Mutex::new(Explored::default()));
    let explorer = || {
        while let seed = next.fetch_add(1, Ordering::Relaxed)
            && seed < seeds.end
        {
            let (world, result) = run(seed, weather(seed), None);
            let (tally, failures) = &mut *explored.lock().unwrap();
            for (what, times) in &world.tally {
                *tally.entry(*what).or_default() += times;
            }
            failures.extend(result.err().map(|broken| (seed, (broken, world.log))));
        }
    };
    std::thread::scope(|scope| {
        (0..std::thread::available_parallelism().map_or(2, usize::from)).for_each(|_| drop(scope.spawn(explorer)));
    });
    explored.into_inner().unwrap()
}

#[test]
fn each_rule_is_broken_by_a_world_that_is_made_to_break_it() {
    for (weak, weather, rule) in CONTROLS {
        let breaks = |seed: &u64| run(*seed, weather, Some(weak)).1.is_err_and(|broken| broken.0 == rule);
        let first = (100..160).find(breaks);
        println!("{weak:?} breaks {rule:?} at seed {first:?}");
        assert!(first.is_some(), "{weak:?} never breaks {rule:?}");
    }
}
