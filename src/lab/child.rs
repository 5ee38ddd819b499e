//! A relay of the laboratory: this program's own `relay` command as a child process on a home of its own.
//!
//! It keeps everything that it is handed. Dropping it kills it; should its parent be killed outright, it ends by itself.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::home::Home;
use crate::wire::RelayUrl;

/// A relay must have started within this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// Seconds after its last client until an orphan ends.
const ORPHAN: &str = "300";

/// Starts `program` as a relay on `home`; port 0 takes a free one.
pub(super) async fn relay(program: &Path, home: &Home, port: u16) -> Result<(Child, RelayUrl)> {
    let log = File::options().create(true).append(true).open(home.make_relay_dir()?.join("relay.log"))?;
    let mut child = Command::new(program)
        .args(["relay", "--hoard", "--idle-exit", ORPHAN, "--listen", &format!("127.0.0.1:{port}"), "--home"])
        .arg(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start the relay {}", program.display()))?;
    let stdout = child.stdout.take().context("the relay's output is a pipe")?;
    let mut first = String::new();
    timeout(PATIENCE, BufReader::new(stdout).read_line(&mut first)).await.context("the relay does not start")??;
    match first.trim().rsplit_once(' ').and_then(|(_, url)| url.parse().ok()) {
        Some(url) => Ok((child, url)),
        None => bail!("{} did not start as a relay; its log is in {}", program.display(), home.relay_dir().display()),
    }
}
