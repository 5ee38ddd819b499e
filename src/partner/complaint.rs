//! Reporting a message: the exception in the promise.
//!
//! Question: "nobody else can see what's said, unless you choose to report a message": how does the platform see it then?
//! One end hands the text over. That is no hole in the encryption: whoever can read a message can also repeat it. What the platform gets is a
//! claim. Of an open message it looks into its own archive; of a sealed one it has only noise, and no way to tell a true report
//! from an invented one. (Message franking with a commitment would change that; `docs/attacks.md` says how, and how it was broken.)
//!
//! ```text
//! POST /account/v1/NAME/complaints {about, at, text}   open: the archive says the same · sealed: a claim without proof
//! GET  /operator/v1/complaints
//! ```

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::gate::Platform;
use super::problem::{self, Problem};
use crate::wire::{MAX_TEXT, UserId};

/// Latest messages of the two in the archive that are looked at.
const LOOKED_AT: u32 = 5_000;
/// Complaints in an answer.
const LINES: u32 = 200;

/// What a reader hands over.
#[derive(Deserialize)]
pub(super) struct Told {
    about: UserId,
    at: u64,
    text: String,
}

/// Takes a report.
pub(super) async fn complain(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
    sent: Result<Json<Told>, JsonRejection>,
) -> Result<Response, Problem> {
    let user = platform.owner(&headers, &uri, &user).await?;
    let Told { about, at, text } = problem::json(sent)?;
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(Problem::bad("a reported text has 1 to 65,536 bytes"));
    }
    if about == user || !platform.archive.knows(&about).await? {
        return Err(Problem::bad("a report is about somebody else, who has registered"));
    }
    let confirmed = platform.archive.said(&about, &user, &text, LOOKED_AT).await?;
    let n = platform.book.complain(&user, &about, at, &text, confirmed)?;
    Ok((StatusCode::CREATED, Json(json!({ "n": n, "confirmed": confirmed }))).into_response())
}

/// All of them, for the operator.
pub(super) async fn complaints(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    platform.operator(&headers, &uri)?;
    Ok(Json(json!({ "complaints": platform.book.complaints(LINES)? })))
}
