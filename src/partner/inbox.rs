//! Inboxes: threads, messages and search, as a partner gets them.
//!
//! ```text
//! GET /partner/v1/users/NAME/threads?cursor=&limit=           with whom, how many, how the latest begins
//! GET /partner/v1/users/NAME/messages?with=&cursor=&limit=    open: the text · sealed: names, time, size, a blob
//! GET /partner/v1/users/NAME/search?q=&cursor=&limit=         open texts with these words; a sealed one has none to find
//! Authorization: Bearer TOKEN                                 neither correspondent is told
//! ```
//!
//! It is *conceded* that an API of the time had a `read_mailbox` permission, threads with participants, snippet and count, and
//! messages with from, to and text.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::gate::Platform;
use super::page::{PAGE, PageOf, cursor, query};
use super::problem::{Problem, Refusals};
use super::scope::Scope;
use crate::relay::{Archive, ArchivedMessage, StoreError};
use crate::wire::{Bytes, Content, Payload, UserId};

/// The most bytes of a search.
const QUESTION: usize = 200;

/// One message as the Inbox API gives it: `text` if it was open, `sealed` (base64) if it was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboxMessage {
    /// The relay's number.
    pub seq: u64,
    /// Who wrote.
    #[schema(value_type = String)]
    pub from: UserId,
    /// To whom.
    #[schema(value_type = String)]
    pub to: UserId,
    /// The relay's clock, in milliseconds since 1970.
    pub at: u64,
    /// `"open"` or `"sealed"`.
    pub mode: String,
    /// Bytes of text or blob.
    pub size: u64,
    /// What an open message says; none once it is deleted.
    pub text: Option<String>,
    /// The blob of a sealed one, until it is deleted after delivery.
    #[schema(value_type = Option<String>)]
    pub sealed: Option<Bytes>,
    /// Which partner wrote it in the sender's name.
    #[serde(default)]
    pub via: Option<String>,
}

/// A page of messages, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxPage {
    /// At most 200.
    pub messages: Vec<InboxMessage>,
    /// What `after` is for the next page; none after the last one.
    pub next: Option<u64>,
}

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Messages {
    messages: Vec<InboxMessage>,
    /// The cursor of the next page; none after the last one.
    next: Option<String>,
}

/// One conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conversation {
    /// The other person.
    with: String,
    /// Messages in both directions.
    messages: u64,
    /// How many of them were sealed.
    sealed: u64,
    /// The relay's clock at the latest, in milliseconds since 1970.
    latest: u64,
    /// How the latest begins; none if it is sealed.
    snippet: Option<String>,
}

/// A page of conversations, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Threads {
    threads: Vec<Conversation>,
    /// The cursor of the next page; none after the last one.
    next: Option<String>,
}

/// Only those with one other person.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct With {
    /// The other person's name; none for all.
    #[param(nullable = false)]
    with: Option<String>,
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Words {
    /// Words that are all in the text.
    #[param(min_length = 1, max_length = 200)]
    q: String,
}

type Asked<T> = Result<Query<T>, QueryRejection>;

/// A user's conversations, the latest first.
#[utoipa::path(get, path = "/partner/v1/users/{user}/threads", tag = "inbox", security(("partner" = ["inbox.read"])),
    params(("user" = String, Path), PageOf), responses((status = 200, body = Threads), Refusals))]
pub(super) async fn threads(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
    page: Asked<PageOf>,
) -> Result<Json<Threads>, Problem> {
    let user = platform.reader(&headers, &uri, &user).await?;
    let question = ["threads", user.as_str()];
    let (limit, before) = query(page)?.place(&question)?;
    let found =
        platform.archive.threads(&user, before.unwrap_or(u64::MAX), limit).await?.ok_or_else(Problem::nobody)?;
    let more = found.len() == usize::try_from(limit).unwrap_or(0);
    let next = found.last().filter(|_| more).map(|thread| cursor(thread.seq, &question));
    let threads = found.into_iter().map(|thread| Conversation {
        with: thread.with.as_str().to_owned(),
        messages: thread.messages,
        sealed: thread.sealed,
        latest: thread.latest,
        snippet: thread.snippet,
    });
    Ok(Json(Threads { threads: threads.collect(), next }))
}

/// A user's messages in both directions, oldest first.
#[utoipa::path(get, path = "/partner/v1/users/{user}/messages", tag = "inbox", security(("partner" = ["inbox.read"])),
    params(("user" = String, Path), With, PageOf), responses((status = 200, body = Messages), Refusals))]
pub(super) async fn messages(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
    with: Asked<With>,
    page: Asked<PageOf>,
) -> Result<Json<Messages>, Problem> {
    let user = platform.reader(&headers, &uri, &user).await?;
    let with = query(with)?.with;
    let question = ["messages", user.as_str(), with.as_deref().unwrap_or_default()];
    let (limit, after) = query(page)?.place(&question)?;
    let peer: Option<UserId> = match &with {
        None => None,
        Some(name) => Some(name.parse().map_err(|error: crate::wire::BadId| Problem::bad(error.to_string()))?),
    };
    let found = platform.archive.messages(&user, peer.as_ref(), after.unwrap_or(0), limit).await?;
    Ok(Json(answer(found.ok_or_else(Problem::nobody)?, limit, &question)))
}

/// A user's open texts with these words, newest first. Sealed messages have nothing to find.
#[utoipa::path(get, path = "/partner/v1/users/{user}/search", tag = "inbox", security(("partner" = ["inbox.read"])),
    params(("user" = String, Path), Words, PageOf), responses((status = 200, body = Messages), Refusals))]
pub(super) async fn search(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
    words: Asked<Words>,
    page: Asked<PageOf>,
) -> Result<Json<Messages>, Problem> {
    let user = platform.reader(&headers, &uri, &user).await?;
    let Words { q } = query(words)?;
    if q.is_empty() || q.chars().count() > QUESTION {
        return Err(Problem::bad(format!("q is 1 to {QUESTION} characters")));
    }
    let question = ["search", user.as_str(), &q];
    let (limit, before) = query(page)?.place(&question)?;
    let found = platform.archive.search(&user, &q, before.unwrap_or(u64::MAX), limit).await?;
    Ok(Json(answer(found.ok_or_else(Problem::nobody)?, limit, &question)))
}

fn answer(found: Vec<ArchivedMessage>, limit: u32, question: &[&str]) -> Messages {
    let more = found.len() == usize::try_from(limit).unwrap_or(0);
    let next = found.last().filter(|_| more).map(|message| cursor(message.seq, question));
    Messages { messages: found.into_iter().filter_map(InboxMessage::of).collect(), next }
}

impl Platform {
    /// Lets a partner read this user's inbox. A name that nobody can have is nobody's.
    pub(super) async fn reader(&self, headers: &HeaderMap, uri: &Uri, user: &str) -> Result<UserId, Problem> {
        Ok(self.admit_to(headers, uri, Scope::InboxRead, user).await?.1)
    }
}

/// What the Inbox API says of a user's messages after number `after`: at most `limit`, and at most 200. None if nobody of that
/// name has registered.
///
/// # Errors
/// [`StoreError`].
pub async fn inbox(archive: &Archive, user: &UserId, after: u64, limit: u32) -> Result<Option<InboxPage>, StoreError> {
    let messages = archive.messages(user, None, after, limit.clamp(1, PAGE)).await?;
    Ok(messages.map(|messages| {
        let next = messages.last().map(|message| message.seq);
        InboxPage { messages: messages.into_iter().filter_map(InboxMessage::of).collect(), next }
    }))
}

impl InboxMessage {
    /// Receipts say nothing that a reader of inboxes wants.
    pub(super) fn of(message: ArchivedMessage) -> Option<Self> {
        let ArchivedMessage { seq, from, to, at, sealed, size, payload } = message;
        let (text, blob, via) = match payload {
            Some(Payload::Open(Content::Text { text, via, .. })) => (Some(text), None, via),
            Some(Payload::Open(Content::Receipt { .. })) => return None,
            Some(Payload::Sealed(blob)) => (None, Some(blob), None),
            None => (None, None, None),
        };
        let mode = if sealed { "sealed" } else { "open" }.to_owned();
        Some(Self { seq, from, to, at, mode, size, text, sealed: blob, via })
    }
}
