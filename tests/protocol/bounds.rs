//! Messages that are late, lost or too many: what still opens, and what is given up.

use blindrelay::protocol::DecryptError;
use blindrelay::protocol::params::{DAY, MAX_CHAINS, MAX_SKIP, MAX_SKIP_SESSION};
use rand::RngExt;

use super::people::{NOW, Person, acquainted, effort, id};

/// One round trip: afterwards both have turned.
fn round_trip(alice: &mut Person, bob: &mut Person) {
    let there = alice.write("ping");
    bob.read(&id("alice"), &there).unwrap();
    let back = bob.write("pong");
    alice.read(&id("bob"), &back).unwrap();
}

#[test]
fn messages_open_in_any_order_each_of_them_once() {
    for _ in 0..effort(5, 100) {
        let (mut alice, mut bob) = acquainted();
        let mut mail = Vec::new();
        for n in 0..24 {
            if n % 8 == 7 {
                round_trip(&mut alice, &mut bob);
            }
            mail.push((n, alice.write(&format!("text {n}"))));
        }
        while !mail.is_empty() {
            let (n, blob) = mail.swap_remove(alice.rng.random_range(0..mail.len()));
            assert_eq!(bob.read(&id("alice"), &blob).unwrap(), format!("text {n}"));
            assert_eq!(bob.read(&id("alice"), &blob), Err(DecryptError::UsedCounter));
        }
    }
}

#[test]
fn a_thousand_missing_messages_are_bridged_and_one_more_is_not() {
    let (mut alice, mut bob) = acquainted();
    let known = alice.write("this chain is known");
    bob.read(&id("alice"), &known).unwrap();
    let dropped: Vec<_> = (0..=MAX_SKIP).map(|_| alice.write("dropped")).collect();
    let after = alice.write("after 1,001");
    assert_eq!(bob.read(&id("alice"), &after), Err(DecryptError::TooFarAhead));
    // Nothing has changed: the last but one opens, and then so do the others.
    for blob in [&dropped[1_000], &dropped[0], &dropped[999], &after, &dropped[500]] {
        assert!(bob.read(&id("alice"), blob).is_ok());
    }
}

#[test]
fn a_dropped_run_never_kills_a_session() {
    for (lost, late_opens) in [(MAX_SKIP, true), (MAX_SKIP + 1, false)] {
        let (mut alice, mut bob) = acquainted();
        let known = alice.write("this chain is known");
        bob.read(&id("alice"), &known).unwrap();
        let dropped: Vec<_> = (0..lost).map(|_| alice.write("dropped")).collect();
        let question = bob.write("are you there?");
        alice.read(&id("bob"), &question).unwrap();
        // The header of this says pn = 1 + lost: beyond the bound the old chain is given up, the new one goes on.
        let answer = alice.write("I am");
        assert_eq!(bob.read(&id("alice"), &answer).unwrap(), "I am");
        round_trip(&mut alice, &mut bob);
        let late = bob.read(&id("alice"), &dropped[0]);
        assert_eq!(late.is_ok(), late_opens, "{lost} lost: {late:?}");
    }
}

#[test]
fn a_dropped_run_at_the_start_of_a_chain_or_of_a_session_does_not_either() {
    // Nothing of the new chain has arrived, so nobody can turn any more: it must be bridged at once.
    let (mut alice, mut bob) = acquainted();
    let mut dropped = vec![alice.write("dropped")];
    dropped.extend((0..MAX_SKIP).map(|_| alice.write("dropped")));
    let next = alice.write("next");
    assert_eq!(bob.read(&id("alice"), &next).unwrap(), "next");
    round_trip(&mut alice, &mut bob);
    // The newest thousand can still come late; what was before them was given up.
    assert_eq!(bob.read(&id("alice"), &dropped[0]), Err(DecryptError::UsedCounter));
    assert!(bob.read(&id("alice"), &dropped[1]).is_ok());

    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let mail: Vec<_> = (0..=MAX_SKIP + 1).map(|n| alice.write(&format!("{n}"))).collect();
    assert_eq!(bob.read(&id("alice"), &mail[1_001]).unwrap(), "1001");
    assert_eq!(bob.read(&id("alice"), &mail[1]).unwrap(), "1");
    round_trip(&mut alice, &mut bob);
}

#[test]
fn a_session_keeps_two_thousand_missing_keys_and_the_oldest_go_first() {
    let (mut alice, mut bob) = acquainted();
    let mut chains = Vec::new();
    for _ in 0..3 {
        chains.push((0..MAX_SKIP).map(|_| alice.write("late")).collect::<Vec<_>>());
        round_trip(&mut alice, &mut bob);
    }
    assert_eq!(MAX_SKIP_SESSION, 2_000);
    let mut late = |chain: usize, n: usize| bob.read(&id("alice"), &chains[chain][n]);
    assert_eq!(late(0, 0), Err(DecryptError::UsedCounter));
    assert_eq!(late(0, 999), Err(DecryptError::UsedCounter));
    for chain in [1, 2] {
        assert!(late(chain, 0).is_ok() && late(chain, 999).is_ok());
    }
}

#[test]
fn a_missing_message_opens_for_five_turns() {
    for turns in [MAX_CHAINS, MAX_CHAINS + 1] {
        let (mut alice, mut bob) = acquainted();
        let late = alice.write("late");
        for _ in 0..turns {
            round_trip(&mut alice, &mut bob);
        }
        // The first of the round trips still went in the chain of the late message.
        let question = alice.write("one more turn");
        bob.read(&id("alice"), &question).unwrap();
        assert_eq!(bob.read(&id("alice"), &late).is_ok(), turns == MAX_CHAINS, "{turns} turns");
    }
}

#[test]
fn a_missing_message_opens_for_thirty_days() {
    for turned in [false, true] {
        for (later, opens) in [(30 * DAY - 1, true), (30 * DAY, false)] {
            let (mut alice, mut bob) = acquainted();
            let late = alice.write("late");
            round_trip(&mut alice, &mut bob);
            if turned {
                round_trip(&mut alice, &mut bob);
            }
            bob.now = NOW + later;
            let mut tidied = bob.copy(7);
            tidied.sessions.forget_old(bob.now);
            tidied.now = NOW;
            assert_eq!(bob.read(&id("alice"), &late).is_ok(), opens);
            // Tidying deletes the key itself: it does not come back with the clock.
            assert_eq!(tidied.read(&id("alice"), &late).is_ok(), opens);
        }
    }
}
