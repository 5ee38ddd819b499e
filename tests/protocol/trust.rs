//! What a client believes of a relay that lies: nothing that it can check, and it says so when it cannot.

use blindrelay::client::contacts::Mode;
use blindrelay::client::messenger::{Alarm, Event, Messenger, Step};
use blindrelay::client::vault::{SetAside, Vault};
use blindrelay::protocol::DecryptError;
use blindrelay::wire::{Content, Payload, UserId};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

use super::people::{NOW, id};
use super::post::{Post, shown};

fn stranger(name: &str, seed: u64) -> Messenger {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    Messenger::open(Vault::in_memory(&id(name), &mut rng).unwrap(), NOW, &mut rng).unwrap()
}

fn peer(name: &str) -> UserId {
    id(name)
}

/// A conversation in which each has written once.
fn talking() -> Post {
    let mut post = Post::new();
    assert_eq!(shown(&post.write("alice", "bob", "hello")), ["hello (in order)"]);
    assert_eq!(shown(&post.write("bob", "alice", "hi")), ["hi (in order)"]);
    post
}

#[test]
fn a_changed_key_stops_sending_until_the_user_decides() {
    for accept in [true, false] {
        let mut post = talking();
        post.with("alice", |alice, _| {
            alice.set_verified(&peer("bob"), true).unwrap();
            Step::default()
        });
        post.swap_keys("bob", &mut stranger("bob", 9));
        // A reset asks for keys; the relay answers with another's.
        let events = post.with("alice", |alice, _| alice.reset(&peer("bob")).unwrap());
        assert!(events.contains(&Event::KeyChanged(peer("bob"))));
        let carried = post.carried.len();
        let events = post.write("alice", "bob", "for bob only");
        assert!(events.contains(&Event::Blocked { peer: peer("bob"), waiting: 1 }), "{events:?}");
        assert_eq!(post.carried.len(), carried, "nothing leaves");
        let contact = post.people[&id("alice")].rows().contact(&peer("bob")).unwrap().unwrap();
        assert!(contact.blocked() && !contact.verified);
        // The control: as soon as the user has decided, the same text leaves.
        post.with("alice", |alice, rng| {
            let bob = peer("bob");
            let decided = if accept { alice.accept_key(&bob, NOW, rng) } else { alice.reject_key(&bob, NOW, rng) };
            decided.unwrap().1
        });
        assert!(post.carried.len() > carried, "accepted: {accept}");
    }
}

#[test]
fn a_key_swapped_at_first_contact_shows_in_the_numbers() {
    let number = |post: &Post, of: &str, with: &str| post.people[&id(of)].safety_number(&peer(with)).unwrap().unwrap();
    let honest = talking();
    assert_eq!(number(&honest, "alice", "bob"), number(&honest, "bob", "alice"), "the control");

    let mut post = Post::new();
    let mut middle = stranger("bob", 9);
    post.swap_keys("bob", &mut middle);
    let events = post.write("alice", "bob", "hello");
    assert!(events.contains(&Event::Pinned(peer("bob"))) && shown(&events).is_empty());
    // The real Bob writes to Alice under his own key: she is told, and nothing of it is shown as Bob's.
    let events = post.write("bob", "alice", "it is me");
    assert!(events.contains(&Event::KeyChanged(peer("bob"))) && shown(&events).is_empty());
    let (me, _) = middle.rows().identity().unwrap();
    let pinned = post.people[&id("alice")].rows().contact(&peer("bob")).unwrap().unwrap();
    assert_eq!(pinned.identity.as_ref(), Some(me.statement()));
    let his = number(&post, "bob", "alice");
    let hers = blindrelay::protocol::SafetyNumber::between(
        post.people[&id("alice")].rows().identity().unwrap().0.statement(),
        me.statement(),
    );
    assert_ne!(hers, his);
}

#[test]
fn another_key_under_my_own_name_is_an_alarm() {
    let mut post = talking();
    let mut quiet = stranger("alice", 8);
    let alarm = Event::Alarm { peer: peer("alice"), alarm: Alarm::OwnKeyReplaced };
    let alice = post.people.remove(&id("alice")).unwrap();
    // The control: the keys that she published raise none.
    assert!(!post.join(alice).contains(&alarm));
    post.swap_keys("alice", &mut quiet);
    let alice = post.people.remove(&id("alice")).unwrap();
    assert!(post.join(alice).contains(&alarm));
}

#[test]
fn an_open_message_in_a_sealed_conversation_is_put_aside() {
    let mut post = talking();
    let text = Content::Text { sent_at: NOW, counter: 1, text: "the relay wrote this".to_owned(), via: None };
    let forge = |post: &mut Post, n| post.deliver(n, |envelope| envelope.payload = Payload::Open(text.clone()));
    let first = post.carried.iter().position(|envelope| envelope.from == id("alice")).unwrap();
    let events = forge(&mut post, first);
    assert!(shown(&events).is_empty());
    assert!(events.contains(&Event::SetAside { peer: peer("alice"), why: SetAside::Open }));
    // The control: in open mode the same forgery is shown as Alice's.
    let events = post.with("bob", |bob, rng| bob.set_mode(&peer("alice"), Mode::Open, NOW, rng).unwrap().1);
    assert_eq!(shown(&events), ["the relay wrote this (in order)"]);
}

#[test]
fn a_delivered_message_is_shown_once_however_often_it_comes() {
    let mut post = talking();
    let carried = post.carried.clone();
    for n in 0..carried.len() {
        assert!(shown(&post.deliver(n, |_| {})).is_empty());
        assert!(shown(&post.deliver(n, |envelope| envelope.seq += 100)).is_empty());
    }
    // The control: an open conversation has only the bytes to go by, so a forged copy with one thing changed is shown again.
    post.with("bob", |bob, rng| bob.set_mode(&peer("alice"), Mode::Open, NOW, rng).unwrap().1);
    let content = |sent_at| Content::Text { sent_at, counter: 1, text: "hello".to_owned(), via: None };
    let again = post.deliver(0, |envelope| envelope.payload = Payload::Open(content(NOW)));
    let once_more = post.deliver(0, |envelope| envelope.payload = Payload::Open(content(NOW + 1)));
    assert_eq!(shown(&again).len() + shown(&once_more).len(), 2);
}

#[test]
fn a_message_for_somebody_else_or_from_myself_is_not_shown() {
    let mut post = talking();
    post.holding = true;
    post.write("alice", "bob", "for bob");
    let n = post.carried.len() - 1;
    let misdelivered = |events: &[Event]| {
        shown(events).is_empty()
            && events.iter().any(|event| matches!(event, Event::Alarm { alarm: Alarm::Misdelivered, .. }))
    };
    let mut envelope = post.carried[n].clone();
    let events = post.give("alice", blindrelay::wire::RelayFrame::Deliver(envelope.clone()));
    assert!(misdelivered(&events));
    envelope.from = id("bob");
    let events = post.give("bob", blindrelay::wire::RelayFrame::Deliver(envelope));
    assert!(misdelivered(&events));
    // Back to its writer, as if Bob had said it.
    let events = post.deliver(n, |envelope| (envelope.from, envelope.to) = (id("bob"), id("alice")));
    assert!(shown(&events).is_empty() && events.iter().any(|event| matches!(event, Event::SetAside { .. })));
    assert_eq!(shown(&post.deliver(n, |_| {})), ["for bob (in order)"], "the control");
}

#[test]
fn a_gap_is_shown_and_so_is_what_comes_late() {
    let mut post = talking();
    post.holding = true;
    for text in ["two", "three", "four"] {
        post.write("alice", "bob", text);
    }
    let from = post.carried.len() - 3;
    assert_eq!(shown(&post.deliver(from + 2, |_| {})), ["four (2 messages are missing before this one)"]);
    assert_eq!(shown(&post.deliver(from, |_| {})), ["two (late: this one was missing before)"]);
}

#[test]
fn a_damaged_message_does_not_block_the_mailbox_and_the_genuine_one_still_opens() {
    let mut post = talking();
    post.holding = true;
    post.write("alice", "bob", "two");
    let n = post.carried.len() - 1;
    let damage = |envelope: &mut blindrelay::wire::Envelope| {
        let Payload::Sealed(blob) = &mut envelope.payload else { panic!("it is sealed") };
        *blob.0.last_mut().unwrap() ^= 1;
    };
    let events = post.deliver(n, damage);
    let why = SetAside::Unopened(DecryptError::Tampered);
    assert!(events.contains(&Event::SetAside { peer: peer("alice"), why }));
    assert_eq!(shown(&post.deliver(n, |_| {})), ["two (in order)"]);
}

#[test]
fn a_first_contact_takes_its_one_time_key_out_of_the_vault_and_garbage_does_not() {
    let mut post = Post::new();
    post.holding = true;
    post.write("alice", "bob", "hello");
    let left = |post: &Post| post.people[&id("bob")].rows().prekeys().unwrap().one_time.len();
    let had = left(&post);
    post.deliver(0, |envelope| {
        let Payload::Sealed(blob) = &mut envelope.payload else { panic!("it is sealed") };
        *blob.0.last_mut().unwrap() ^= 1;
    });
    assert_eq!(left(&post), had);
    assert_eq!(shown(&post.deliver(0, |_| {})), ["hello (in order)"]);
    assert_eq!(left(&post), had - 1, "the control");
}

#[test]
fn a_restored_copy_is_an_alarm_at_the_peer_and_its_next_message_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let vault = Vault::open(&dir.path().join(name), &id("alice"), None, &mut rng).unwrap();
        Messenger::open(vault, NOW, &mut rng).unwrap()
    };
    let mut post = Post::new();
    post.join(open("alice.vault"));
    post.write("alice", "bob", "hello");
    post.write("bob", "alice", "hi");
    std::fs::copy(dir.path().join("alice.vault"), dir.path().join("backup.vault")).unwrap();
    assert_eq!(shown(&post.write("alice", "bob", "one")), ["one (in order)"]);
    post.join(open("backup.vault"));
    let events = post.write("alice", "bob", "another, under a number that was used");
    assert!(shown(&events).is_empty());
    assert!(events.contains(&Event::Alarm { peer: peer("alice"), alarm: Alarm::CounterReused }));
    // The control: from there on the numbers are new again, and nobody is alarmed.
    let events = post.write("alice", "bob", "next");
    assert_eq!(shown(&events).len(), 1);
    assert!(!events.iter().any(|event| matches!(event, Event::Alarm { .. })));
}

#[test]
fn receipts_go_to_people_whom_the_user_has_accepted() {
    let mut post = Post::new();
    let delivered = |events: &[Event]| {
        let state = blindrelay::client::vault::StoredState::Delivered;
        events.iter().any(|event| matches!(event, Event::State { state: now, .. } if *now == state))
    };
    assert!(!delivered(&post.write("alice", "bob", "a stranger asks")));
    post.write("bob", "alice", "now we know each other");
    assert!(delivered(&post.write("alice", "bob", "hello")), "the control");
}
