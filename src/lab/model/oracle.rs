//! The oracle: it hears what was said, sees what is shown, and what leaves, and knows what must never be.
//!
//! It shares no code with the messenger: texts are unique, so a text alone says who wrote it, to whom, and whether it was shown
//! before. What it knows about a person's vault is that person's [`Ledger`]; when a copy of the vault is restored, so is the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::client::contacts::{Arrival, Mode};
use crate::client::vault::StoredMessage;
use crate::protocol::message::HANDSHAKE_LEN;
use crate::wire::{Bytes, ClientFrame, Content, MessageId, Payload, UserId};
use sha2::{Digest, Sha256};

/// What must hold. Each has a control that breaks it, in `tests/schedules.rs` or `tests/schedules/hostility.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Each text is shown once, with exactly its bytes.
    ShownOnce,
    /// Nothing is shown that was not said by that person to this one.
    OnlyWhatWasSaid,
    /// What is marked as delivered was shown.
    DeliveredWasShown,
    /// Gaps, late ones and repeated ones are marked as what they are.
    GapsAreMarked,
    /// No two blobs share a key and a nonce; one message is always the same bytes.
    NoKeyTwice,
    /// What the vault calls sealed did not travel open.
    OpenIsCalledOpen,
    /// What nobody harmed has arrived, or waits in quarantine.
    NothingLost,
    /// When the faults stop, everything works again.
    Recovers,
    /// Nothing waits in an outbox in the end.
    NothingLeftBehind,
    /// Nobody is alarmed unless somebody lies.
    NoFalseAlarm,
    /// No key takes another's place, and no conversation opens, unless a user says so.
    TrustNotRaised,
    /// Whoever carries the mail has not read it.
    NothingRead,
}

/// A rule was broken.
#[derive(Debug)]
pub struct Broken(pub Rule, pub String);

/// Whether all holds.
pub type Check = Result<(), Broken>;

/// It does not.
///
/// # Errors
/// Always.
pub fn broken(rule: Rule, what: impl Into<String>) -> Check {
    Err(Broken(rule, what.into()))
}

/// A text that was said.
#[derive(Debug)]
pub struct Said {
    /// By whom.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// What.
    pub text: String,
    /// Under which id.
    pub id: MessageId,
    /// With which number.
    pub counter: u64,
    /// When, by its writer's clock.
    pub at: u64,
}

/// What one person's vault knows: copied and restored with it.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Mine: peer, counter, and whether sealed → which of all the texts.
    mine: BTreeMap<(UserId, u64, bool), usize>,
    /// Theirs: the texts that were shown.
    pub shown: BTreeSet<usize>,
    /// Counters that arrived, by peer and way: sealed and open ones are counted apart.
    heard: BTreeMap<(UserId, bool), BTreeSet<u64>>,
}

/// What was said, what was shown, and what left.
#[derive(Debug, Default)]
pub struct Oracle {
    /// All texts, in the order in which they were said.
    pub said: Vec<Said>,
    by_text: HashMap<String, usize>,
    /// What each person's vault knows.
    pub ledgers: BTreeMap<UserId, Ledger>,
    /// Shown in some life of some vault.
    pub ever_shown: BTreeSet<usize>,
    /// Open texts that the relay made up: from whom, to whom, what.
    pub forged: BTreeSet<(UserId, UserId, String)>,
    /// The relay made up receipts, in open mode.
    pub forged_receipts: bool,
    /// Open texts that the relay altered: what is shown, and honestly receipted, is not what was said.
    pub misquoted: BTreeSet<MessageId>,
    /// How much was set aside, by person.
    pub set_aside: BTreeMap<UserId, usize>,
    /// What the relay dropped, altered or forgot.
    pub harmed: BTreeSet<MessageId>,
    /// People whose vault was replaced by an older copy.
    pub restored: BTreeSet<UserId>,
    opened: BTreeSet<MessageId>,
    salts: HashMap<Vec<u8>, [u8; 32]>,
    payloads: HashMap<MessageId, [u8; 32]>,
    /// How many blobs carried a handshake.
    pub first_contacts: u64,
    /// Distinct handshakes seen between two people.
    pub handshakes: BTreeMap<(UserId, UserId), BTreeSet<Vec<u8>>>,
}

impl Oracle {
    /// What a person's vault knows.
    pub fn ledger(&mut self, who: &UserId) -> &mut Ledger {
        self.ledgers.entry(who.clone()).or_default()
    }

    /// A text was said.
    pub fn said(&mut self, from: &UserId, message: &StoredMessage) {
        let StoredMessage { peer, counter, sealed, at, text, id, .. } = message;
        let n = self.said.len();
        self.by_text.insert(text.clone(), n);
        self.ledger(from).mine.insert((peer.clone(), *counter, *sealed), n);
        let (from, to, text) = (from.clone(), peer.clone(), text.clone());
        self.said.push(Said { from, to, text, id: *id, counter: *counter, at: *at });
    }

    /// A text appears on somebody's screen.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn shown(&mut self, to: &UserId, message: &StoredMessage, mode: Mode) -> Check {
        let StoredMessage { peer, text, counter, sealed, arrival, .. } = message;
        self.arrived(to, peer, (*counter, *sealed), *arrival)?;
        if !sealed && mode == Mode::Sealed {
            return broken(Rule::OnlyWhatWasSaid, format!("{to} is shown an open text in a sealed conversation"));
        }
        if !sealed && self.forged.contains(&(peer.clone(), to.clone(), text.clone())) {
            return Ok(()); // open mode: the relay can, and the badge says so
        }
        let known = self.by_text.get(text).copied();
        let Some(n) = known.filter(|&n| self.said[n].from == *peer && self.said[n].to == *to) else {
            return broken(Rule::OnlyWhatWasSaid, format!("{to} is shown {}, which {peer} never said", brief(text)));
        };
        self.ever_shown.insert(n);
        // Someone whose vault was restored may say a held text again; it is marked as repeated.
        let again = *arrival == Arrival::Repeated && self.restored.contains(peer);
        if !self.ledger(to).shown.insert(n) && !again {
            return broken(Rule::ShownOnce, format!("{to} is shown {} twice", brief(text)));
        }
        Ok(())
    }

    /// A counter arrives: is it marked as what it is?
    fn arrived(&mut self, to: &UserId, from: &UserId, (counter, sealed): (u64, bool), arrival: Arrival) -> Check {
        let heard = self.ledger(to).heard.entry((from.clone(), sealed)).or_default();
        let next = heard.last().map_or(1, |last| last + 1);
        let expected = if counter == next {
            Arrival::InOrder
        } else if counter > next {
            Arrival::Gap(counter - next)
        } else if heard.contains(&counter) {
            Arrival::Repeated
        } else {
            Arrival::Late
        };
        heard.insert(counter);
        if arrival != expected {
            let what = format!("{to} has {from}'s number {counter}, {next} comes next: {arrival:?}, not {expected:?}");
            return broken(Rule::GapsAreMarked, what);
        }
        Ok(())
    }

    /// A text of mine is marked as delivered.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn delivered(&mut self, from: &UserId, to: &UserId, (counter, sealed): (u64, bool)) -> Check {
        let Some(&n) = self.ledger(from).mine.get(&(to.clone(), counter, sealed)) else {
            return broken(Rule::DeliveredWasShown, format!("{from}: number {counter} to {to} was never said"));
        };
        let Said { id, text, .. } = &self.said[n];
        // Open mode: the relay may make up receipts for what it could read, or have its own words receipted.
        let lied = self.forged_receipts || self.misquoted.contains(id);
        if self.ever_shown.contains(&n) || (lied && self.opened.contains(id)) {
            return Ok(());
        }
        broken(Rule::DeliveredWasShown, format!("{from} sees {} as delivered; {to} never saw it", brief(text)))
    }

    /// A frame leaves somebody's machine.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn leaves(&mut self, from: &UserId, frame: &ClientFrame) -> Check {
        let ClientFrame::Send { id, to, payload } = frame else { return Ok(()) };
        let bytes = serde_json::to_vec(payload).expect("a payload is plain data with text keys");
        let hash = Sha256::digest(&bytes).into();
        if *self.payloads.entry(*id).or_insert(hash) != hash && !self.restored.contains(from) {
            return broken(Rule::NoKeyTwice, format!("{from} sends {id} again with other bytes"));
        }
        match payload {
            Payload::Open(Content::Text { .. }) => drop(self.opened.insert(*id)),
            Payload::Open(Content::Receipt { .. }) => {}
            Payload::Sealed(Bytes(blob)) => {
                let handshake = handshake(blob);
                let salt = blob[1 + handshake.len()..][..24].to_vec();
                let hash = Sha256::digest(blob).into();
                if *self.salts.entry(salt).or_insert(hash) != hash {
                    return broken(Rule::NoKeyTwice, format!("{from} used one salt for two blobs"));
                }
                if !handshake.is_empty() {
                    self.first_contacts += 1;
                    let pair = if from < to { (from.clone(), to.clone()) } else { (to.clone(), from.clone()) };
                    self.handshakes.entry(pair).or_default().insert(handshake.to_vec());
                }
            }
        }
        Ok(())
    }

    /// What the vault says about texts of mine that left open.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn labelled(&self, from: &UserId, message: &StoredMessage) -> Check {
        if message.outgoing && message.sealed && self.opened.contains(&message.id) {
            let what = format!("{from} has {} as sealed, and it left open", brief(&message.text));
            return broken(Rule::OpenIsCalledOpen, what);
        }
        Ok(())
    }
}

/// The handshake that a blob carries, or nothing.
#[must_use]
pub fn handshake(blob: &[u8]) -> &[u8] {
    if blob[0] == 1 { &blob[1..][..HANDSHAKE_LEN + usize::from(blob[1])] } else { &[] }
}

/// The start of a text, for a person: its number is in it.
#[must_use]
pub fn brief(text: &str) -> String {
    format!("{:?}", text.chars().take(12).collect::<String>())
}
