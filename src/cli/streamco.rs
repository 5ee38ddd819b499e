//! `blindrelay streamco inbox USER`: the partner's view, in a terminal.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::clock::time_of_day;
use crate::home::Home;
use crate::streamco::{InboxMessage, inbox};
use crate::wire::{RelayUrl, UserId, sanitise, sanitise_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read a user's inbox through the platform's Inbox API; the user is not told
    Inbox {
        /// Whose
        user: UserId,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// The relay [default: ws://127.0.0.1:4747]
        #[arg(long, value_name = "URL")]
        relay: Option<RelayUrl>,
    },
}

pub(super) fn run(Args { command: Command::Inbox { user, json, relay } }: Args, home: &Home) -> Result<ExitCode> {
    let url = relay.unwrap_or_default().check(false)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let messages = runtime.block_on(inbox(&url, &home.token("streamco")?, &user))?;
    let mut out = String::new();
    for InboxMessage { seq, from, to, at, mode, size, text, sealed } in messages {
        if json {
            let line = json!({"seq": seq, "from": from, "to": to, "at": at, "mode": mode, "size": size, "text": text, "sealed": sealed});
            writeln!(out, "{}", sanitise_json(&line.to_string()))?;
            continue;
        }
        let what = match (text, sealed) {
            (Some(text), _) => sanitise(&text),
            (None, Some(blob)) => format!("{}…", sanitise(&blob.chars().take(40).collect::<String>())),
            (None, None) => "(blob deleted after delivery)".to_owned(),
        };
        writeln!(out, "{} {from} → {to} {} {size} B: {what}", time_of_day(at), sanitise(&mode))?;
    }
    super::print(&out)?;
    Ok(ExitCode::SUCCESS)
}
