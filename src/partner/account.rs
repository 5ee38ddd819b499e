//! A user's own side: connecting a partner, and being told.
//!
//! Question: how does a user know who read their messages?
//! From the platform, which tells what it chooses to tell. Nothing here can be checked by the user: the ledger is the platform's. Of a
//! sealed conversation nobody has to be believed: there is no text that anybody could have read.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::book::Standing;
use super::gate::Platform;
use super::problem::Problem;
use super::scope::{Access, Scope};
use crate::wire::UserId;

/// What stands under every disclosure.
const WORD: &str = "This is the platform's word: it keeps the ledger, chooses what to disclose, and nothing here proves that this is all. \
                    Of a sealed conversation nobody's word is needed: the platform has no text of it that anybody could have read.";
/// The most conversations that are gone through.
const THREADS: u32 = 1_000;

/// Connects a partner: per login, it may use what the agreement grants on this account.
pub(super) async fn connect(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path((user, partner)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let user = platform.owner(&headers, &uri, &user).await?;
    let none =
        || Problem::new(StatusCode::NOT_FOUND, "the platform has no agreement in force with a partner of that name");
    let partner: UserId = partner.parse().map_err(|_| none())?;
    let now = platform.clock.now();
    let agreement = platform.book.in_force(&partner, now)?.ok_or_else(none)?;
    let changed = platform.book.connect(&user, &partner, true, now)?;
    let scopes = agreement.scopes;
    Ok(Json(
        json!({ "connected": true, "changed": changed, "partner": partner, "title": agreement.title, "scopes": scopes }),
    ))
}

/// Takes that back: requests on this account are refused from now on, open streams end within two seconds.
pub(super) async fn disconnect(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path((user, partner)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let user = platform.owner(&headers, &uri, &user).await?;
    let none = || Problem::new(StatusCode::NOT_FOUND, "no partner of that name is connected");
    let partner: UserId = partner.parse().map_err(|_| none())?;
    let changed = platform.book.connect(&user, &partner, false, platform.clock.now())?;
    Ok(Json(json!({ "connected": false, "changed": changed, "partner": partner })))
}

/// What the platform chooses to disclose to this user.
pub(super) async fn disclosures(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
) -> Result<Json<Value>, Problem> {
    let user = platform.owner(&headers, &uri, &user).await?;
    let now = platform.clock.now();
    let threads = platform.archive.threads(&user, u64::MAX, THREADS).await?.unwrap_or_default();
    let (open, sealed): (Vec<_>, Vec<_>) = threads.into_iter().partition(|thread| thread.messages > thread.sealed);
    let names = |threads: &[crate::relay::Thread]| threads.iter().map(|thread| thread.with.clone()).collect::<Vec<_>>();
    let (open, sealed) = (names(&open), names(&sealed));
    let mut partners = Vec::new();
    for agreement in platform.book.agreements(None)?.into_iter().filter(|agreement| agreement.disclosed) {
        let since = platform.book.connected(&user, &agreement.partner)?;
        if since.is_none() && agreement.access == Access::PerLogin {
            continue;
        }
        let standing = agreement.standing(now);
        let uses = platform.book.counts(Some(&agreement.partner), Some(&user))?;
        let mut never_agreed = Vec::new();
        let readable = standing == Standing::InForce && agreement.scopes.contains(&Scope::InboxRead);
        for peer in open.iter().filter(|_| readable) {
            if platform.book.connected(peer, &agreement.partner)?.is_none() {
                never_agreed.push(peer);
            }
        }
        partners.push(json!({
            "partner": agreement.partner, "title": agreement.title, "access": agreement.access, "standing": standing,
            "from": agreement.from, "to": agreement.to, "scopes": agreement.scopes, "connected_since": since,
            "used": uses, "correspondents_who_never_agreed": never_agreed,
        }));
    }
    Ok(Json(json!({ "user": user, "partners": partners, "open_with": open, "sealed_with": sealed, "note": WORD })))
}

impl Platform {
    /// The user whose mailbox token this is.
    pub(super) async fn owner(&self, headers: &HeaderMap, uri: &Uri, user: &str) -> Result<UserId, Problem> {
        // A name that nobody can have is nobody's: the same answer as for another's token.
        let user = user.parse().map_err(|_| {
            Problem::token("this is not the token of that mailbox; it goes into the Authorization header")
        })?;
        self.user(headers, uri, &user).await?;
        Ok(user)
    }
}
