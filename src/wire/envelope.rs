//! The envelope: who, to whom, when. The relay needs it to deliver, so the relay sees it, always.

use serde::{Deserialize, Serialize};

use super::{Bytes, Content, MessageId, UserId};

/// What is inside an envelope: the one difference between the two kinds of conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Partner-access mode: the content itself. Whoever carries it can read, keep, search and forge it.
    Open(Content),
    /// End-to-end encrypted: one opaque blob (layout in `docs/protocol.md`, "The sealed blob").
    Sealed(Bytes),
}

impl Payload {
    /// Bytes the payload occupies before base64: the text of an open one, the blob of a sealed one.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Open(Content::Text { text, .. }) => text.len(),
            Self::Open(Content::Receipt { .. }) => 0,
            Self::Sealed(blob) => blob.0.len(),
        }
    }

    /// `"open"` or `"sealed"`.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Sealed(_) => "sealed",
        }
    }
}

/// A message as the relay stores and delivers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The relay's number for it; a mailbox sees rising numbers and acknowledges by number.
    pub seq: u64,
    /// The sender's own random id: resending the same id stores nothing twice.
    pub id: MessageId,
    /// Who the relay says sent it.
    pub from: UserId,
    /// Whose mailbox it is for.
    pub to: UserId,
    /// The relay's clock when it took the message, in milliseconds since 1970.
    pub at: u64,
    /// The content or the blob.
    pub payload: Payload,
}
