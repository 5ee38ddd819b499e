//! Two people talk through a relay that cannot read them. In two terminals:
//!
//! ```text
//! cargo run --example chat -- alice bob
//! cargo run --example chat -- bob alice
//! ```
//!
//! This is the whole of a chat on the library: keep a vault, open a client, then wait for whichever comes first, a typed line or
//! something from the relay. (`blindrelay chat` adds commands, history and colours.)

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use blindrelay::client::Client;
use blindrelay::client::messenger::Event;
use blindrelay::client::vault::{StoredState, Vault};
use blindrelay::clock::Clock;
use blindrelay::home::Home;
use blindrelay::wire::{RelayUrl, UserId, sanitise};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        // The first chat starts a relay: this same program, called as `chat relay …`.
        [first, ..] if first == "relay" => blindrelay::cli::main(),
        [me, peer] => match chat(me, peer) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("chat: {error:#}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: cargo run --example chat -- ME PEER");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn chat(me: &str, peer: &str) -> Result<()> {
    let (me, peer): (UserId, UserId) = (me.parse()?, peer.parse()?);
    let home = Home::resolve(std::env::var_os("BLINDRELAY_HOME").map(PathBuf::from))?;
    let vault = Vault::open(&home.vault(&me), &me, None, &mut rand::rng())?;
    // If a relay runs already, this one finds its port taken and ends; it ends by itself when nobody needs it.
    let mut relay = Command::new(std::env::current_exe()?);
    relay.args(["relay", "--idle-exit", "300", "--home"]).arg(home.path());
    relay.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start a relay")?;

    let mut client = Client::open(vault, &RelayUrl::default(), Clock::system())?;
    client.converse(&peer, false)?;
    println!("You are {me}. Type a line and press Enter to send it to {peer}, sealed. Ctrl-D ends.");
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => client.send(&peer, &line)?,
                None => break,
            },
            event = client.next() => match event?.context("the relay refuses this client")? {
                Event::Message { message } => {
                    println!("{}: {}   [{}]", message.peer, sanitise(&message.text), message.arrival);
                    client.messenger().mark_read(message.n, None)?;
                }
                Event::State { state: StoredState::Delivered, counter, .. } => println!("  {counter} delivered"),
                Event::State { .. } | Event::CaughtUp => {}
                other => println!("  {other:?}"),
            },
        }
    }
    Ok(client.close().await?)
}
