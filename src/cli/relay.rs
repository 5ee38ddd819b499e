//! `blindrelay relay`: the middle, as a process.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::home::Home;
use crate::partner::{Book, Platform};
use crate::relay::{Limits, Rate, Relay, Store};
use crate::web::{Guard, NotLoopback};
use crate::wire::DEFAULT_PORT;
use crate::{eye, partner};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))]
    listen: SocketAddr,
    /// Keep sealed messages for ever: the adversary that keeps everything
    #[arg(long)]
    hoard: bool,
    /// Show what passes on a page of this machine; its address comes on the second line of output
    #[arg(long, value_name = "ADDR")]
    eye: Option<SocketAddr>,
    /// How many requests a partner may make in a second
    #[arg(long, value_name = "N", default_value_t = 50)]
    partner_requests: u32,
    /// End this long after the last client has left
    #[arg(long, value_name = "SECONDS")]
    idle_exit: Option<u64>,
}

pub(super) fn run(Args { listen, hoard, eye, partner_requests, idle_exit }: Args, home: &Home) -> Result<ExitCode> {
    // Whoever read the log may have gone; the relay serves all the same, and does not complain about it to them.
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).log_internal_errors(false);
    log.with_ansi(false).with_target(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(far) = eye.filter(|address| !address.ip().is_loopback()) {
            bail!("--eye: {}", NotLoopback(far));
        }
        let dir = home.make_relay_dir()?;
        let mut lock = home.open_relay_file("relay.lock")?;
        if lock.try_lock().is_err() {
            // Perhaps a chat started it, and nobody remembers.
            let process = std::fs::read_to_string(home.relay_file("relay.lock")).unwrap_or_default();
            let end = if process.is_empty() { "end it".to_owned() } else { format!("end it with `kill {process}`") };
            bail!("a relay runs on {}; {end}, or give this one a home of its own with --home DIR", dir.display());
        }
        let _best_effort = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
        let listener = bind(listen, "--listen").await?;
        let page = match eye {
            Some(address) => Some(bind(address, "--eye").await?),
            None => None,
        };
        drop(home.open_relay_file("relay.db")?); // made 0600, whatever the umask; SQLite's own files beside it follow
        let store = Store::open(&dir.join("relay.db"), hoard).with_context(|| dir.join("relay.db").display().to_string())?;
        let relay = Relay::start(store, Clock::system(), Limits::default(), home.token_or_new("operator")?.hash());
        drop(home.open_relay_file("platform.db")?);
        let book = Book::open(&dir.join("platform.db")).with_context(|| dir.join("platform.db").display().to_string())?;
        let allowance = Rate { burst: partner_requests.saturating_mul(4), per_second: partner_requests };
        let platform = Platform::new(&relay, book).allowing(allowance);
        let app = relay.router().merge(partner::router(platform));
        if !listen.ip().is_loopback() {
            super::complain(&format!("WARNING: {listen} is reachable from other machines and this is teaching software without TLS: tokens and open messages cross the network in clear"));
        }
        let address = listener.local_addr()?;
        let mut out = std::io::stdout();
        // Whoever started it may have closed the pipe; the relay serves all the same.
        let _best_effort = writeln!(out, "blindrelay relay: listening on ws://{address}").and_then(|()| out.flush());
        if let Some(page) = page {
            let url = open_eye(&relay, page)?;
            let _best_effort = writeln!(out, "blindrelay relay: its eye is at {url}").and_then(|()| out.flush());
        }
        tracing::info!(%address, hoard, "listening");
        let idle = idle(relay.clone(), idle_exit.map(Duration::from_secs));
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let shutdown = async {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
                () = idle => {}
            }
            tracing::info!("stopping");
        };
        relay.serve(listener, app, shutdown).await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    })
}

async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!(
                "{address} is taken, perhaps by another relay; end that one, or choose another with {option} 127.0.0.1:0"
            )
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot listen on {address}; choose another address with {option}"))
        }
    }
}

/// Serves the eye beside the relay until the process ends, and tells its address.
fn open_eye(relay: &Relay, listener: TcpListener) -> Result<String> {
    let guard = Guard::new(listener.local_addr()?, &mut rand::rng())?;
    let page = guard.protect(eye::router(relay));
    // Without delay: a sighting is one small packet.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(listener, page).await });
    Ok(guard.url())
}

/// Resolves when nobody has been connected for the given time; never without one.
async fn idle(relay: Relay, limit: Option<Duration>) {
    let Some(limit) = limit else { return std::future::pending().await };
    let mut since = tokio::time::Instant::now();
    while since.elapsed() < limit {
        tokio::time::sleep(limit.min(Duration::from_secs(1))).await;
        if relay.online() > 0 {
            since = tokio::time::Instant::now();
        }
    }
}
