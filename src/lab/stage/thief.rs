//! The thief: a copy of every key that a device has at one moment, tried on everything that the relay kept.
//!
//! Question: someone copies Bob's keys today; what can be read with them?
//! Yesterday's blobs stay shut, because their keys are gone from the device. The next message opens, because the thief has the
//! same keys as Bob. Once Bob's device has answered with a fresh ratchet key, which the thief does not have, the door is shut again.
//! Nothing here is asserted: the copy really tries, with the protocol's own code.

use std::collections::VecDeque;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::board::Shown;
use crate::client::messenger::Messenger;
use crate::client::vault::VaultError;
use crate::lab::copied::CopiedKeys;
use crate::wire::{Content, UserId};

/// How many of the thief's later attempts stay on the screen.
const SHOWN: usize = 6;

/// A copy of one user's keys.
#[derive(Debug)]
pub(super) struct Thief {
    keys: CopiedKeys,
    /// The relay's number of the last message that was there when the keys were copied.
    pub(super) since: u64,
    loot: Loot,
}

/// What the copy was good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loot {
    /// Whose keys.
    pub of: String,
    /// Blobs for that user which the relay had kept.
    pub old: usize,
    /// How many of them opened.
    pub old_opened: usize,
    /// Blobs since, and what became of each.
    pub new: VecDeque<Attempt>,
}

/// One blob that came after the theft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The relay's number.
    pub n: u64,
    /// Whether it opened.
    pub opened: bool,
    /// What it says, if it opened and is a text.
    pub text: Option<Shown>,
}

impl Thief {
    /// Copies what the device has.
    pub(super) fn copy(device: &Messenger, peer: &UserId) -> Result<Self, VaultError> {
        let loot = Loot { of: device.id().to_string(), old: 0, old_opened: 0, new: VecDeque::new() };
        Ok(Self { keys: CopiedKeys::of(device, peer)?, since: 0, loot })
    }

    /// Tries a blob that the relay had before the theft.
    ///
    /// # Errors
    /// If it is not base64.
    pub(super) fn try_old(&mut self, blob: &str, now: u64) -> Result<(), base64::DecodeError> {
        let blob = STANDARD.decode(blob)?;
        self.loot.old += 1;
        self.loot.old_opened += usize::from(self.keys.open(&blob, now).is_some());
        Ok(())
    }

    /// Tries a blob that came after it.
    pub(super) fn try_new(&mut self, n: u64, blob: &[u8], now: u64) {
        let content = self.keys.open(blob, now);
        let opened = content.is_some();
        let text = match content {
            Some(Content::Text { text, .. }) => Some(Shown::of(&text)),
            _ => None,
        };
        self.loot.new.push_back(Attempt { n, opened, text });
        while self.loot.new.len() > SHOWN {
            self.loot.new.pop_front();
        }
    }

    pub(super) fn loot(&self) -> &Loot {
        &self.loot
    }
}
