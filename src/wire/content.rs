//! What people say: the part of a message that sealing hides and open mode hands over.
//!
//! In an open conversation this JSON is what the relay is given. In a sealed one the same fields
//! are encoded by `protocol::content`, padded, and encrypted by `protocol::message`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest text, in bytes of UTF-8: 64 KiB.
pub const MAX_TEXT: usize = 65_536;

/// One thing said in a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Something a person wrote.
    Text {
        /// The sender's own clock, in milliseconds since 1970.
        sent_at: u64,
        /// Counts the sender's texts to this peer: 1, 2, 3, … A hole in it is a gap.
        counter: u64,
        /// At most [`MAX_TEXT`] bytes.
        text: String,
        /// Who wrote it in the sender's name, as the platform says. In open mode only: nothing proves it, and nothing would
        /// prove its absence. Such a text is not counted (0) and gets no receipt, because the sender's client knows nothing of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<String>,
    },
    /// The receiver's client says that a text arrived and was saved.
    Receipt {
        /// The receiver's own clock, in milliseconds since 1970.
        sent_at: u64,
        /// The counter of the text that arrived.
        of: u64,
        /// The sender's clock in that text: a vault that was restored from a copy gives a counter out twice.
        of_sent_at: u64,
    },
}

/// What was said does not print: a log line about a frame must not become a copy of the conversation.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { sent_at, counter, text, via } => {
                let bytes = text.len();
                write!(f, "Text {{ sent_at: {sent_at}, counter: {counter}, text: {bytes} bytes, via: {via:?} }}")
            }
            Self::Receipt { sent_at, of, of_sent_at } => {
                write!(f, "Receipt {{ sent_at: {sent_at}, of: {of}, of_sent_at: {of_sent_at} }}")
            }
        }
    }
}
