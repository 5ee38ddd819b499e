//! A sighting: what the relay saw of one message. This is all that the relay's own views are made of.
//!
//! ```text
//! envelope ──► record ──┬─► the tally            sums, since the start
//!        (one lock)     ├─► the latest 256       for a viewer that comes late or back
//!                       └─► the feed             for those who watch now
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::Tally;
use crate::wire::{Envelope, MessageId, Payload, UserId};

/// How many sightings are kept for a viewer that comes late or back.
const KEPT: usize = 256;

/// One message as it passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The relay's number of the message; rises.
    pub n: u64,
    /// The sender's own random id.
    pub id: MessageId,
    /// The relay's clock, in milliseconds since 1970.
    pub at: u64,
    /// Who sent it.
    pub from: UserId,
    /// Who gets it.
    pub to: UserId,
    /// Bytes of text or blob.
    pub size: usize,
    /// The text, or the blob that the relay cannot open.
    pub payload: Payload,
}

/// The latest sightings, and a feed of new ones. Memory is bounded however long it runs.
#[derive(Debug)]
pub struct Sightings {
    kept: Mutex<Kept>,
    feed: broadcast::Sender<Sighting>,
}

#[derive(Debug, Default)]
struct Kept {
    latest: VecDeque<Arc<Envelope>>,
    tally: Tally,
}

impl Default for Sightings {
    fn default() -> Self {
        Self { kept: Mutex::default(), feed: broadcast::Sender::new(KEPT) }
    }
}

impl Sightings {
    pub(super) fn record(&self, envelope: &Arc<Envelope>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tally.count(envelope);
        if kept.latest.len() == KEPT {
            kept.latest.pop_front();
        }
        kept.latest.push_back(envelope.clone());
        // Under the same lock, so that a new viewer misses nothing between what is kept and what follows.
        if self.feed.receiver_count() > 0 {
            let _nobody_watches = self.feed.send(Sighting::of(envelope));
        }
    }

    /// What was seen after number `n`, as far as it is kept, and the feed of what follows.
    pub fn since(&self, n: u64) -> (Vec<Sighting>, broadcast::Receiver<Sighting>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.since(n), self.feed.subscribe())
    }

    /// The same, and what everything up to there adds up to.
    pub fn summary(&self, n: u64) -> (Tally, Vec<Sighting>, broadcast::Receiver<Sighting>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.tally.clone(), kept.since(n), self.feed.subscribe())
    }
}

impl Kept {
    /// A number that is yet to come is of another relay's past: then everything is new.
    fn since(&self, n: u64) -> Vec<Sighting> {
        let n = if n > self.tally.last { 0 } else { n };
        self.latest.iter().filter(|envelope| envelope.seq > n).map(|envelope| Sighting::of(envelope)).collect()
    }
}

impl Sighting {
    fn of(envelope: &Envelope) -> Self {
        let Envelope { seq, id, from, to, at, payload } = envelope.clone();
        Self { n: seq, id, at, from, to, size: payload.size(), payload }
    }
}
