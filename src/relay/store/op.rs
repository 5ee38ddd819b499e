//! What the store is asked, and what comes back.
//!
//! ```text
//! (Op, Reply) ──► the writer's batch ──COMMIT──► Committed(Reply, Outcome) ──give_out──► Answer, and the envelope that was stored
//! ```

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::sql::Removed;
use super::{Limits, StoreError, is_full, read};
use crate::wire::{Bytes, Envelope, ErrorCode, MessageId, Payload, RelayFrame, UserId};

/// A request to the store.
#[derive(Debug)]
pub(in crate::relay) enum Op {
    Hello { user: UserId, token_hash: [u8; 32], now: u64, newcomers: u32 },
    Publish { user: UserId, identity: Bytes, prekey: Bytes, one_time: Vec<Bytes> },
    Fetch { user: UserId },
    Put { from: UserId, to: UserId, id: MessageId, at: u64, payload: Payload, limits: Limits },
    Ack { user: UserId, seq: u64 },
    Page { user: UserId, after: u64 },
    Ask(read::Question),
    Remove { user: UserId, seq: u64 },
    Look,
    Stop,
}

/// Where the answer goes.
#[derive(Debug)]
pub(in crate::relay) enum Reply {
    Connection(UnboundedSender<Answer>),
    Reader(oneshot::Sender<Result<Answer, StoreError>>),
    Nobody,
}

/// What comes back, after the commit.
#[derive(Debug)]
pub(in crate::relay) enum Answer {
    /// In a box, because each connection keeps room for many answers.
    Frame(Box<RelayFrame>),
    /// It was dealt with, and there is nothing to tell.
    Done,
    /// The next messages cannot be read.
    NoPage,
    /// The next undelivered messages; `full` if there may be more.
    Page {
        envelopes: Vec<Envelope>,
        full: bool,
    },
    Removed(Option<Removed>),
}

/// An op that was committed: what it has led to, and who is to hear of it.
#[derive(Debug)]
pub(in crate::relay) struct Committed(pub(super) Reply, pub(super) Outcome);

/// What an op has led to, given out after the commit.
#[derive(Debug)]
pub(super) enum Outcome {
    Nothing,
    Answer(Answer),
    /// A message was stored: it is accepted, and goes on to its mailbox.
    Stored(Arc<Envelope>),
}

impl Committed {
    /// Answers whoever asked. A message that was stored goes on to its mailbox.
    pub(in crate::relay) fn give_out(self) -> Option<Arc<Envelope>> {
        let Self(reply, outcome) = self;
        match outcome {
            Outcome::Nothing => None,
            Outcome::Answer(answer) => {
                reply.give(Ok(answer));
                None
            }
            Outcome::Stored(envelope) => {
                let Envelope { seq, id, from, to, at: _, payload } = &*envelope;
                tracing::info!(seq, %from, %to, mode = payload.mode(), size = payload.size(), "stored");
                reply.give(Ok(Answer::frame(RelayFrame::Accepted { id: *id })));
                Some(envelope)
            }
        }
    }
}

impl Answer {
    pub(in crate::relay) fn frame(frame: RelayFrame) -> Self {
        Self::Frame(Box::new(frame))
    }
}

impl Reply {
    /// Whoever is gone needs no answer.
    fn give(self, answer: Result<Answer, StoreError>) {
        match (self, answer) {
            (Self::Connection(connection), Ok(answer)) => drop(connection.send(answer)),
            (Self::Reader(reader), answer) => drop(reader.send(answer)),
            (Self::Connection(_), Err(_)) | (Self::Nobody, _) => {}
        }
    }

    /// The op could not be carried out: whoever waits is told, and nothing was changed.
    pub(super) fn refuse(self, op: &Op, error: &rusqlite::Error) {
        if let Self::Reader(_) = self {
            return self.give(Err(StoreError::Refused(error.to_string())));
        }
        let (id, user) = match op {
            Op::Put { id, to, .. } => (Some(*id), Some(to.clone())),
            Op::Fetch { user } => (None, Some(user.clone())),
            Op::Page { .. } => return self.give(Ok(Answer::NoPage)),
            Op::Ack { .. } => return self.give(Ok(Answer::Done)), // it stays, and is delivered again
            _ => (None, None),
        };
        let why = if is_full(error) { "the relay's disk is full" } else { "the relay could not use its disk" };
        let detail = format!("{why}; nothing was taken, it is tried again later");
        self.give(Ok(Answer::frame(RelayFrame::Error { code: ErrorCode::NotStored, detail, id, user })));
    }
}
