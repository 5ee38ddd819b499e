//! `blindrelay inbox ME`: prints what arrived, for scripts. Each text once, unless `--all`; after a crash rather twice than never.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::me;
use super::send::{online, until, warn};
use crate::client::contacts::Arrival;
use crate::client::messenger::Event;
use crate::client::vault::{StoredMessage, StoredState};
use crate::home::Home;
use crate::wire::{UserId, sanitise, sanitise_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Your name
    me: UserId,
    /// If nothing waits, wait this long for a message
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Print what was printed before too
    #[arg(long)]
    all: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: me::Args,
}

pub(super) fn run(Args { me, wait, all, json, common }: Args, home: &Home) -> Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut client = common.client(home, &me)?;
        online(&mut client, &common).await?;
        until(&mut client, "the mailbox", |event| (*event == Event::CaughtUp).then_some(Ok(()))).await?;
        let unread = |client: &mut crate::client::Client| {
            client.messenger().rows().messages(None, Some(StoredState::Unread), u32::MAX)
        };
        let deadline = Instant::now() + Duration::from_secs(wait.min(86_400));
        while wait > 0 && unread(&mut client)?.is_empty() {
            match timeout_at(deadline, client.next()).await {
                Ok(event) => match event? {
                    Some(event) => warn(&event),
                    None => break,
                },
                Err(_) => break,
            }
        }
        let mut messages =
            if all { client.messenger().rows().messages(None, None, u32::MAX)? } else { unread(&mut client)? };
        messages.retain(|message| !message.outgoing);
        print(&messages, json)?;
        if let Some(last) = messages.last() {
            client.messenger().mark_read(last.n, None)?;
        }
        let aside = client.messenger().rows().quarantine(None)?.len();
        if aside > 0 {
            super::complain(&format!("{aside} in quarantine; `blindrelay chat {me}` and /quarantine show why"));
        }
        me::close(client).await;
        Ok(ExitCode::SUCCESS)
    })
}

fn print(messages: &[StoredMessage], json: bool) -> Result<()> {
    let mut out = String::new();
    for StoredMessage { peer, sealed, counter, at, arrival, text, via, .. } in messages {
        let mode = if *sealed { "sealed" } else { "open" };
        if json {
            let mut line = json!({"from": peer, "mode": mode, "counter": counter, "sent_at": at, "text": text});
            if let Some(via) = via {
                line["via"] = json!(via);
            }
            writeln!(out, "{}", sanitise_json(&line.to_string()))?;
        } else {
            let mark = if *arrival == Arrival::InOrder { String::new() } else { format!(", {arrival}") };
            let by = via.as_ref().map_or_else(String::new, |via| format!(" via {}", sanitise(via)));
            writeln!(out, "{peer}{by} ({mode}{mark}): {}", sanitise(text))?;
        }
    }
    super::print(&out)
}
