//! `blindrelay verify ME PEER`: the safety number, to compare over another channel.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::me;
use super::send::{online, pinned};
use crate::home::Home;
use crate::wire::UserId;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Your name
    me: UserId,
    /// With whom to compare
    peer: UserId,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: me::Args,
}

pub(super) fn run(Args { me, peer, json, common }: Args, home: &Home) -> Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        if !home.vault(&me).exists() {
            bail!("{me} has no vault here yet; `blindrelay chat {me} {peer}` makes one");
        }
        let mut client = common.client(home, &me)?;
        if client.messenger().safety_number(&peer)?.is_none() {
            online(&mut client, &common).await?;
            client.converse(&peer, false)?;
            pinned(&mut client, &peer).await.context("there is no key to compare")?;
        }
        let number = client.messenger().safety_number(&peer)?;
        let contact = client.messenger().rows().contact(&peer)?;
        me::close(client).await;
        let Some((number, contact)) = number.zip(contact) else { bail!("no key of {peer} is on record") };
        let state = match () {
            () if contact.blocked() => "changed",
            () if contact.verified => "compared",
            () => "not compared",
        };
        let shown = if json {
            json!({"me": me, "peer": peer, "safety_number": number.digits(), "state": state}).to_string()
        } else {
            format!("{number}\n{me} and {peer}: {state}. The same 60 digits on both sides: nobody stands between.")
        };
        super::print(&format!("{shown}\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}
