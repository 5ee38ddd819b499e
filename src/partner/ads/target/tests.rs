//! The same conversation in the clear and sealed, and what is left of the reasons.

use super::*;
use crate::relay::ArchivedMessage;
use crate::wire::{Content, Payload};

fn id(name: &str) -> UserId {
    name.parse().unwrap()
}

/// Alice's day, open or sealed: the same people and minutes.
fn traces(sealed: bool) -> Traces {
    let mut traces = Traces::default();
    let lines = [
        (1, "alice", "bob", 9, "flights to Oslo are cheap"),
        (2, "bob", "alice", 9, "my passport runs out, and the flight is at six"),
        (3, "alice", "carol", 23, "the doctor says migraine"),
        (4, "alice", "bob", 23, "good night"),
    ];
    for (seq, from, to, hour, text) in lines {
        let at = 1_700_006_400_000 + hour * 3_600_000; // a midnight, and hours
        let content = Content::Text { sent_at: at, counter: seq, text: text.to_owned(), via: None };
        let payload = if sealed { Payload::Sealed(vec![7; 200].into()) } else { Payload::Open(content) };
        let (from, to, size) = (id(from), id(to), payload.size() as u64);
        traces.add(&id("alice"), ArchivedMessage { seq, from, to, at, sealed, size, payload: Some(payload) });
    }
    traces
}

fn signal(title: &str, genre: &str) -> Signal {
    let [partner, kind, title, genre, device] = ["streamco", "watched", title, genre, "tv"].map(str::to_owned);
    Signal { partner, kind, title, genre, device, at: 1 }
}

fn ads(sealed: bool) -> Vec<Ad> {
    let signals = [signal("Salt, Smoke, Time", "cooking")];
    let contacts = [(id("bob"), 3, vec![signal("The Last Lap", "sports"), signal("Untitled", "unheard of")])];
    target(&traces(sealed), &signals, &contacts)
}

#[test]
fn words_are_a_reason_in_open_messages_and_none_in_sealed_ones() {
    let words = |sealed| {
        let all = ads(sealed).into_iter().flat_map(|ad| ad.why);
        all.filter(|reason| matches!(reason, Reason::Word { .. })).collect::<Vec<_>>()
    };
    let found: Vec<_> = words(false)
        .into_iter()
        .map(|reason| match reason {
            Reason::Word { word, seq, writer, .. } => (word, seq, writer.to_string()),
            other => panic!("{other:?}"),
        })
        .collect();
    // "my passport runs out" is taken for running: a list of words does not know what is meant.
    let expected = [("passport", 2, "bob"), ("flights", 1, "alice"), ("runs", 2, "bob"), ("doctor", 3, "alice")];
    assert_eq!(found, expected.map(|(word, seq, writer)| (word.to_owned(), seq, writer.to_owned())));
    assert_eq!(words(true), []);
}

#[test]
fn signals_contacts_and_habits_are_the_same_reasons_open_or_sealed() {
    let rest = |sealed| {
        let all = ads(sealed).into_iter().map(|ad| (ad.interest, ad.signals, ad.metadata, ad.why));
        let without_words = all.map(|(interest, signals, metadata, mut why)| {
            why.retain(|reason| !matches!(reason, Reason::Word { .. }));
            (interest, signals, metadata, why)
        });
        let mut rest: Vec<_> = without_words.filter(|(_, _, _, why)| !why.is_empty()).collect();
        rest.sort_by(|one, other| one.0.cmp(&other.0));
        rest
    };
    assert_eq!(rest(false), rest(true));
    let names: Vec<_> = rest(true).into_iter().map(|(interest, ..)| interest).collect();
    assert_eq!(names, ["food", "night owl", "one close contact", "sports"]);
}

#[test]
fn the_most_points_win_and_a_message_counts_once() {
    let ads = ads(false);
    let points: Vec<_> = ads.iter().map(|ad| (ad.interest.as_str(), ad.points)).collect();
    let expected =
        [("night owl", 10), ("one close contact", 10), ("travel", 6), ("sports", 4), ("health", 3), ("food", 2)];
    assert_eq!(points, expected);
    assert_eq!(target(&Traces::default(), &[], &[]), []);
}
