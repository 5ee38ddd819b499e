//! StreamCo's app on this machine: it makes links, and counts what is sent and opened.
//!
//! Question: what does the disputed feature need, if messages are sealed?
//! A link. Alice presses the button in StreamCo's app; the app makes a link and gives it to her own client, which seals it into a message
//! to Bob. StreamCo is not told to whom. When Bob opens the link, StreamCo learns that it was opened, and when.
//!
//! ```text
//! POST /links              {"from":"alice","title":"…","interface":"tv","surface":"post-play","variant":"B"}   201 {"id","link"}
//! POST /links/ID/sent      her client has sent it: counts once                                                204
//! GET  /r/ID               somebody opens it: counts once                                                     200 {"title"}
//! ```
//!
//! It listens on this machine alone. A request must name this machine as its host (another page's name may lead here), and a link is
//! asked for in JSON, which no page of another site may send unasked. Whoever has an account on this machine may use it: limits
//! of the lesson, not of an app.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use super::events::{Events, EventsError};
use super::recommendation::{LinkId, Recommendation};
use crate::clock::Clock;

#[derive(Debug, Clone)]
struct App {
    events: Arc<Mutex<Events>>,
    clock: Clock,
    address: SocketAddr,
}

/// Serves until `end`. `listener` must be of this machine alone.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    events: Events,
    clock: Clock,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let app = App { events: Arc::new(Mutex::new(events)), clock, address };
    axum::serve(listener, router(app)).with_graceful_shutdown(end).await
}

fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/links", post(make))
        .route("/links/{id}/sent", post(sent))
        .route("/r/{id}", get(open))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "StreamCo's app has no such page") });
    routes.layer(middleware::from_fn_with_state(app.clone(), of_this_machine)).with_state(app)
}

/// A name of somebody else's that leads to this machine does not lead in.
async fn of_this_machine(State(app): State<App>, request: Request, next: Next) -> Response {
    let port = app.address.port();
    let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !hosts.iter().any(|known| known == host) {
        return problem(StatusCode::MISDIRECTED_REQUEST, "StreamCo's app answers to 127.0.0.1 and localhost only");
    }
    let mut response = next.run(request).await;
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    response.headers_mut().extend(headers.map(|(name, value)| (name, header::HeaderValue::from_static(value))));
    response
}

async fn make(State(app): State<App>, body: Result<Json<Recommendation>, JsonRejection>) -> Response {
    let Json(recommendation) = match body {
        Ok(body) => body,
        Err(why) => return problem(StatusCode::BAD_REQUEST, &why.body_text()),
    };
    if !["tv", "web", "phone"].contains(&recommendation.interface.as_str()) {
        return problem(StatusCode::BAD_REQUEST, "interface is tv, web or phone");
    }
    let address = app.address;
    let made = app.with(move |events, _| {
        let link = events.make_link(&recommendation, &mut rand::rng())?;
        let url = link.url(address);
        Ok(json!({ "id": link.as_str(), "link": url }))
    });
    match made.await {
        Ok(made) => (StatusCode::CREATED, Json(made)).into_response(),
        Err(response) => response,
    }
}

async fn sent(State(app): State<App>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<LinkId>() else { return no_link() };
    match app.with(move |events, now| events.sent(&id, now)).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => no_link(),
        Err(response) => response,
    }
}

/// What only looks whether a page is there (HEAD, a browser's prefetch) is no click.
async fn open(State(app): State<App>, Path(id): Path<String>, method: Method, headers: HeaderMap) -> Response {
    let Ok(id) = id.parse::<LinkId>() else { return no_link() };
    let looks = method == Method::HEAD || headers.contains_key("purpose") || headers.contains_key("sec-purpose");
    if looks {
        return StatusCode::NO_CONTENT.into_response();
    }
    match app.with(move |events, now| events.opened(&id, now)).await {
        Ok(Some(title)) => Json(json!({ "app": "StreamCo", "title": title })).into_response(),
        Ok(None) => no_link(),
        Err(response) => response,
    }
}

impl App {
    /// Does something with the database, off the threads that serve.
    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Events, u64) -> Result<T, EventsError> + Send + 'static,
    ) -> Result<T, Response> {
        let (events, now) = (self.events.clone(), self.clock.now());
        let done = tokio::task::spawn_blocking(move || {
            let events = events.lock().unwrap_or_else(PoisonError::into_inner);
            events.at_once(|events| act(events, now))
        });
        match done.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                tracing::warn!(%error, "StreamCo's database");
                Err(problem(StatusCode::SERVICE_UNAVAILABLE, "StreamCo's database cannot be used now; try again"))
            }
            Err(_) => Err(problem(StatusCode::SERVICE_UNAVAILABLE, "StreamCo's app did not come to an end; try again")),
        }
    }
}

fn no_link() -> Response {
    problem(StatusCode::NOT_FOUND, "StreamCo made no such link")
}

/// RFC 9457, "The Problem Details JSON Object".
fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({ "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests;
