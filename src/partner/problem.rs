//! Refusals: every one says what to do next, in the same shape, and none is a failure of the server.
//!
//! ```text
//! HTTP/1.1 403 Forbidden                       {"type":"about:blank","title":"Forbidden","status":403,
//! content-type: application/problem+json        "detail":"the agreement does not grant message.write"}
//! ```
//!
//! Source: RFC 9457, "The Problem Details JSON Object".

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use utoipa::{IntoResponses, ToSchema};

use crate::relay::StoreError;

/// Why a request was not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// A word for programs, the last part of `type`: `"sealed"`. None for what the status says itself.
    pub kind: Option<&'static str>,
    /// What to do next, for people.
    pub detail: String,
}

impl Problem {
    /// A refusal with a status and words.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into() }
    }

    /// 400: it cannot be understood.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: the token is missing, unknown, expired or revoked.
    pub fn token(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 404: nobody of that name, or nobody whose inbox this partner may see. The same words for both.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(StatusCode::NOT_FOUND, "nobody of that name, or they have not connected this partner")
    }

    /// The same with a word for programs.
    #[must_use]
    pub fn of_kind(self, kind: &'static str) -> Self {
        Self { kind: Some(kind), ..self }
    }
}

/// The platform's own disk: nothing that the asker did.
impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "the platform's book refused");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the platform cannot use its book now; try again")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::Behind = error {
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
        }
        tracing::error!(%error, "the archive refused");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the archive cannot be used now; try again")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = self.kind.map_or_else(|| "about:blank".to_owned(), |kind| format!("urn:blindrelay:{kind}"));
        let title = self.status.canonical_reason();
        let body = json!({ "type": kind, "title": title, "status": self.status.as_u16(), "detail": self.detail });
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
        // RFC 6750, "The WWW-Authenticate Response Header Field"; RFC 6585, "429 Too Many Requests".
        let more = match self.status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        response.headers_mut().extend(more.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

/// How a problem looks in the OpenAPI document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemDetails {
    r#type: String,
    title: String,
    status: u16,
    detail: String,
}

/// What every request may be refused with.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub(super) enum Refusals {
    /// It cannot be understood, or has a token in its address.
    #[response(status = 400, content_type = "application/problem+json")]
    Bad(ProblemDetails),
    /// The token is missing, unknown, run out or revoked.
    #[response(status = 401, content_type = "application/problem+json")]
    Token(ProblemDetails),
    /// The agreement does not grant it.
    #[response(status = 403, content_type = "application/problem+json")]
    Scope(ProblemDetails),
    /// Nobody of that name, or not connected.
    #[response(status = 404, content_type = "application/problem+json")]
    Nobody(ProblemDetails),
    /// Too many requests.
    #[response(status = 429, content_type = "application/problem+json")]
    TooFast(ProblemDetails),
    /// The platform's own disk.
    #[response(status = 503, content_type = "application/problem+json")]
    Unable(ProblemDetails),
}

/// What a request with a body may be refused with besides.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub(super) enum BodyRefusals {
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemDetails),
    /// The body is of another media type.
    #[response(status = 415, content_type = "application/problem+json")]
    OtherType(ProblemDetails),
}

/// What a JSON body says. The parser's own words could quote what was sent; they go to who sent it.
pub(super) fn json<T>(sent: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    sent.map(|Json(value)| value).map_err(|error| {
        let status = match error.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            other => other,
        };
        Problem::new(status, error.body_text())
    })
}

/// A body that is taken as it is.
pub(super) fn body(sent: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    sent.map_err(|error| Problem::new(error.status(), error.body_text()))
}

pub(super) fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type))
}
