//! One HTTP request to a relay: connect, ask with a token, read the body whole or as it comes.
//!
//! The server half of the same library carries the relay's own routes; this is the little that its readers need
//! (`watch`, StreamCo). One connection a request, no redirects, no pool, no proxy: the relay is on this machine.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire::{RelayUrl, Token};

/// Connecting, and waiting for the head of the answer, may take this long each.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest body that is read whole, in bytes.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nothing listens there, or the connection broke.
    #[error("{0}")]
    NoAnswer(String),
    /// It answered with another status than 200.
    #[error("it answered with status {0}")]
    Status(StatusCode),
}

/// `GET path` at `relay` with a bearer token; `headers` are added. The body comes as it is sent.
/// Must be called inside a tokio runtime.
///
/// # Errors
/// [`HttpError`].
pub async fn get(
    relay: &RelayUrl,
    path: &str,
    token: &Token,
    headers: &[(&'static str, String)],
) -> Result<Body, HttpError> {
    let mut request = Request::get(path)
        .header(header::HOST, relay.authority())
        .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(Body::empty()).map_err(no_answer)?;
    let response = exchange(relay, request).await?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        status => Err(HttpError::Status(status)),
    }
}

/// [`get`], read to the end.
///
/// # Errors
/// [`HttpError`]; a body over 256 MiB is an error too.
pub async fn get_all(relay: &RelayUrl, path: &str, token: &Token) -> Result<Vec<u8>, HttpError> {
    let body = get(relay, path, token, &[]).await?;
    Ok(to_bytes(body, MAX_BODY).await.map_err(no_answer)?.to_vec())
}

async fn exchange(relay: &RelayUrl, request: Request<Body>) -> Result<Response<Body>, HttpError> {
    let late = |_| HttpError::NoAnswer("it does not answer".to_owned());
    let connecting = TcpStream::connect(relay.authority());
    let stream = timeout(PATIENCE, connecting).await.map_err(late)?.map_err(no_answer)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    // Ends with the body, or as soon as whoever reads it stops.
    tokio::spawn(connection);
    let response = timeout(PATIENCE, sender.send_request(request)).await.map_err(late)?.map_err(no_answer)?;
    Ok(response.map(Body::new))
}

fn no_answer(error: impl std::fmt::Display) -> HttpError {
    HttpError::NoAnswer(error.to_string())
}
