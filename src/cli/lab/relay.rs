//! `blindrelay lab relay --upstream URL --attack NAME[,…]`: a lying relay to break things with by hand.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use tokio::net::{TcpListener, TcpStream};

use crate::cli::signals;
use crate::clock::{Clock, time_of_day};
use crate::lab::attack::Attack;
use crate::lab::hand::Note;
use crate::lab::proxy::Proxy;
use crate::wire::{RelayUrl, sanitise};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The honest relay behind it [default: ws://127.0.0.1:4747]
    #[arg(long, value_name = "URL")]
    upstream: Option<RelayUrl>,
    /// What to do, one after another on each frame; a name that does not exist lists those that do
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', required = true)]
    attack: Vec<String>,
    /// All chance in it, so that it can be done again
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where clients connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4749")]
    listen: SocketAddr,
}

pub(super) async fn run(Args { upstream, attack, seed, listen }: Args) -> Result<ExitCode> {
    let attacks = attack.iter().map(|name| Attack::named(name)).collect::<Result<Vec<_>, _>>()?;
    let hands = attacks.iter().map(|attack| attack.hand()).collect::<Result<Vec<_>, _>>()?;
    ensure!(listen.ip().is_loopback(), "a lying relay is for this machine alone: --listen 127.0.0.1:PORT");
    let upstream = upstream.unwrap_or_default().check(false)?;
    TcpStream::connect(upstream.authority()).await.with_context(|| {
        format!(
            "no relay answers at {upstream}; start one in another terminal: blindrelay relay --listen {}",
            upstream.authority()
        )
    })?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another with --listen 127.0.0.1:PORT"))?;
    let end = signals::end()?;
    let (proxy, mut notes) = Proxy::start(listener, upstream, hands, seed, Clock::system())?;
    crate::cli::print(&format!("blindrelay lab relay: {}\n", proxy.url()))?;
    let about: String =
        attacks.iter().map(|attack| format!("{}: {} Wants {}.\n", attack.name, attack.story, attack.wants)).collect();
    crate::cli::print(&format!("{about}Now, in other terminals: blindrelay chat NAME PEER --relay {}\n", proxy.url()))?;
    let write = async {
        while let Some(note) = notes.recv().await {
            let line = match note {
                Note::Did(what) => format!("{}  did {what}", time_of_day(Clock::system().now())),
                Note::Got(what) => format!("{}  GOT {what}", time_of_day(Clock::system().now())),
            };
            crate::cli::print(&format!("{}\n", sanitise(&line)))?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::select! {
        written = write => written?,
        () = end => {}
    }
    Ok(ExitCode::SUCCESS)
}
