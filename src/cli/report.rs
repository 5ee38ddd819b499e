//! `blindrelay report ME PEER [N]` and `/report N`: handing a message to the platform.
//!
//! Nothing is broken by it: one of the two ends chose to tell. It says what is handed over, and what the platform can make of it.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use axum::http::Method;
use serde_json::{Value, json};

use super::me;
use super::platform::ask;
use crate::client::vault::{Rows, StoredMessage};
use crate::home::Home;
use crate::wire::{RelayUrl, Token, UserId, sanitise, sanitise_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Your name
    me: UserId,
    /// Who wrote it
    peer: UserId,
    /// Which of their texts: 1 is the latest
    #[arg(default_value_t = 1)]
    n: u32,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: me::Args,
}

pub(super) fn run(Args { me, peer, n, json, common }: Args, home: &Home) -> Result<ExitCode> {
    if !home.vault(&me).exists() {
        bail!("{me} has no vault here; `blindrelay chat {me} {peer}` makes one");
    }
    let vault = common.vault(home, &me)?;
    let told = nth(&vault.rows(), &peer, n).and_then(|message| {
        let (_, token) = vault.rows().identity()?;
        let confirmed = hand_over(&common.url()?, &token, &me, &message)?;
        Ok((message, confirmed))
    });
    vault.close()?;
    let (message, confirmed) = told?;
    let shown = if json {
        let line = json!({"about": peer, "text": message.text, "sealed": message.sealed, "confirmed": confirmed});
        sanitise_json(&line.to_string())
    } else {
        told_of(&message, confirmed)
    };
    super::print(&format!("{shown}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Their N-th latest text that is kept here.
pub(super) fn nth(rows: &Rows, peer: &UserId, n: u32) -> Result<StoredMessage> {
    let mut theirs = rows.messages(Some(peer), None, u32::MAX)?;
    theirs.retain(|message| !message.outgoing);
    let place = theirs.len().checked_sub(usize::try_from(n)?).filter(|_| n > 0);
    place.and_then(|place| theirs.into_iter().nth(place)).with_context(|| {
        format!(
            "no text of {peer} with that number is kept here: 1 is the latest; what was forgotten cannot be reported"
        )
    })
}

/// Gives it to the platform. Whether the platform finds the same in its own archive.
pub(super) fn hand_over(url: &RelayUrl, token: &Token, me: &UserId, message: &StoredMessage) -> Result<bool> {
    let StoredMessage { peer, at, text, .. } = message;
    let told = json!({"about": peer, "at": at, "text": text});
    let answer: Value = ask(url, token, Method::POST, &format!("/account/v1/{me}/complaints"), Some(&told))?;
    Ok(answer["confirmed"] == true)
}

/// What that means.
pub(super) fn told_of(message: &StoredMessage, confirmed: bool) -> String {
    let text = sanitise(&message.text);
    let can = if confirmed {
        "It was open: the platform finds the same words in its own archive, where it could have read them without you."
    } else if message.sealed {
        "It was sealed: the platform has only noise of it, so this is your word and no proof. It could not have read it without you: one of the two ends chose to tell."
    } else {
        "The platform does not find it in its archive: this is your word and no proof."
    };
    format!("You gave the platform this text of {}: “{text}”\n{can}", message.peer)
}
