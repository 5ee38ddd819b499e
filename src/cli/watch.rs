//! `blindrelay watch`: what the relay sees, as it passes. Made of sightings alone: the relay has nothing more.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::http::StatusCode;

use crate::clock::time_of_day;
use crate::home::{Home, HomeError};
use crate::http::{self, Event, HttpError};
use crate::relay::{SIGHTINGS, Sighting};
use crate::wire::{Content, Payload, RelayUrl, Token, sanitise, sanitise_json};

/// Columns of a line.
const WIDTH: usize = 80;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The relay, on this machine [default: ws://127.0.0.1:4747]
    #[arg(long, value_name = "URL")]
    relay: Option<RelayUrl>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Args { relay, json }: Args, home: &Home) -> Result<ExitCode> {
    let url = relay.unwrap_or_default().check(false).context("the operator's view is for the relay's own machine")?;
    if !json {
        super::print(&format!(
            "What the relay at {url} sees: time (UTC), who, to whom, bytes, and what it was handed. Ctrl-C ends.\n"
        ))?;
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(watch(&url, home, json))
}

async fn watch(url: &RelayUrl, home: &Home, json: bool) -> Result<ExitCode> {
    let (mut last, mut waiting) = (0, false);
    loop {
        // Read anew each time: a relay that starts for the first time has just made it.
        let token = home.token("operator");
        let outcome = match token {
            Ok(token) => follow(url, &token, &mut last, json, &mut waiting).await,
            Err(HomeError::NoToken(_)) => Err(End::Lost(format!("no relay has run on {} yet", home.path().display()))),
            Err(error) => return Err(error.into()),
        };
        match outcome {
            Err(End::Output) => return Ok(ExitCode::SUCCESS), // whoever read our output has gone
            Err(End::Refused) => bail!(
                "the relay at {url} does not take this home's operator token; name the relay's home with --home DIR"
            ),
            Err(End::Lost(why)) if !std::mem::replace(&mut waiting, true) => {
                super::complain(&format!("nothing to watch at {url} now ({why}); waiting for a relay there"));
            }
            Err(End::Lost(_)) | Ok(()) => {}
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

enum End {
    /// The relay is not there, or has gone.
    Lost(String),
    /// Wrong token.
    Refused,
    /// Our own output is closed.
    Output,
}

async fn follow(url: &RelayUrl, token: &Token, last: &mut u64, json: bool, waiting: &mut bool) -> Result<(), End> {
    let lost = |error: HttpError| End::Lost(error.to_string());
    let mut events = http::events(url, SIGHTINGS, token, *last).await.map_err(|error| match error {
        HttpError::Status(StatusCode::UNAUTHORIZED, _) => End::Refused,
        other => lost(other),
    })?;
    *waiting = false;
    while let Some(Event { kind: _, data }) = events.next().await.map_err(lost)? {
        match serde_json::from_str::<Sighting>(&data) {
            Ok(sighting) => {
                *last = sighting.n;
                show(&sighting, json).map_err(|_| End::Output)?;
            }
            Err(_) => super::complain(&format!("watching too slowly, {} not shown", sanitise(&data))),
        }
    }
    Ok(())
}

fn show(sighting: &Sighting, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let line = sanitise_json(&serde_json::to_string(sighting)?);
        return writeln!(out, "{line}").and_then(|()| out.flush());
    }
    let Sighting { n: _, id: _, at, from, to, size, payload } = sighting;
    let time = time_of_day(*at);
    let (mode, what) = match payload {
        Payload::Open(Content::Text { text, via: Some(via), .. }) => {
            ("OPEN  ", format!("[via {}] {}", sanitise(via), sanitise(text)))
        }
        Payload::Open(Content::Text { text, .. }) => ("OPEN  ", sanitise(text)),
        Payload::Open(Content::Receipt { of, .. }) => ("OPEN  ", format!("[receipt for message {of}]")),
        Payload::Sealed(blob) => ("sealed", blob.to_base64()),
    };
    let colour = match payload {
        _ if !out.is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) => ("", ""),
        Payload::Open(_) => ("\u{1b}[33m", "\u{1b}[0m"),
        Payload::Sealed(_) => ("\u{1b}[32m", "\u{1b}[0m"),
    };
    let head = format!("{time} {from} → {to} {size} B {mode} ");
    writeln!(out, "{head}{}{}{}", colour.0, cut(&what, WIDTH.saturating_sub(head.chars().count())), colour.1)?;
    out.flush()
}

/// What fits into the rest of the line, and at least a little of it.
fn cut(what: &str, room: usize) -> String {
    let room = room.max(24);
    if what.chars().count() <= room {
        return what.to_owned();
    }
    what.chars().take(room - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_blob_fills_the_line_and_does_not_wrap_it() {
        assert_eq!(cut("fits in", 30), "fits in");
        assert_eq!(cut(&"a".repeat(30), 30), "a".repeat(30));
        assert_eq!(cut(&"→".repeat(31), 30), "→".repeat(29) + "…");
        assert_eq!(cut(&"a".repeat(99), 3).chars().count(), 24);
    }
}
