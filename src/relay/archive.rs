//! The archive: what the middle keeps of everybody's conversations, as somebody reads it who may.
//!
//! Open conversations stay, text and all. Of sealed ones stay names, times and sizes, and the blob until its reader has
//! acknowledged it (for ever with `--hoard`); in the write-ahead log a little longer, see the store.

use serde::Serialize;

use super::Store;
use super::store::{Answer, Op, StoreError};
use crate::wire::{Payload, UserId};

/// Reads of the store. Clones share it.
#[derive(Debug, Clone)]
pub struct Archive(Store);

/// One user's conversation with one other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Thread {
    /// The other person.
    pub with: UserId,
    /// Messages in both directions.
    pub messages: u64,
    /// How many of them were sealed.
    pub sealed: u64,
    /// The relay's clock at the latest, in milliseconds since 1970.
    pub latest: u64,
}

/// One message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchivedMessage {
    /// The relay's number.
    pub seq: u64,
    /// Who wrote.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// The relay's clock, in milliseconds since 1970.
    pub at: u64,
    /// Whether it was sealed.
    pub sealed: bool,
    /// Bytes of text or blob.
    pub size: u64,
    /// The text or the blob; none for a blob that was deleted after delivery.
    pub payload: Option<Payload>,
}

impl Archive {
    pub(super) fn new(store: Store) -> Self {
        Self(store)
    }

    /// A user's conversations, the latest first. None if nobody of that name has registered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn threads(&self, user: &UserId) -> Result<Option<Vec<Thread>>, StoreError> {
        match self.0.read(Op::Threads { user: user.clone() }).await? {
            Answer::Threads(threads) => Ok(threads),
            _ => Err(StoreError::Stopped),
        }
    }

    /// A user's messages in both directions, after number `after`, oldest first, at most `limit`. None if nobody of that
    /// name has registered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn messages(
        &self,
        user: &UserId,
        after: u64,
        limit: u32,
    ) -> Result<Option<Vec<ArchivedMessage>>, StoreError> {
        match self.0.read(Op::Messages { user: user.clone(), after, limit }).await? {
            Answer::Messages(messages) => Ok(messages),
            _ => Err(StoreError::Stopped),
        }
    }
}
