//! `kill -9`, again and again, of the relay and of either client, with messages under way: nothing is lost, nothing is
//! shown twice. And a relay that has lost everything: the same people go on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use blindrelay::client::link::{Link, LinkEvent};
use blindrelay::client::vault::{StoredState, Vault};
use blindrelay::wire::{ClientFrame, RelayFrame, Token, Welcome};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use super::harness::{Relay, Talk, effort, eventually, home, run};
use super::raw::hello;

/// The texts that somebody was sent by somebody, in order, out of their vault.
pub fn inbox(home: &Path, me: &str, relay: &Relay, from: &str) -> Vec<String> {
    let mut out = None;
    // A client that was killed a moment ago may still be "online" at the relay, and hold its lock while it dies.
    eventually("the inbox is read", || {
        let ran = run(home, &["inbox", me, "--all", "--json", "--relay", &relay.url()], "");
        out = (ran.code == Some(0)).then_some(ran.out);
        out.is_some()
    });
    let messages = out.as_deref().unwrap().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let theirs = messages.filter(|message| message["from"] == from);
    theirs.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

/// The texts that somebody's vault has taken to be sent, in order. All of them have reached the relay.
pub fn taken(home: &Path, me: &str) -> Vec<String> {
    let (path, name) = (home.join(format!("users/{me}.vault")), me.parse().unwrap());
    let mut vault = None;
    eventually("the vault opens", || {
        vault = Vault::open(&path, &name, None, &mut rand::rng()).ok();
        vault.is_some()
    });
    let mut messages = vault.unwrap().rows().messages(None, None, u32::MAX).unwrap();
    messages.retain(|message| message.outgoing);
    let waits = |state| matches!(state, StoredState::Held | StoredState::Saved);
    assert!(!messages.iter().any(|message| waits(message.state)), "all have left");
    messages.into_iter().map(|message| message.text).collect()
}

/// What a chat showed as new: lines of `peer`, without the history under "Earlier:".
fn shown(lines: &[String], peer: &str) -> Vec<String> {
    let start = format!("{peer}: ");
    lines.iter().filter_map(|line| line.strip_prefix(&start).map(str::to_owned)).collect()
}

fn numbered(from: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("{from} {n}")).collect()
}

#[test]
fn a_relay_that_is_killed_in_mid_sentence_loses_nothing_and_repeats_nothing() {
    let home = home();
    let mut relay = Relay::start(home.path());
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    let (cycles, lines) = (effort(3, 100), 12);
    let mut said = 0;
    for _ in 0..cycles {
        for n in said..said + lines {
            alice.say(&format!("alice {n}"));
            bob.say(&format!("bob {n}"));
            // In the middle: some are stored, some on their way, some not yet typed.
            if n == said + lines / 2 {
                bob.wait(&format!("alice: alice {}", said + 1));
                relay.kill();
            }
        }
        said += lines;
        relay.restart();
        bob.wait(&format!("alice: alice {}", said - 1));
        alice.wait(&format!("bob: bob {}", said - 1));
    }
    for (talk, from, to) in [(alice, "bob", "alice"), (bob, "alice", "bob")] {
        let (status, lines) = talk.end();
        assert!(status.success(), "all has left");
        assert_eq!(shown(&lines, from), numbered(from, 0..said), "each once, in order");
        assert!(!lines.iter().any(|line| line.contains("missing")), "and without gaps");
        assert_eq!(inbox(home.path(), to, &relay, from), numbered(from, 0..said));
    }
    assert!(relay.log().matches("listening").count() == cycles + 1, "it was killed each time");
    assert!(!relay.log().contains("stopped"), "and never stopped in peace");
    println!("tried: {cycles} kills of a relay in mid-sentence, {} texts", 2 * said);
}

#[test]
fn a_reader_who_is_killed_again_and_again_is_shown_each_message_once() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let (mut bobs, mut said) = (Vec::new(), 0);
    for _ in 0..effort(3, 20) {
        let mut bob = Talk::start(home.path(), &["chat", "bob", "alice", "--relay", &relay.url()]);
        for n in said..said + 20 {
            alice.say(&format!("alice {n}"));
        }
        bob.wait(&format!("alice: alice {}", said + 5));
        bobs.extend(bob.kill());
        said += 20;
    }
    let mut bob = Talk::start(home.path(), &["chat", "bob", "alice", "--relay", &relay.url()]);
    alice.wait(&format!("{said} · delivered"));
    bob.say("/quit");
    bobs.extend(bob.end().1);
    assert_eq!(
        inbox(home.path(), "bob", &relay, "alice"),
        numbered("alice", 0..said),
        "nothing lost, nothing twice, in order"
    );
    let (shown, all) = (shown(&bobs, "alice"), numbered("alice", 0..said));
    let once: BTreeSet<&String> = shown.iter().collect();
    assert_eq!(once.len(), shown.len(), "none was shown as new twice: {shown:?}");
    assert!(shown.iter().all(|text| all.contains(text)));
    println!("tried: {} kills of a reader, {said} texts", effort(3, 20));
    // A text is marked as shown before it is printed, so each kill may hide one line, which is then in the history.
    assert!(shown.len() + effort(3, 20) >= said, "{} of {said} were shown as new", shown.len());
}

#[test]
fn a_writer_who_is_killed_again_and_again_sends_each_text_that_was_taken_once() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    // Each sends again what it never saw accepted. Not so often that the relay finds it too fast: what it refuses comes later.
    for cycle in 0..effort(4, 12) {
        let mut alice = Talk::start(home.path(), &["chat", "alice", "bob", "--relay", &relay.url()]);
        for n in 0..20 {
            alice.say(&format!("alice {cycle}-{n}"));
        }
        // At a different moment each time: before the first has arrived, or after some.
        if cycle > 0 {
            bob.wait(&format!("alice: alice {cycle}-{}", 3 * (cycle % 5)));
        }
        drop(alice.kill());
    }
    // The next one finds what was taken and had not left.
    let alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    assert!(alice.end().0.success(), "all has left");
    let taken = taken(home.path(), "alice");
    bob.wait(&format!("alice: {}", taken.last().unwrap()));
    let (_, lines) = bob.end();
    assert_eq!(shown(&lines, "alice"), taken, "exactly what was taken, once, in order");
    assert!(taken.len() > effort(4, 12), "the writer did get to write: {taken:?}");
    println!("tried: {} kills of a writer, {} texts", effort(4, 12), taken.len());
}

#[test]
fn a_relay_that_has_lost_everything_is_joined_again_with_the_same_keys() {
    let home = home();
    let mut relay = Relay::start(home.path());
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    alice.say("before");
    bob.wait("alice: before");
    alice.wait("1 · delivered");
    let published = |relay: &Relay| -> Vec<u8> {
        let db = rusqlite::Connection::open(relay.database()).unwrap();
        db.query_row("SELECT identity FROM users WHERE name = 'bob'", [], |row| row.get(0)).unwrap()
    };
    let keys = published(&relay);
    relay.kill();
    fs::remove_dir_all(home.path().join("relay")).unwrap();
    alice.say("meanwhile");
    relay.restart();
    bob.wait("alice: meanwhile");
    bob.say("after");
    alice.wait("bob: after");
    assert_eq!(published(&relay), keys, "the same keys are published again");
    for talk in [alice, bob] {
        let (_, lines) = talk.end();
        assert!(!lines.iter().any(|line| line.contains("HAS CHANGED") || line.contains("put aside")), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_new_connection_does_not_carry_what_was_meant_for_the_one_before() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap()).parse().unwrap();
    let mut link = Link::spawn(url, hello("alice", &Token::random(&mut rand::rng())));
    let welcome = Welcome { identity: None, prekey: None, one_time_left: 0, waiting: 0 };
    let accept = || async {
        let mut relay = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        relay.next().await.unwrap().unwrap(); // hello
        let welcome = serde_json::to_string(&RelayFrame::Welcome(welcome.clone())).unwrap();
        relay.send(Message::text(welcome)).await.unwrap();
        relay
    };
    drop(accept().await);
    assert!(matches!(link.next().await, Some(LinkEvent::Frame(RelayFrame::Welcome(_)))));
    let mut relay = accept().await;
    relay.send(Message::Ping(vec![1].into())).await.unwrap();
    assert!(
        matches!(relay.next().await, Some(Ok(Message::Ping(_) | Message::Pong(_)))),
        "the second connection carries frames"
    );
    // The client has not yet looked: for it the first connection still stands.
    link.send(ClientFrame::Ack { seq: 1 });
    while !matches!(link.next().await, Some(LinkEvent::Frame(RelayFrame::Welcome(_)))) {}
    link.send(ClientFrame::Ack { seq: 2 });
    let first = loop {
        if let Message::Text(text) = relay.next().await.unwrap().unwrap() {
            break serde_json::from_str(&text).unwrap();
        }
    };
    assert_eq!(ClientFrame::Ack { seq: 2 }, first);
}
