//! `blindrelay streamco serve`: StreamCo's app, as a process.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;

use super::super::button::APP_PORT;
use super::super::signals;
use crate::clock::Clock;
use crate::home::Home;
use crate::streamco::app;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen, on this machine; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from(([127, 0, 0, 1], APP_PORT)))]
    listen: SocketAddr,
}

pub(super) async fn run(Args { listen }: Args, home: &Home) -> Result<()> {
    if !listen.ip().is_loopback() {
        bail!(
            "{listen} can be reached from other machines; StreamCo's app is for this one, use --listen 127.0.0.1:{}",
            listen.port()
        );
    }
    let events = super::events(home)?;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!(
            "cannot listen on {listen}, perhaps StreamCo's app runs already; choose another with --listen 127.0.0.1:0"
        )
    })?;
    let end = signals::end()?;
    let address = listener.local_addr()?;
    let mut out = std::io::stdout();
    // Whoever started it may have closed the pipe; the app serves all the same.
    let _best_effort = writeln!(out, "blindrelay streamco: its app is at http://{address}").and_then(|()| out.flush());
    app::serve(listener, events, Clock::system(), end).await.context("StreamCo's app has ended")
}
