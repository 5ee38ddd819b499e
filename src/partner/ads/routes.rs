//! The two questions over HTTP: the user's about themselves, and the operator's about everybody.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{AdChoice, Audience};
use crate::partner::gate::Platform;
use crate::partner::page::query;
use crate::partner::problem::{Problem, Refusals};
use crate::wire::UserId;

/// As of when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::partner) struct Moment {
    /// In milliseconds since 1970; now, if it is left out.
    #[param(nullable = false)]
    at: Option<u64>,
}

type Asked = Result<Query<Moment>, QueryRejection>;

/// Which ads the platform would show to a user, and exactly why.
#[utoipa::path(get, path = "/account/v1/{user}/ads", tag = "account", security(("user" = [])),
    params(("user" = String, Path), Moment), responses((status = 200, body = AdChoice), Refusals))]
pub(in crate::partner) async fn ads(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
    moment: Asked,
) -> Result<Json<AdChoice>, Problem> {
    let nobody = || Problem::token("this is not the token of that mailbox; it goes into the Authorization header");
    let user: UserId = user.parse().map_err(|_| nobody())?;
    platform.user(&headers, &uri, &user).await?;
    let at = query(moment)?.at.unwrap_or_else(|| platform.clock.now());
    platform.ads(&user, at).await?.map(Json).ok_or_else(nobody)
}

/// Everybody at once: groups to sell to, and the ad of each user.
#[utoipa::path(get, path = "/operator/v1/audience", tag = "operator", security(("operator" = [])),
    params(Moment), responses((status = 200, body = Audience), Refusals))]
pub(in crate::partner) async fn audience(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    moment: Asked,
) -> Result<Json<Audience>, Problem> {
    platform.operator(&headers, &uri)?;
    let at = query(moment)?.at.unwrap_or_else(|| platform.clock.now());
    platform.audience(at).await.map(Json)
}
