//! # The eye: a live page of what the middle sees
//!
//! Question: what does it look like to carry everybody's messages?
//! The page is made of what the relay was handed anyway: sightings, their tally, and the partner's Inbox API. Open messages are
//! legible on it, sealed ones are not, and nothing had to be hidden for that: this floor holds no key and no cipher. It stands
//! behind [`web::Guard`], on this machine, because open messages are private whatever the relay may do with them.
//!
//! ```text
//! GET /            the page; its parts: eye.css, eye.js and the modules beside it
//! GET /events      server-sent events: a summary first, then every sighting; resumed by Last-Event-ID
//! GET /inbox?user=NAME&after=N    what StreamCo's Inbox API gives of that user
//! ```

mod feed;
mod row;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

pub use row::Row;

use crate::partner;
use crate::relay::Relay;
use crate::web::{self, Kind, asset};
use crate::wire::{UserId, sanitise};

/// The page and its data, without a guard: use `guard.protect(router(&relay))`.
pub fn router(relay: &Relay) -> Router {
    Router::new()
        .route("/", asset(Kind::Html, include_str!("page/eye.html")))
        .route("/eye.css", asset(Kind::Css, include_str!("page/eye.css")))
        .route("/eye.js", asset(Kind::Js, include_str!("page/eye.js")))
        .route("/feed.js", asset(Kind::Js, include_str!("page/feed.js")))
        .route("/inspector.js", asset(Kind::Js, include_str!("page/inspector.js")))
        .route("/tally.js", asset(Kind::Js, include_str!("page/tally.js")))
        .route("/graph.js", asset(Kind::Js, include_str!("page/graph.js")))
        .route("/sizes.js", asset(Kind::Js, include_str!("page/sizes.js")))
        .route("/knows.js", asset(Kind::Js, include_str!("page/knows.js")))
        .route("/inbox.js", asset(Kind::Js, include_str!("page/inbox.js")))
        .route("/events", get(feed::events))
        .route("/inbox", get(inbox))
        .with_state(relay.clone())
        .merge(web::assets())
}

#[derive(Deserialize)]
struct Inbox {
    user: UserId,
    #[serde(default)]
    after: u64,
}

/// The answer of the Inbox API itself, its texts made safe to show.
async fn inbox(State(relay): State<Relay>, Query(Inbox { user, after }): Query<Inbox>) -> Response {
    match partner::inbox(&relay.archive(), &user, after, u32::MAX).await {
        Ok(Some(mut page)) => {
            for message in &mut page.messages {
                message.text = message.text.take().map(|text| sanitise(&text));
            }
            Json(page).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, "nobody of that name has registered\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the archive cannot be read now; try again\n").into_response(),
    }
}
