//! Between an alarm and the user's decision: what the relay plays meanwhile gains nothing, and costs nobody else their mail.

use blindrelay::client::vault::SetAside;
use blindrelay::wire::{ClientFrame, Content, Envelope, MessageId, Payload, RelayFrame};

use super::harness::home;
use super::pair::{Person, Post, id};
use super::trust::{another_bob, key_changed};

/// Somebody else who calls themselves bob, with a key of their own.
fn yet_another_bob(post: &mut Post) -> Person {
    post.keys.remove(&id("bob"));
    let mut person = post.join("bob");
    person.converse(post, "alice", false);
    person
}

/// An open text to Alice, which the relay may have written. It says its number.
fn open(from: &str, n: u8, sent_at: u64) -> RelayFrame {
    let payload = Payload::Open(Content::Text { sent_at, counter: u64::from(n), text: n.to_string(), via: None });
    let (seq, from, to) = (1_000 + u64::from(n), id(from), id("alice"));
    RelayFrame::Deliver(Envelope { seq, id: MessageId([n; 16]), from, to, at: u64::MAX, payload })
}

#[test]
fn the_key_that_was_compared_is_the_key_that_is_accepted_whatever_turns_up_meanwhile() {
    let mut post = Post::new(11);
    let mut alice = post.join("alice");
    let (_, mut other) = another_bob(&mut post, &mut alice);
    post.say(&mut other, "alice", "new phone");
    post.deliver(&mut alice);
    let changed = |alice: &Person| alice.messenger.rows().contact(&id("bob")).unwrap().unwrap().changed;
    let compared = changed(&alice);
    // While the two are on the phone, the relay delivers a first contact of its own making.
    let mut mallory = yet_another_bob(&mut post);
    post.say(&mut mallory, "alice", "me again");
    post.deliver(&mut alice);
    assert_eq!((changed(&alice), alice.saw(key_changed)), (compared.clone(), 1));
    let (contact, step) = alice.messenger.accept_key(&id("bob"), post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    assert_eq!(contact.identity, compared);
    assert_eq!(alice.heard(), ["hi", "new phone"]);
    // The third one is to be decided on next: it was not forgotten, and it is not trusted.
    assert!(contact.blocked() && alice.saw(key_changed) == 2);
}

#[test]
fn rejecting_one_key_does_not_delete_what_came_under_another() {
    let mut post = Post::new(12);
    let mut alice = post.join("alice");
    let (_, mut other) = another_bob(&mut post, &mut alice);
    let mut mallory = yet_another_bob(&mut post);
    post.say(&mut mallory, "alice", "me again");
    post.say(&mut other, "alice", "new phone");
    post.deliver(&mut alice);
    let aside = |alice: &Person| alice.messenger.rows().quarantine(None).unwrap().len();
    assert_eq!(aside(&alice), 2);
    let (contact, _) = alice.messenger.reject_key(&id("bob"), post.now, &mut post.rng).unwrap();
    assert!(aside(&alice) == 1 && contact.blocked(), "the other one is to be decided on next");
    let (_, step) = alice.messenger.accept_key(&id("bob"), post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    assert_eq!(alice.heard(), ["hi", "new phone"]);
}

#[test]
fn while_a_key_is_in_doubt_a_text_is_not_encrypted_twice() {
    let mut post = Post::new(13);
    let mut alice = post.join("alice");
    let (mut bob, mut other) = another_bob(&mut post, &mut alice);
    // The relay stores a text, withholds its answer, and plays a first contact of its own making.
    let step = alice.messenger.send(&id("bob"), "once", post.now, &mut post.rng).unwrap();
    step.frames.into_iter().for_each(|frame| drop(post.answer(&mut alice, frame)));
    let stored = post.take(&bob);
    post.say(&mut other, "alice", "new phone");
    post.deliver(&mut alice);
    let (_, step) = alice.messenger.reject_key(&id("bob"), post.now, &mut post.rng).unwrap();
    let again = step.frames.iter().filter_map(|frame| match frame {
        ClientFrame::Send { payload, .. } => Some(payload),
        _ => None,
    });
    assert_eq!(again.collect::<Vec<_>>(), [&stored[0].payload], "the same bytes, for a relay that had lost them");
    for envelope in [stored[0].clone(), stored[0].clone()] {
        post.give(&mut bob, RelayFrame::Deliver(envelope));
    }
    assert_eq!(bob.heard(), ["hello", "once"]);
}

#[test]
fn a_stranger_does_not_push_a_friends_mail_out_of_quarantine() {
    let mut post = Post::new(14);
    let mut alice = post.join("alice");
    let (_, mut other) = another_bob(&mut post, &mut alice);
    post.say(&mut other, "alice", "new phone");
    post.deliver(&mut alice);
    let flood = |post: &mut Post, alice: &mut Person, names: u8| {
        for n in 0..150 {
            post.give(alice, open(&format!("mallory{}", n % names), n, 1));
        }
    };
    flood(&mut post, &mut alice, 1);
    flood(&mut post, &mut alice, 100);
    let aside = alice.messenger.rows().quarantine(None).unwrap();
    assert_eq!(aside.len(), 100);
    assert_eq!(aside.iter().filter(|row| row.peer == id("bob")).count(), 1, "bob's is still there");
    // The control: a friend's own mail does make room for more of it.
    for n in 0..150_u8 {
        post.give(&mut alice, open("bob", n, 1));
    }
    let aside = alice.messenger.rows().quarantine(None).unwrap();
    assert!(aside.len() == 100 && aside.iter().all(|row| row.peer == id("bob") && row.why == SetAside::Open));
}

#[test]
fn a_fresh_session_that_was_asked_for_begins_after_a_restart_too() {
    let (dir, mut post) = (home(), Post::new(15));
    let path = dir.path().join("alice.vault");
    let mut alice = post.join_at("alice", &path);
    let mut bob = post.join("bob");
    alice.converse(&mut post, "bob", false);
    bob.converse(&mut post, "alice", false);
    post.say(&mut alice, "bob", "hello");
    post.deliver(&mut bob);
    post.deliver(&mut alice);
    alice.messenger.disconnected();
    assert!(alice.messenger.reset(&id("bob")).unwrap().frames.is_empty(), "offline nothing leaves");
    drop(alice);
    let handshakes = |post: &mut Post, alice: &mut Person| {
        post.say(alice, "bob", "again");
        let mail = post.take(&bob);
        mail.iter().filter(|envelope| matches!(&envelope.payload, Payload::Sealed(blob) if blob.0[0] == 1)).count()
    };
    let mut alice = post.join_at("alice", &path);
    assert_eq!(handshakes(&mut post, &mut alice), 1);
    let resetting = alice.messenger.rows().contact(&id("bob")).unwrap().unwrap().resetting;
    assert!(!resetting, "once is enough");
}

#[test]
fn a_text_from_the_future_is_forgotten_with_the_others() {
    let mut post = Post::new(16);
    let mut alice = post.join("alice");
    alice.converse(&mut post, "bob", true);
    for (n, sent_at) in [(1_u8, u64::MAX >> 1), (2, u64::MAX), (3, 1)] {
        post.give(&mut alice, open("bob", n, sent_at));
    }
    assert_eq!(alice.heard(), ["1", "2", "3"]);
    assert_eq!(alice.messenger.forget(post.now).unwrap(), 1, "the control: only the old one is older than now");
    assert_eq!(alice.messenger.forget(post.now + 1).unwrap(), 2);
}

#[test]
fn many_who_never_join_do_not_keep_somebody_who_has_waiting() {
    let mut post = Post::new(17);
    let mut alice = post.join("alice");
    for n in 0..50 {
        post.say(&mut alice, &format!("nobody{n}"), "are you there?");
    }
    let asks = |post: &mut Post, alice: &mut Person| {
        let step = alice.messenger.tick(post.now, &mut post.rng).unwrap();
        let asked = step.frames.iter().filter(|frame| matches!(frame, ClientFrame::Fetch { .. })).count();
        post.carry(alice, step);
        asked
    };
    asks(&mut post, &mut alice);
    assert!((0..100).all(|_| asks(&mut post, &mut alice) == 1), "one of them at a time from now on");
    // Each gets their turn: one who joins after all is found.
    let mut late = post.join("nobody49");
    for _ in 0..50 {
        asks(&mut post, &mut alice);
    }
    post.deliver(&mut late);
    assert_eq!(late.heard(), ["are you there?"]);
}
