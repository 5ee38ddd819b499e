//! Writing and deleting in a user's name.
//!
//! It is *conceded* that a few partners could write and delete; write meant sending, and delete that deletions were carried over. In an
//! open conversation nothing is signed, so the platform can let anybody write in anybody's name; that it says "via StreamCo" is its own
//! word. In a sealed one it has no key: what it could send would be an open message, which the recipient's client sets aside.
//!
//! Deleting needs no key. Whoever carries mail can drop what is not delivered yet, sealed or not, and the numbers that clients
//! count show the gap. What was delivered stays with those who have it.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gate::Platform;
use super::problem::{BodyRefusals, Problem, ProblemDetails, Refusals, json};
use super::scope::Scope;
use crate::relay::{NotPosted, Removed};
use crate::wire::{ErrorCode, UserId};

/// A message to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Post {
    /// To whom.
    to: String,
    /// What it says: at most 64 KiB of UTF-8.
    #[schema(min_length = 1, max_length = 65536)]
    text: String,
}

/// It was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Posted {
    /// Its id.
    id: String,
}

/// What a deletion did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    /// `"before delivery"`, `"from the archive"` or `"nothing"`.
    deleted: &'static str,
    /// What is still there.
    stays: &'static str,
}

/// Sends an open message in a user's name, marked with the partner's.
#[utoipa::path(post, path = "/partner/v1/users/{user}/messages", tag = "write", security(("partner" = ["message.write"])),
    params(("user" = String, Path)), request_body = Post,
    responses((status = 201, body = Posted), Refusals, BodyRefusals,
        (status = 409, description = "The conversation is sealed, or the mailbox full.", body = ProblemDetails, content_type = "application/problem+json")))]
pub(super) async fn post(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
    sent: Result<Json<Post>, JsonRejection>,
) -> Result<Response, Problem> {
    let (grant, user) = platform.admit_to(&headers, &uri, Scope::MessageWrite, &user).await?;
    let Post { to, text } = json(sent)?;
    if text.is_empty() {
        return Err(Problem::bad("there is no text"));
    }
    let absent = || Problem::new(StatusCode::NOT_FOUND, "nobody of that name to send to");
    let to: UserId = to.parse().map_err(|_| absent())?;
    let posted = platform.archive.post(&user, &to, &text, &grant.agreement.title, platform.clock.now()).await;
    let id = posted.map_err(|error| match error {
        NotPosted::Sealed => Problem::new(
            StatusCode::CONFLICT,
            "this conversation is sealed and the platform has no key to it: an open message would be set aside by the recipient's client. The user's own client can send it",
        )
        .of_kind("sealed"),
        NotPosted::Refused(ErrorCode::UnknownUser, _) => absent(),
        NotPosted::Refused(ErrorCode::TooLarge, detail) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
        NotPosted::Refused(ErrorCode::MailboxFull, detail) => {
            Problem::new(StatusCode::CONFLICT, detail).of_kind("mailbox-full")
        }
        NotPosted::Refused(_, detail) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail),
        NotPosted::Store(error) => error.into(),
    })?;
    Ok((StatusCode::CREATED, Json(Posted { id: id.to_string() })).into_response())
}

/// Deletes what a message of this user's says, as far as the platform has it.
#[utoipa::path(delete, path = "/partner/v1/users/{user}/messages/{seq}", tag = "write", security(("partner" = ["message.delete"])),
    params(("user" = String, Path), ("seq" = u64, Path)), responses((status = 200, body = Deleted), Refusals))]
pub(super) async fn delete(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path((user, seq)): Path<(String, String)>,
) -> Result<Json<Deleted>, Problem> {
    let (_, user) = platform.admit_to(&headers, &uri, Scope::MessageDelete, &user).await?;
    let seq: u64 = seq.parse().map_err(|_| Problem::bad("a message has a whole number"))?;
    let removed = match i64::try_from(seq) {
        Ok(_) => platform.archive.remove(&user, seq).await?,
        Err(_) => None,
    };
    let absent = || Problem::new(StatusCode::NOT_FOUND, "no message of this number is from or to them");
    Ok(Json(match removed.ok_or_else(absent)? {
        Removed::Undelivered => Deleted {
            deleted: "before delivery",
            stays: "names, time and size with the platform, and the sender's own copy; the recipient's client had not confirmed it, and may see a gap in the numbers",
        },
        Removed::Archived => Deleted {
            deleted: "from the archive",
            stays: "names, time and size with the platform, and the copies of sender and recipient",
        },
        Removed::Nothing => Deleted {
            deleted: "nothing",
            stays: "names, time and size with the platform, which has nothing else of it, and the copies that sender and recipient have",
        },
    }))
}
