//! A sighting: what the relay saw of one message. This is all that the relay's own views are made of.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::wire::{Envelope, Payload, UserId};

/// How many sightings are kept for a viewer that comes late or back.
const KEPT: usize = 256;

/// One message as it passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The relay's number of the message; rises.
    pub n: u64,
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
    kept: Mutex<VecDeque<Sighting>>,
    feed: broadcast::Sender<Sighting>,
}

impl Default for Sightings {
    fn default() -> Self {
        Self { kept: Mutex::default(), feed: broadcast::Sender::new(KEPT) }
    }
}

impl Sightings {
    pub(super) fn record(&self, envelope: &Envelope) {
        let Envelope { seq, id: _, from, to, at, payload } = envelope;
        let sighting = Sighting {
            n: *seq,
            at: *at,
            from: from.clone(),
            to: to.clone(),
            size: payload.size(),
            payload: payload.clone(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(sighting.clone());
        // Under the same lock, so that a new viewer misses nothing between what is kept and what follows.
        let _nobody_watches = self.feed.send(sighting);
    }

    /// What was seen after number `n`, as far as it is kept, and the feed of what follows.
    pub fn since(&self, n: u64) -> (Vec<Sighting>, broadcast::Receiver<Sighting>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.iter().filter(|sighting| sighting.n > n).cloned().collect(), self.feed.subscribe())
    }
}
