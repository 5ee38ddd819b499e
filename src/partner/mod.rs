//! # The partner's side of the relay: an Inbox API
//!
//! Question: what could a company that a platform lets in read of people's conversations?
//! It is *alleged* (plaintiffs' filing, Klein v. Meta, N.D. Cal. 3:20-cv-08570) that "Inbox API" agreements of 2013 allowed a partner
//! programmatic access to users' private message inboxes. It is *denied*: Meta (April 2024) says that it did not share people's private messages,
//! and the partner (2018) that it never accessed them nor asked to. The claims were not adjudicated. This floor shows what access to
//! private inboxes is, with a fictional platform and a fictional partner, StreamCo. Here one token opens every inbox: the broadest
//! reading of what is alleged; the quoted text does not say whether users were asked. The floor is as blind as the relay: no
//! cipher is in it.
//!
//! ```text
//! GET /partner/v1/users/NAME/threads                     with whom, how many, when
//! GET /partner/v1/users/NAME/messages?after=N&limit=N    open: the text · sealed: names, time, size, a blob
//! Authorization: Bearer TOKEN                            neither correspondent is told
//! ```

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::relay::{Archive, ArchivedMessage, StoreError, bearer};
use crate::wire::{Bytes, Content, Payload, UserId};

/// The most messages in one answer.
const PAGE: u32 = 200;

#[derive(Debug, Clone)]
struct Partner {
    archive: Archive,
    token: [u8; 32],
}

/// One message as the Inbox API gives it: `text` if it was open, `sealed` (base64) if it was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// The relay's number.
    pub seq: u64,
    /// Who wrote.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// The relay's clock, in milliseconds since 1970.
    pub at: u64,
    /// `"open"` or `"sealed"`.
    pub mode: String,
    /// Bytes of text or blob.
    pub size: u64,
    /// What an open message says.
    pub text: Option<String>,
    /// The blob of a sealed one, until it is deleted after delivery.
    pub sealed: Option<Bytes>,
}

/// A page of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPage {
    /// At most 200.
    pub messages: Vec<InboxMessage>,
    /// What `after` is for the next page; none after the last one.
    pub next: Option<u64>,
}

/// The routes of the Inbox API. `token` is the SHA-256 of the partner's token.
pub fn router(archive: Archive, token: [u8; 32]) -> Router {
    Router::new()
        .route("/partner/v1/users/{user}/threads", get(threads))
        .route("/partner/v1/users/{user}/messages", get(messages))
        .with_state(Partner { archive, token })
}

#[derive(Deserialize)]
struct PageOf {
    #[serde(default)]
    after: u64,
    #[serde(default = "page")]
    limit: u32,
}

fn page() -> u32 {
    PAGE
}

async fn threads(State(partner): State<Partner>, headers: HeaderMap, Path(user): Path<String>) -> Response {
    let user = match partner.admit(&headers, &user) {
        Ok(user) => user,
        Err(problem) => return problem,
    };
    match partner.archive.threads(&user).await {
        Ok(Some(threads)) => Json(json!({ "threads": threads })).into_response(),
        other => missing(other.err()),
    }
}

async fn messages(
    State(partner): State<Partner>,
    headers: HeaderMap,
    Path(user): Path<String>,
    query: Result<Query<PageOf>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let user = match partner.admit(&headers, &user) {
        Ok(user) => user,
        Err(problem) => return problem,
    };
    let Ok(Query(PageOf { after, limit })) = query else {
        return problem(StatusCode::BAD_REQUEST, "after and limit are whole numbers");
    };
    match inbox(&partner.archive, &user, after, limit).await {
        Ok(Some(page)) => Json(page).into_response(),
        other => missing(other.err()),
    }
}

/// What the Inbox API says of a user's messages after number `after`: at most `limit`, and at most 200. None if nobody of that
/// name has registered.
///
/// # Errors
/// [`StoreError`].
pub async fn inbox(archive: &Archive, user: &UserId, after: u64, limit: u32) -> Result<Option<InboxPage>, StoreError> {
    let messages = archive.messages(user, after, limit.clamp(1, PAGE)).await?;
    Ok(messages.map(|messages| {
        let next = messages.last().map(|message| message.seq);
        InboxPage { messages: messages.into_iter().filter_map(inbox_message).collect(), next }
    }))
}

impl Partner {
    fn admit(&self, headers: &HeaderMap, user: &str) -> Result<UserId, Response> {
        if bearer(headers).is_none_or(|token| token.hash() != self.token) {
            return Err(problem(
                StatusCode::UNAUTHORIZED,
                "the partner's token is missing or wrong; it goes into the Authorization header",
            ));
        }
        user.parse().map_err(|_| problem(StatusCode::NOT_FOUND, "nobody of that name has registered"))
    }
}

/// Receipts say nothing that a reader of inboxes wants.
fn inbox_message(message: ArchivedMessage) -> Option<InboxMessage> {
    let ArchivedMessage { seq, from, to, at, sealed, size, payload } = message;
    let (text, sealed_blob) = match payload {
        Some(Payload::Open(Content::Text { text, .. })) => (Some(text), None),
        Some(Payload::Open(Content::Receipt { .. })) => return None,
        Some(Payload::Sealed(blob)) => (None, Some(blob)),
        None => (None, None),
    };
    let mode = if sealed { "sealed" } else { "open" }.to_owned();
    Some(InboxMessage { seq, from, to, at, mode, size, text, sealed: sealed_blob })
}

fn missing(error: Option<StoreError>) -> Response {
    match error {
        None => problem(StatusCode::NOT_FOUND, "nobody of that name has registered"),
        Some(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the archive cannot be read now; try again"),
    }
}

/// RFC 9457, "The Problem Details JSON Object".
fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
