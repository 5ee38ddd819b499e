//! Tokens: a client shows its secret and gets a word that is good for a quarter of an hour.
//!
//! The secret crosses the network once in fifteen minutes instead of with every request, and what leaks runs out by itself. The
//! platform keeps hashes of both.
//!
//! ```text
//! POST /partner/v1/token   Authorization: Basic base64(client_id:client_secret)   grant_type=client_credentials
//! 200 {"access_token":"…","token_type":"Bearer","expires_in":900,"scope":"inbox.read …"}
//! ```
//!
//! Source: RFC 6749, "Client Credentials Grant"; RFC 6750, "Authorization Request Header Field".

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::{TOKEN_LIFE, joined};
use super::gate::{Asker, Platform, not_in_the_address};
use super::problem::{BodyRefusals, Problem, Refusals, body, is_of_type};
use crate::wire::{Token, UserId};

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct Wanted {
    /// Always `client_credentials`.
    #[schema(pattern = "^client_credentials$")]
    grant_type: String,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Issued {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What the agreement grants, separated by spaces.
    scope: String,
}

/// A token for a client that shows its secret.
#[utoipa::path(post, path = "/partner/v1/token", tag = "token", security(("client" = [])),
    request_body(content = Wanted, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Issued), Refusals, BodyRefusals))]
pub(super) async fn issue(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    sent: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    not_in_the_address(&uri)?;
    let refused = || Problem::token("no agreement in force has this client and secret").of_kind("invalid-client");
    let (client, secret) = basic(&headers).ok_or_else(refused)?;
    platform.not_too_fast(&client, Asker::Client)?;
    let sent = body(sent)?;
    if !is_of_type(&headers, "application/x-www-form-urlencoded") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send a form: grant_type=client_credentials"));
    }
    if !sent.split(|byte| *byte == b'&').any(|pair| pair == b"grant_type=client_credentials") {
        return Err(Problem::bad("grant_type is client_credentials").of_kind("unsupported-grant-type"));
    }
    let token = Token::random(&mut rand::rng());
    let scopes = platform.book.issue(&client, &secret, &token, platform.clock.now())?.ok_or_else(refused)?;
    let scope = joined(&scopes);
    let issued = Issued { access_token: token.expose(), token_type: "Bearer", expires_in: TOKEN_LIFE / 1000, scope };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(issued)).into_response())
}

/// RFC 7617, "The 'Basic' Authentication Scheme".
fn basic(headers: &HeaderMap) -> Option<(UserId, Token)> {
    let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (client, secret) = pair.split_once(':')?;
    Some((client.parse().ok()?, secret.parse().ok()?))
}
