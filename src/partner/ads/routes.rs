//! The two questions over HTTP: the user's about themselves, and the operator's about everybody.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri};
use serde::Deserialize;

use super::{AdChoice, Audience};
use crate::partner::gate::Platform;
use crate::partner::page::query;
use crate::partner::problem::Problem;

/// As of when.
#[derive(Debug, Deserialize)]
pub(in crate::partner) struct Moment {
    /// In milliseconds since 1970; now, if it is left out.
    at: Option<u64>,
}

type Asked = Result<Query<Moment>, QueryRejection>;

/// Which ads the platform would show to a user, and exactly why.
pub(in crate::partner) async fn ads(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(user): Path<String>,
    moment: Asked,
) -> Result<Json<AdChoice>, Problem> {
    let user = platform.owner(&headers, &uri, &user).await?;
    let at = query(moment)?.at.unwrap_or_else(|| platform.clock.now());
    platform.ads(&user, at).await?.map(Json).ok_or_else(Problem::nobody)
}

/// Everybody at once: groups to sell to, and the ad of each user.
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
