//! A row: one sighting as the page gets it. Text from people passes the same sanitising as in a terminal.

use serde::{Deserialize, Serialize};

use crate::relay::Sighting;
use crate::wire::{Content, MessageId, Payload, UserId, sanitise};

/// The most bytes of a text or blob that go to the page; the size says what there was.
const SHOWN: usize = 3_072;

/// The fields of the envelope, flat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The relay's number.
    pub n: u64,
    /// The sender's own random id.
    pub id: MessageId,
    /// Who sent it.
    pub from: UserId,
    /// Who gets it.
    pub to: UserId,
    /// The relay's clock.
    pub at: u64,
    /// Bytes of text or blob.
    pub size: usize,
    /// Whether less than that is shown.
    pub cut: bool,
    /// What there is to see of the payload.
    pub seen: Seen,
}

/// A payload as far as the middle understands it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Seen {
    /// Somebody's text, and the fields around it.
    Text {
        /// The sender's clock.
        sent_at: u64,
        /// The sender's count.
        counter: u64,
        /// What it says, made safe to show.
        text: String,
    },
    /// An open receipt.
    Receipt {
        /// The receiver's clock.
        sent_at: u64,
        /// The counter of the text that arrived.
        of: u64,
        /// The sender's clock in that text.
        of_sent_at: u64,
    },
    /// Nothing to understand.
    Sealed {
        /// Base64.
        blob: String,
    },
}

impl From<&Sighting> for Row {
    fn from(sighting: &Sighting) -> Self {
        let Sighting { n, id, at, from, to, size, payload } = sighting;
        let seen = match payload {
            Payload::Open(Content::Text { sent_at, counter, text, via: _ }) => {
                let end = (0..=SHOWN.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
                Seen::Text { sent_at: *sent_at, counter: *counter, text: sanitise(&text[..end]) }
            }
            Payload::Open(Content::Receipt { sent_at, of, of_sent_at }) => {
                Seen::Receipt { sent_at: *sent_at, of: *of, of_sent_at: *of_sent_at }
            }
            Payload::Sealed(blob) => {
                let shown = &blob.0[..blob.0.len().min(SHOWN)];
                Seen::Sealed { blob: crate::wire::Bytes(shown.to_vec()).to_base64() }
            }
        };
        let (id, from, to) = (*id, from.clone(), to.clone());
        Self { n: *n, id, from, to, at: *at, size: *size, cut: *size > SHOWN, seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Bytes;

    fn row(payload: Payload) -> Row {
        let (from, to) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        Row::from(&Sighting { n: 1, id: MessageId([7; 16]), at: 2, from, to, size: payload.size(), payload })
    }

    fn text(text: &str) -> Payload {
        Payload::Open(Content::Text { sent_at: 3, counter: 4, text: text.to_owned(), via: None })
    }

    #[test]
    fn a_text_reaches_the_page_legible_and_harmless_and_a_blob_as_base64() {
        let row_of = |payload| row(payload).seen;
        assert_eq!(row_of(text("hi 👋")), Seen::Text { sent_at: 3, counter: 4, text: "hi 👋".to_owned() });
        let evil = "a\u{1b}[2J\u{202e}b";
        let Seen::Text { text: shown, .. } = row_of(text(evil)) else { panic!("a text") };
        assert_eq!(shown, "a\\u{1b}[2J\\u{202e}b");
        assert_eq!(row_of(Payload::Sealed(Bytes(vec![0, 1, 2]))), Seen::Sealed { blob: "AAEC".to_owned() });
    }

    #[test]
    fn the_largest_message_is_cut_between_characters_and_keeps_its_size() {
        let long = row(text(&"😀".repeat(16_384)));
        assert!(long.cut && long.size == 65_536);
        let Seen::Text { text: shown, .. } = long.seen else { panic!("a text") };
        assert_eq!(shown.chars().count(), SHOWN / 4);
        assert!(!row(text("short")).cut);
        assert!(row(Payload::Sealed(Bytes(vec![0; SHOWN + 1]))).cut);
    }
}
