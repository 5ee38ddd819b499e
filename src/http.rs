//! One HTTP request to a relay: connect, ask with a token, read the body whole or as it comes.
//!
//! The server half of the same library carries the relay's own routes; this is the little that its readers need
//! (`watch`, StreamCo). One connection a request, no redirects, no pool, no proxy: the relay is on this machine.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::request::Builder;
use axum::http::{Request, Response, StatusCode, header};
use futures_util::StreamExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire::{MAX_FRAME, RelayUrl, Token};

/// Connecting, and waiting for the head of the answer, may take this long each.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest body that is read whole, in bytes.
const MAX_BODY: usize = 256 * 1024 * 1024;
/// The longest event, in bytes: a relay's is little more than the frame that it is of.
const MAX_EVENT: usize = 2 * MAX_FRAME;

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

/// `GET path` at `relay` with a bearer token, read to the end. Must be called inside a tokio runtime.
///
/// # Errors
/// [`HttpError`]; a body over 256 MiB is an error too.
pub async fn get(relay: &RelayUrl, path: &str, token: &Token) -> Result<Vec<u8>, HttpError> {
    let body = ask(relay, request(relay, path, token)).await?;
    Ok(to_bytes(body, MAX_BODY).await.map_err(no_answer)?.to_vec())
}

/// Server-sent events of `GET path` from the one after number `last`, as they come. Must be called inside a tokio runtime.
///
/// # Errors
/// [`HttpError`].
pub async fn events(relay: &RelayUrl, path: &str, token: &Token, last: u64) -> Result<Events, HttpError> {
    let request = request(relay, path, token).header("last-event-id", last);
    Ok(Events { chunks: ask(relay, request).await?.into_data_stream(), text: Vec::new() })
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    chunks: BodyDataStream,
    text: Vec<u8>,
}

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// Its kind; empty for the ordinary one.
    pub kind: String,
    /// What it says.
    pub data: String,
}

impl Events {
    /// The next one; none after the last. Cancel safe.
    ///
    /// # Errors
    /// [`HttpError::NoAnswer`] if the connection broke, or an event does not end.
    pub async fn next(&mut self) -> Result<Option<Event>, HttpError> {
        loop {
            if let Some(event) = take_event(&mut self.text) {
                return Ok(Some(event));
            }
            if self.text.len() > MAX_EVENT {
                return Err(HttpError::NoAnswer("it sends a line without an end".to_owned()));
            }
            match self.chunks.next().await {
                Some(chunk) => self.text.extend_from_slice(&chunk.map_err(no_answer)?),
                None => return Ok(None),
            }
        }
    }
}

/// Lines up to an empty one are an event; those without data are there to keep the connection open.
fn take_event(text: &mut Vec<u8>) -> Option<Event> {
    while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
        let block: Vec<u8> = text.drain(..end + 2).collect();
        let block = String::from_utf8_lossy(&block);
        let field = |name| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        let event = Event { kind: field("event:"), data: field("data:") };
        if !event.data.is_empty() {
            return Some(event);
        }
    }
    None
}

fn request(relay: &RelayUrl, path: &str, token: &Token) -> Builder {
    Request::get(path)
        .header(header::HOST, relay.authority())
        .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
}

async fn ask(relay: &RelayUrl, request: Builder) -> Result<Body, HttpError> {
    let response = exchange(relay, request.body(Body::empty()).map_err(no_answer)?).await?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        status => Err(HttpError::Status(status)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_whole_however_they_come() {
        let sent = "id: 1\ndata: {\"n\":1}\n\n:\n\nevent: missed\ndata: 5\n\ndata: é\n\ndata: half";
        let mut expected = [("", "{\"n\":1}"), ("missed", "5"), ("", "é")].into_iter();
        let mut text = Vec::new();
        for byte in sent.bytes() {
            text.push(byte);
            while let Some(event) = take_event(&mut text) {
                assert_eq!(Some((event.kind.as_str(), event.data.as_str())), expected.next());
            }
        }
        assert_eq!((expected.next(), text.as_slice()), (None, &b"data: half"[..]));
    }
}
