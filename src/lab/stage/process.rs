//! The relay of the stage: this program's own `relay` command as a child process, and what its operator and its partner see of it.
//!
//! Nothing is looked up inside it. The relay's pane is made of the operator's endpoint, the partner's pane of StreamCo's client.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use tokio::process::Child;
use tokio::sync::mpsc;

use crate::home::Home;
use crate::http;
use crate::lab::child;
use crate::relay::{SIGHTINGS, Sighting};
use crate::wire::{RelayUrl, Token};

/// A running relay. Dropping it kills it.
#[derive(Debug)]
pub(super) struct RelayProcess {
    pub(super) child: Child,
    pub(super) url: RelayUrl,
    /// What its operator sees, from here on.
    pub(super) sightings: mpsc::Receiver<Sighting>,
}

impl RelayProcess {
    /// Starts a relay on `home` that keeps everything it is handed. `seen` is the number of the last sighting that is known.
    pub(super) async fn start(program: &Path, home: &Home, port: u16, seen: u64) -> Result<Self> {
        let (child, url) = child::relay(program, home, port).await?;
        let (seen_here, sightings) = mpsc::channel(64);
        tokio::spawn(follow(url.clone(), home.token("operator")?, seen, seen_here));
        Ok(Self { child, url, sightings })
    }
}

/// Reads the operator's endpoint for as long as somebody listens, and from where it broke off.
async fn follow(url: RelayUrl, token: Token, mut seen: u64, to: mpsc::Sender<Sighting>) {
    loop {
        let reading = read(&url, &token, &mut seen, &to);
        tokio::select! {
            () = to.closed() => return,
            () = reading => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Passes sightings on until the connection ends.
async fn read(url: &RelayUrl, token: &Token, seen: &mut u64, to: &mpsc::Sender<Sighting>) {
    let resume = [("last-event-id", seen.to_string())];
    let Ok(body) = http::get(url, SIGHTINGS, token, &resume).await else { return };
    let mut chunks = body.into_data_stream();
    let mut text = Vec::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        text.extend_from_slice(&chunk);
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let sighting = line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice::<Sighting>(data).ok());
            let Some(sighting) = sighting else { continue };
            *seen = sighting.n;
            if to.send(sighting).await.is_err() {
                return;
            }
        }
    }
}
