//! What the middle has seen: the relay's pane, from its own sightings, and StreamCo's, from the Inbox API.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::board::Shown;
use crate::relay::Sighting;
use crate::streamco::InboxMessage;
use crate::wire::{Content, Payload, sanitise};

/// Messages that a pane keeps.
const FEED: usize = 40;
/// Characters of a blob that are shown.
const NOISE: usize = 160;
/// Different sizes that the relay's tally tells apart.
const SIZES: usize = 6;

/// What the relay's operator has seen since the stage was set.
#[derive(Debug, Default, Serialize)]
pub(super) struct Seen {
    feed: VecDeque<Row>,
    tally: Vec<Pair>,
    /// The last sighting's number.
    #[serde(skip)]
    pub(super) last: u64,
}

/// One message as the middle has it.
#[derive(Debug, Clone, Serialize)]
struct Row {
    n: u64,
    /// The sender's id for it: the Inbox API does not tell.
    id: Option<String>,
    from: String,
    to: String,
    at: u64,
    size: u64,
    /// What can be read: of an open text, all.
    text: Option<Shown>,
    /// What cannot: the beginning of the blob, base64.
    noise: Option<String>,
    /// An open receipt.
    receipt: bool,
}

/// What names, sizes and times alone tell about one direction.
#[derive(Debug, Serialize)]
struct Pair {
    from: String,
    to: String,
    messages: usize,
    read: usize,
    first: u64,
    last: u64,
    /// Size → how many.
    sizes: BTreeMap<usize, usize>,
}

impl Seen {
    pub(super) fn add(&mut self, Sighting { n, id, at, from, to, size, payload }: &Sighting) {
        self.last = *n;
        let (text, noise, receipt) = match payload {
            Payload::Open(Content::Text { text, .. }) => (Some(Shown::of(text)), None, false),
            Payload::Open(Content::Receipt { .. }) => (None, None, true),
            Payload::Sealed(blob) => (None, Some(short(&blob.to_base64())), false),
        };
        let (from, to) = (from.to_string(), to.to_string());
        self.count(&from, &to, *at, *size, text.is_some());
        let size = u64::try_from(*size).unwrap_or(u64::MAX);
        keep(&mut self.feed, Row { n: *n, id: Some(id.to_string()), from, to, at: *at, size, text, noise, receipt });
    }

    fn count(&mut self, from: &str, to: &str, at: u64, size: usize, read: bool) {
        let place = self.tally.iter().position(|pair| pair.from == from && pair.to == to).unwrap_or_else(|| {
            let (from, to) = (from.to_owned(), to.to_owned());
            self.tally.push(Pair { from, to, messages: 0, read: 0, first: at, last: at, sizes: BTreeMap::new() });
            self.tally.len() - 1
        });
        let pair = &mut self.tally[place];
        pair.messages += 1;
        pair.read += usize::from(read);
        pair.last = at;
        if pair.sizes.len() < SIZES || pair.sizes.contains_key(&size) {
            *pair.sizes.entry(size).or_default() += 1;
        }
    }
}

/// What StreamCo's program has got.
#[derive(Debug, Default, Serialize)]
pub(super) struct Partner {
    /// Whose inbox.
    user: String,
    inbox: VecDeque<Row>,
    in_all: usize,
    error: Option<String>,
}

impl Partner {
    pub(super) fn new(user: &str, answer: Result<Vec<InboxMessage>, String>) -> Self {
        let mut partner = Self { user: user.to_owned(), ..Self::default() };
        match answer {
            Err(error) => partner.error = Some(sanitise(&error)),
            Ok(messages) => {
                partner.in_all = messages.len();
                for InboxMessage { seq, from, to, at, mode: _, size, text, sealed, via: _ } in messages {
                    let (from, to) = (from.to_string(), to.to_string());
                    let (text, noise) = (text.as_deref().map(Shown::of), sealed.as_deref().map(short));
                    keep(&mut partner.inbox, Row { n: seq, id: None, from, to, at, size, text, noise, receipt: false });
                }
            }
        }
        partner
    }
}

fn keep(rows: &mut VecDeque<Row>, row: Row) {
    rows.push_back(row);
    if rows.len() > FEED {
        rows.pop_front();
    }
}

fn short(base64: &str) -> String {
    base64.chars().filter(char::is_ascii_graphic).take(NOISE).collect()
}
