//! The partner API, as its client sees it: one method a call.
//!
//! Question: who is asked before StreamCo reads an inbox?
//! The platform, by a token that is good for fifteen minutes. Nobody else takes part. When the token has run out StreamCo asks for
//! another one, which the platform gives as long as the agreement is in force.
//!
//! ```text
//! id + secret ──► POST /partner/v1/token ──► access token
//! access token ──► any call; 401 once ──► another token, and the call again; 401 twice: the agreement is over
//! ```
//!
//! Sources: RFC 6749, "Client Credentials Grant"; RFC 6750, "Authorization Request Header Field".

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::credentials::Credentials;
use super::events::Signal;
use super::report::Report;
use crate::http::{self, As, HttpError, Say, encode};
use crate::wire::{RelayUrl, Token, UserId, sanitise};

/// The most messages that are asked for at once.
const PAGE: u32 = 200;
/// How often a call is made again that was too soon, and after how long.
const TRIES: usize = 3;
const WAIT: Duration = Duration::from_secs(1);

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
    /// The partner that sent it in the user's name.
    #[serde(default)]
    pub via: Option<String>,
}

/// A conversation of a user's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Thread {
    /// With whom.
    pub with: UserId,
    /// How many messages.
    pub messages: u64,
    /// How many of them are sealed.
    pub sealed: u64,
    /// When the latest came, in milliseconds since 1970.
    pub latest: u64,
    /// How the latest open one begins.
    #[serde(default)]
    pub snippet: Option<String>,
}

/// A page of something, and what leads to the next one.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// An opaque cursor; none after the last page.
    pub next: Option<String>,
}

/// What StreamCo and the platform agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Agreement {
    /// What StreamCo may do.
    pub scopes: Vec<String>,
    /// `whitelisted` or `per-login`.
    pub access: String,
    /// When it began, in milliseconds since 1970.
    pub from: u64,
    /// When it ends.
    pub to: u64,
    /// Days that one report is about.
    #[serde(default = "fortnight")]
    pub period_days: u32,
}

fn fortnight() -> u32 {
    super::report::LENGTH
}

/// What the platform did with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filed {
    /// It took it.
    Now,
    /// It had the same one already.
    Before,
}

/// What the platform did with a message that was to be deleted, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// All that it answered.
    pub answer: Value,
}

/// Why the platform gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum StreamcoError {
    /// It is not there.
    #[error("no platform answers at {0}; start one with `blindrelay relay`, or let a chat start it")]
    NoPlatform(String),
    /// The credentials are not good, or not any more.
    #[error(
        "the platform refuses StreamCo's credentials: {0}. The agreement was revoked, is over, or belongs to another platform; the operator makes a new one with `blindrelay platform agree streamco`, or name the home of this platform with --home DIR"
    )]
    Refused(String),
    /// Nobody and nothing of that name that this partner may see.
    #[error(
        "{0}; a user joins with `blindrelay chat NAME`, and connects with `blindrelay account connect NAME streamco` where the agreement asks for that"
    )]
    Nobody(String),
    /// It says why not.
    #[error("the platform refuses: {detail} ({status})")]
    Problem {
        /// The status.
        status: u16,
        /// Its words, sanitised.
        detail: String,
    },
    /// An answer that is not one.
    #[error("the platform's answer cannot be read: {0}")]
    Answer(String),
}

type Result<T> = std::result::Result<T, StreamcoError>;

/// StreamCo's client of one platform.
#[derive(Debug)]
pub struct Platform {
    url: RelayUrl,
    credentials: Credentials,
    token: Option<Token>,
}

impl Platform {
    /// Does not connect yet.
    #[must_use]
    pub fn new(url: RelayUrl, credentials: Credentials) -> Self {
        Self { url, credentials, token: None }
    }

    /// With an access token that is at hand; there is no other when it has run out.
    #[must_use]
    pub fn with_token(url: RelayUrl, token: Token) -> Self {
        let none = Credentials { client_id: String::new(), client_secret: String::new() };
        Self { url, credentials: none, token: Some(token) }
    }

    /// Asks for another token, which the platform gives as long as the agreement is in force.
    ///
    /// # Errors
    /// [`StreamcoError::Refused`] if it is over.
    pub async fn renew(&mut self) -> Result<()> {
        self.token = None;
        self.token().await.map(drop)
    }

    /// What was agreed on.
    ///
    /// # Errors
    /// [`StreamcoError`]; as in all that follow. All must be called inside a tokio runtime.
    pub async fn agreement(&mut self) -> Result<Agreement> {
        read(&self.call(Method::GET, "/partner/v1/agreement", None).await?.1)
    }

    /// A user's conversations. The user is not told.
    pub async fn threads(&mut self, user: &UserId, cursor: Option<&str>) -> Result<Page<Thread>> {
        let path = format!("/partner/v1/users/{user}/threads?limit={PAGE}{}", and("cursor", cursor));
        self.page(&path, "threads").await
    }

    /// A user's messages, perhaps those with one other person.
    pub async fn messages(
        &mut self,
        user: &UserId,
        with: Option<&UserId>,
        cursor: Option<&str>,
    ) -> Result<Page<InboxMessage>> {
        let with = and("with", with.map(UserId::as_str));
        let path = format!("/partner/v1/users/{user}/messages?limit={PAGE}{with}{}", and("cursor", cursor));
        self.page(&path, "messages").await
    }

    /// All of a user's messages.
    pub async fn inbox(&mut self, user: &UserId) -> Result<Vec<InboxMessage>> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.messages(user, None, cursor.as_deref()).await?;
            all.extend(page.items);
            match page.next {
                None => return Ok(all),
                // Else it would never end.
                next if next == cursor => return Err(StreamcoError::Answer("a page leads to itself".to_owned())),
                next => cursor = next,
            }
        }
    }

    /// A user's messages in which words stand.
    pub async fn search(&mut self, user: &UserId, words: &str, cursor: Option<&str>) -> Result<Page<InboxMessage>> {
        let (words, cursor) = (encode(words), and("cursor", cursor));
        let path = format!("/partner/v1/users/{user}/search?limit={PAGE}&q={words}{cursor}");
        self.page(&path, "messages").await
    }

    /// A user's messages from now on, as they come; those after a number if one is given.
    pub async fn stream(&mut self, user: &UserId, after: Option<u64>) -> Result<Stream> {
        let path = format!("/partner/v1/users/{user}/stream");
        let token = self.token().await?;
        let events = http::events(&self.url, &path, &token, after).await;
        events.map(Stream).map_err(|error| self.refused(error))
    }

    /// Sends an open message in a user's name; its id with the platform.
    pub async fn send(&mut self, user: &UserId, to: &UserId, text: &str) -> Result<String> {
        let body = json!({ "to": to, "text": text }).to_string();
        let (_, answer) = self.call(Method::POST, &format!("/partner/v1/users/{user}/messages"), Some(&body)).await?;
        let answer: Value = read(&answer)?;
        Ok(answer["id"].as_str().map_or_else(|| answer["id"].to_string(), str::to_owned))
    }

    /// Deletes a message of a user's. The other person's own copy stays.
    pub async fn delete(&mut self, user: &UserId, seq: u64) -> Result<Deleted> {
        let path = format!("/partner/v1/users/{user}/messages/{seq}");
        Ok(Deleted { answer: read(&self.call(Method::DELETE, &path, None).await?.1)? })
    }

    /// Files a report.
    pub async fn file(&mut self, report: &Report) -> Result<Filed> {
        let (status, _) = self.call(Method::POST, "/partner/v1/reports", Some(&report.json())).await?;
        Ok(if status == StatusCode::CREATED { Filed::Now } else { Filed::Before })
    }

    /// Hands over signals, at most 1,000: all of them or none.
    pub async fn signals(&mut self, signals: impl Iterator<Item = &Signal>) -> Result<()> {
        let body = json!({ "signals": signals.collect::<Vec<_>>() }).to_string();
        self.call(Method::POST, "/partner/v1/signals", Some(&body)).await.map(drop)
    }

    async fn page<T: DeserializeOwned>(&mut self, path: &str, what: &str) -> Result<Page<T>> {
        let mut answer: Value = read(&self.call(Method::GET, path, None).await?.1)?;
        let items = serde_json::from_value(answer[what].take()).map_err(|error| unreadable(&error))?;
        Ok(Page { items, next: answer["next"].as_str().map(str::to_owned) })
    }

    async fn call(&mut self, method: Method, path: &str, body: Option<&str>) -> Result<(StatusCode, Vec<u8>)> {
        let (mut soon, mut renewed) = (0, self.token.is_none());
        loop {
            let token = self.token().await?;
            let say = body.map_or(Say::Nothing, Say::Json);
            match http::call(&self.url, method.clone(), path, As::Bearer(&token), say).await {
                // It may have run out; or the agreement is over, and there will be no other.
                Err(HttpError::Status(StatusCode::UNAUTHORIZED, _)) if !renewed => {
                    (self.token, renewed) = (None, true);
                }
                Err(HttpError::Status(StatusCode::TOO_MANY_REQUESTS, _)) if soon < TRIES => {
                    soon += 1;
                    tokio::time::sleep(WAIT).await;
                }
                answer => return answer.map_err(|error| self.refused(error)),
            }
        }
    }

    /// The access token; a new one if there is none.
    async fn token(&mut self) -> Result<Token> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: Token,
        }
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let Credentials { client_id, client_secret } = &self.credentials;
        let (who, say) = (As::Client(client_id, client_secret), Say::Form("grant_type=client_credentials"));
        let answer = http::call(&self.url, Method::POST, "/partner/v1/token", who, say).await;
        let (_, body) = answer.map_err(|error| match error {
            HttpError::Status(StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST, why) => {
                StreamcoError::Refused(why.map_or_else(|| "it does not say why".to_owned(), |why| sanitise(&why)))
            }
            other => self.refused(other),
        })?;
        let Answer { access_token } = read(&body)?;
        Ok(self.token.insert(access_token).clone())
    }

    fn refused(&self, error: HttpError) -> StreamcoError {
        match error {
            HttpError::NoAnswer(_) => StreamcoError::NoPlatform(self.url.to_string()),
            HttpError::Status(StatusCode::UNAUTHORIZED, why) => {
                StreamcoError::Refused(sanitise(&why.unwrap_or_else(|| "the access token".to_owned())))
            }
            HttpError::Status(StatusCode::NOT_FOUND, Some(why)) => StreamcoError::Nobody(sanitise(&why)),
            HttpError::Status(status, why) => {
                let title = || status.canonical_reason().unwrap_or("it does not say why").to_owned();
                StreamcoError::Problem { status: status.as_u16(), detail: sanitise(&why.unwrap_or_else(title)) }
            }
        }
    }
}

/// Messages as they come.
#[derive(Debug)]
pub struct Stream(http::Events);

impl Stream {
    /// The next one; none when the platform ends the stream. Cancel safe.
    ///
    /// # Errors
    /// [`StreamcoError::Answer`] if the connection broke, or what came is no message.
    pub async fn next(&mut self) -> Result<Option<InboxMessage>> {
        let event = self.0.next().await.map_err(|error| StreamcoError::Answer(error.to_string()))?;
        event.map(|event| read(event.data.as_bytes())).transpose()
    }
}

fn and(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!("&{name}={}", encode(value))).unwrap_or_default()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> StreamcoError {
    StreamcoError::Answer(sanitise(&error.to_string()))
}
