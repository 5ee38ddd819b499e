//! Trust: whose key is on record, and what happens when another one turns up.
//!
//! Question: the relay hands out keys, so when does Alice notice that it handed out the wrong one?
//! The first key seen for a name is pinned. Any other key for that name stops sending until the user has
//! decided; comparing safety numbers shows whether the first one was genuine. The mode is pinned as well:
//! nothing that arrives can turn a sealed conversation into an open one.
//!
//! ```text
//! none ──first key──► pinned ──compared──► verified
//!                       ▲  └──another key──► changed (sending blocked) ──accepted──► pinned
//!                       └─────────────────────────────────────────────────rejected──┘
//! ```
//!
//! While a change waits for the user no third key takes its place: the key that was compared is the key that is accepted.

use std::fmt;

use crate::protocol::{IdentityStatement, SafetyNumber};
use crate::wire::UserId;

/// How a conversation travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Partner-access mode: the relay is handed the text.
    Open,
    /// End-to-end encrypted: the relay is handed a blob.
    Sealed,
}

/// A person this user talks to, as the vault keeps it.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Who.
    pub peer: UserId,
    /// Set when the conversation began; only the user changes it.
    pub mode: Mode,
    /// The pinned identity, once one was seen.
    pub identity: Option<IdentityStatement>,
    /// Another identity that turned up since: sending is blocked until the user has decided on it.
    pub changed: Option<IdentityStatement>,
    /// The user compared the safety number of the pinned identity.
    pub verified: bool,
    /// The user has written to or opened this conversation; only such contacts get receipts.
    pub accepted: bool,
    /// The user wants a new session: it begins as soon as the peer's keys are there.
    pub resetting: bool,
    /// The numbers of sealed texts.
    pub sealed: Numbers,
    /// The numbers of open ones: the relay can make those up, so they say nothing about the sealed ones.
    pub open: Numbers,
}

/// Which numbers were given to texts, and which came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// The next text's counter, from 1.
    pub next_out: u64,
    /// The counter that the peer's next text should have.
    pub next_in: u64,
    /// Counters that were skipped and may still arrive; at most [`MAX_MISSING`], the newest.
    pub missing: Vec<u64>,
}

/// How many missing texts of a peer are remembered one by one.
pub const MAX_MISSING: usize = 2_000;

/// What seeing an identity led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The first one for this name: pinned now.
    Pinned,
    /// The pinned one.
    Same,
    /// Another one: recorded, sending blocked, verified mark cleared.
    Changed,
    /// Another one, while the user has not decided on a change: not recorded.
    Undecided,
}

/// Where a text's counter stands among those that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next one.
    InOrder,
    /// This many are missing before it.
    Gap(u64),
    /// One of those that were missing.
    Late,
    /// That number was used already: the peer's vault was restored from a copy, or (in open mode) the relay plays.
    Repeated,
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InOrder => write!(f, "in order"),
            Self::Gap(1) => write!(f, "1 message is missing before this one"),
            Self::Gap(n) => write!(f, "{n} messages are missing before this one"),
            Self::Late => write!(f, "late: this one was missing before"),
            Self::Repeated => write!(
                f,
                "a number that came before: their vault was restored from a copy, or an open message was played again"
            ),
        }
    }
}

impl Contact {
    /// A new conversation.
    #[must_use]
    pub fn new(peer: UserId, mode: Mode) -> Self {
        Self {
            peer,
            mode,
            identity: None,
            changed: None,
            verified: false,
            accepted: false,
            resetting: false,
            sealed: Numbers::default(),
            open: Numbers::default(),
        }
    }

    /// The numbers of texts that travel this way.
    pub fn numbers(&mut self, sealed: bool) -> &mut Numbers {
        if sealed { &mut self.sealed } else { &mut self.open }
    }

    /// Compares an identity with the pinned one, and pins the first.
    pub fn meet(&mut self, identity: &IdentityStatement) -> Trust {
        match &self.identity {
            None => {
                self.identity = Some(identity.clone());
                Trust::Pinned
            }
            Some(pinned) if pinned == identity => Trust::Same,
            Some(_) if self.changed.is_some() => Trust::Undecided,
            Some(_) => {
                self.changed = Some(identity.clone());
                self.verified = false;
                Trust::Changed
            }
        }
    }

    /// The user accepts the changed identity: it becomes the pinned one, not verified. Its texts are counted anew.
    /// False if none had changed.
    pub fn accept_change(&mut self) -> bool {
        let Some(identity) = self.changed.take() else { return false };
        self.identity = Some(identity);
        self.verified = false;
        for numbers in [&mut self.sealed, &mut self.open] {
            (numbers.next_in, numbers.missing) = (1, Vec::new());
        }
        true
    }

    /// Whether sending must wait for the user.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.changed.is_some()
    }

    /// The number to compare: of the identity that would be written to (the changed one, if one has turned up).
    #[must_use]
    pub fn safety_number(&self, me: &IdentityStatement) -> Option<SafetyNumber> {
        let theirs = self.changed.as_ref().or(self.identity.as_ref())?;
        Some(SafetyNumber::between(me, theirs))
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self { next_out: 1, next_in: 1, missing: Vec::new() }
    }
}

impl Numbers {
    /// Takes note of a text's counter.
    pub fn arrived(&mut self, counter: u64) -> Arrival {
        if counter == self.next_in {
            self.next_in = counter.saturating_add(1);
            return Arrival::InOrder;
        }
        if counter > self.next_in {
            let gap = counter - self.next_in;
            let remembered = gap.min(MAX_MISSING as u64);
            self.missing.extend(counter - remembered..counter);
            self.missing.drain(..self.missing.len().saturating_sub(MAX_MISSING));
            self.next_in = counter.saturating_add(1);
            return Arrival::Gap(gap);
        }
        match self.missing.iter().position(|&missing| missing == counter) {
            Some(place) => {
                self.missing.remove(place);
                Arrival::Late
            }
            None => Arrival::Repeated,
        }
    }
}
