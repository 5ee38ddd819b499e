//! The relay's routes. Clients come in by the WebSocket; the operator watches with a token.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::{Relay, Sighting, socket};
use crate::wire::{MAX_FRAME, PATH, Token};

/// The operator's live view.
pub const SIGHTINGS: &str = "/operator/sightings";

/// WebSocket buffers; the library's own default is 128 KiB for each connection.
const BUFFER: usize = 2048;

/// A store that takes longer to answer is not well.
const HEALTH: Duration = Duration::from_secs(5);

pub(super) fn router(relay: Relay) -> Router {
    Router::new()
        .route(PATH, get(websocket))
        .route("/healthz", get(health))
        .route(SIGHTINGS, get(sightings))
        .with_state(relay)
}

async fn health(State(relay): State<Relay>) -> Response {
    match timeout(HEALTH, relay.0.store.is_well()).await {
        Ok(true) => "ok\n".into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the relay cannot use its database\n").into_response(),
    }
}

/// Browsers name the page that connects, clients of this protocol name none: so a page that somebody happens to have open cannot
/// speak to a relay on their machine.
async fn websocket(State(relay): State<Relay>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "the relay is for clients, not for web pages\n").into_response();
    }
    upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(4 * MAX_FRAME)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| socket::run(relay, socket))
}

/// Server-sent events, one sighting each, resumed by `Last-Event-ID`.
async fn sightings(State(relay): State<Relay>, headers: HeaderMap) -> Response {
    if bearer(&headers).is_none_or(|token| token.hash() != relay.0.operator_token) {
        return (StatusCode::UNAUTHORIZED, "the operator's token is missing or wrong\n").into_response();
    }
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    Sse::new(feed(&relay, last)).keep_alive(KeepAlive::default()).into_response()
}

fn feed(relay: &Relay, last: u64) -> impl Stream<Item = Result<sse::Event, Infallible>> + use<> {
    let (kept, feed) = relay.0.sightings.since(last);
    let closing = relay.0.closing.subscribe();
    let live = stream::unfold((feed, closing), |(mut feed, mut closing)| async {
        let event = tokio::select! {
            _ = closing.wait_for(|closing| *closing) => return None,
            sighting = feed.recv() => match sighting {
                Ok(sighting) => event(&sighting),
                Err(RecvError::Lagged(missed)) => sse::Event::default().event("missed").data(missed.to_string()),
                Err(RecvError::Closed) => return None,
            },
        };
        Some((event, (feed, closing)))
    });
    stream::iter(kept).map(|sighting| event(&sighting)).chain(live).map(Ok)
}

fn event(sighting: &Sighting) -> sse::Event {
    let json = serde_json::to_string(sighting).expect("a sighting is plain data with text keys");
    sse::Event::default().id(sighting.n.to_string()).data(json)
}

/// The bearer token of a request, from its header only: a token in a URL ends up in logs.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<Token> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?.parse().ok()
}
