//! What every command of a person needs: who, which relay, the vault and its passphrase.

use std::fs;
use std::io::{self, IsTerminal};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::client::Client;
use crate::client::vault::{Passphrase, Vault, VaultError};
use crate::clock::Clock;
use crate::home::Home;
use crate::wire::{DEFAULT_PORT, RelayUrl, UserId};

/// A relay that a chat started ends this long after its last client.
const LINGER: Duration = Duration::from_mins(5);

/// Which relay, and how the vault opens.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// The relay [default: ws://127.0.0.1:4747]
    #[arg(long, value_name = "URL")]
    pub(super) relay: Option<RelayUrl>,
    /// Allow ws:// beyond this machine: everybody on the way sees who writes to whom, and your mailbox token
    #[arg(long)]
    plain_transport: bool,
    /// Protect a new vault with a passphrase, asked for at a prompt (an existing one asks by itself)
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    passphrase: bool,
    /// Read the vault's passphrase from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the vault's passphrase from the first line of an open file descriptor
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

impl Args {
    /// The relay to talk to.
    pub(super) fn url(&self) -> Result<RelayUrl> {
        Ok(self.relay.clone().unwrap_or_default().check(self.plain_transport)?)
    }

    /// Opens the user's vault (or makes it) and starts connecting.
    pub(super) fn client(&self, home: &Home, me: &UserId) -> Result<Client> {
        let vault = self.vault(home, me)?;
        Ok(Client::open(vault, &self.url()?, Clock::system())?)
    }

    /// Opens the user's vault, or makes it. One that has a passphrase asks for it at a terminal.
    pub(super) fn vault(&self, home: &Home, me: &UserId) -> Result<Vault> {
        super::core::leave_none()?;
        let path = home.vault(me);
        let ask = || rpassword::prompt_password(format!("Passphrase of {me}'s vault: ")).map(Passphrase::new);
        let open = |passphrase: Option<&Passphrase>| Vault::open(&path, me, passphrase, &mut rand::rng());
        let given = match self.given_passphrase()? {
            None if self.passphrase && !path.exists() => Some(new_passphrase(me)?),
            given => given,
        };
        match open(given.as_ref()) {
            Err(VaultError::NeedsPassphrase(_)) if io::stdin().is_terminal() => Ok(open(Some(&ask()?))?),
            opened => Ok(opened?),
        }
    }

    /// The passphrase out of the file or descriptor that was named.
    fn given_passphrase(&self) -> Result<Option<Passphrase>> {
        let file = match (&self.passphrase_file, self.passphrase_fd) {
            (Some(file), _) => file.clone(),
            (None, Some(fd)) => PathBuf::from(format!("/dev/fd/{fd}")),
            (None, None) => return Ok(None),
        };
        let text = fs::read_to_string(&file).with_context(|| {
            format!(
                "cannot read the passphrase from {}; name a file or an open descriptor whose first line it is",
                file.display()
            )
        })?;
        non_empty(text.lines().next().unwrap_or_default().to_owned()).map(Some)
    }
}

/// Asks twice.
fn new_passphrase(me: &UserId) -> Result<Passphrase> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask for a passphrase at; give --passphrase-file FILE or --passphrase-fd N");
    }
    let first = rpassword::prompt_password(format!("A passphrase for {me}'s vault: "))?;
    if first != rpassword::prompt_password("Once more: ")? {
        bail!("the two differ; nothing was made, try again");
    }
    non_empty(first)
}

/// Closes a client at the end of a command. What it did is done, whatever becomes of the vault's tidying: a script must not do
/// it again.
pub(super) async fn close(client: Client) {
    if let Err(error) = client.close().await {
        super::complain(&format!("the vault is not tidied yet, which the next start does: {error}"));
    }
}

/// What to type if no relay answers there.
pub(super) fn how_to_start(url: &RelayUrl) -> String {
    if *url == RelayUrl::default() {
        return "start one with `blindrelay relay`".to_owned();
    }
    let address = url.to_string().trim_start_matches("ws://").replace("localhost", "127.0.0.1");
    if url.is_loopback() {
        format!("start one there with `blindrelay relay --listen {address}`, or leave --relay out")
    } else {
        "check the address; is its relay running?".to_owned()
    }
}

fn non_empty(text: String) -> Result<Passphrase> {
    let passphrase = Passphrase::new(text);
    if passphrase.is_empty() {
        bail!("the passphrase is empty; type one, or leave the option out");
    }
    Ok(passphrase)
}

/// Starts a relay on this machine, as a child that outlives the chat, unless one answers on the default address.
/// Returns whether it did. It keeps its log in the home.
pub(super) fn ensure_relay(home: &Home) -> Result<bool> {
    let address = ([127, 0, 0, 1], DEFAULT_PORT).into();
    let answers = || TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok();
    if answers() {
        return Ok(false);
    }
    let log_path = home.make_relay_dir()?.join("relay.log");
    let log = home.open_relay_file("relay.log")?;
    let mut relay = Command::new(std::env::current_exe()?);
    relay.args(["relay", "--idle-exit", &LINGER.as_secs().to_string()]).arg("--home").arg(home.path());
    relay.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // A group of its own: Ctrl-C in the chat must not end the relay that others use too.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut relay, 0);
    let mut child = relay.spawn().context("cannot start a relay; start one with `blindrelay relay`")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !answers() {
        // Another chat may have been faster: then ours found the port taken, and that one answers in a moment.
        if let Some(status) = child.try_wait()?
            && !(0..25).any(|_| {
                std::thread::sleep(Duration::from_millis(20));
                answers()
            })
        {
            bail!("the relay that this chat started ended at once ({status}); its log is {}", log_path.display());
        }
        if Instant::now() > deadline {
            bail!("the relay that this chat started does not answer; its log is {}", log_path.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child.try_wait()?.is_none())
}
