//! The relay of the stage: this program's own `relay` command as a child process, and what its operator and its partner see of it.
//!
//! Nothing is looked up inside it. The relay's pane is made of the operator's endpoint, the partner's pane of StreamCo's client.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
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

/// Passes sightings on until the connection ends, or until some were missed: the relay keeps the latest for the next one.
async fn read(url: &RelayUrl, token: &Token, seen: &mut u64, to: &mpsc::Sender<Sighting>) {
    let Ok(mut events) = http::events(url, SIGHTINGS, token, *seen).await else { return };
    while let Ok(Some(event)) = events.next().await {
        let Ok(sighting) = serde_json::from_str::<Sighting>(&event.data) else { return };
        *seen = sighting.n;
        if to.send(sighting).await.is_err() {
            return;
        }
    }
}
