//! What the browser asks the stage for: the page's files, the feed of the board, and acts.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Json, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use futures_util::Stream;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::act::Act;
use super::board::Board;
use super::scene::Asked;
use crate::web::{self, Kind, asset};
use crate::wire::{MAX_TEXT, sanitise};

/// The longest text with every byte escaped still fits; then it is the device that says that it is too long.
const MAX_ACT: usize = 8 * MAX_TEXT;
/// How soon a closed page is noticed.
const ALIVE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
struct Pages {
    board: Board,
    ask: mpsc::Sender<Asked>,
}

pub(super) fn router(board: Board, ask: mpsc::Sender<Asked>) -> Router {
    let js = |text| asset(Kind::Js, text);
    Router::new()
        .route("/", asset(Kind::Html, include_str!("page/index.html")))
        .route("/stage.css", asset(Kind::Css, include_str!("page/stage.css")))
        .route("/stage.js", js(include_str!("page/stage.js")))
        .route("/live.js", js(include_str!("page/live.js")))
        .route("/ends.js", js(include_str!("page/ends.js")))
        .route("/middle.js", js(include_str!("page/middle.js")))
        .route("/business.js", js(include_str!("page/business.js")))
        .route("/keys.js", js(include_str!("page/keys.js")))
        .route("/padding.js", js(include_str!("page/padding.js")))
        .route("/rows.js", js(include_str!("page/rows.js")))
        .route("/guide.js", js(include_str!("page/guide.js")))
        .route("/drawer.css", asset(Kind::Css, include_str!("page/drawer.css")))
        .route("/drawer.js", js(include_str!("page/drawer.js")))
        .route("/code.js", js(include_str!("page/code.js")))
        .route("/tour.js", js(include_str!("page/tour.js")))
        .route("/events", get(events))
        .route("/act", post(act).layer(DefaultBodyLimit::max(MAX_ACT)))
        .with_state(Pages { board, ask })
        .merge(web::assets())
}

async fn events(State(pages): State<Pages>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(pages.board.events()).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// Answers when the act is done: 200, or a reason that says what to do.
async fn act(State(pages): State<Pages>, act: Result<Json<Act>, JsonRejection>) -> (StatusCode, Json<Value>) {
    let refuse = |status, why: String| (status, Json(json!({ "error": why })));
    let act = match act {
        Ok(Json(act)) => act,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let why = "a message holds at most 64 KiB of text: send it in parts; what you typed is still in the box";
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, why.to_owned());
        }
        Err(rejection) => return refuse(StatusCode::BAD_REQUEST, sanitise(&rejection.body_text())),
    };
    let (answer, outcome) = oneshot::channel();
    if pages.ask.send((act, answer)).await.is_err() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the stage is closing".to_owned());
    }
    match outcome.await {
        Ok(Ok(())) => (StatusCode::OK, Json(json!({ "ok": true }))),
        Ok(Err(why)) => refuse(StatusCode::CONFLICT, why),
        Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "the stage is closing".to_owned()),
    }
}
