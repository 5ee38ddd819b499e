//! `blindrelay send ME PEER`: one message out of standard input, for scripts.
//!
//! Done means that the relay has it on disk. Here an unknown peer is an error, unlike in a chat, where the text waits.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::time::timeout;

use super::{me, stdin};
use crate::client::Client;
use crate::client::messenger::{Event, MessengerError};
use crate::client::vault::StoredState;
use crate::home::Home;
use crate::wire::{UserId, sanitise};

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
    /// Send only if the safety number has been compared
    #[arg(long)]
    require_verified: bool,
    #[command(flatten)]
    common: me::Args,
}

pub(super) fn run(Args { me, peer, open, require_verified, common }: Args, home: &Home) -> Result<ExitCode> {
    let text = stdin::text()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut client = common.client(home, &me)?;
        let verified = client.messenger().is_verified(&peer)?;
        let sent = if require_verified && !verified {
            Err(anyhow!("the key of {peer} has not been compared, nothing was sent; `blindrelay verify {me} {peer}` shows the number"))
        } else {
            send(&mut client, &peer, &text, open, &common).await
        };
        me::close(client).await;
        sent
    })
}

/// Sends one text, and waits until the relay has it.
pub(super) async fn send(
    client: &mut Client,
    peer: &UserId,
    text: &str,
    open: bool,
    common: &me::Args,
) -> Result<ExitCode> {
    let nothing = "nothing was sent";
    online(client, common).await.context(nothing)?;
    let contact = client.converse(peer, open).context(nothing)?;
    if contact.identity.is_none() {
        pinned(client, peer).await.context(nothing)?;
    }
    client.send(peer, text).context(nothing)?;
    let mut mine = None;
    until(client, "the message", |event| match event {
        Event::State { peer: to, counter, sealed, state } if to == peer => {
            let this = mine == Some((*counter, *sealed));
            match state {
                StoredState::Held => {
                    mine = Some((*counter, *sealed));
                    None
                }
                StoredState::Accepted | StoredState::Delivered if this => Some(Ok(())),
                StoredState::Refused if this => Some(Err(anyhow!("the relay will not take it"))),
                _ => None,
            }
        }
        Event::NotJoined(absent) if absent == peer => {
            Some(Err(anyhow!("{peer} has not joined this relay; the text is kept, and leaves once they have")))
        }
        Event::Blocked { peer: changed, .. } | Event::KeyChanged(changed) if changed == peer => Some(Err(anyhow!(
            "the key of {peer} has changed; the text is held. Compare numbers in `blindrelay chat`, then /accept or /reject"
        ))),
        Event::Alarm { peer: of, alarm } if of == peer => {
            Some(Err(anyhow!("{}; the text is kept", sanitise(&alarm.to_string()))))
        }
        _ => None,
    })
    .await
    .map_err(|error| match error.downcast::<MessengerError>() {
        Ok(vault) => anyhow!(vault).context("the text was taken and leaves by itself, do not send it again"),
        Err(other) => other,
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Waits for the connection.
pub(super) async fn online(client: &mut Client, common: &me::Args) -> Result<()> {
    let url = common.url()?;
    until(client, "a connection", |event| match event {
        Event::Online => Some(Ok(())),
        Event::Offline { why } => {
            Some(Err(anyhow!("no relay at {url} ({}); {}", sanitise(why), me::how_to_start(&url))))
        }
        _ => None,
    })
    .await
}

/// Asks for a peer's keys and waits until they are on record.
pub(super) async fn pinned(client: &mut Client, peer: &UserId) -> Result<()> {
    client.meet(peer)?;
    until(client, "keys", |event| match event {
        Event::Pinned(pinned) if pinned == peer => Some(Ok(())),
        Event::NotJoined(absent) if absent == peer => {
            Some(Err(anyhow!("{peer} has not joined this relay (they join with `blindrelay chat {peer}`)")))
        }
        Event::Alarm { peer: of, alarm } if of == peer => Some(Err(anyhow!("{}", sanitise(&alarm.to_string())))),
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
            if let Event::Refused(_) = event {
                bail!("{event}");
            }
            warn(&event);
        }
        bail!("the relay ended the connection for good")
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| {
        bail!("the relay did not confirm {what} in time; what was taken is kept in the vault, try again later")
    })
}

/// Says what somebody should know who did not ask.
pub(super) fn warn(event: &Event) {
    if let Event::KeyChanged(_) | Event::Alarm { .. } | Event::Delayed(_) = event {
        super::complain(&event.to_string());
    }
}
