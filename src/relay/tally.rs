//! The tally: what the messages of one relay add up to, for a viewer that comes late.
//!
//! Question: how much does somebody learn who never opens a message?
//! Who writes to whom, how often, from when to when, and in which sizes. It is counted as messages pass, in bounded memory: beyond
//! [`PAIRS`] pairs or [`SIZES`] sizes messages still count in the totals.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};

use crate::wire::{Envelope, Payload, UserId};

/// The most pairs that are told apart.
const PAIRS: usize = 2_000;
/// The most different sizes that are told apart, open and sealed each.
const SIZES: usize = 500;

/// Counts since the relay started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The relay's number of the latest message that is counted.
    pub last: u64,
    /// When the first one came.
    pub first_at: u64,
    /// When the latest one came.
    pub last_at: u64,
    /// The open ones.
    pub open: Mode,
    /// The sealed ones.
    pub sealed: Mode,
    /// Who with whom.
    #[serde(serialize_with = "as_list")]
    pub pairs: HashMap<UserId, HashMap<UserId, Pair>>,
    /// Messages of pairs beyond the bound.
    pub unlisted: u64,
}

/// One kind of message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mode {
    /// How many.
    pub messages: u64,
    /// Bytes of text or blob.
    pub bytes: u64,
    /// How many of each size.
    pub sizes: BTreeMap<usize, u64>,
}

/// One direction between two people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Open messages.
    pub open: u64,
    /// Sealed messages.
    pub sealed: u64,
    /// When the first one came.
    pub first: u64,
    /// When the latest one came.
    pub last: u64,
}

impl Tally {
    pub(super) fn count(&mut self, envelope: &Envelope) {
        let Envelope { seq, id: _, at, from, to, payload } = envelope;
        let size = payload.size();
        if self.last == 0 {
            self.first_at = *at;
        }
        (self.last, self.last_at) = (*seq, *at);
        let sealed = matches!(payload, Payload::Sealed(_));
        let mode = if sealed { &mut self.sealed } else { &mut self.open };
        mode.messages += 1;
        mode.bytes += u64::try_from(size).unwrap_or(u64::MAX);
        if mode.sizes.len() < SIZES || mode.sizes.contains_key(&size) {
            *mode.sizes.entry(size).or_default() += 1;
        }
        let Some(pair) = self.pair(from, to) else {
            self.unlisted += 1;
            return;
        };
        if pair.first == 0 {
            pair.first = *at;
        }
        pair.last = *at;
        *(if sealed { &mut pair.sealed } else { &mut pair.open }) += 1;
    }

    /// None for a new pair beyond the bound.
    fn pair(&mut self, from: &UserId, to: &UserId) -> Option<&mut Pair> {
        let known = self.pairs.get(from).is_some_and(|pairs| pairs.contains_key(to));
        if !known {
            if self.pairs.values().map(HashMap::len).sum::<usize>() >= PAIRS {
                return None;
            }
            self.pairs.entry(from.clone()).or_default().insert(to.clone(), Pair::default());
        }
        self.pairs.get_mut(from)?.get_mut(to)
    }
}

/// `[{"from":…,"to":…,"open":…,"sealed":…,"first":…,"last":…}, …]`
fn as_list<S: Serializer>(pairs: &HashMap<UserId, HashMap<UserId, Pair>>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        from: &'a UserId,
        to: &'a UserId,
        #[serde(flatten)]
        pair: &'a Pair,
    }
    let rows = pairs.iter().flat_map(|(from, tos)| tos.iter().map(move |(to, pair)| Row { from, to, pair }));
    serializer.collect_seq(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Bytes, Content, MessageId};

    fn envelope(seq: u64, from: &str, to: &str, payload: Payload) -> Envelope {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Envelope { seq, id: MessageId([0; 16]), at: 1000 + seq, from, to, payload }
    }

    fn text(text: &str) -> Payload {
        Payload::Open(Content::Text { sent_at: 0, counter: 1, text: text.to_owned(), via: None })
    }

    #[test]
    fn a_tally_is_who_with_whom_how_often_when_and_in_which_sizes() {
        let mut tally = Tally::default();
        tally.count(&envelope(7, "alice", "bob", text("hello")));
        tally.count(&envelope(8, "alice", "bob", Payload::Sealed(Bytes(vec![0; 642]))));
        tally.count(&envelope(9, "bob", "alice", Payload::Sealed(Bytes(vec![1; 642]))));
        assert_eq!((tally.last, tally.first_at, tally.last_at, tally.unlisted), (9, 1007, 1009, 0));
        assert_eq!((tally.open.messages, tally.open.bytes), (1, 5));
        assert_eq!(tally.sealed.sizes, BTreeMap::from([(642, 2)]));
        let json = serde_json::to_value(&tally).unwrap();
        let row = json["pairs"].as_array().unwrap().iter().find(|row| row["from"] == "alice").unwrap();
        let expected = serde_json::json!({"from":"alice","to":"bob","open":1,"sealed":1,"first":1007,"last":1008});
        assert_eq!(*row, expected);
    }

    #[test]
    fn a_crowd_and_a_thousand_sizes_stay_within_bounds_and_still_count() {
        let mut tally = Tally::default();
        let crowd = u64::try_from(PAIRS).unwrap() + 50;
        for n in 1..=crowd {
            tally.count(&envelope(n, &format!("u{n}"), "bob", text(&"x".repeat(usize::try_from(n).unwrap()))));
        }
        assert_eq!((tally.pairs.len(), tally.unlisted), (PAIRS, 50));
        assert_eq!((tally.open.messages, tally.open.sizes.len()), (crowd, SIZES));
        tally.count(&envelope(crowd + 1, "u1", "bob", text("x")));
        assert_eq!(tally.unlisted, 50, "a known pair still counts");
        assert_eq!(tally.open.sizes[&1], 2, "a known size still counts");
    }
}
