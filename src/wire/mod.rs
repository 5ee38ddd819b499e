//! # What travels: every byte that clients and relay exchange, as plain data
//!
//! Question: what exactly is the relay handed?
//!
//! The wire is JSON over WebSocket, bytes as base64, so that `jq`, a browser or Wireshark shows the
//! relay's own view. Open and sealed messages ride in the same [`Envelope`]; only the
//! [`Payload`] differs. The field `sealed` is the one thing on the wire that nobody in the
//! middle can read.
//!
//! ```text
//! {"type":"send","id":"…","to":"bob","payload":{"open":{"kind":"text",…,"text":"hello"}}}
//! {"type":"send","id":"…","to":"bob","payload":{"sealed":"AtVb0x…"}}
//! ```
//!
//! No I/O and no ciphers live here. Source: `docs/protocol.md`, "On the wire".

mod bytes;
mod content;
mod envelope;
mod frame;
mod id;
mod sanitise;
mod url;

pub use bytes::Bytes;
pub use content::{Content, MAX_TEXT};
pub use envelope::{Envelope, Payload};
pub use frame::{ClientFrame, ErrorCode, MAX_FRAME, MAX_ONE_TIME, PATH, RelayFrame, VERSION, Welcome};
pub use id::{BadId, MessageId, Token, UserId};
pub use sanitise::{sanitise, sanitise_json};
pub use url::{BadUrl, DEFAULT_PORT, RelayUrl};
