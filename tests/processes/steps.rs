//! A client that is killed between any two of its steps: decrypt, save, acknowledge; encrypt, save, send; and all within them.
//!
//! ```text
//! killed as it enters call 1, 2, 3, … → started again → compared: what its vault says was taken, what the other was shown
//! ```

use std::fs;
use std::path::Path;

use super::crashes::{inbox, taken};
use super::harness::{Ran, Relay, Talk, blindrelay, effort, eventually, home_in_memory, run, run_command};
use super::tracer::{STEPS, killed_at, strace};

/// A home with a relay and bob.
fn with_bob() -> (tempfile::TempDir, Relay) {
    let home = home_in_memory();
    let relay = Relay::start(home.path());
    run(home.path(), &["inbox", "bob", "--relay", &relay.url()], "").ok();
    (home, relay)
}

/// Runs a command that is killed at its `n`-th step. It ends by itself if it has fewer.
fn cut_short(n: usize, home: &Path, args: &[&str], input: &str) -> Ran {
    run_command(killed_at(n, STEPS, &blindrelay(home, args)), input)
}

/// Where the texts that one person took and those that the other got differ.
pub fn difference(taken: &[String], got: &[String]) -> Vec<String> {
    let lost = taken.iter().filter(|text| !got.contains(text)).map(|text| format!("{text} is lost"));
    let more = got.iter().enumerate().filter(|(n, text)| got[..*n].contains(text) || !taken.contains(text));
    lost.chain(more.map(|(_, text)| format!("{text} came twice, or from nowhere"))).collect()
}

#[test]
fn a_writer_who_is_killed_at_any_step_has_sent_what_was_taken_once() {
    if !strace() {
        return;
    }
    let (home, relay) = with_bob();
    let url = relay.url();
    let mut killed = Vec::new();
    // Somebody new each time, who makes a vault, joins and asks for keys; and an old acquaintance.
    for new in [true, false] {
        for n in (1..).step_by(effort(7, 1)) {
            let from = if new { format!("new-{n}") } else { "old".to_owned() };
            let send = ["send", &from, "bob", "--relay", &url];
            let ran = cut_short(n, home.path(), &send, &format!("{n}, cut short"));
            run(home.path(), &send, &format!("{n}, whole")).ok();
            if ran.code.is_some() {
                assert_eq!(ran.code, Some(0), "{}", ran.err);
                assert!(taken(home.path(), &from).contains(&format!("{n}, cut short")), "it said that it was done");
                break;
            }
            killed.push(from);
        }
    }
    assert!(killed.len() > 7, "they were killed at {} steps", killed.len());
    println!("tried: kills of a writer at {} steps", killed.len());
    killed.dedup();
    let wrong = || {
        let all = killed.iter().map(|from| (taken(home.path(), from), inbox(home.path(), "bob", &relay, from)));
        all.flat_map(|(taken, got)| difference(&taken, &got)).collect::<Vec<_>>()
    };
    assert_eq!(wrong(), [""; 0]);

    // The control: a client that sends before it saves, killed in between.
    let vault = home.path().join("users/old.vault");
    let before = fs::read(&vault).unwrap();
    run(home.path(), &["send", "old", "bob", "--relay", &url], "sent and not saved").ok();
    fs::write(&vault, before).unwrap();
    assert_eq!(wrong(), ["sent and not saved came twice, or from nowhere"]);
}

#[test]
fn a_reader_who_is_killed_at_any_step_gets_each_text_once() {
    if !strace() {
        return;
    }
    let (home, relay) = with_bob();
    let url = relay.url();
    let write = |text: &str| run(home.path(), &["send", "alice", "bob", "--relay", &url], text).ok();
    let read = ["inbox", "bob", "--json", "--relay", &url];
    let (mut killed, mut printed) = (0, String::new());
    for n in (1..).step_by(effort(7, 1)) {
        write(&format!("{n}, one"));
        write(&format!("{n}, two"));
        let ran = cut_short(n, home.path(), &read, "");
        printed += &ran.out;
        if ran.code.is_some() {
            assert_eq!(ran.code, Some(0), "{}", ran.err);
            break;
        }
        killed += 1;
    }
    assert!(killed > 4, "it was killed at {killed} steps");
    println!("tried: kills of a reader at {killed} steps");
    let taken = taken(home.path(), "alice");
    assert_eq!(difference(&taken, &inbox(home.path(), "bob", &relay, "alice")), [""; 0]);
    assert!(taken.iter().all(|text| printed.contains(text.as_str())), "each was printed when it was new");

    // The control: a client that acknowledges before it saves, killed in between.
    let vault = home.path().join("users/bob.vault");
    let before = fs::read(&vault).unwrap();
    write("acknowledged and not saved");
    run(home.path(), &read, "").ok();
    fs::write(&vault, before).unwrap();
    let wrong = difference(&self::taken(home.path(), "alice"), &inbox(home.path(), "bob", &relay, "alice"));
    assert_eq!(wrong, ["acknowledged and not saved is lost"]);
}

#[test]
fn a_relay_that_is_killed_at_any_flush_loses_nothing_and_repeats_nothing() {
    if !strace() {
        return;
    }
    let home = home_in_memory();
    let mut relay = Relay::start(home.path());
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    let mut said = 0;
    for n in (1..=13).step_by(effort(4, 1)) {
        relay.kill();
        // At one of its first flushes it does not even come to listen.
        if relay.restarted_as(|command| killed_at(n, "fsync,fdatasync", &command)) {
            eventually("a flush too many", || {
                alice.say(&said.to_string());
                said += 1;
                !relay.is_running()
            });
        }
        relay.restart();
        alice.say(&said.to_string());
        bob.wait(&format!("alice: {said}"));
        said += 1;
    }
    assert!(alice.end().0.success() && said > 4, "all has left");
    let (_, lines) = bob.end();
    assert!(!lines.iter().any(|line| line.contains("missing")), "no gaps");
    let all: Vec<String> = (0..said).map(|n| n.to_string()).collect();
    let got = inbox(home.path(), "bob", &relay, "alice");
    assert_eq!(difference(&all, &got), [""; 0]);
    assert_eq!(got, all, "in order");
    println!("tried: kills of a relay at its flushes 1 to 13, {said} texts");
}
