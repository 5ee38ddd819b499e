//! What flows from the partner to the platform: the two-weekly report, and signals for advertising.
//!
//! It is *alleged* that the partner was to "provide to FB a written report every two weeks that shows daily counts of recommendation
//! sends and recipient clicks by interface, initiation surface, and/or implementation variant". Such a report is made of the partner's
//! own events. It has no names in it and needs no text of a message, so it is the same whether messages are sealed.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::book::Filed;
use super::day;
use super::gate::Platform;
use super::problem::{BodyRefusals, Problem, ProblemDetails, Refusals, body, is_of_type, json};
use super::scope::{Access, Scope};
use crate::wire::UserId;

/// Days of a period.
pub(super) const PERIOD: u64 = 14;
/// The most rows of a report.
const ROWS: usize = 10_000;
/// The most signals at once.
const SIGNALS: usize = 1_000;
/// The most characters of a title or a label.
const LABEL: usize = 200;

/// Daily counts of recommendation sends and recipient clicks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    partner: String,
    period: Period,
    #[schema(max_items = 10000)]
    rows: Vec<Row>,
}

/// From the first to the last day, in UTC.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Period {
    #[schema(format = Date)]
    from: String,
    #[schema(format = Date)]
    to: String,
}

/// One day, one combination.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "checked for its shape, kept as it was sent")]
pub(super) struct Row {
    #[schema(format = Date)]
    day: String,
    #[schema(max_length = 200)]
    interface: String,
    #[schema(max_length = 200)]
    surface: String,
    #[schema(max_length = 200)]
    variant: String,
    sends: u64,
    clicks: u64,
}

/// What the partner says of its customers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signals {
    #[schema(max_items = 1000)]
    signals: Vec<Signal>,
}

/// One of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// Of whom.
    pub user: String,
    /// What they did.
    pub kind: SignalKind,
    /// With what.
    #[schema(max_length = 200)]
    pub title: String,
    /// Of which genre.
    #[schema(max_length = 200)]
    pub genre: String,
    /// On what.
    pub device: Device,
    /// Milliseconds since 1970.
    pub at: u64,
}

/// What somebody did.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignalKind {
    /// Watched it.
    Watched,
    /// Looked for it.
    Searched,
    /// May want it, says the partner.
    Intent,
}

/// On what.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A television set.
    Tv,
    /// A telephone.
    Phone,
    /// A browser.
    Web,
}

impl SignalKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::Searched => "searched",
            Self::Intent => "intent",
        }
    }
}

impl Device {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Tv => "tv",
            Self::Phone => "phone",
            Self::Web => "web",
        }
    }
}

/// So many were taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Taken {
    taken: usize,
}

/// How a report was received.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Received {
    /// Whether it is new, or had come before.
    filed: &'static str,
}

/// The agreement as its partner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Mine {
    partner: String,
    scopes: Vec<Scope>,
    access: Access,
    from: u64,
    to: u64,
    spend_usd_per_year: u64,
    /// A report is due for every so many days from the start.
    period_days: u64,
}

/// The agreement that the token is under.
#[utoipa::path(get, path = "/partner/v1/agreement", tag = "token", security(("partner" = [])),
    responses((status = 200, body = Mine), Refusals))]
pub(super) async fn agreement(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Mine>, Problem> {
    let agreement = platform.recognise(&headers, &uri)?.agreement;
    let partner = agreement.partner.as_str().to_owned();
    let (scopes, access, spend_usd_per_year) = (agreement.scopes, agreement.access, agreement.spend_usd_per_year);
    let (from, to) = (agreement.from, agreement.to);
    Ok(Json(Mine { partner, scopes, access, from, to, spend_usd_per_year, period_days: PERIOD }))
}

/// Files a report; it is kept as it was sent.
#[utoipa::path(post, path = "/partner/v1/reports", tag = "report", security(("partner" = ["report"])), request_body = Report,
    responses((status = 201, body = Received), (status = 200, description = "It had come before.", body = Received),
        Refusals, BodyRefusals,
        (status = 409, description = "Another report for this period was filed.", body = ProblemDetails, content_type = "application/problem+json")))]
pub(super) async fn report(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    sent: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let grant = platform.admit(&headers, &uri, Scope::Report, None).await?;
    let sent = body(sent)?;
    if !is_of_type(&headers, "application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a report is application/json"));
    }
    let report: Report =
        serde_json::from_slice(&sent).map_err(|error| Problem::bad(format!("not a report: {error}")))?;
    report.check(grant.partner()).map_err(Problem::bad)?;
    let text = String::from_utf8(sent.to_vec()).map_err(|_| Problem::bad("a report is UTF-8"))?;
    let Period { from, to } = &report.period;
    match platform.book.file(grant.partner(), from, to, &text, platform.clock.now())? {
        Filed::New => Ok((StatusCode::CREATED, Json(Received { filed: "new" })).into_response()),
        Filed::Before => Ok(Json(Received { filed: "before" }).into_response()),
        Filed::Other => {
            Err(Problem::new(StatusCode::CONFLICT, "another report for this period was filed; it is not overwritten"))
        }
    }
}

impl Report {
    fn check(&self, partner: &UserId) -> Result<(), String> {
        if self.partner != partner.as_str() {
            return Err("a report is filed by the partner that it is of".to_owned());
        }
        let real = |day: &str| day::number(day).ok_or("a day is YYYY-MM-DD and a real one");
        let (from, to) = (real(&self.period.from)?, real(&self.period.to)?);
        if to < from || to - from >= PERIOD {
            return Err(format!("a period is 1 to {PERIOD} days"));
        }
        if self.rows.len() > ROWS {
            return Err(format!("a report has at most {ROWS} rows"));
        }
        for row in &self.rows {
            if !(from..=to).contains(&real(&row.day)?) {
                return Err("a row is of a day of the period".to_owned());
            }
            [&row.interface, &row.surface, &row.variant].into_iter().try_for_each(|label| is_label(label))?;
        }
        Ok(())
    }
}

fn is_label(text: &str) -> Result<(), String> {
    let fine = text.chars().count() <= LABEL && !text.chars().any(char::is_control);
    fine.then_some(()).ok_or_else(|| format!("a label is at most {LABEL} characters, none of them control characters"))
}

/// Takes signals: what the partner says of its customers.
#[utoipa::path(post, path = "/partner/v1/signals", tag = "signals", security(("partner" = ["signals"])), request_body = Signals,
    responses((status = 202, body = Taken), Refusals, BodyRefusals))]
pub(super) async fn signals(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    sent: Result<Json<Signals>, JsonRejection>,
) -> Result<Response, Problem> {
    let grant = platform.admit(&headers, &uri, Scope::Signals, None).await?;
    let Signals { signals } = json(sent)?;
    if signals.len() > SIGNALS {
        return Err(Problem::bad(format!("at most {SIGNALS} signals at once")));
    }
    let latest = platform.clock.now().saturating_add(day::DAY);
    for signal in &signals {
        [&signal.title, &signal.genre].into_iter().try_for_each(|label| is_label(label)).map_err(Problem::bad)?;
        if signal.at > latest {
            return Err(Problem::bad("a signal is from the past, in milliseconds since 1970"));
        }
    }
    let names: BTreeSet<&str> = signals.iter().map(|signal| signal.user.as_str()).collect();
    for name in names {
        let user: UserId = name.parse().map_err(|_| Problem::nobody())?;
        if !platform.may_see(&grant.agreement, &user).await? {
            return Err(Problem::nobody());
        }
    }
    platform.book.take(grant.partner(), &signals)?;
    Ok((StatusCode::ACCEPTED, Json(Taken { taken: signals.len() })).into_response())
}
