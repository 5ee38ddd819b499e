//! # StreamCo: the fictional partner's own program
//!
//! Question: what does a company that a platform lets in do with the access, and what of it does it need?
//! It is a client of the partner API like any other: it has credentials, and never opens the platform's files. What it reads in inboxes
//! is what the platform gives it. What it counts (recommendations sent, links opened) happens in its own app and stands in its own
//! database, so that its reports are the same when the conversations are sealed.
//!
//! ```text
//! credentials ──► access token (15 minutes) ──► Inbox API     inboxes, search, live stream, send, delete
//! streamco serve ──► events ──► the two-weekly report ──► platform
//! ```
//!
//! (It is *alleged* that such an API was open to a real partner, and *denied* that private messages were shared with it; `docs/`
//! and the README have the wording. StreamCo is fictional.)

pub mod app;
mod credentials;
mod day;
mod events;
mod platform;
mod recommendation;
pub mod report;

pub use credentials::{Credentials, CredentialsError};
pub use day::{BadDay, DAY_MS, Day};
pub use events::{Events, EventsError, Signal};
pub use platform::{Agreement, Deleted, Filed, InboxMessage, Page, Platform, Stream, StreamcoError, Thread};
pub use recommendation::{BadLabel, BadLink, BadTitle, Label, LinkId, Recommendation, Title};
