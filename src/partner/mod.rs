//! # The platform: agreements, an Inbox API, and a ledger of what was granted and used
//!
//! Question: what could a company that a platform lets in do with people's conversations, and who decides that?
//! It is *alleged* (plaintiffs' filing, Klein v. Meta, N.D. Cal. 3:20-cv-08570) that "Inbox API" agreements of 2013 allowed a partner
//! programmatic access to users' private message inboxes. It is *denied*: Meta (April 2024) says that it did not share people's private messages,
//! and the partner (2018) that it never accessed them nor asked to. It is *conceded* (December 2018) that a few partners had read, write and
//! delete capabilities after a user had logged in. The claims were not adjudicated. This floor shows what such access is, with a
//! fictional platform and a fictional partner, StreamCo. It is as blind as the relay: no cipher is in it.
//!
//! ```text
//! agreement ──► client secret ──► token (15 minutes) ──► admit: token, scope, term, user connected? ──► ledger ──► answer
//! ```
//!
//! Who may read is decided here, by the company, one row in a table. Of a sealed conversation there is nothing to decide.

mod book;
mod gate;
mod inbox;
mod page;
mod problem;
mod scope;

use axum::Router;
use axum::routing::get;

pub use book::{Agreement, Book, BookError, Count, Entry, Standing, Terms, What};
pub use gate::{Grant, Platform};
pub use inbox::{InboxMessage, InboxPage, inbox};
pub use problem::Problem;
pub use scope::{Access, Scope};

/// All routes of the platform's side.
pub fn router(platform: Platform) -> Router {
    Router::new()
        .route("/partner/v1/users/{user}/threads", get(inbox::threads))
        .route("/partner/v1/users/{user}/messages", get(inbox::messages))
        .route("/partner/v1/users/{user}/search", get(inbox::search))
        .with_state(platform)
}
