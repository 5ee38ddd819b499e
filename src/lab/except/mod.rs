//! # The exception that cannot be made: an operator tries to let a partner into a sealed conversation
//!
//! Question: a company has decided that a partner may read these two; what can it do about it?
//! In open mode it writes a row. Sealed, every way that a platform has is tried here with today's clients, in memory, under the
//! two people's names, with made-up lines: nothing of theirs is touched. Some ways give noise, some are stopped before
//! anything leaves, one works until two people compare a number. And two work, because they do not go through the middle:
//! another program at an end, and the other person.
//!
//! ```text
//! hand over the ciphertext   the key is at the ends         ship another client    works
//! swap the keys              pinned, compared               ask the other person   works
//! add a ghost device         one identity, or nothing is sent
//! write in the clear         a sealed conversation is not talked down
//! ```

mod kept;
mod ways;

use anyhow::Result;
use serde::Serialize;

pub use kept::{Kept, kept};

use crate::wire::UserId;

/// What trying a way has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The partner gets bytes, and nothing in them.
    Noise,
    /// The clients stop before anything leaves, and say so.
    Stopped,
    /// It works until the two compare their safety number.
    UntilCompared,
    /// It works, and nobody notices.
    Works,
}

/// What a way meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Defence {
    /// In words.
    pub what: &'static str,
    /// In which file.
    pub file: &'static str,
    /// In which function.
    pub function: &'static str,
}

/// One way that a platform has, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// What the operator does.
    pub way: &'static str,
    /// What happened then, in order. All of it was seen, not supposed.
    pub seen: Vec<String>,
    /// What that comes to.
    pub outcome: Outcome,
    /// What it met.
    pub defences: Vec<Defence>,
    /// What is left to do against it, where the protocol ends.
    pub helps: &'static str,
}

/// Tries all of them, at the time `now`.
///
/// # Errors
/// If the town in memory cannot be set up.
pub fn attempts(me: &UserId, peer: &UserId, seed: u64, now: u64) -> Result<Vec<Attempt>> {
    let trial = ways::Trial { me, peer, seed, now };
    Ok(vec![
        trial.hand_over(false)?,
        trial.swap(true)?,
        trial.swap_at_first_contact(true)?,
        trial.ghost(true)?,
        trial.write_in_the_clear(false)?,
        trial.poisoned(true)?,
        trial.ask()?,
    ])
}

impl Outcome {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Noise => "NOISE: StreamCo gets bytes, and nothing in them",
            Self::Stopped => "STOPPED: nothing leaves, and the user is told",
            Self::UntilCompared => "WORKS UNTIL COMPARED: two people who compare their safety number see it",
            Self::Works => "WORKS, and nobody notices",
        }
    }
}

#[cfg(test)]
mod tests;
