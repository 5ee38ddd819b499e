//! `blindrelay share ME PEER`: the same recommendation, sent by the person's own client.
//!
//! Question: does the feature need a company in the inbox?
//! StreamCo's app makes a link and hands it over; her own client writes the message, seals it and sends it. StreamCo counts the send
//! and, when the link is opened, the click. It is not told to whom it went, and the platform is handed noise.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use super::button::Button;
use super::{app, me, send};
use crate::client::contacts::Mode;
use crate::home::Home;
use crate::wire::{UserId, sanitise, sanitise_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Your name
    me: UserId,
    /// To whom
    peer: UserId,
    #[command(flatten)]
    button: Button,
    /// What was sent, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: me::Args,
}

pub(super) fn run(Args { me, peer, button, json, common }: Args, home: &Home) -> Result<ExitCode> {
    let app = button.app()?;
    let Button { title, interface, surface, variant, .. } = &button;
    let pressed = json!({"from": me, "title": title, "interface": interface, "surface": surface, "variant": variant});
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut client = common.client(home, &me)?;
        let done = async {
            let (link, address) = app::make_link(app, &pressed).context("nothing was sent")?;
            let text = format!("{me} recommends “{}” on StreamCo: {address}", title.trim());
            send::send(&mut client, &peer, &text, false, &common).await?;
            if let Err(error) = app::sent(&link) {
                super::complain(&format!("it was sent, and StreamCo counts it once the link is opened: {error:#}"));
            }
            let sealed = client.messenger().rows().contact(&peer)?.is_none_or(|contact| contact.mode == Mode::Sealed);
            let mode = if sealed { "sealed" } else { "open" };
            if json {
                let line = json!({"from": me, "to": peer, "mode": mode, "text": text, "link": address});
                return super::print(&(sanitise_json(&line.to_string()) + "\n"));
            }
            let reads = if sealed { "the platform cannot read it" } else { "the platform reads it" };
            super::print(&format!("sent by your own client to {peer}, {mode}; {reads}: {}\n", sanitise(&text)))
        };
        let done = done.await;
        me::close(client).await;
        done.map(|()| ExitCode::SUCCESS)
    })
}
