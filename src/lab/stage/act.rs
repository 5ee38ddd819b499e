//! What somebody at the page may ask of the stage.
//!
//! ```text
//! {"do":"send","as":"alice","text":"hello"}   {"do":"mode","mode":"sealed"}   {"do":"reset"}   …
//! ```

use serde::{Deserialize, Serialize};

use crate::client::contacts::Mode;

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Writes first.
    Alice,
    /// Connected StreamCo to his account.
    Bob,
}

/// How the conversation travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Partner-access mode.
    Open,
    /// End-to-end encrypted.
    Sealed,
}

/// One wish.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Say something to the other.
    Send {
        /// Who speaks.
        r#as: Who,
        /// What.
        text: String,
    },
    /// Alice recommends a title to Bob: she presses the button in StreamCo's app.
    Recommend,
    /// Bob opens the link of the latest recommendation.
    OpenLink,
    /// Both ends switch.
    Mode {
        /// To what.
        mode: Way,
    },
    /// The two read their safety numbers to each other, and each notes whether they are equal.
    Compare,
    /// Switch a device off or on.
    Power {
        /// Whose.
        r#as: Who,
        /// On?
        on: bool,
    },
    /// Copy every key from Bob's device, and try the copy on what the relay kept.
    Steal,
    /// Put the stolen keys away.
    Forget,
    /// The relay's operator puts another key in the place of Bob's, and Alice's device asks for Bob's keys again.
    Swap,
    /// Alice takes the changed key as Bob's.
    Accept,
    /// Alice keeps the key that she has.
    Keep,
    /// Play an attack of the laboratory: against what must lose to it, then against the real client.
    Attack {
        /// Which.
        name: String,
    },
    /// End the relay's process without a warning.
    Kill,
    /// Begin anew: fresh homes, fresh keys, a fresh relay.
    Reset,
    /// Where the tour stands: a step (0 is free play), and whether it was played.
    Step {
        /// From 1.
        to: u8,
        /// Whether what it asks for was done.
        done: bool,
    },
}

impl From<Way> for Mode {
    fn from(way: Way) -> Self {
        match way {
            Way::Open => Self::Open,
            Way::Sealed => Self::Sealed,
        }
    }
}
