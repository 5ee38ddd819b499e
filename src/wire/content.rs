//! What people say: the part of a message that sealing hides and open mode hands over.
//!
//! In an open conversation this JSON is what the relay is given. In a sealed one the same fields
//! are encoded by `protocol::message`, padded and encrypted.

use serde::{Deserialize, Serialize};

/// The longest text, in bytes of UTF-8: 64 KiB.
pub const MAX_TEXT: usize = 65_536;

/// One thing said in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
