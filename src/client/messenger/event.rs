//! What a step leads to: frames that may leave now, and events for whoever shows them.

use std::fmt;

use crate::client::contacts::Arrival;
use crate::client::vault::{Moved, SetAside, StoredMessage, StoredState};
use crate::protocol::BundleRefused;
use crate::wire::{ClientFrame, UserId, sanitise};

/// The outcome of one step. The vault has it already.
#[derive(Debug, Default)]
pub struct Step {
    /// To be sent, in this order.
    pub frames: Vec<ClientFrame>,
    /// To be shown, in this order.
    pub events: Vec<Event>,
}

/// Something a user may want to know. Its `Display` says it in words, safe to print: what came from others is sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The relay answers.
    Online,
    /// Everything that waited in the mailbox has arrived.
    CaughtUp,
    /// The relay is gone; the client tries again by itself.
    Offline {
        /// Why, for people.
        why: String,
    },
    /// A text arrived, for the first time.
    Message {
        /// Unread; `n` is its number.
        message: StoredMessage,
    },
    /// A text of mine moved on.
    State {
        /// To whom.
        peer: UserId,
        /// My counter for it, among the texts that travel the same way.
        counter: u64,
        /// Whether it travels sealed.
        sealed: bool,
        /// Where it stands now.
        state: StoredState,
    },
    /// Nobody of that name has joined.
    NotJoined(UserId),
    /// They have joined.
    Joined(UserId),
    /// The first key for that name was put on record: unverified.
    Pinned(UserId),
    /// Another key turned up for that name: sending is blocked.
    KeyChanged(UserId),
    /// Texts wait until the user has decided on a changed key.
    Blocked {
        /// To whom.
        peer: UserId,
        /// How many.
        waiting: usize,
    },
    /// The peer had no one-time key left: the first message relies on memory alone against replays.
    NoOneTimeKey(UserId),
    /// Something that could not be shown was put aside.
    SetAside {
        /// From whom, says the relay.
        peer: UserId,
        /// Why.
        why: SetAside,
    },
    /// Something that must not happen.
    Alarm {
        /// In whose conversation.
        peer: UserId,
        /// What.
        alarm: Alarm,
    },
    /// The relay refused something for now; it is tried again.
    Delayed(String),
    /// The relay refuses for good; nothing more happens until the user acts.
    Refused(String),
}

/// What must not happen between honest people with an honest relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Alarm {
    /// The relay's record for my own name shows another key.
    #[error(
        "the relay was showing another key as yours: whoever asked for your key may have been given it; compare safety numbers"
    )]
    OwnKeyReplaced,
    /// Keys that the relay offered were refused.
    #[error("{0}")]
    Keys(#[from] BundleRefused),
    /// One key, two texts: a copied or restored vault, or somebody tampers.
    #[error("a message reuses a key with other bytes: their vault was restored from a copy, or somebody tampers")]
    CounterReused,
    /// It belongs to a first contact that was read before, and its session is gone.
    #[error("a message belongs to a first contact that was read before, and its session is gone: it cannot be read")]
    Replayed,
    /// It opened and is not content.
    #[error("a message opened but cannot be read: their client differs from this one")]
    NotContent,
    /// Addressed to somebody else, or from myself.
    #[error("the relay delivered a message that is not for you; it was not shown")]
    Misdelivered,
    /// The relay says a text is too large.
    #[error("the relay will not take a message of yours, and it is not sent again: {0}")]
    TooLarge(String),
}

impl Event {
    /// A text of mine stands here now.
    pub(super) fn moved((peer, counter, sealed): Moved, state: StoredState) -> Self {
        Self::State { peer, counter, sealed, state }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Online => write!(f, "the relay answers"),
            Self::CaughtUp => write!(f, "all that waited has arrived"),
            Self::Offline { why } => write!(f, "no relay: {}. What you write is kept; trying again", sanitise(why)),
            Self::Message { message: StoredMessage { peer, arrival, text, via, .. } } => match (via, arrival) {
                (Some(via), _) => write!(f, "{peer} via {}: {}", sanitise(via), sanitise(text)),
                (None, Arrival::InOrder) => write!(f, "{peer}: {}", sanitise(text)),
                (None, arrival) => write!(f, "{peer} ({arrival}): {}", sanitise(text)),
            },
            Self::State { peer, counter, state, sealed: _ } => write!(f, "{counter} to {peer}: {state}"),
            Self::NotJoined(peer) => write!(f, "{peer} has not joined; what you write is held until they do"),
            Self::Joined(peer) => write!(f, "{peer} has joined"),
            Self::Pinned(peer) => write!(f, "first key of {peer} put on record; nobody has compared it yet"),
            Self::KeyChanged(peer) => write!(
                f,
                "THE KEY OF {peer} HAS CHANGED. They began anew, or somebody stands between you: both look exactly like this. Nothing is sent until you decide."
            ),
            Self::Blocked { peer, waiting } => {
                write!(f, "{waiting} held: the key of {peer} has changed, and you have not decided")
            }
            Self::NoOneTimeKey(peer) => {
                write!(f, "{peer} had no one-time key left; your first message is protected by the signed prekey alone")
            }
            Self::SetAside { peer, why } => write!(f, "a message from {peer} was put aside: {why}"),
            Self::Alarm { peer, alarm: Alarm::OwnKeyReplaced } => write!(f, "{peer}, {}", Alarm::OwnKeyReplaced),
            Self::Alarm { peer, alarm } => write!(f, "{peer}: {}", sanitise(&alarm.to_string())),
            Self::Delayed(why) => write!(f, "the relay asks to wait: {}", sanitise(why)),
            Self::Refused(why) => write!(f, "the relay refuses: {}", sanitise(why)),
        }
    }
}
