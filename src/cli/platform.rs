//! `blindrelay platform …`: the operator's desk. Who may read inboxes is decided here, by the company, and by nobody else.
//!
//! The commands ask the running relay, with the operator's token of its home. What the platform gives a partner goes into a file
//! of the partner's own, never to the terminal.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use axum::http::Method;
use serde_json::{Value, json};

use super::audience;
#[cfg(feature = "ends")]
use super::except;
use crate::clock::time_of_day;
use crate::home::Home;
use crate::http::{self, As, HttpError, Say};
use crate::partner::{Access, Scope, openapi};
use crate::streamco::Day;
use crate::wire::{RelayUrl, Token, UserId, sanitise, sanitise_json};

const AUDIENCE: &str = "/operator/v1/audience";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make an agreement with a partner: what it may do, and on whose accounts
    Agree(Agree),
    /// List all agreements
    List(At),
    /// Show the agreements with a partner: what was granted, and what was used
    Show(With),
    /// End an agreement: tokens are refused at once, open streams end within two seconds
    Revoke(With),
    /// Let an agreement's term be over now
    Expire(With),
    /// Show the access ledger: every capability granted, and every use
    Ledger(Ledger),
    /// List the two-weekly reports that partners filed, and those that are due
    Reports(At),
    /// List the messages that users have reported: claims, unless the platform's own archive says the same
    Complaints(At),
    /// Show the groups that ads are sold for, and how many are in each because of words, signals and metadata
    Audience(At),
    /// Show the ad of each user
    Ads(At),
    /// Try to let the partner into a sealed conversation: every way that a platform has, and what it meets
    #[cfg(feature = "ends")]
    Except(except::Args),
    /// Print the partner API's OpenAPI document
    Openapi,
}

/// Which platform.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct At {
    /// The platform's relay, on this machine [default: ws://127.0.0.1:4747]
    #[arg(long, value_name = "URL")]
    relay: Option<RelayUrl>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct With {
    /// The partner's name
    partner: UserId,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct Ledger {
    /// Only this partner's
    partner: Option<UserId>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct Agree {
    /// The partner's name
    partner: UserId,
    /// What it may do
    #[arg(
        long,
        value_name = "SCOPE,…",
        value_delimiter = ',',
        default_value = "inbox.read,message.write,message.delete,report,signals"
    )]
    scopes: Vec<Scope>,
    /// On whose accounts: per-login (users who connected it) or whitelisted (everybody's)
    #[arg(long, value_name = "MODEL", default_value_t = Access::PerLogin)]
    access: Access,
    /// The term, from now
    #[arg(long, value_name = "DAYS", default_value_t = 365)]
    days: u32,
    /// What the partner spends on advertising
    #[arg(long, value_name = "USD A YEAR", default_value_t = 0)]
    spend: u64,
    /// What users see it called [default: StreamCo for streamco, else its name]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Do not show it to the users that it concerns
    #[arg(long)]
    undisclosed: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(Args { command }: Args, home: &Home) -> Result<ExitCode> {
    let partner = |with: &With| format!("/operator/v1/agreements/{}", with.partner);
    match command {
        Command::Openapi => super::print(&format!("{}\n", openapi()))?,
        Command::Agree(agree) => self::agree(agree, home)?,
        Command::List(at) => {
            let answer = at.ask(home, Method::GET, "/operator/v1/agreements", None)?;
            at.print(&answer, |answer| lines(&answer["agreements"], agreement))?;
        }
        Command::Show(with) => {
            let answer = with.at.ask(home, Method::GET, &partner(&with), None)?;
            with.at.print(&answer, shown)?;
        }
        Command::Revoke(with) => {
            let answer = with.at.ask(home, Method::POST, &format!("{}/revoke", partner(&with)), None)?;
            with.at.print(&answer, |answer| agreement(&answer["agreement"]))?;
        }
        Command::Expire(with) => {
            let answer = with.at.ask(home, Method::POST, &format!("{}/expire", partner(&with)), None)?;
            with.at.print(&answer, |answer| agreement(&answer["agreement"]))?;
        }
        Command::Ledger(Ledger { partner, at }) => {
            let of = partner.map_or_else(String::new, |partner| format!("?partner={partner}"));
            let answer = at.ask(home, Method::GET, &format!("/operator/v1/ledger{of}"), None)?;
            at.print(&answer, ledger)?;
        }
        Command::Complaints(at) => {
            let answer = at.ask(home, Method::GET, "/operator/v1/complaints", None)?;
            at.print(&answer, complaints)?;
        }
        Command::Reports(at) => {
            let answer = at.ask(home, Method::GET, "/operator/v1/reports", None)?;
            at.print(&answer, reports)?;
        }
        Command::Audience(at) => at.print(&at.ask(home, Method::GET, AUDIENCE, None)?, audience::audience)?,
        #[cfg(feature = "ends")]
        Command::Except(args) => return except::run(args, home),
        Command::Ads(at) => at.print(&at.ask(home, Method::GET, AUDIENCE, None)?, audience::people)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn agree(Agree { partner, scopes, access, days, spend, title, undisclosed, at }: Agree, home: &Home) -> Result<()> {
    let known = if partner.as_str() == "streamco" { "StreamCo" } else { partner.as_str() };
    let title = title.unwrap_or_else(|| known.to_owned());
    let terms = json!({
        "partner": partner, "title": title, "scopes": scopes, "access": access, "days": days,
        "spend_usd_per_year": spend, "disclosed": !undisclosed,
    });
    let mut answer = at.ask(home, Method::POST, "/operator/v1/agreements", Some(&terms))?;
    let credentials = json!({ "client_id": answer["client_id"], "client_secret": answer["client_secret"].take() });
    let kept = home.keep_credentials(&partner, &credentials.to_string())?;
    answer["client_secret"] = json!(format!("in {}", kept.display()));
    at.print(&answer, |answer| {
        let mut text = agreement(&answer["agreement"]);
        let _infallible = writeln!(text, "its credentials are in {}, for the partner alone", kept.display());
        text
    })
}

impl At {
    fn ask(&self, home: &Home, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = self
            .relay
            .clone()
            .unwrap_or_default()
            .check(false)
            .context("the operator's desk is on the relay's own machine")?;
        ask(&url, &home.token("operator")?, method, path, body)
    }

    fn print(&self, answer: &Value, text: impl Fn(&Value) -> String) -> Result<()> {
        if self.json {
            super::print(&format!("{}\n", sanitise_json(&answer.to_string())))
        } else {
            super::print(&text(answer))
        }
    }
}

/// One request to the relay's own API; a refusal is an error in its own words.
pub(super) fn ask(url: &RelayUrl, token: &Token, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
    let body = body.map(ToString::to_string);
    let say = body.as_deref().map_or(Say::Nothing, Say::Json);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = match runtime.block_on(http::call(url, method, path, As::Bearer(token), say)) {
        Ok((_, answer)) => answer,
        Err(HttpError::Status(_, Some(why))) => bail!("the platform refuses: {}", sanitise(&why)),
        Err(HttpError::NoAnswer(_)) => bail!("no platform answers at {url}; start one with `blindrelay relay`"),
        Err(error) => return Err(error.into()),
    };
    serde_json::from_slice(&answer).context("the platform's answer cannot be read")
}

pub(super) fn lines(list: &Value, line: impl Fn(&Value) -> String) -> String {
    list.as_array().map(|list| list.iter().map(line).collect()).unwrap_or_default()
}

/// Words of a list of texts.
pub(super) fn words(list: &Value) -> String {
    let words = list.as_array().map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    sanitise(&words.unwrap_or_default())
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), sanitise)
}

pub(super) fn day(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), |at| Day::of(at).to_string())
}

pub(super) fn reading(access: &Value) -> &'static str {
    match access.as_str() {
        Some("whitelisted") => {
            "whitelisted: every user's inbox, the broadest reading of what is *alleged*; the quoted text does not say whether users were asked"
        }
        _ => {
            "per login: users who connected it, as platform and partner describe it; whoever writes with them never agreed"
        }
    }
}

fn agreement(agreement: &Value) -> String {
    let [n, title, partner, standing] = ["n", "title", "partner", "standing"].map(|key| text(&agreement[key]));
    let (from, to, scopes) = (day(&agreement["from"]), day(&agreement["to"]), words(&agreement["scopes"]));
    let (spend, access) = (&agreement["spend_usd_per_year"], reading(&agreement["access"]));
    let shown = if agreement["disclosed"] == true { "disclosed to users" } else { "not disclosed to users" };
    format!(
        "agreement {n} with {title} ({partner}): {standing}, {from} to {to}\n  may: {scopes}\n  {access}\n  spends {spend} US dollars a year on advertising; {shown}\n"
    )
}

fn count(count: &Value) -> String {
    let [partner, scope] = ["partner", "scope"].map(|key| text(&count[key]));
    let (granted, used, users) = (&count["granted"], &count["used"], &count["users"]);
    format!("  {partner:<12} {scope:<15} granted {granted}, used {used} times on {users} accounts\n")
}

fn shown(answer: &Value) -> String {
    let connected = match words(&answer["connected"]) {
        none if none.is_empty() => "nobody".to_owned(),
        some => some,
    };
    let (agreements, counts) = (lines(&answer["agreements"], agreement), lines(&answer["counts"], count));
    format!(
        "{agreements}connected by: {connected}\ngranted is not used (*conceded* as capabilities; use is *denied*):\n{counts}"
    )
}

fn ledger(answer: &Value) -> String {
    let entry = |entry: &Value| {
        let at = entry["at"].as_u64().unwrap_or(0);
        let [partner, scope, what] = ["partner", "scope", "what"].map(|key| text(&entry[key]));
        let user =
            entry["user"].as_str().map_or_else(String::new, |user| format!(" on the account of {}", sanitise(user)));
        format!("  {} {} {partner} {scope} {what}{user}\n", Day::of(at), time_of_day(at))
    };
    format!("{}the latest:\n{}", lines(&answer["counts"], count), lines(&answer["entries"], entry))
}

fn complaints(answer: &Value) -> String {
    let all = lines(&answer["complaints"], |complaint| {
        let [by, about, said] = ["by", "about", "text"].map(|key| text(&complaint[key]));
        let word = if complaint["confirmed"] == true {
            "the archive says the same"
        } else {
            "a claim: the platform cannot check it"
        };
        format!("{:>3}  {by} says that {about} wrote “{said}” · {word}\n", complaint["n"])
    });
    if all.is_empty() { "nobody has reported a message\n".to_owned() } else { all }
}

fn reports(answer: &Value) -> String {
    let due = lines(&answer["due"], |due| {
        if due["state"] == "filed" {
            return String::new();
        }
        let [partner, from, to, by, state] = ["partner", "from", "to", "due", "state"].map(|key| text(&due[key]));
        format!("{partner} {from} to {to}: {state} (by {by})\n")
    });
    let filed = lines(&answer["reports"], |report| {
        let [partner, from, to] = ["partner", "from", "to"].map(|key| text(&report[key]));
        format!("{partner} {from} to {to}: filed on {}\n", day(&report["filed_at"]))
    });
    let all = format!("{due}{filed}");
    if all.is_empty() { "no report was filed, and none is due\n".to_owned() } else { all }
}
