//! Each way comes out as it should, and the other way when its defence has nothing to do.

use super::ways::{LINE, Trial};
use super::*;

fn trial<R>(act: impl FnOnce(Trial) -> Result<Attempt>, check: impl FnOnce(&Attempt) -> R) -> R {
    let [me, peer] = ["alice", "bob"].map(|name| name.parse().unwrap());
    let attempt = act(Trial { me: &me, peer: &peer, seed: 5, now: 1_790_000_000_000 }).unwrap();
    check(&attempt)
}

fn outcome(act: impl FnOnce(Trial) -> Result<Attempt>) -> Outcome {
    trial(act, |attempt| attempt.outcome)
}

#[test]
fn what_is_handed_over_is_noise_unless_it_was_open() {
    assert_eq!(outcome(|trial| trial.hand_over(false)), Outcome::Noise);
    assert_eq!(outcome(|trial| trial.hand_over(true)), Outcome::Works, "the control");
}

#[test]
fn swapped_keys_stop_the_sending_and_the_right_ones_do_not() {
    assert_eq!(outcome(|trial| trial.swap(true)), Outcome::Stopped);
    assert_eq!(outcome(|trial| trial.swap(false)), Outcome::Works, "the control: it leaves, to the real one");
}

#[test]
fn keys_swapped_at_first_contact_are_read_until_the_numbers_are_compared() {
    trial(
        |trial| trial.swap_at_first_contact(true),
        |attempt| {
            assert_eq!(attempt.outcome, Outcome::UntilCompared);
            let seen = attempt.seen.join("\n");
            assert!(
                seen.contains(LINE) && seen.contains("NOT the same") && seen.contains("another key as yours"),
                "{seen}"
            );
        },
    );
    trial(
        |trial| trial.swap_at_first_contact(false),
        |attempt| {
            assert_eq!(attempt.outcome, Outcome::Noise, "the control: the right keys");
            let seen = attempt.seen.join("\n");
            assert!(seen.contains(": the same") && !seen.contains("another key as yours"), "{seen}");
        },
    );
}

#[test]
fn a_ghost_device_stops_the_sending() {
    assert_eq!(outcome(|trial| trial.ghost(true)), Outcome::Stopped);
    assert_eq!(outcome(|trial| trial.ghost(false)), Outcome::Works, "the control: without one it leaves");
}

#[test]
fn a_sealed_conversation_is_not_talked_down() {
    assert_eq!(outcome(|trial| trial.write_in_the_clear(false)), Outcome::Stopped);
    assert_eq!(outcome(|trial| trial.write_in_the_clear(true)), Outcome::Works, "the control: an open one is");
}

#[test]
fn another_client_and_the_other_person_are_not_held_off_and_that_is_said() {
    trial(
        |trial| trial.poisoned(true),
        |attempt| {
            assert_eq!((attempt.outcome, attempt.defences.len()), (Outcome::Works, 0));
            let seen = attempt.seen.join("\n");
            assert!(seen.contains(LINE) && seen.contains("screen: 0;") && seen.contains(": the same"), "{seen}");
            assert!(attempt.helps.contains("binary transparency"));
        },
    );
    assert_eq!(outcome(|trial| trial.poisoned(false)), Outcome::Noise, "the control: the client without the line");
    assert_eq!(outcome(|trial| trial.ask()), Outcome::Works);
}

#[test]
fn every_defence_is_where_it_is_said_to_be() {
    let [me, peer] = ["alice", "bob"].map(|name| name.parse().unwrap());
    let attempts = attempts(&me, &peer, 5, 1_790_000_000_000).unwrap();
    assert_eq!(attempts.len(), 7);
    let exists = |file: &str, function: &str| {
        let text = std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_default();
        text.contains(&format!("fn {function}(")) || text.contains(&format!("fn {function}<"))
    };
    for Defence { file, function, .. } in attempts.iter().flat_map(|attempt| &attempt.defences) {
        assert!(exists(file, function), "{file} has no {function}");
    }
    assert!(!exists("src/protocol/prekeys.rs", "no_such_function"), "the control");
}
