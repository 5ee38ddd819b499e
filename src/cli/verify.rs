//! `blindrelay verify ME PEER`: the safety number, to compare over another channel, as digits and as a QR code.
//!
//! With `--compare` the program does the comparing: of digits that were read out and typed, or of the text of the other's code.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::me;
use super::send::{online, pinned};
use crate::client::contacts::Contact;
use crate::client::messenger::Comparison;
use crate::home::Home;
use crate::wire::UserId;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Your name
    me: UserId,
    /// With whom to compare
    peer: UserId,
    /// Compare with what they show: their 60 digits, or the text of their code. Exit status 1 if it is not the same
    #[arg(long, value_name = "NUMBER")]
    compare: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: me::Args,
}

pub(super) fn run(Args { me, peer, compare, json, common }: Args, home: &Home) -> Result<ExitCode> {
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
        let compared = compare.map(|shown| client.messenger().compare(&peer, &shown)).transpose()?;
        let number = client.messenger().safety_number(&peer)?;
        let card = client.messenger().card(&peer)?;
        let contact = client.messenger().rows().contact(&peer)?;
        me::close(client).await;
        let Some(((number, card), contact)) = number.zip(card).zip(contact) else {
            bail!("no key of {peer} is on record")
        };
        let state = match () {
            () if contact.blocked() => "changed",
            () if contact.verified => "compared",
            () => "not compared",
        };
        if let Some(compared) = compared {
            let (same, words) = outcome(&compared, &contact);
            if json {
                let outcome = json!({"me": me, "peer": peer, "same": same, "state": state, "detail": words});
                super::print(&format!("{outcome}\n"))?;
            } else if same {
                super::print(&format!("{words}\n"))?;
            } else {
                bail!(words);
            }
            return Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let shown = if json {
            json!({"me": me, "peer": peer, "safety_number": number.digits(), "code": card, "state": state}).to_string()
        } else {
            let code = super::qr::for_terminal(&card, 5).unwrap_or_else(str::to_owned);
            format!(
                "{code}{number}\n{me} and {peer}: {state}. The same 60 digits on both sides: nobody stands between."
            )
        };
        super::print(&format!("{shown}\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Whether it was the same, and what to say of it.
pub(super) fn outcome(compared: &Comparison, contact: &Contact) -> (bool, String) {
    let peer = &contact.peer;
    match compared {
        Comparison::Same if contact.blocked() => (
            true,
            "The same, so the CHANGED key is theirs: /accept it in `blindrelay chat`, then compare once more."
                .to_owned(),
        ),
        Comparison::Same => (true, format!("The same: nobody stands between you and {peer}. Marked as compared.")),
        Comparison::Differs => (
            false,
            format!(
                "NOT the same. Somebody stands between, or {peer} has begun anew (a new device, a fresh home): from here the two look \
                 alike. Do not write what is secret. Ask {peer} over another channel whether they began anew; if so, /reset in the chat \
                 shows their new key, to be compared again"
            ),
        ),
        Comparison::Of(first, second) => (
            false,
            format!("that is the number of {first} and {second}; ask for the one with {peer}. Nothing was changed"),
        ),
        Comparison::Unreadable => (
            false,
            "that is no safety number: give 60 digits, or the text of their QR code. Nothing was changed".to_owned(),
        ),
        Comparison::NoKey => (false, format!("no key of {peer} is on record yet; write to them first")),
    }
}
