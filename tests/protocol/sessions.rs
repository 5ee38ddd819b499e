//! Sessions: both begin at once, one begins anew, a blob ends up where it does not belong.

use std::cmp::Ordering;

use blindrelay::protocol::params::{DAY, KIND_FIRST, KIND_MESSAGE, MAX_SESSIONS};
use blindrelay::protocol::{DecryptError, SessionId, Sessions};

use super::people::{NOW, Person, acquainted, effort, id};

/// Writes, delivers, and says in which session it went.
fn pass(from: &mut Person, to: &mut Person) -> SessionId {
    let blob = from.write("text");
    let session = to.open(&from.id().clone(), &blob).unwrap().session;
    assert!(from.sessions.can_send(from.now) && to.sessions.can_send(to.now));
    session
}

#[test]
fn two_who_begin_at_once_settle_on_the_later_session_or_on_the_smaller_id() {
    let mut smaller_was = [0, 0];
    for seed in 0..effort(6, 40) as u64 {
        for (later, hers) in [(0, 0), (1, 0), (0, 1)] {
            let (mut alice, mut bob) = (Person::new("alice", 2 * seed), Person::new("bob", 2 * seed + 1));
            (alice.now, bob.now) = (NOW + hers, NOW + later);
            alice.begin(bob.bundle());
            bob.begin(alice.bundle());
            let blobs = (alice.write("hello"), bob.write("hello"));
            let a = bob.open(&id("alice"), &blobs.0).unwrap().session;
            let b = alice.open(&id("bob"), &blobs.1).unwrap().session;
            let newest = match hers.cmp(&later) {
                Ordering::Greater => a,
                Ordering::Less => b,
                Ordering::Equal => a.min(b),
            };
            smaller_was[usize::from(b < a)] += 1;
            for _ in 0..3 {
                assert_eq!(pass(&mut alice, &mut bob), newest);
                assert_eq!(pass(&mut bob, &mut alice), newest);
            }
            assert!(alice.sessions.answered() && bob.sessions.answered());
        }
    }
    assert!(smaller_was.iter().all(|&times| times > 0), "both cases must have occurred: {smaller_was:?}");
}

#[test]
fn who_begins_anew_is_followed_even_by_somebody_who_waits_for_an_answer() {
    for seed in 0..effort(6, 40) as u64 {
        let (mut alice, mut bob) = (Person::new("alice", 2 * seed), Person::new("bob", 2 * seed + 1));
        bob.begin(alice.bundle());
        bob.write("alice lost the key for this");
        alice.now += 1;
        alice.begin(bob.bundle());
        let new = pass(&mut alice, &mut bob);
        assert_eq!((pass(&mut bob, &mut alice), pass(&mut alice, &mut bob)), (new, new));
        assert!(alice.sessions.answered() && bob.sessions.answered());
    }
}

#[test]
fn a_session_that_comes_late_turns_nobody_back() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let held_back = alice.write("held back by the relay");
    // Her clock stands still: the second one is the newer all the same.
    alice.begin(bob.bundle());
    let new = pass(&mut alice, &mut bob);
    let old = bob.open(&id("alice"), &held_back).unwrap().session;
    assert_ne!(old, new);
    assert_eq!((pass(&mut bob, &mut alice), pass(&mut alice, &mut bob)), (new, new));
}

#[test]
fn nobody_takes_the_first_place_for_ever_by_a_date_in_the_future() {
    // Somebody with Alice's stolen keys begins a session that would be the newest for weeks.
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let mut thief = alice.copy(3);
    for (ahead, taken) in [(29 * DAY, false), (DAY + 1, false), (DAY, true)] {
        thief.now = NOW + ahead;
        thief.sessions = Sessions::default();
        thief.begin(bob.bundle());
        let blob = thief.write("from now on write to me");
        let read = bob.read(&id("alice"), &blob);
        assert_eq!(read.is_ok(), taken, "{read:?}");
        assert!(taken || read == Err(DecryptError::Future));
    }
    // What a day ahead can take, it has for a day: then Alice's own reset counts.
    (alice.now, bob.now) = (NOW + DAY + 1, NOW + DAY + 1);
    alice.begin(bob.bundle());
    let hers = pass(&mut alice, &mut bob);
    assert_eq!(pass(&mut bob, &mut alice), hers);
}

#[test]
fn a_session_unanswered_for_a_month_is_written_in_no_more() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let first = alice.write("hello");
    assert!(alice.sessions.can_send(NOW + 30 * DAY - 1) && !alice.sessions.can_send(NOW + 30 * DAY));
    // The control: an answered one stays.
    bob.read(&id("alice"), &first).unwrap();
    pass(&mut bob, &mut alice);
    assert!(alice.sessions.can_send(NOW + 30 * DAY) && bob.sessions.can_send(NOW + 30 * DAY));
}

#[test]
fn the_handshake_is_repeated_until_it_is_answered_and_finds_its_session() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let mut blobs: Vec<_> = (0..4).map(|n| alice.write(&format!("{n}"))).collect();
    assert!(blobs.iter().all(|blob| blob[0] == KIND_FIRST));
    let had = bob.prekeys.one_time.len();
    for n in [2, 0, 3, 1] {
        assert_eq!(bob.read(&id("alice"), &blobs[n]).unwrap(), format!("{n}"));
    }
    assert_eq!((bob.remembered.len(), bob.prekeys.one_time.len()), (1, had - 1));
    assert!(!alice.sessions.answered());
    let answer = bob.write("got them");
    alice.read(&id("bob"), &answer).unwrap();
    assert!(alice.sessions.answered());
    blobs.push(alice.write("4"));
    assert_eq!(blobs[4][0], KIND_MESSAGE);
    assert_eq!(bob.read(&id("alice"), &blobs[4]).unwrap(), "4");
}

#[test]
fn a_newer_session_sends_and_an_older_one_never_again() {
    let (mut alice, mut bob) = acquainted();
    let old = pass(&mut alice, &mut bob);
    let held_back = alice.write("held back by the relay");
    bob.begin(alice.bundle());
    let new = pass(&mut bob, &mut alice);
    assert_ne!(old, new);
    assert_eq!(pass(&mut alice, &mut bob), new);
    // What was on its way in the old one still opens, and turns nobody back.
    let opened = bob.open(&id("alice"), &held_back).unwrap();
    assert_eq!(opened.session, old);
    assert_eq!((pass(&mut bob, &mut alice), pass(&mut alice, &mut bob)), (new, new));
}

#[test]
fn a_contact_has_at_most_four_sessions() {
    let (mut alice, mut bob) = acquainted();
    let mut late = Vec::new();
    for _ in 0..MAX_SESSIONS {
        late.push(alice.write("late"));
        bob.begin(alice.bundle_without_one_time());
        let newest = pass(&mut bob, &mut alice);
        assert_eq!(pass(&mut alice, &mut bob), newest);
    }
    let outcomes: Vec<_> = late.iter().map(|blob| bob.read(&id("alice"), blob).map_err(|_| ())).collect();
    assert_eq!(outcomes[0], Err(()), "the oldest of five is gone");
    assert!(outcomes[1..].iter().all(Result::is_ok), "{outcomes:?}");
}

#[test]
fn a_first_message_whose_chain_aged_out_makes_no_second_session() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle_without_one_time());
    let first = alice.write("once");
    bob.open(&id("alice"), &first).unwrap();
    for _ in 0..8 {
        pass(&mut bob, &mut alice);
        pass(&mut alice, &mut bob);
    }
    assert_eq!(bob.open(&id("alice"), &first).unwrap_err(), DecryptError::Replayed);
    // The control: without sessions and memory it opens.
    bob.sessions = Sessions::default();
    assert!(bob.open(&id("alice"), &first).is_ok());
}

#[test]
fn a_message_for_one_person_does_not_open_for_another() {
    let (mut alice, mut bob) = acquainted();
    let mut carol = Person::new("carol", 3);
    let to_bob = alice.write("for bob");
    let mut with_carol = alice.copy(4);
    with_carol.sessions = Sessions::default();
    with_carol.begin(carol.bundle());
    let to_carol = with_carol.write("for carol");
    assert_eq!(carol.read(&id("alice"), &to_bob), Err(DecryptError::Unreadable));
    assert!(carol.read(&id("alice"), &to_carol).is_ok());
    assert_eq!(carol.read(&id("alice"), &to_bob), Err(DecryptError::Unreadable));
    assert!(bob.read(&id("alice"), &to_carol).is_err());
    assert_eq!(bob.read(&id("alice"), &to_bob).unwrap(), "for bob");
}

#[test]
fn a_first_message_by_my_own_identity_is_refused() {
    // Whoever had a copy of Alice's keys could write to her as herself. (Bob's statement stands in to pass her own bundle.)
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let mut copy = alice.copy(3);
    let bundle = alice.bundle().verify(bob.me.statement(), alice.now).unwrap();
    copy.sessions.initiate(&copy.me, &bundle, &mut copy.rng).unwrap();
    let to_myself = copy.write("it is you");
    assert_eq!(alice.read(&id("alice"), &to_myself), Err(DecryptError::Unreadable));
    // The control: the same bundle serves Bob.
    bob.begin(alice.bundle());
    let genuine = bob.write("it is me");
    assert!(alice.read(&id("bob"), &genuine).is_ok());
}

#[test]
fn a_message_sent_back_to_its_writer_does_not_open() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let first = alice.write("first");
    for from in ["alice", "bob"] {
        assert_eq!(alice.read(&id(from), &first), Err(DecryptError::Unreadable));
    }
    assert!(bob.read(&id("alice"), &first).is_ok());
    pass(&mut bob, &mut alice);
    let later = alice.write("later");
    assert_eq!(alice.read(&id("bob"), &later), Err(DecryptError::Unreadable));
    assert_eq!(bob.read(&id("alice"), &later).unwrap(), "later");
}
