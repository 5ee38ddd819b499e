//! # The platform: agreements, an Inbox API, and a ledger of what was granted and used
//!
//! Question: what could a company that a platform lets in do with people's conversations, and who decides that?
//! It is *alleged* (plaintiffs' filing, Klein v. Meta, N.D. Cal. 3:20-cv-08570) that by 2013 "Inbox API" agreements allowed a partner
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

mod account;
pub mod ads;
mod book;
mod complaint;
mod day;
mod filed;
mod gate;
mod inbox;
mod openapi;
mod operator;
mod page;
mod problem;
mod scope;
mod stream;
mod token;
mod write;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use tokio::time::timeout;

pub use book::{Agreement, Book, BookError, Complaint, Count, Entry, FiledReport, Standing, Terms, What};
pub use filed::{Device, Signal, SignalKind};
pub use gate::{Grant, Platform};
pub use inbox::{InboxMessage, InboxPage, inbox};
pub use openapi::openapi;
pub use problem::Problem;
pub use scope::{Access, Scope};

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// How long a request may take until its answer begins, its body included: whoever sends one slowly holds nothing for ever.
const PATIENCE: Duration = Duration::from_secs(10);

async fn in_time(request: Request, next: Next) -> Response {
    let late = Problem::new(StatusCode::REQUEST_TIMEOUT, "the request did not come to its end in time; send it again");
    timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| late.into_response())
}

/// All routes of the platform's side.
pub fn router(platform: Platform) -> Router {
    Router::new()
        .route("/partner/v1/token", post(token::issue))
        .route("/partner/v1/agreement", get(filed::agreement))
        .route("/partner/v1/users/{user}/threads", get(inbox::threads))
        .route("/partner/v1/users/{user}/messages", get(inbox::messages).post(write::post))
        .route("/partner/v1/users/{user}/messages/{seq}", delete(write::delete))
        .route("/partner/v1/users/{user}/search", get(inbox::search))
        .route("/partner/v1/users/{user}/stream", get(stream::stream))
        .route("/partner/v1/reports", post(filed::report))
        .route("/partner/v1/signals", post(filed::signals))
        .route("/partner/v1/openapi.json", get(document))
        .route("/account/v1/{user}/connections/{partner}", put(account::connect).delete(account::disconnect))
        .route("/account/v1/{user}/disclosures", get(account::disclosures))
        .route("/account/v1/{user}/complaints", post(complaint::complain))
        .route("/operator/v1/complaints", get(complaint::complaints))
        .route("/account/v1/{user}/ads", get(ads::ads))
        .route("/operator/v1/agreements", get(operator::agreements).post(operator::agree))
        .route("/operator/v1/agreements/{partner}", get(operator::agreement))
        .route("/operator/v1/agreements/{partner}/revoke", post(operator::revoke))
        .route("/operator/v1/agreements/{partner}/expire", post(operator::expire))
        .route("/operator/v1/ledger", get(operator::ledger))
        .route("/operator/v1/reports", get(operator::reports))
        .route("/operator/v1/audience", get(ads::audience))
        .method_not_allowed_fallback(|| async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not this method here") })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(in_time))
        .with_state(platform)
}

/// For everybody: what the API is, is no secret.
async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi())
}
