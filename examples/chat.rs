//! Two people talk through a relay that cannot read them. In two terminals:
//!
//! ```text
//! cargo run --example chat -- alice bob
//! cargo run --example chat -- bob alice
//! ```
//!
//! This is the whole of a chat on the library: keep a vault, open a client, then wait for whichever comes first, a typed line or
//! something from the relay. (`blindrelay chat` adds commands, history and colours.)

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use blindrelay::client::Client;
use blindrelay::client::messenger::Event;
use blindrelay::client::vault::{StoredState, Vault};
use blindrelay::clock::Clock;
use blindrelay::home::Home;
use blindrelay::wire::{RelayUrl, UserId};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        // A chat starts a relay: this same program, called as `chat relay …`.
        [first, ..] if first == "relay" => return Ok(blindrelay::cli::main()),
        [me, peer] => chat(&me.parse()?, &peer.parse()?)?,
        _ => bail!("usage: cargo run --example chat -- ME PEER"),
    }
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn chat(me: &UserId, peer: &UserId) -> Result<()> {
    let home = Home::resolve(std::env::var_os("BLINDRELAY_HOME").map(PathBuf::from))?;
    let vault = Vault::open(&home.vault(me), me, None, &mut rand::rng())?;
    let mut client = Client::open(vault, &RelayUrl::default(), Clock::system())?;
    client.converse(peer, false)?;
    client.meet(peer)?;
    println!("You are {me}. Type a line and press Enter to send it to {peer}, sealed. Ctrl-D ends.");
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => client.send(peer, &line)?,
                None => break,
            },
            event = client.next() => {
                let event = event?.context("the relay has sent this client away")?;
                match &event {
                    Event::Message { message } => {
                        client.messenger().mark_read(message.n, None)?;
                        println!("{event}");
                    }
                    Event::Offline { .. } => start_relay(&home)?,
                    Event::CaughtUp => {}
                    Event::State { state, .. } if *state != StoredState::Delivered => {}
                    _ => println!("  {event}"),
                }
            }
        }
    }
    Ok(client.close().await?)
}

/// If a relay runs already, this one finds its port taken and ends; it ends by itself when nobody needs it.
fn start_relay(home: &Home) -> Result<()> {
    let mut relay = Command::new(std::env::current_exe()?);
    relay.args(["relay", "--idle-exit", "300", "--home"]).arg(home.path()).process_group(0);
    relay.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot start a relay")?;
    Ok(())
}
