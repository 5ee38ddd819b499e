//! The relay without sockets and threads: one call a frame, for simulations that play a month in seconds.
//!
//! Question: how does a simulated month end up in a database that a real relay goes on with?
//! The frames are those of the socket and the rows those of the store, in memory; only limits and flushes are left out. What is
//! stored comes back as an envelope, and the caller says who is there to receive it. At the end the memory is written to a file.
//!
//! ```text
//! frame → take → the same SQL → answer, and perhaps mail        save → relay.db
//! ```

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::known::Known;
use super::{Answer, Op, Outcome, StoreError, apply, sql};
use crate::relay::limits::Limits;
use crate::wire::{ClientFrame, Envelope, RelayFrame, UserId};

/// A relay in one hand.
#[derive(Debug)]
pub struct LocalRelay {
    db: Connection,
    known: Known,
    hoard: bool,
    limits: Limits,
}

/// What a frame led to.
#[derive(Debug, Default)]
pub struct Handled {
    /// For whoever sent it.
    pub answer: Option<RelayFrame>,
    /// For whom it names, if they are there.
    pub mail: Option<Arc<Envelope>>,
}

impl LocalRelay {
    /// An empty one. With `hoard` sealed mail is kept for ever.
    ///
    /// # Errors
    /// [`StoreError::Db`] if SQLite cannot start.
    pub fn new(hoard: bool) -> Result<Self, StoreError> {
        Ok(Self { db: sql::in_memory()?, known: Known::default(), hoard, limits: Limits::unlimited() })
    }

    /// Takes a frame of this user at this time.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub fn take(&mut self, user: &UserId, frame: ClientFrame, now: u64) -> Result<Handled, StoreError> {
        let user = user.clone();
        let op = match frame {
            ClientFrame::Hello { version: _, id, token } => {
                Op::Hello { user: id, token_hash: token.hash(), now, newcomers: self.limits.newcomers }
            }
            ClientFrame::Publish { identity, prekey, one_time } => Op::Publish { user, identity, prekey, one_time },
            ClientFrame::Fetch { user } => Op::Fetch { user },
            ClientFrame::Send { id, to, payload } => {
                Op::Put { from: user, to, id, at: now, payload, limits: self.limits.clone() }
            }
            ClientFrame::Ack { seq } => Op::Ack { user, seq },
        };
        let transaction = self.db.transaction()?;
        // Known again only if it is committed.
        let mut known = std::mem::take(&mut self.known);
        let outcome = apply(&mut sql::Rows { db: &transaction, known: &mut known, hoard: self.hoard }, &op)?;
        transaction.commit()?;
        self.known = known;
        Ok(match outcome {
            Outcome::Stored(envelope) => {
                Handled { answer: Some(RelayFrame::Accepted { id: envelope.id }), mail: Some(envelope) }
            }
            Outcome::Answer(Answer::Frame(frame)) => Handled { answer: Some(*frame), mail: None },
            Outcome::Answer(_) | Outcome::Nothing => Handled::default(),
        })
    }

    /// Writes all of it to an empty file, which [`super::Store::open`] goes on with.
    ///
    /// # Errors
    /// [`StoreError::Db`] if the file holds something, or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), StoreError> {
        // A path is bytes, not always UTF-8.
        self.db.execute("VACUUM INTO CAST(?1 AS TEXT)", [path.as_os_str().as_encoded_bytes()])?;
        Ok(())
    }
}
