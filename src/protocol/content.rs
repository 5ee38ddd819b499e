//! Inside the seal: a short JSON head of constant length, then the text as it is.
//!
//! The same fields that open mode shows the relay. Numbers are written with 20 digits, so the length of what is
//! sealed depends on the text's length in bytes and on nothing else.
//!
//! ```text
//! u16 head length || {"kind":"text","sent_at":"00000001700000000000","counter":"00000000000000000007"} || text
//! ```

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::padding;
use super::reader::Reader;
use crate::wire::{Content, MAX_TEXT};

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Head {
    Text { sent_at: String, counter: String },
    Receipt { sent_at: String, of: String, of_sent_at: String },
}

/// The text is over 64 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message holds at most 64 KiB of text: send it in parts")]
pub struct TooLong;

/// What was sealed is not content: the other client is broken or of another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message opened but is not laid out as content: the sender's client differs from this one")]
pub struct NotContent;

/// Encodes and pads: the bytes that a session encrypts.
///
/// # Errors
/// [`TooLong`] if the text is over [`MAX_TEXT`] bytes.
pub fn encode(content: &Content) -> Result<Zeroizing<Vec<u8>>, TooLong> {
    let digits = |number: u64| format!("{number:020}");
    let (head, text) = match content {
        // Sealed, nobody else can write in the sender's name: there is no place for it.
        Content::Text { sent_at, counter, text, via: _ } => {
            (Head::Text { sent_at: digits(*sent_at), counter: digits(*counter) }, text.as_str())
        }
        Content::Receipt { sent_at, of, of_sent_at } => {
            (Head::Receipt { sent_at: digits(*sent_at), of: digits(*of), of_sent_at: digits(*of_sent_at) }, "")
        }
    };
    if text.len() > MAX_TEXT {
        return Err(TooLong);
    }
    let head = serde_json::to_vec(&head).map_err(|_| TooLong)?;
    let length = u16::try_from(head.len()).map_err(|_| TooLong)?;
    let mut out = Vec::with_capacity(padding::padded_len(2 + head.len() + text.len()).unwrap_or(0));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(text.as_bytes());
    padding::pad(out).map(Zeroizing::new).ok_or(TooLong)
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// [`NotContent`], if the peer's client sealed something else.
pub fn decode(padded: &[u8]) -> Result<Content, NotContent> {
    let mut reader = Reader(padding::unpad(padded).ok_or(NotContent)?);
    let length = reader.u16().map_err(|_| NotContent)?;
    let head = reader.take(usize::from(length)).map_err(|_| NotContent)?;
    let number = |digits: &str| digits.parse().map_err(|_| NotContent);
    match serde_json::from_slice(head).map_err(|_| NotContent)? {
        Head::Text { sent_at, counter } if reader.0.len() <= MAX_TEXT => Ok(Content::Text {
            sent_at: number(&sent_at)?,
            counter: number(&counter)?,
            text: String::from_utf8(reader.0.to_vec()).map_err(|_| NotContent)?,
            via: None,
        }),
        Head::Receipt { sent_at, of, of_sent_at } if reader.0.is_empty() => {
            Ok(Content::Receipt { sent_at: number(&sent_at)?, of: number(&of)?, of_sent_at: number(&of_sent_at)? })
        }
        _ => Err(NotContent),
    }
}
