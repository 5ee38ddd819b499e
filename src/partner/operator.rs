//! The platform's own desk: making and ending agreements, and its books.
//!
//! Everything about who may read is decided here, with one token, by the company alone. The correspondents are not asked, because
//! there is nothing to ask them for.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Agreement, Standing, Terms};
use super::day::{self, DAY};
use super::filed::PERIOD;
use super::gate::Platform;
use super::page::query;
use super::problem::{self, Problem};
use crate::wire::{Token, UserId};

/// The most days of a term.
const DAYS: u32 = 3_650;
/// The most characters of a partner's title.
const TITLE: usize = 40;
/// The most dollars a year.
const SPEND: u64 = 1_000_000_000_000;
/// Lines of the ledger in an answer.
const LINES: u32 = 200;
/// A report is due so many days after its period.
const DUE: u64 = 7;

/// An agreement, and how it stands.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    agreement: Agreement,
    standing: Standing,
}

impl Platform {
    fn shown(&self, agreement: Agreement) -> Shown {
        let standing = agreement.standing(self.clock.now());
        Shown { agreement, standing }
    }
}

/// Makes an agreement. The client's secret is in this answer and nowhere else.
pub(super) async fn agree(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    sent: Result<Json<Terms>, JsonRejection>,
) -> Result<Response, Problem> {
    platform.operator(&headers, &uri)?;
    let terms = problem::json(sent)?;
    check(&terms).map_err(Problem::bad)?;
    let secret = Token::random(&mut rand::rng());
    let Some(agreement) = platform.book.agree(&terms, &secret, platform.clock.now())? else {
        let detail = format!("an agreement with {} is in force; revoke it first", terms.partner);
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    let archive = platform.archive.clone();
    tokio::spawn(async move { archive.prepare().await });
    let client = agreement.partner.clone();
    let body = json!({ "agreement": platform.shown(agreement), "client_id": client, "client_secret": secret });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

fn check(terms: &Terms) -> Result<(), String> {
    let title = terms.title.chars().count();
    if !(1..=TITLE).contains(&title) || terms.title.chars().any(char::is_control) {
        return Err(format!("a title is 1 to {TITLE} characters, none of them control characters"));
    }
    if terms.scopes.is_empty() {
        return Err("an agreement grants at least one scope".to_owned());
    }
    if !(1..=DAYS).contains(&terms.days) {
        return Err(format!("a term is 1 to {DAYS} days"));
    }
    if terms.spend_usd_per_year > SPEND {
        return Err("nobody spends that much".to_owned());
    }
    Ok(())
}

/// All agreements, the latest first.
pub(super) async fn agreements(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    platform.operator(&headers, &uri)?;
    let agreements = platform.book.agreements(None)?;
    let shown: Vec<Shown> = agreements.into_iter().map(|agreement| platform.shown(agreement)).collect();
    Ok(Json(json!({ "agreements": shown })))
}

/// Those with one partner, what was granted and used under them, and who connected it.
pub(super) async fn agreement(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(partner): Path<String>,
) -> Result<Json<Value>, Problem> {
    platform.operator(&headers, &uri)?;
    let partner = named(&partner)?;
    let agreements = platform.book.agreements(Some(&partner))?;
    if agreements.is_empty() {
        return Err(none(&partner));
    }
    let shown: Vec<Shown> = agreements.into_iter().map(|agreement| platform.shown(agreement)).collect();
    let counts = platform.book.counts(Some(&partner), None)?;
    let connected = platform.book.connections(&partner)?;
    Ok(Json(json!({ "agreements": shown, "counts": counts, "connected": connected })))
}

/// Ends the agreement in force: its tokens are good for nothing from now on.
pub(super) async fn revoke(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(partner): Path<String>,
) -> Result<Json<Value>, Problem> {
    end(&platform, &headers, &uri, &partner, true)
}

/// Lets its term be over now.
pub(super) async fn expire(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    Path(partner): Path<String>,
) -> Result<Json<Value>, Problem> {
    end(&platform, &headers, &uri, &partner, false)
}

fn end(
    platform: &Platform,
    headers: &HeaderMap,
    uri: &Uri,
    partner: &str,
    revoke: bool,
) -> Result<Json<Value>, Problem> {
    platform.operator(headers, uri)?;
    let partner = named(partner)?;
    let ended = platform.book.end(&partner, revoke, platform.clock.now())?.ok_or_else(|| none(&partner))?;
    Ok(Json(json!({ "agreement": platform.shown(ended) })))
}

fn named(partner: &str) -> Result<UserId, Problem> {
    partner.parse().map_err(|error: crate::wire::BadId| Problem::bad(error.to_string()))
}

fn none(partner: &UserId) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no such agreement with {partner}; make one first"))
}

/// Whose ledger.
#[derive(Debug, Deserialize)]
pub(super) struct Of {
    partner: Option<UserId>,
}

/// Granted and used, counted, and the latest lines.
pub(super) async fn ledger(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
    of: Result<Query<Of>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    platform.operator(&headers, &uri)?;
    let partner = query(of)?.partner;
    let counts = platform.book.counts(partner.as_ref(), None)?;
    let entries = platform.book.entries(partner.as_ref(), LINES)?;
    Ok(Json(json!({ "counts": counts, "entries": entries })))
}

/// The reports that were filed, and those that are due.
pub(super) async fn reports(
    State(platform): State<Platform>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    platform.operator(&headers, &uri)?;
    let reports = platform.book.reports()?;
    let now = platform.clock.now();
    let mut due = Vec::new();
    for agreement in platform.book.agreements(None)? {
        let last = agreement.to.min(agreement.revoked.unwrap_or(u64::MAX)).min(now) / DAY;
        let starts = (agreement.from / DAY..).step_by(usize::try_from(PERIOD).unwrap_or(1));
        for start in starts.take_while(|start| start + PERIOD <= last) {
            let (from, to) = (day::written(start), day::written(start + PERIOD - 1));
            let partner = agreement.partner.as_str();
            let filed = reports.iter().any(|report| report.partner == partner && report.from == from);
            let by = start + PERIOD - 1 + DUE;
            let state = match (filed, now / DAY > by) {
                (true, _) => "filed",
                (false, true) => "overdue",
                (false, false) => "due",
            };
            due.push(json!({ "partner": partner, "from": from, "to": to, "due": day::written(by), "state": state }));
        }
    }
    Ok(Json(json!({ "reports": reports, "due": due })))
}
