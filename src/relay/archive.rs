//! The archive: what the middle keeps of everybody's conversations, as somebody reads it who may.
//!
//! Open conversations stay, text and all. Of sealed ones stay names, times and sizes, and the blob until its reader has
//! acknowledged it (for ever with `--hoard`); in the write-ahead log a little longer, see the store. Whoever holds the archive can
//! also write in somebody's name, as long as the conversation is open: nothing in it is signed. And it can drop what it carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::limits::Limits;
use super::store::{Answer, Op, Removed, StoreError, index, read};
use super::{Store, limits::fits};
use crate::wire::{Content, ErrorCode, MessageId, Payload, RelayFrame, UserId};

/// Steps of the index that a question waits for.
const STEPS: usize = 4;

/// Reads of the store, and what the middle itself may do there. Clones share it.
#[derive(Debug, Clone)]
pub struct Archive {
    store: Store,
    limits: Limits,
    /// Whether the index is being made in the background.
    indexing: Arc<AtomicBool>,
}

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
    /// The number of the latest.
    pub seq: u64,
    /// How the latest begins, if it is an open text.
    pub snippet: Option<String>,
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

/// Why nothing was written in somebody's name.
#[derive(Debug, thiserror::Error)]
pub enum NotPosted {
    /// Their latest message is sealed: only what is sealed with their keys belongs to that conversation.
    #[error("the conversation is sealed, and the platform has no key to it")]
    Sealed,
    /// The relay refused as it refuses anybody.
    #[error("{1}")]
    Refused(ErrorCode, String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Archive {
    pub(super) fn new(store: Store, limits: Limits) -> Self {
        Self { store, limits, indexing: Arc::default() }
    }

    /// Brings the index up to date. A long way is gone in the background, so that nobody waits for ever.
    async fn indexed(&self) -> Result<&Store, StoreError> {
        for _ in 0..STEPS {
            if self.store.ask(index::catch_up).await? {
                return Ok(&self.store);
            }
        }
        if !self.indexing.swap(true, Ordering::SeqCst) {
            let (store, indexing) = (self.store.clone(), self.indexing.clone());
            tokio::spawn(async move {
                while let Ok(false) = store.ask(index::catch_up).await {}
                indexing.store(false, Ordering::SeqCst);
            });
        }
        Err(StoreError::Behind)
    }

    /// Begins to bring the index up to date, so that the first question need not wait: of a million messages it takes a while.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prepare(&self) -> Result<(), StoreError> {
        match self.indexed().await {
            Ok(_) | Err(StoreError::Behind) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether somebody of that name has registered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn knows(&self, user: &UserId) -> Result<bool, StoreError> {
        let user = user.clone();
        self.store.ask(move |db| read::knows(db, &user)).await
    }

    /// Whether this is the hash of that mailbox's token.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owns(&self, user: &UserId, token_hash: [u8; 32]) -> Result<bool, StoreError> {
        let user = user.clone();
        self.store.ask(move |db| read::owns(db, &user, &token_hash)).await
    }

    /// Everybody who has registered, in the order in which they did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn users(&self) -> Result<Vec<UserId>, StoreError> {
        self.store.ask(read::users).await
    }

    /// The number of the newest message of all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest(&self) -> Result<u64, StoreError> {
        self.store.ask(read::newest).await
    }

    /// A user's conversations, the latest first, at most `limit` of those whose latest message is before number `before`.
    /// None if nobody of that name has registered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn threads(&self, user: &UserId, before: u64, limit: u32) -> Result<Option<Vec<Thread>>, StoreError> {
        let user = user.clone();
        self.indexed().await?.ask(move |db| read::threads(db, &user, before, limit)).await
    }

    /// A user's messages in both directions, perhaps only those with one other, after number `after`, oldest first, at most
    /// `limit`. None if nobody of that name has registered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn messages(
        &self,
        user: &UserId,
        with: Option<&UserId>,
        after: u64,
        limit: u32,
    ) -> Result<Option<Vec<ArchivedMessage>>, StoreError> {
        let (user, with) = (user.clone(), with.cloned());
        self.indexed().await?.ask(move |db| read::messages(db, &user, with.as_ref(), after, limit)).await
    }

    /// A user's open texts that have all of these words in them, before number `before`, newest first, at most `limit`. A sealed
    /// message has no words. None if nobody of that name has registered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn search(
        &self,
        user: &UserId,
        words: &str,
        before: u64,
        limit: u32,
    ) -> Result<Option<Vec<ArchivedMessage>>, StoreError> {
        let (user, words) = (user.clone(), words.to_owned());
        self.indexed().await?.ask(move |db| read::search(db, &user, &words, before, limit)).await
    }

    /// Whether one wrote exactly this to the other in the open, among their latest messages.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn said(&self, from: &UserId, to: &UserId, text: &str, latest: u32) -> Result<bool, StoreError> {
        let (from, to, text) = (from.clone(), to.clone(), text.to_owned());
        self.indexed().await?.ask(move |db| read::said(db, &from, &to, &text, latest)).await
    }

    /// Writes an open text in a user's name; `via` says who wrote it there. Not into a conversation that is sealed.
    ///
    /// # Errors
    /// [`NotPosted`]; nothing was stored.
    pub async fn post(
        &self,
        from: &UserId,
        to: &UserId,
        text: &str,
        via: &str,
        now: u64,
    ) -> Result<MessageId, NotPosted> {
        let (one, other) = (from.clone(), to.clone());
        if self.indexed().await?.ask(move |db| read::latest_sealed(db, &one, &other)).await? == Some(true) {
            return Err(NotPosted::Sealed);
        }
        let id = MessageId::random(&mut rand::rng());
        let content = Content::Text { sent_at: now, counter: 0, text: text.to_owned(), via: Some(via.to_owned()) };
        let payload = Payload::Open(content);
        if !fits(&payload) {
            return Err(NotPosted::Refused(ErrorCode::TooLarge, "a text is at most 64 KiB".to_owned()));
        }
        let op = Op::Put { from: from.clone(), to: to.clone(), id, at: now, payload, limits: self.limits.clone() };
        match self.store.read(op).await? {
            Answer::Frame(frame) => match *frame {
                RelayFrame::Error { code, detail, .. } => Err(NotPosted::Refused(code, detail)),
                _ => Ok(id),
            },
            _ => Ok(id),
        }
    }

    /// Removes what a message from or to this user says; that there was one stays. None if there is no such message.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove(&self, user: &UserId, seq: u64) -> Result<Option<Removed>, StoreError> {
        let whose = user.clone();
        self.indexed().await?.ask(move |db| index::forget(db, &whose, seq)).await?;
        match self.store.read(Op::Remove { user: user.clone(), seq }).await? {
            Answer::Removed(removed) => Ok(removed),
            _ => Err(StoreError::Stopped),
        }
    }
}
