//! `blindrelay chat`: two terminals, two commands, one conversation.
//!
//! Three things can happen: a line is typed, something arrives, or a moment has passed in which a text was not confirmed.
//! Everything said by the other person is sanitised before it is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use super::commands;
use super::me::{self, ensure_relay};
use super::screen::{Screen, Tone};
use crate::client::Client;
use crate::client::contacts::{Arrival, Mode};
use crate::client::messenger::Event;
use crate::client::vault::{SetAside, StoredMessage, StoredState};
use crate::clock::Clock;
use crate::home::Home;
use crate::wire::{RelayUrl, UserId, sanitise};

/// "At the relay" is shown only if "delivered" does not follow this soon.
const SETTLE: Duration = Duration::from_millis(400);
/// After the end of the input, how long the relay may take to confirm what was typed.
const PATIENCE: Duration = Duration::from_secs(10);
/// After the end of the input, how often to look whether all has left.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
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
    /// Send only to people whose safety number has been compared
    #[arg(long)]
    require_verified: bool,
    #[command(flatten)]
    common: me::Args,
}

/// A chat in progress.
pub(super) struct Chat {
    pub(super) client: Client,
    pub(super) screen: Screen,
    pub(super) me: UserId,
    pub(super) peer: Option<UserId>,
    require_verified: bool,
    /// Texts that the relay has and the peer has not confirmed, with the moment to say so.
    settling: BTreeMap<(UserId, u64, bool), Instant>,
    /// Who has not joined: what is for them cannot leave.
    absent: BTreeSet<UserId>,
    /// Whether a lost connection was announced.
    offline: bool,
    /// On the default address a vanished relay is started again.
    home: Option<Home>,
    /// Where it is.
    pub(super) url: RelayUrl,
    /// How to start one elsewhere.
    how_to_start: String,
}

pub(super) fn run(args: Args, home: &Home) -> Result<ExitCode> {
    let Args { me, peer, open, require_verified, common } = args;
    let url = common.url()?;
    let ours = common.relay.is_none();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let new = !home.vault(&me).exists();
        let vault = common.vault(home, &me)?;
        let started = ours && ensure_relay(home)?;
        let client = Client::open(vault, &url, Clock::system())?;
        let screen = Screen::start(format!("{me}> "));
        let (home, how_to_start) = (ours.then(|| home.clone()), me::how_to_start(&url));
        let (settling, absent) = (BTreeMap::new(), BTreeSet::new());
        let mut chat = Chat {
            client,
            screen,
            me,
            peer: None,
            require_verified,
            settling,
            absent,
            offline: false,
            home,
            url,
            how_to_start,
        };
        chat.screen.print(Tone::Quiet, "blindrelay · teaching software, unaudited · /help lists the commands")?;
        let relay = if started { "started one here; it ends 5 minutes after its last client" } else { "" };
        let relay = format!("relay {}{}{relay}", chat.url, if started { " · " } else { "" });
        chat.screen.print(Tone::Quiet, &relay)?;
        if new {
            let line = format!("{} is new here: fresh keys were made", chat.me);
            chat.screen.print(Tone::Quiet, &line)?;
        }
        match peer {
            Some(peer) => chat.talk_to(&peer, open)?,
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
        let (mut refused, mut quit, mut until) = (false, false, None);
        loop {
            // Input may end (a pipe, /quit) before the last text has left: wait for its confirmation.
            if until.is_some_and(|until| Instant::now() >= until) || (until.is_some() && !self.leaving()?) {
                break;
            }
            // A confirmed receipt makes no event: look again now and then.
            let again = until.map(|_| Instant::now() + LOOK_AGAIN);
            let settle = self.settling.values().copied().chain(again).min();
            tokio::select! {
                line = self.screen.line(), if until.is_none() => match line {
                    Some(line) if !commands::is_quit(&line) => self.typed(&line)?,
                    end => {
                        quit = end.is_some();
                        until = Some(Instant::now() + PATIENCE);
                    }
                },
                event = self.client.next() => match event {
                    Ok(Some(event)) => self.show(&event)?,
                    Ok(None) => {
                        refused = true;
                        break;
                    }
                    Err(error) => self.screen.print(Tone::Alarm, &format!("! {error}"))?,
                },
                () = sleep_until(settle.unwrap_or_else(Instant::now)), if settle.is_some() => self.settled()?,
                _ = tokio::signal::ctrl_c() => {
                    quit = true;
                    break;
                }
            }
        }
        let unsent = self.unsent()?;
        if unsent > 0 {
            let texts = if unsent == 1 { "1 text has" } else { &format!("{unsent} texts have") };
            self.screen.print(Tone::Quiet, &format!("{texts} not left yet: kept in your vault for the next time"))?;
        }
        me::close(self.client).await;
        let done = !refused && (quit || unsent == 0 || self.screen.is_terminal());
        Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Whether something typed has not been confirmed, though it could.
    fn leaving(&mut self) -> Result<bool> {
        if self.offline {
            return Ok(false);
        }
        let rows = self.client.messenger().rows();
        let blocked = |peer: &UserId| Ok::<_, anyhow::Error>(rows.contact(peer)?.is_some_and(|peer| peer.blocked()));
        let mut waiting: BTreeSet<UserId> = rows.outbox()?.into_iter().map(|row| row.peer).collect();
        waiting.extend(rows.held_for()?);
        for peer in waiting.difference(&self.absent) {
            if !blocked(peer)? {
                return Ok(true);
            }
        }
        Ok(!self.settling.is_empty())
    }

    /// How many texts have not reached the relay.
    fn unsent(&mut self) -> Result<usize> {
        let rows = self.client.messenger().rows();
        let count = |state| Ok::<_, anyhow::Error>(rows.messages(None, Some(state), u32::MAX)?.len());
        Ok(count(StoredState::Held)? + count(StoredState::Saved)?)
    }

    /// Makes `peer` the one that typed lines go to.
    pub(super) fn talk_to(&mut self, peer: &UserId, open: bool) -> Result<()> {
        let contact = self.client.converse(peer, open)?;
        let mut earlier = self.client.messenger().rows().messages(Some(peer), None, EARLIER)?;
        earlier.retain(|message| message.state != StoredState::Unread);
        if !earlier.is_empty() {
            self.screen.print(Tone::Quiet, "Earlier:")?;
        }
        for message in earlier {
            self.screen.print(Tone::Quiet, &format!("  {}", said(&self.me, &message)))?;
        }
        self.peer = Some(peer.clone());
        self.say_mode(contact.mode)?;
        self.show_unread()?;
        self.client.meet(peer)?;
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
        self.screen.print(tone, &text)
    }

    fn typed(&mut self, line: &str) -> Result<()> {
        if line.trim().is_empty() {
            return Ok(());
        }
        if line.starts_with('/') {
            return commands::run(self, line.trim());
        }
        let Some(peer) = self.peer.clone() else {
            return self.screen.print(Tone::Quiet, "To whom? /to NAME, then type.");
        };
        if self.require_verified && !self.client.messenger().is_verified(&peer)? {
            let line = format!(
                "! not sent: the key of {peer} has not been compared. /verify shows the number, /verify yes says it is the same"
            );
            return self.screen.print(Tone::Alarm, &line);
        }
        if let Err(error) = self.client.send(&peer, line) {
            self.screen.print(Tone::Alarm, &format!("! not sent: {error}"))?;
        }
        Ok(())
    }

    fn show_unread(&mut self) -> Result<()> {
        for message in self.client.messenger().rows().messages(None, Some(StoredState::Unread), u32::MAX)? {
            self.arrived(&message)?;
        }
        Ok(())
    }

    fn arrived(&mut self, message: &StoredMessage) -> Result<()> {
        if message.arrival != Arrival::InOrder {
            self.screen.print(Tone::Alarm, &format!("  ⋯ {}", message.arrival))?;
        }
        // Marked before it is printed: after a crash in between it is among the earlier ones, not shown as new twice.
        self.client.messenger().mark_read(message.n, Some(&message.peer))?;
        let tone = if message.sealed { Tone::Plain } else { Tone::Open };
        self.screen.print(tone, &said(&self.me, message))
    }

    fn settled(&mut self) -> Result<()> {
        let now = Instant::now();
        let due = self.settling.iter().filter(|(_, moment)| **moment <= now).map(|(text, _)| text.clone());
        let due: Vec<_> = due.collect();
        self.settling.retain(|_, moment| *moment > now);
        for (peer, counter, _) in due {
            let line = self.about(&peer, &format!("{counter} · at the relay, waits for {peer}"));
            self.screen.print(Tone::Quiet, &line)?;
        }
        Ok(())
    }

    fn show(&mut self, event: &Event) -> Result<()> {
        let (tone, hint) = match event {
            Event::Message { message } => return self.arrived(message),
            Event::State { peer, counter, sealed, state } => return self.progress(peer, *counter, *sealed, *state),
            Event::CaughtUp => return Ok(()),
            Event::Online if !std::mem::take(&mut self.offline) => return Ok(()),
            Event::Online => (Tone::Quiet, " again; what waited is on its way".to_owned()),
            Event::Offline { .. } => match self.went_offline() {
                Some(hint) => (Tone::Alarm, hint),
                None => return Ok(()),
            },
            Event::NotJoined(peer) => {
                self.absent.insert(peer.clone());
                (Tone::Quiet, format!(" (they type: blindrelay chat {peer} {})", self.me))
            }
            Event::Joined(peer) => {
                self.absent.remove(peer);
                (Tone::Quiet, String::new())
            }
            Event::Pinned(_) => (Tone::Quiet, " (/verify)".to_owned()),
            Event::NoOneTimeKey(_) | Event::Delayed(_) => (Tone::Quiet, String::new()),
            Event::KeyChanged(_) => (Tone::Alarm, " Compare the number (/verify), then /accept or /reject.".to_owned()),
            Event::Blocked { .. } => (Tone::Alarm, ": /verify, then /accept or /reject".to_owned()),
            Event::SetAside { peer, why: SetAside::Open } => {
                (Tone::Alarm, format!(". If you know that {peer} went open, /mode open shows it; /quarantine lists it"))
            }
            Event::SetAside { .. } => (Tone::Alarm, " (/quarantine)".to_owned()),
            Event::Alarm { .. } | Event::Refused(_) => (Tone::Alarm, String::new()),
        };
        let mark = if matches!(tone, Tone::Alarm) { "! " } else { "" };
        self.screen.print(tone, &format!("{mark}{event}{hint}"))
    }

    /// What to do about a lost relay; said once. On the default address another one is started.
    fn went_offline(&mut self) -> Option<String> {
        let hint = match self.home.as_ref().map(ensure_relay) {
            Some(Ok(true)) => ", with one started here".to_owned(),
            Some(Ok(false)) => String::new(),
            Some(Err(error)) => format!(" ({error:#})"),
            None => format!(" ({})", self.how_to_start),
        };
        (!std::mem::replace(&mut self.offline, true)).then_some(hint)
    }

    fn progress(&mut self, peer: &UserId, counter: u64, sealed: bool, state: StoredState) -> Result<()> {
        let text = (peer.clone(), counter, sealed);
        if state == StoredState::Accepted {
            self.settling.insert(text, Instant::now() + SETTLE);
        } else {
            self.settling.remove(&text);
        }
        if matches!(state, StoredState::Delivered | StoredState::Refused) {
            let line = self.about(peer, &format!("{counter} · {state}"));
            self.screen.print(Tone::Quiet, &line)?;
        }
        Ok(())
    }

    /// A remark on a text of mine; with a name, if it is not to the one that is talked to now.
    fn about(&self, peer: &UserId, remark: &str) -> String {
        if self.peer.as_ref() == Some(peer) { format!("  {remark}") } else { format!("  to {peer}: {remark}") }
    }
}

/// One text as a line.
fn said(me: &UserId, message: &StoredMessage) -> String {
    let who = if message.outgoing { me } else { &message.peer };
    let badge = if message.sealed { "" } else { " (open)" };
    let by = message.via.as_ref().map_or_else(String::new, |via| format!(" via {}", sanitise(via)));
    format!("{who}{by}{badge}: {}", sanitise(&message.text))
}
