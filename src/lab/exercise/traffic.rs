//! What passes a lying relay, as somebody sees it who looks at frames and reads no text.
//!
//! ```text
//! clients ── front ── the lie ── back ── honest relay        front sees what clients said and what the relay meant,
//!                                                            back what the relay was told and what clients were told
//! ```
//!
//! Two looks, one before the lie and one after it: where they differ, it has lied.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::lab::hand::{Hand, Table};
use crate::wire::{Bytes, ClientFrame, Payload, RelayFrame, UserId};

/// What a client did, and what was done to it.
#[derive(Debug, Clone, Default)]
pub struct Party {
    /// Sealed messages that it handed over, receipts among them.
    pub sealed: usize,
    /// Open messages that it handed over.
    pub open: usize,
    /// How often it asked for somebody's keys.
    pub asked: usize,
    /// Messages that the relay delivered.
    pub meant: usize,
    /// Messages that reached it, and whether each was open.
    pub reached: Vec<bool>,
    /// Of these, the ones that it has taken in: it confirmed them.
    pub taken: usize,
    /// Messages of its own that the relay never got.
    pub lost: usize,
    /// Messages that came through after such a loss.
    pub after: usize,
    /// Keys that it was given and that are not those of the person it asked for.
    pub wrong_keys: usize,
    /// Answers that somebody has no keys.
    pub no_keys: usize,
}

/// What passed so far.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// By the name that each client gave.
    pub parties: BTreeMap<UserId, Party>,
    identities: BTreeMap<UserId, Bytes>,
    passed: BTreeSet<[u8; 16]>,
    waiting: BTreeMap<[u8; 16], UserId>,
}

/// A look at the frames, before the lie or after it.
#[derive(Debug, Clone)]
pub struct Look {
    traffic: Arc<Mutex<Traffic>>,
    front: bool,
}

impl Look {
    /// The two looks at one traffic.
    #[must_use]
    pub fn both() -> (Self, Self) {
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        (Self { traffic: traffic.clone(), front: true }, Self { traffic, front: false })
    }

    /// What passed so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let mut traffic = self.lock().clone();
        traffic.settle();
        traffic
    }

    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Traffic {
    fn party(&mut self, who: &UserId) -> &mut Party {
        self.parties.entry(who.clone()).or_default()
    }

    /// What was handed over, and has not come out behind the lie, is lost.
    fn settle(&mut self) {
        for who in std::mem::take(&mut self.waiting).into_values() {
            self.party(&who).lost += 1;
        }
    }

    /// The sum of something over all clients.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&Party) -> usize) -> usize {
        self.parties.values().map(of).sum()
    }
}

impl Hand for Look {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        let (front, mut traffic) = (self.front, self.lock());
        match &frame {
            ClientFrame::Publish { identity, .. } if front => {
                traffic.identities.insert(who.clone(), identity.clone());
            }
            ClientFrame::Fetch { .. } if front => traffic.party(who).asked += 1,
            ClientFrame::Send { id, payload, .. } if front => {
                match payload {
                    Payload::Sealed(_) => traffic.party(who).sealed += 1,
                    Payload::Open(_) => traffic.party(who).open += 1,
                }
                traffic.waiting.insert(id.0, who.clone());
            }
            ClientFrame::Send { id, .. } => {
                traffic.waiting.remove(&id.0);
                let late = traffic.waiting.values().any(|writer| writer == who);
                traffic.party(who).after += usize::from(late && traffic.passed.insert(id.0));
            }
            ClientFrame::Ack { .. } if front => traffic.party(who).taken += 1,
            _ => {}
        }
        drop(traffic);
        table.relay(who, frame);
    }

    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        let (front, mut traffic) = (self.front, self.lock());
        match &frame {
            RelayFrame::Deliver(_) if front => traffic.party(who).meant += 1,
            RelayFrame::Deliver(envelope) => {
                let open = matches!(envelope.payload, Payload::Open(_));
                traffic.party(who).reached.push(open);
            }
            RelayFrame::Keys { identities, .. } if !front && identities.is_empty() => traffic.party(who).no_keys += 1,
            RelayFrame::Keys { user, identities, .. } if !front => {
                let wrong = traffic.identities.get(user).is_some_and(|own| !identities.contains(own));
                traffic.party(who).wrong_keys += usize::from(wrong);
            }
            _ => {}
        }
        drop(traffic);
        table.client(who, frame);
    }
}

/// One line for each client.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (who, party) in &self.parties {
            let Party { sealed, open, asked, meant, reached, taken, lost, wrong_keys, no_keys, .. } = party;
            let reached = reached.len();
            writeln!(f, "{who}'s client sent {sealed} sealed, {open} open; {lost} got no further than the lie")?;
            writeln!(f, "  {meant} were meant for it, {reached} came, {taken} were taken in")?;
            writeln!(f, "  it asked for keys {asked} times: wrong ones {wrong_keys} times, none {no_keys} times")?;
        }
        Ok(())
    }
}
