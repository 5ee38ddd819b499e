//! # StreamCo: the fictional partner's own program
//!
//! It is a client of the partner API like any other: it has a token, and never opens the relay's files. What it gets is what
//! the platform gives it. (It is *alleged* that such an API was open to a real partner, and *denied* that private messages were
//! shared with it; see `docs/architecture.md` for the floors and the README for the wording.)

use axum::http::StatusCode;
use serde::Deserialize;

use crate::http::{self, HttpError};
use crate::wire::{RelayUrl, Token, UserId};

/// One message as StreamCo receives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InboxMessage {
    /// The platform's number.
    pub seq: u64,
    /// Who wrote.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// The platform's clock, in milliseconds since 1970.
    pub at: u64,
    /// `"open"` or `"sealed"`.
    pub mode: String,
    /// Bytes of text or blob.
    pub size: u64,
    /// What an open message says.
    pub text: Option<String>,
    /// The blob of a sealed one, base64.
    pub sealed: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<InboxMessage>,
    next: Option<u64>,
}

/// Why the platform gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum StreamcoError {
    /// It is not there.
    #[error("no platform answers at {0}; start one with `blindrelay relay`, or let a chat start it")]
    NoPlatform(String),
    /// The token is not this platform's.
    #[error("the platform refuses StreamCo's token; name the relay's home with --home DIR")]
    Refused,
    /// Nobody of that name.
    #[error("nobody called {0} has registered with the platform")]
    UnknownUser(UserId),
    /// An answer that is not one.
    #[error("the platform's answer cannot be read: {0}")]
    Answer(String),
}

/// Reads a user's whole inbox through the platform's Inbox API. The user is not told. Must be called inside a tokio runtime.
///
/// # Errors
/// [`StreamcoError`].
pub async fn inbox(platform: &RelayUrl, token: &Token, user: &UserId) -> Result<Vec<InboxMessage>, StreamcoError> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/partner/v1/users/{user}/messages?after={after}");
        let body = http::get(platform, &path, token).await.map_err(|error| match error {
            HttpError::Status(StatusCode::UNAUTHORIZED, _) => StreamcoError::Refused,
            HttpError::Status(StatusCode::NOT_FOUND, _) => StreamcoError::UnknownUser(user.clone()),
            HttpError::Status(status, _) => StreamcoError::Answer(status.to_string()),
            HttpError::NoAnswer(_) => StreamcoError::NoPlatform(platform.to_string()),
        })?;
        let page: Page = serde_json::from_slice(&body).map_err(|error| StreamcoError::Answer(error.to_string()))?;
        all.extend(page.messages);
        match page.next {
            None => return Ok(all),
            Some(next) if next > after => after = next,
            // Else it would never end.
            Some(_) => return Err(StreamcoError::Answer("a page leads back".to_owned())),
        }
    }
}
