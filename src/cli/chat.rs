//! `blindrelay chat`: two terminals, two commands, one conversation.
//!
//! Three things can happen: a line is typed, something arrives, or a moment has passed in which a text was not confirmed.
//! Everything said by the other person is sanitised before it is printed.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use super::commands;
use super::me::{self, ensure_relay};
use super::screen::{Screen, Tone};
use crate::client::Client;
use crate::client::contacts::{Arrival, Mode};
use crate::client::messenger::{Alarm, Event};
use crate::client::vault::{StoredMessage, StoredState};
use crate::clock::Clock;
use crate::home::Home;
use crate::wire::{UserId, sanitise};

/// "At the relay" is shown only if "delivered" does not follow this soon.
const SETTLE: Duration = Duration::from_millis(400);
/// How many earlier texts are shown at the start.
const EARLIER: u32 = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Your name: 1 to 32 of a-z, 0-9, _ and -
    me: UserId,
    /// Whom to talk to
    peer: Option<UserId>,
    /// Begin a new conversation in partner-access mode: the relay is handed the text
    #[arg(long, requires = "peer")]
    open: bool,
    #[command(flatten)]
    common: me::Args,
}

/// A chat in progress.
pub(super) struct Chat {
    pub(super) client: Client,
    pub(super) screen: Screen,
    pub(super) me: UserId,
    pub(super) peer: Option<UserId>,
    /// Texts that the relay has and the peer has not confirmed, with the moment to say so.
    settling: BTreeMap<(UserId, u64), Instant>,
    /// Whether a lost connection was announced.
    offline: bool,
    /// On the default address a vanished relay is started again.
    home: Option<Home>,
}

pub(super) fn run(args: Args, home: &Home) -> Result<ExitCode> {
    let Args { me, peer, open, common } = args;
    let url = common.url()?;
    let ours = common.relay.is_none();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let vault = common.vault(home, &me)?;
        let started = ours && ensure_relay(home)?;
        let client = Client::open(vault, &url, Clock::system())?;
        let screen = Screen::start(format!("{me}> "));
        let home = ours.then(|| home.clone());
        let mut chat = Chat { client, screen, me, peer: None, settling: BTreeMap::new(), offline: false, home };
        chat.screen.print(Tone::Quiet, "blindrelay · teaching software, unaudited · /help lists the commands")?;
        let relay = if started { "started one here; it ends 5 minutes after its last client" } else { "" };
        let relay = format!("relay {url}{}{relay}", if started { " · " } else { "" });
        chat.screen.print(Tone::Quiet, &relay)?;
        match peer {
            Some(peer) => chat.talk_to(peer, open)?,
            None => chat.screen.print(
                Tone::Quiet,
                &format!("You are {}. /to NAME chooses whom to talk to; whatever arrives is shown.", chat.me),
            )?,
        }
        chat.run().await
    })
}

impl Chat {
    async fn run(mut self) -> Result<ExitCode> {
        let mut typing = true;
        loop {
            let settle = self.settling.values().min().copied();
            // Input may end (a pipe) before the last text has left: wait for its confirmation.
            if !typing && !self.unconfirmed()? {
                break;
            }
            tokio::select! {
                line = self.screen.line(), if typing => match line {
                    Some(line) if line.trim() == "/quit" => break,
                    Some(line) => self.typed(&line)?,
                    None => typing = false,
                },
                event = self.client.next() => match event {
                    Ok(Some(event)) => self.show(event)?,
                    Ok(None) => return Ok(ExitCode::FAILURE),
                    Err(error) => self.screen.print(Tone::Alarm, &format!("! {error}"))?,
                },
                () = sleep_until(settle.unwrap_or_else(Instant::now)), if settle.is_some() => self.settled()?,
                _ = tokio::signal::ctrl_c() => break,
            }
        }
        self.client.close().await?;
        Ok(ExitCode::SUCCESS)
    }

    /// Makes `peer` the one that typed lines go to.
    pub(super) fn talk_to(&mut self, peer: UserId, open: bool) -> Result<()> {
        let contact = self.client.converse(&peer, open)?;
        let earlier = self.client.messenger().rows().messages(Some(&peer), None, EARLIER)?;
        for message in earlier.iter().filter(|message| message.state != StoredState::Unread) {
            self.screen.print(Tone::Quiet, &said(&self.me, message))?;
        }
        self.peer = Some(peer.clone());
        self.say_mode(contact.mode)?;
        self.show_unread()?;
        self.client.meet(&peer)?;
        self.screen.print(Tone::Quiet, &format!("Type a line and press Enter to send it to {peer}."))?;
        Ok(())
    }

    pub(super) fn say_mode(&mut self, mode: Mode) -> Result<()> {
        let Some(peer) = &self.peer else { return Ok(()) };
        let (tone, text) = match mode {
            Mode::Sealed => {
                (Tone::Sealed, format!("SEALED with {peer}: end-to-end encrypted, the relay is handed noise"))
            }
            Mode::Open => (
                Tone::Open,
                format!("OPEN with {peer}: partner-access mode, the relay reads, keeps and could forge every word"),
            ),
        };
        Ok(self.screen.print(tone, &text)?)
    }

    fn typed(&mut self, line: &str) -> Result<()> {
        if line.trim().is_empty() {
            return Ok(());
        }
        if line.starts_with('/') {
            return commands::run(self, line.trim());
        }
        let Some(peer) = self.peer.clone() else {
            return Ok(self.screen.print(Tone::Quiet, "To whom? /to NAME, then type.")?);
        };
        if let Err(error) = self.client.send(&peer, line) {
            self.screen.print(Tone::Alarm, &format!("! not sent: {error}"))?;
        }
        Ok(())
    }

    fn show_unread(&mut self) -> Result<()> {
        for message in self.client.messenger().rows().messages(None, Some(StoredState::Unread), u32::MAX)? {
            self.arrived(&message, Arrival::InOrder)?;
        }
        Ok(())
    }

    fn arrived(&mut self, message: &StoredMessage, arrival: Arrival) -> Result<()> {
        let mark = match arrival {
            Arrival::InOrder => String::new(),
            Arrival::Gap(1) => "1 message is missing before this one".to_owned(),
            Arrival::Gap(n) => format!("{n} messages are missing before this one"),
            Arrival::Late => "the next one is late: it was missing before".to_owned(),
            Arrival::Repeated => "the next one repeats a number: their vault was restored from a copy, or an open message was played again".to_owned(),
        };
        if !mark.is_empty() {
            self.screen.print(Tone::Alarm, &format!("  ⋯ {mark}"))?;
        }
        // Marked before it is printed: after a crash in between it is among the earlier ones, not shown as new twice.
        self.client.messenger().mark_read(message.n, Some(&message.peer))?;
        let tone = if message.sealed { Tone::Plain } else { Tone::Open };
        Ok(self.screen.print(tone, &said(&self.me, message))?)
    }

    fn settled(&mut self) -> Result<()> {
        let now = Instant::now();
        let due: Vec<_> = self.settling.extract_if(.., |_, moment| *moment <= now).map(|(text, _)| text).collect();
        for (peer, counter) in due {
            self.screen.print(Tone::Quiet, &format!("  {counter} · at the relay; {peer} is not online"))?;
        }
        Ok(())
    }

    /// Whether something typed has not reached the relay, though it could.
    fn unconfirmed(&mut self) -> Result<bool> {
        let rows = self.client.messenger().rows();
        Ok(!self.settling.is_empty()
            || !rows.outbox()?.is_empty()
            || !rows.messages(None, Some(StoredState::Held), 1)?.is_empty())
    }

    fn show(&mut self, event: Event) -> Result<()> {
        let (tone, line) = match event {
            Event::Message { message, arrival } => return self.arrived(&message, arrival),
            Event::State { peer, counter, state } => return self.progress(peer, counter, state),
            Event::Online if !self.offline => return Ok(()),
            Event::Online => {
                self.offline = false;
                (Tone::Quiet, "the relay answers again; what waited is on its way".to_owned())
            }
            Event::CaughtUp => return Ok(()),
            Event::Offline { why } => {
                if let Some(home) = &self.home
                    && let Err(error) = ensure_relay(home)
                {
                    self.screen.print(Tone::Alarm, &format!("! {error:#}"))?;
                }
                if std::mem::replace(&mut self.offline, true) {
                    return Ok(());
                }
                (
                    Tone::Alarm,
                    format!(
                        "! no relay: {}. Your lines are kept; trying again. (Start one: blindrelay relay)",
                        sanitise(&why)
                    ),
                )
            }
            Event::NotJoined(peer) => (
                Tone::Quiet,
                format!(
                    "{peer} has not joined; what you write is held until they do. (They type: blindrelay chat {peer} {})",
                    self.me
                ),
            ),
            Event::Joined(peer) => (Tone::Quiet, format!("{peer} has joined")),
            Event::Pinned(peer) => {
                (Tone::Quiet, format!("first key of {peer} put on record; nobody has compared it yet (/verify)"))
            }
            Event::KeyChanged(peer) => (
                Tone::Alarm,
                format!(
                    "! THE KEY OF {peer} HAS CHANGED. They began anew, or somebody stands between you: both look exactly like this. Nothing is sent until you decide. Compare the number (/verify) by phone or in person, then /accept, or stop writing."
                ),
            ),
            Event::Blocked { peer, waiting } => {
                (Tone::Alarm, format!("! {waiting} held: the key of {peer} has changed; /verify, then /accept"))
            }
            Event::NoOneTimeKey(peer) => (
                Tone::Quiet,
                format!("{peer} had no one-time key left; your first message is protected by the signed prekey alone"),
            ),
            Event::SetAside { peer, why } => {
                (Tone::Alarm, format!("! a message from {peer} was put aside: {why} (/quarantine)"))
            }
            Event::Alarm { peer, alarm: Alarm::OwnKeyReplaced } => {
                (Tone::Alarm, format!("! {peer}, {}", Alarm::OwnKeyReplaced))
            }
            Event::Alarm { peer, alarm } => (Tone::Alarm, format!("! {peer}: {}", sanitise(&alarm.to_string()))),
            Event::Delayed(why) => (Tone::Quiet, format!("the relay asks to wait: {}", sanitise(&why))),
            Event::Refused(why) => (Tone::Alarm, format!("! the relay refuses: {}", sanitise(&why))),
        };
        Ok(self.screen.print(tone, &line)?)
    }

    fn progress(&mut self, peer: UserId, counter: u64, state: StoredState) -> Result<()> {
        match state {
            StoredState::Accepted => {
                self.settling.insert((peer, counter), Instant::now() + SETTLE);
            }
            StoredState::Delivered => {
                self.settling.remove(&(peer, counter));
                self.screen.print(Tone::Quiet, &format!("  {counter} · delivered"))?;
            }
            StoredState::Held | StoredState::Saved | StoredState::Unread | StoredState::Read => {}
        }
        Ok(())
    }
}

/// One text as a line.
fn said(me: &UserId, message: &StoredMessage) -> String {
    let who = if message.outgoing { me } else { &message.peer };
    let badge = if message.sealed { "" } else { " (open)" };
    format!("{who}{badge}: {}", sanitise(&message.text))
}
