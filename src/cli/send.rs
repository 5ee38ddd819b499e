//! `blindrelay send ME PEER`: one message out of standard input, for scripts.
//!
//! Done means that the relay has it on disk. Here an unknown peer is an error, unlike in a chat, where the text waits.

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::timeout;

use super::me;
use crate::client::Client;
use crate::client::contacts::Mode;
use crate::client::messenger::Event;
use crate::client::vault::StoredState;
use crate::home::Home;
use crate::wire::{MAX_TEXT, UserId, sanitise};

/// How long each answer of the relay may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Your name
    me: UserId,
    /// To whom
    peer: UserId,
    /// Begin a new conversation in partner-access mode
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    common: me::Args,
}

pub(super) fn run(Args { me, peer, open, common }: Args, home: &Home) -> Result<ExitCode> {
    let mut text = String::new();
    let limit = MAX_TEXT as u64 + 2;
    std::io::stdin()
        .lock()
        .take(limit)
        .read_to_string(&mut text)
        .context("standard input is not UTF-8 text; nothing was sent")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut client = common.client(home, &me)?;
        let sent = send(&mut client, &peer, text, open, &common).await;
        client.close().await?;
        sent
    })
}

async fn send(client: &mut Client, peer: &UserId, text: &str, open: bool, common: &me::Args) -> Result<ExitCode> {
    online(client, common).await?;
    let contact = client.converse(peer, open)?;
    if contact.mode == Mode::Sealed && contact.identity.is_none() {
        client.meet(peer)?;
        until(client, "keys", |event| match event {
            Event::Pinned(pinned) if pinned == peer => Some(Ok(())),
            Event::NotJoined(absent) if absent == peer => Some(Err(anyhow::anyhow!(
                "{peer} has not joined this relay; nothing was sent (they join with `blindrelay chat {peer}`)"
            ))),
            _ => None,
        })
        .await?;
    }
    client.send(peer, text)?;
    until(client, "the message", |event| match event {
        Event::State { state: StoredState::Accepted, .. } => Some(Ok(())),
        Event::NotJoined(absent) if absent == peer => {
            Some(Err(anyhow::anyhow!("{peer} has not joined this relay; the text is kept and leaves once they have")))
        }
        Event::Blocked { .. } | Event::KeyChanged(_) => Some(Err(anyhow::anyhow!(
            "the key of {peer} has changed; the text is held. Compare numbers in `blindrelay chat`, then /accept"
        ))),
        _ => None,
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// Waits for the connection.
pub(super) async fn online(client: &mut Client, common: &me::Args) -> Result<()> {
    let url = common.url()?;
    until(client, "a connection", |event| match event {
        Event::Online => Some(Ok(())),
        Event::Offline { why } => {
            Some(Err(anyhow::anyhow!("no relay at {url} ({}); start one with `blindrelay relay`", sanitise(why))))
        }
        _ => None,
    })
    .await
}

/// Goes through events until one decides.
pub(super) async fn until(
    client: &mut Client,
    what: &str,
    mut decide: impl FnMut(&Event) -> Option<Result<()>>,
) -> Result<()> {
    let waiting = async {
        while let Some(event) = client.next().await? {
            if let Some(decided) = decide(&event) {
                return decided;
            }
            match event {
                Event::Refused(why) => bail!("the relay refuses: {}", sanitise(&why)),
                Event::Alarm { peer, alarm } => eprintln!("blindrelay: {peer}: {}", sanitise(&alarm.to_string())),
                Event::Delayed(why) => eprintln!("blindrelay: the relay asks to wait: {}", sanitise(&why)),
                _ => {}
            }
        }
        bail!("the relay ended the connection for good")
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| bail!("the relay did not confirm {what} in time; what was taken is kept in the vault"))
}
