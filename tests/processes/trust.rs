//! Whose key it is, which way a text goes, and what becomes of it when the relay lies: decided by the user, never by what arrives.

use blindrelay::client::contacts::Mode;
use blindrelay::client::messenger::{Alarm, Event, MessengerError};
use blindrelay::client::vault::{QuarantineRow, SetAside, StoredMessage, StoredState};
use blindrelay::wire::{ClientFrame, Content, Envelope, ErrorCode, MessageId, Payload, RelayFrame};

use super::harness::{Relay, Talk, home, run};
use super::pair::{Person, Post, id};

pub fn key_changed(event: &Event) -> bool {
    matches!(event, Event::KeyChanged(_))
}

/// Alice and Bob have talked, and compared numbers; then somebody with another key is Bob.
pub fn another_bob(post: &mut Post, alice: &mut Person) -> (Person, Person) {
    let mut bob = post.join("bob");
    alice.converse(post, "bob", false);
    bob.converse(post, "alice", false);
    post.say(alice, "bob", "hello");
    post.deliver(&mut bob);
    post.say(&mut bob, "alice", "hi");
    post.deliver(alice);
    alice.messenger.set_verified(&id("bob"), true).unwrap();
    post.deliver(&mut bob);
    post.keys.remove(&id("bob"));
    let mut other = post.join("bob");
    other.converse(post, "alice", false);
    (bob, other)
}

#[test]
fn a_changed_key_blocks_sending_until_the_user_accepts_it_restarts_included() {
    let (dir, mut post) = (home(), Post::new(1));
    let path = dir.path().join("alice.vault");
    let mut alice = post.join_at("alice", &path);
    let (_, mut other) = another_bob(&mut post, &mut alice);
    let number = alice.messenger.safety_number(&id("bob")).unwrap().unwrap();

    post.say(&mut other, "alice", "it is me, with a new phone");
    post.deliver(&mut alice);
    assert_eq!(alice.saw(key_changed), 1);
    assert_eq!(alice.heard(), ["hi"], "nothing of theirs is shown before the decision");
    let contact = alice.messenger.rows().contact(&id("bob")).unwrap().unwrap();
    assert!(contact.blocked() && !contact.verified, "and the verified mark is gone");
    let changed = alice.messenger.safety_number(&id("bob")).unwrap().unwrap();
    assert_ne!(changed, number, "the number that is shown is that of the new key");
    assert_eq!(changed, other.messenger.safety_number(&id("alice")).unwrap().unwrap());

    // Nothing leaves: not now, not with time, not in the open, not after a restart.
    let nothing_leaves = |post: &mut Post, alice: &mut Person| {
        post.say(alice, "bob", "are you really bob?");
        post.tick(alice);
        assert_eq!(post.take(&other).len(), 0);
    };
    nothing_leaves(&mut post, &mut alice);
    alice.messenger.set_mode(&id("bob"), Mode::Open, post.now, &mut post.rng).unwrap();
    nothing_leaves(&mut post, &mut alice);
    alice.messenger.set_mode(&id("bob"), Mode::Sealed, post.now, &mut post.rng).unwrap();
    drop(alice);
    let mut alice = post.join_at("alice", &path);
    nothing_leaves(&mut post, &mut alice);
    let blocked = |event: &Event| matches!(event, Event::Blocked { waiting: 3, .. });
    assert_eq!(alice.saw(blocked), 1);
    post.say(&mut other, "alice", "hello?");
    post.deliver(&mut alice);
    assert_eq!(alice.saw(key_changed), 0, "it was said before");

    let (contact, step) = alice.messenger.accept_key(&id("bob"), post.now, &mut post.rng).unwrap();
    assert!(!contact.blocked() && !contact.verified);
    post.carry(&mut alice, step);
    post.deliver(&mut other);
    assert_eq!(other.heard(), ["are you really bob?"; 2]);
    let aside = other.messenger.rows().quarantine(None).unwrap();
    assert!(matches!(aside[..], [QuarantineRow { payload: Payload::Open(_), .. }]), "the one that was typed as open");
    assert_eq!(alice.heard(), ["it is me, with a new phone", "hello?"]);
    // There is nothing to accept twice.
    let again = alice.messenger.accept_key(&id("bob"), post.now, &mut post.rng);
    assert!(matches!(again, Err(MessengerError::Unchanged(_))));
}

#[test]
fn a_changed_key_can_be_rejected_and_the_old_conversation_goes_on() {
    let mut post = Post::new(2);
    let mut alice = post.join("alice");
    let (mut bob, mut other) = another_bob(&mut post, &mut alice);
    post.say(&mut other, "alice", "it is me");
    post.deliver(&mut alice);
    post.say(&mut alice, "bob", "for the bob I know");
    let (contact, step) = alice.messenger.reject_key(&id("bob"), post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    assert!(!contact.blocked());
    let mail = post.take(&bob);
    for envelope in mail {
        post.give(&mut other, RelayFrame::Deliver(envelope.clone()));
        post.give(&mut bob, RelayFrame::Deliver(envelope));
    }
    assert_eq!((bob.heard(), other.heard()), (vec!["hello", "for the bob I know"], vec![]));
    // The other one is noticed again when they write again.
    post.say(&mut other, "alice", "hello?");
    post.deliver(&mut alice);
    assert_eq!(alice.saw(key_changed), 2);
}

#[test]
fn while_a_key_is_in_doubt_no_receipt_leaves_and_what_had_left_is_not_sent_to_the_other_one() {
    let mut post = Post::new(3);
    let mut alice = post.join("alice");
    let (mut bob, mut other) = another_bob(&mut post, &mut alice);
    // Alice writes; the relay has it, but its answer is lost. Then the key changes.
    let step = alice.messenger.send(&id("bob"), "on its way", post.now, &mut post.rng).unwrap();
    let sent: Vec<ClientFrame> = step.frames;
    let answers: Vec<_> = sent.into_iter().filter_map(|frame| post.answer(&mut alice, frame)).collect();
    let old_mail = post.take(&bob);
    post.say(&mut other, "alice", "new phone");
    post.deliver(&mut alice);
    assert_eq!(alice.states().last().unwrap(), "on its way: on its way", "it waits in the outbox");
    for answer in answers {
        post.give(&mut alice, answer);
    }
    assert_eq!(alice.states().last().unwrap(), "on its way: at the relay", "and the relay says that it had left");
    // An old message of the old bob is shown, and not confirmed.
    post.say(&mut bob, "alice", "from the old phone");
    post.deliver(&mut alice);
    assert_eq!(alice.heard(), ["hi", "from the old phone"]);
    assert_eq!(post.mail.len(), 0, "no receipt");

    let (_, step) = alice.messenger.accept_key(&id("bob"), post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    let new_mail = post.take(&other);
    assert_eq!(new_mail.iter().filter(|envelope| old_mail[0].id == envelope.id).count(), 0, "it is not sent again");
    post.give(&mut bob, RelayFrame::Deliver(old_mail[0].clone()));
    for envelope in new_mail {
        post.give(&mut other, RelayFrame::Deliver(envelope.clone()));
        post.give(&mut bob, RelayFrame::Deliver(envelope));
    }
    assert_eq!(
        (bob.heard(), other.heard()),
        (vec!["hello", "on its way"], vec![]),
        "once at the old one, never at the new"
    );
}

#[test]
fn what_was_held_back_and_had_not_left_goes_to_the_accepted_key_alone() {
    let mut post = Post::new(4);
    let mut alice = post.join("alice");
    let (mut bob, mut other) = another_bob(&mut post, &mut alice);
    let step = alice.messenger.send(&id("bob"), "lost on the way", post.now, &mut post.rng).unwrap();
    let Some(ClientFrame::Send { id: first, payload: to_old, .. }) = step.frames.first().cloned() else { panic!() };
    post.say(&mut other, "alice", "new phone");
    post.deliver(&mut alice);
    let (_, step) = alice.messenger.accept_key(&id("bob"), post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    let mail = post.take(&other);
    let again: Vec<&Envelope> = mail.iter().filter(|envelope| envelope.id == first).collect();
    assert_eq!(again.len(), 1, "under its own id, so that a relay that had it after all stores it once");
    assert_ne!(again[0].payload, to_old, "but encrypted to the accepted key");
    for envelope in &mail {
        post.give(&mut bob, RelayFrame::Deliver(envelope.clone()));
        post.give(&mut other, RelayFrame::Deliver(envelope.clone()));
    }
    assert_eq!((bob.heard(), other.heard()), (vec!["hello"], vec!["lost on the way"]));
}

#[test]
fn a_second_identity_is_refused_said_once_and_asked_for_no_more_until_something_changes() {
    let mut post = Post::new(5);
    let (mut alice, mut bob) = (post.join("alice"), post.join("bob"));
    let ghost = post.join("ghost");
    let (_, step) = alice.messenger.converse(&id("bob"), false, post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    let step = alice.messenger.send(&id("bob"), "for bob alone", post.now, &mut post.rng).unwrap();
    assert!(matches!(step.frames[..], [ClientFrame::Fetch { .. }]));
    let honest = post.answer(&mut alice, ClientFrame::Fetch { user: id("bob") }).unwrap();
    let RelayFrame::Keys { user, mut identities, prekey, one_time } = honest.clone() else { panic!() };
    identities.push(post.keys[ghost.messenger.id()].0.clone());
    post.give(&mut alice, RelayFrame::Keys { user, identities, prekey, one_time });
    let refused = |event: &Event| matches!(event, Event::Alarm { alarm: Alarm::Keys(_), .. });
    assert_eq!((alice.saw(refused), post.mail.len()), (1, 0), "nothing leaves");

    let left = |post: &Post| post.keys[&id("bob")].2.len();
    let before = left(&post);
    for _ in 0..60 {
        post.tick(&mut alice);
    }
    assert_eq!((alice.saw(refused), left(&post)), (1, before), "asking every second would use bob's one-time keys up");
    assert_eq!(alice.states(), ["for bob alone: held"]);
    // A new connection asks again; an honest answer is good.
    post.connect(&mut alice);
    post.deliver(&mut bob);
    assert_eq!(bob.heard(), ["for bob alone"]);
}

#[test]
fn a_text_that_was_typed_sealed_never_leaves_in_the_open() {
    let mut post = Post::new(6);
    let mut alice = post.join("alice");
    alice.converse(&mut post, "bob", false);
    post.say(&mut alice, "bob", "typed sealed");
    let not_joined = |event: &Event| *event == Event::NotJoined(id("bob"));
    assert_eq!(alice.saw(not_joined), 1);
    let (_, step) = alice.messenger.set_mode(&id("bob"), Mode::Open, post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    post.say(&mut alice, "bob", "typed open");
    let mut bob = post.join("bob");
    for _ in 0..3 {
        post.tick(&mut alice);
    }
    let mail: Vec<(&str, bool)> =
        post.mail.iter().map(|envelope| (envelope.payload.mode(), text_in(envelope))).collect();
    assert_eq!(mail, [("sealed", false), ("open", true)]);
    let ways: Vec<(bool, String)> = alice.texts().into_iter().map(|message| (message.sealed, message.text)).collect();
    assert_eq!(ways, [(true, "typed sealed".to_owned()), (false, "typed open".to_owned())], "and the history says so");
    post.deliver(&mut bob);
    assert_eq!(bob.heard(), ["typed sealed"], "the open one waits in quarantine: bob's conversation is sealed");
}

/// Whether the payload's bytes show a word that was typed.
fn text_in(envelope: &Envelope) -> bool {
    let json = serde_json::to_string(&envelope.payload).unwrap();
    json.contains("typed")
}

#[test]
fn an_open_message_in_a_sealed_conversation_is_put_aside_until_the_user_says_open() {
    let mut post = Post::new(7);
    let (mut alice, mut bob) = (post.join("alice"), post.join("bob"));
    alice.converse(&mut post, "bob", false);
    bob.converse(&mut post, "alice", false);
    post.say(&mut alice, "bob", "sealed");
    post.deliver(&mut bob);
    let forged = |n: u8, text: &str| {
        let content = Content::Text { sent_at: 1, counter: u64::from(n), text: text.to_owned(), via: None };
        let (from, to) = (id("alice"), id("bob"));
        let envelope = Envelope {
            seq: 90 + u64::from(n),
            id: MessageId([n; 16]),
            from,
            to,
            at: 1,
            payload: Payload::Open(content),
        };
        RelayFrame::Deliver(envelope)
    };
    let aside = |event: &Event| matches!(event, Event::SetAside { why: SetAside::Open, .. });
    post.give(&mut bob, forged(2, "alice says: send money"));
    assert_eq!((bob.heard(), bob.saw(aside)), (vec!["sealed"], 1));
    // A forged receipt moves nothing either.
    post.say(&mut bob, "alice", "did you get this?");
    let asked = bob.messenger.rows().messages(None, None, 1).unwrap().remove(0);
    let receipt = |of: &StoredMessage, n: u8| {
        let content = Content::Receipt { sent_at: n.into(), of: of.counter, of_sent_at: of.at };
        let (from, to) = (id("alice"), id("bob"));
        let (seq, id) = (200 + u64::from(n), MessageId([n; 16]));
        RelayFrame::Deliver(Envelope { seq, id, from, to, at: 1, payload: Payload::Open(content) })
    };
    post.give(&mut bob, receipt(&asked, 200));
    assert_eq!(bob.states().last().unwrap(), "did you get this?: at the relay");
    // Whatever arrives, the mode is the user's.
    for n in 3..110 {
        post.give(&mut bob, forged(n, "again"));
    }
    assert_eq!(bob.messenger.rows().contact(&id("alice")).unwrap().unwrap().mode, Mode::Sealed);
    assert_eq!(bob.messenger.rows().quarantine(None).unwrap().len(), 100, "the quarantine is bounded");
    // The user may look at what was put aside; then it is shown as open.
    let (_, step) = bob.messenger.set_mode(&id("alice"), Mode::Open, post.now, &mut post.rng).unwrap();
    post.carry(&mut bob, step);
    assert_eq!(bob.heard().len(), 101);
    assert!(bob.texts().iter().filter(|message| message.text == "again").all(|message| !message.sealed));
    // Open mode believes the relay about texts that it could read, and about no other.
    post.say(&mut bob, "alice", "in the open");
    let open = bob.messenger.rows().messages(None, None, 1).unwrap().remove(0);
    post.give(&mut bob, receipt(&asked, 201));
    post.give(&mut bob, receipt(&open, 202));
    let states = bob.states();
    assert_eq!(states[1], "did you get this?: at the relay");
    assert_eq!(states.last().unwrap(), "in the open: delivered");
}

#[test]
fn a_text_that_the_relay_will_not_take_is_marked_and_the_next_one_leaves() {
    let mut post = Post::new(8);
    let (mut alice, mut bob) = (post.join("alice"), post.join("bob"));
    alice.converse(&mut post, "bob", false);
    bob.converse(&mut post, "alice", false);
    post.say(&mut alice, "bob", "hello");
    post.deliver(&mut bob);
    post.deliver(&mut alice);
    let step = alice.messenger.send(&id("bob"), "too large, says the relay", post.now, &mut post.rng).unwrap();
    let Some(ClientFrame::Send { id: refused, to, payload }) = step.frames.first().cloned() else { panic!() };
    let answer =
        |code| RelayFrame::Error { code, detail: "\u{1b}[2Jno".to_owned(), id: Some(refused), user: Some(id("bob")) };
    post.give(&mut alice, answer(ErrorCode::TooLarge));
    let told = alice.events.iter().rfind(|event| matches!(event, Event::Alarm { .. })).unwrap().to_string();
    assert!(told.contains("not sent again") && !told.contains('\u{1b}'), "{told}");
    assert_eq!(alice.states(), ["hello: delivered", "too large, says the relay: refused by the relay"]);
    post.connect(&mut alice);
    assert_eq!(post.take(&bob).len(), 0, "it is not sent again");
    post.say(&mut alice, "bob", "next");
    post.deliver(&mut bob);
    post.deliver(&mut alice);
    assert_eq!(alice.states().last().unwrap(), "next: delivered");
    // A relay that said so and delivered it all the same changes nothing about the truth.
    let lied = Envelope { seq: 70, id: refused, from: id("alice"), to, at: 1, payload };
    post.give(&mut bob, RelayFrame::Deliver(lied));
    post.deliver(&mut alice);
    assert_eq!(alice.states()[1], "too large, says the relay: delivered");
    // And it can be forgotten.
    assert_eq!(alice.messenger.forget(u64::MAX >> 1).unwrap(), 3);
    assert!(alice.texts().is_empty());
}

#[test]
fn for_somebody_who_has_not_joined_one_message_knocks_and_the_rest_follow_in_order() {
    let mut post = Post::new(9);
    let mut alice = post.join("alice");
    alice.converse(&mut post, "bob", true);
    for n in 1..=20 {
        post.say(&mut alice, "bob", &n.to_string());
    }
    let not_joined = |event: &Event| matches!(event, Event::NotJoined(_));
    for _ in 0..5 {
        let step = alice.messenger.tick(post.now, &mut post.rng).unwrap();
        let sends = step.frames.iter().filter(|frame| matches!(frame, ClientFrame::Send { .. })).count();
        assert_eq!(sends, 1, "not all twenty every second");
        post.carry(&mut alice, step);
    }
    assert_eq!(alice.saw(not_joined), 1, "said once");
    let mut bob = post.join("bob");
    bob.converse(&mut post, "alice", true);
    post.tick(&mut alice);
    post.deliver(&mut bob);
    let all: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
    assert_eq!(bob.heard(), all);
    assert_eq!(alice.saw(|event| matches!(event, Event::Joined(_))), 1);
    assert!(alice.texts().iter().all(|message| message.state == StoredState::Accepted));
    // And somebody who is only waited for is noticed as well.
    let (_, step) = alice.messenger.converse(&id("carol"), false, post.now, &mut post.rng).unwrap();
    post.carry(&mut alice, step);
    let step = alice.messenger.meet(&id("carol")).unwrap();
    post.carry(&mut alice, step);
    post.join("carol");
    post.tick(&mut alice);
    assert_eq!(alice.events.last(), Some(&Event::Pinned(id("carol"))));
}

#[test]
fn a_chat_warns_of_a_changed_key_and_sends_nothing_before_accept() {
    let (home, other_home) = (home(), home());
    let mut relay = Relay::start(home.path());
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    alice.say("hello");
    bob.wait("alice: hello");
    alice.wait("1 · delivered");
    alice.say("/verify yes");
    alice.wait("You have compared it with bob.");
    drop(bob);
    // The relay is wiped, and somebody else is bob there.
    relay.kill();
    std::fs::remove_dir_all(home.path().join("relay")).unwrap();
    relay.restart();
    let mut bob = Talk::chat(other_home.path(), &relay, "bob", "alice", &[]);
    bob.say("it is me");
    alice.wait("THE KEY OF bob HAS CHANGED");
    alice.say("the secret");
    let held = alice.wait("held");
    assert!(held.contains("/accept or /reject"), "{held}");
    alice.say("/who");
    alice.wait("KEY CHANGED");
    alice.say("/verify");
    let theirs: Vec<String> = (0..3).map(|_| alice.wait(" ").trim().to_owned()).collect();
    let verify = run(other_home.path(), &["verify", "bob", "alice"], "").fails(1);
    assert!(verify.contains("open in another blindrelay"), "{verify}");
    alice.say("/accept");
    bob.wait("alice: the secret");
    alice.say("/verify");
    alice.wait(&theirs[0]);
    alice.wait("Compare it with bob");
    let (status, _) = alice.end();
    assert!(status.success());
    let (_, lines) = bob.end();
    let spoken: Vec<&String> = lines.iter().filter(|line| line.starts_with("alice: ")).collect();
    assert_eq!(spoken, ["alice: the secret"]);
    let json = run(other_home.path(), &["verify", "bob", "alice", "--json"], "").ok();
    let number: serde_json::Value = serde_json::from_str(&json).unwrap();
    let digits = number["safety_number"].as_str().unwrap();
    assert_eq!(theirs.join("").replace(' ', ""), digits.replace(' ', ""), "both see one number");
}
