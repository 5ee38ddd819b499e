//! # The protocol: how two people agree on keys that the relay never has
//!
//! Question: how can Alice write to Bob, who is offline, through a relay that lies?
//!
//! Bob leaves signed prekeys at the relay. Alice mixes them with her own keys into a secret
//! (PQXDH), which starts a Double Ratchet: every message gets a key of its own, and keys that have
//! done their work are gone. The relay only ever carries one opaque blob.
//!
//! ```text
//! identity ── prekeys ── pqxdh ── ratchet ── message      who · offered keys · agreement · keys turn · the blob
//!                                    └───── session       which ratchet a blob belongs to
//! padding, content: what is inside the seal      safety_number: what people compare
//! ```
//!
//! Everything here is pure: no clock, no disk, no network. `now` (milliseconds since 1970) and
//! randomness are arguments. Sources: PQXDH rev. 3 (2024-01-23); Double Ratchet rev. 4 (2025-11-04).

pub mod content;
pub mod identity;
pub mod message;
pub mod padding;
pub mod params;
pub mod pqxdh;
pub mod prekeys;
pub mod ratchet;
pub mod safety_number;
pub mod session;

pub(crate) mod reader;

pub use identity::{IdentityKeyPair, IdentityStatement};
pub use prekeys::{BundleRefused, PreKeyBundle, PreKeyStore, VerifiedBundle};
pub use safety_number::SafetyNumber;
pub use session::{DecryptError, Opened, SessionId, Sessions};
