//! One HTTP request to a relay: connect, ask with a token, read the body whole or as it comes.
//!
//! The server half of the same library carries the relay's own routes; this is the little that its readers need
//! (`watch`, StreamCo, the operator's commands). One connection a request, no redirects, no pool, no proxy: the relay is on this
//! machine. A refusal is an error with the words that came with it (RFC 9457, "Members of a Problem Details Object": `detail`).

use std::time::Duration;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::request::Builder;
use axum::http::{Method, Request, Response, StatusCode, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire::{MAX_FRAME, RelayUrl, Token};

/// Connecting, and waiting for the head of the answer, may take this long each.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest body that is read whole, in bytes.
const MAX_BODY: usize = 256 * 1024 * 1024;
/// The longest explanation of a refusal, in bytes.
const MAX_PROBLEM: usize = 64 * 1024;
/// The longest event, in bytes: a relay's is little more than the frame that it is of.
const MAX_EVENT: usize = 2 * MAX_FRAME;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nothing listens there, or the connection broke.
    #[error("{0}")]
    NoAnswer(String),
    /// It answered with another status than 2xx, and perhaps said why. The words are the relay's own: not sanitised.
    #[error("it answered with status {0}")]
    Status(StatusCode, Option<String>),
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum As<'a> {
    /// Anybody.
    Nobody,
    /// Whoever has this token.
    Bearer(&'a Token),
    /// A client with its secret (RFC 7617).
    Client(&'a str, &'a str),
}

/// What is said with a request.
#[derive(Debug, Clone, Copy)]
pub enum Say<'a> {
    /// Nothing.
    Nothing,
    /// A JSON text.
    Json(&'a str),
    /// An HTML form, encoded.
    Form(&'a str),
}

/// `GET path` at `relay` with a bearer token, read to the end. Must be called inside a tokio runtime.
///
/// # Errors
/// [`HttpError`]; a body over 256 MiB is an error too.
pub async fn get(relay: &RelayUrl, path: &str, token: &Token) -> Result<Vec<u8>, HttpError> {
    Ok(call(relay, Method::GET, path, As::Bearer(token), Say::Nothing).await?.1)
}

/// Any request, and its answer read to the end: status and body. Must be called inside a tokio runtime.
///
/// # Errors
/// [`HttpError`]; another status than 2xx is one, and so is a body over 256 MiB.
pub async fn call(
    relay: &RelayUrl,
    method: Method,
    path: &str,
    who: As<'_>,
    say: Say<'_>,
) -> Result<(StatusCode, Vec<u8>), HttpError> {
    let request = request(relay, method, path, who);
    let request = match say {
        Say::Nothing => request.body(Body::empty()),
        Say::Json(text) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(text.to_owned())),
        Say::Form(text) => {
            let form = "application/x-www-form-urlencoded";
            request.header(header::CONTENT_TYPE, form).body(Body::from(text.to_owned()))
        }
    };
    let response = ask(relay, request.map_err(no_answer)?).await?;
    let status = response.status();
    Ok((status, to_bytes(response.into_body(), MAX_BODY).await.map_err(no_answer)?.to_vec()))
}

/// A text as a part of a path or of a query: every byte but the unreserved ones as `%XX` (RFC 3986, "Percent-Encoding").
#[must_use]
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Server-sent events of `GET path`, from now on or from the one after number `last`, as they come. Must be called inside a tokio runtime.
///
/// # Errors
/// [`HttpError`].
pub async fn events(
    relay: &RelayUrl,
    path: &str,
    token: &Token,
    last: impl Into<Option<u64>>,
) -> Result<Events, HttpError> {
    let mut request = request(relay, Method::GET, path, As::Bearer(token));
    if let Some(last) = last.into() {
        request = request.header("last-event-id", last);
    }
    let response = ask(relay, request.body(Body::empty()).map_err(no_answer)?).await?;
    Ok(Events { chunks: response.into_body().into_data_stream(), text: Vec::new() })
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

fn request(relay: &RelayUrl, method: Method, path: &str, who: As) -> Builder {
    let request = Request::builder().method(method).uri(path).header(header::HOST, relay.authority());
    let authorization = match who {
        As::Nobody => return request,
        As::Bearer(token) => format!("Bearer {}", token.expose()),
        As::Client(id, secret) => format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))),
    };
    request.header(header::AUTHORIZATION, authorization)
}

async fn ask(relay: &RelayUrl, request: Request<Body>) -> Result<Response<Body>, HttpError> {
    let response = exchange(relay, request).await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let said = timeout(PATIENCE, to_bytes(response.into_body(), MAX_PROBLEM)).await;
    let problem = said.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    Err(HttpError::Status(status, problem.and_then(|problem| Some(problem.get("detail")?.as_str()?.to_owned()))))
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
    fn what_stands_in_a_path_cannot_leave_its_place() {
        assert_eq!(encode("a-Z.0_~"), "a-Z.0_~");
        assert_eq!(encode("é &=?/#%\r\n"), "%C3%A9%20%26%3D%3F%2F%23%25%0D%0A");
    }

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
