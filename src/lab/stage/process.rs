//! The relay of the stage: this program's own `relay` command as a child process, and what its operator and its partner see of it.
//!
//! Nothing is looked up inside it. The relay's pane is made of the operator's endpoint, the partner's pane of StreamCo's client.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::home::Home;
use crate::http;
use crate::relay::{SIGHTINGS, Sighting};
use crate::wire::{RelayUrl, Token};

/// A relay must have started within this time.
const PATIENCE: Duration = Duration::from_secs(20);
/// Should the stage be killed outright, its relay ends by itself this long after its last client.
const ORPHAN: &str = "300";

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
        let log = File::options().create(true).append(true).open(home.make_relay_dir()?.join("relay.log"))?;
        let mut child = Command::new(program)
            .args(["relay", "--hoard", "--idle-exit", ORPHAN, "--listen", &format!("127.0.0.1:{port}"), "--home"])
            .arg(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start a relay with {}", program.display()))?;
        let stdout = child.stdout.take().context("the relay's output is a pipe")?;
        let mut first = String::new();
        timeout(PATIENCE, BufReader::new(stdout).read_line(&mut first)).await.context("the relay does not start")??;
        let Some(url) = first.trim().rsplit_once(' ').and_then(|(_, url)| url.parse::<RelayUrl>().ok()) else {
            bail!("{} did not start as a relay; its log is in {}", program.display(), home.relay_dir().display());
        };
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
