//! One end on the stage: a person's device, with a real client on it, and what their pane shows.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use super::board::Shown;
use super::code::Code;
use super::keys::{KeyStory, Keys};
use crate::client::Client;
use crate::client::contacts::Mode;
use crate::client::messenger::Event;
use crate::client::vault::{StoredState, Vault};
use crate::clock::Clock;
use crate::protocol::message::{HANDSHAKE_LEN, OVERHEAD};
use crate::protocol::params::{PAD_MAX, PAD_MIN};
use crate::protocol::{content, padding};
use crate::wire::{Content, MAX_TEXT, RelayUrl, UserId};

/// Texts and notes that a pane keeps.
const LOG: u32 = 40;

/// A device.
#[derive(Debug)]
pub(super) struct End {
    pub(super) id: UserId,
    pub(super) peer: UserId,
    vault: PathBuf,
    /// None while the device is off.
    pub(super) client: Option<Client>,
    online: bool,
    /// Whether it was online since it was switched on.
    met: bool,
    notes: VecDeque<Note>,
    keys: KeyStory,
    code: Code,
    /// What the pane showed last: it stays while the device is off.
    last: Value,
}

/// What a pane shows.
#[derive(Debug, Serialize)]
struct Pane<'a> {
    name: &'a str,
    on: bool,
    online: bool,
    mode: &'a str,
    log: Vec<Line>,
    number: Option<Number>,
    keys: Keys,
    padding: Padding,
}

/// One line of the conversation, or a note from the device.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Said { n: i64, id: String, mine: bool, sealed: bool, state: String, shown: Shown },
    Note(Note),
}

/// Something that the device says to its owner.
#[derive(Debug, Clone, Serialize)]
struct Note {
    /// After which text of the log.
    after: i64,
    n: usize,
    alarm: bool,
    text: String,
}

/// The safety number.
#[derive(Debug, Serialize)]
struct Number {
    groups: Vec<String>,
    verified: bool,
    /// It belongs to a changed key, which the owner has not accepted.
    changed: bool,
    /// The code for it, row by row.
    code: Vec<String>,
}

/// Everything that a page needs to draw how a text is filled up.
#[derive(Debug, Serialize)]
struct Padding {
    /// Bytes that are sealed along with a text.
    head: usize,
    least: usize,
    most: usize,
    /// Bytes that the seal adds, and the handshake as long as it has not been answered.
    seal: usize,
    handshake: usize,
    max_text: usize,
}

impl End {
    /// Makes the device's vault, or opens it again.
    pub(super) fn open(vault: PathBuf, id: UserId, peer: UserId, mode: Mode, url: &RelayUrl) -> Result<Self> {
        let (notes, keys, code, last) = (VecDeque::new(), KeyStory::default(), Code::default(), Value::Null);
        let mut end = Self { id, peer, vault, client: None, online: false, met: false, notes, keys, code, last };
        end.switch_on(mode, url)?;
        Ok(end)
    }

    pub(super) fn switch_on(&mut self, mode: Mode, url: &RelayUrl) -> Result<()> {
        let vault = Vault::open(&self.vault, &self.id, None, &mut rand::rng())?;
        let mut client = Client::open(vault, url, Clock::system())?;
        client.set_mode(&self.peer, mode)?;
        client.converse(&self.peer, false)?;
        client.meet(&self.peer)?;
        (self.client, self.met) = (Some(client), false);
        Ok(())
    }

    pub(super) async fn switch_off(&mut self) -> Result<()> {
        self.online = false;
        match self.client.take() {
            Some(client) => Ok(client.close().await?),
            None => Ok(()),
        }
    }

    /// Whether the device is online and has no key of the peer on record.
    pub(super) fn lacks_key(&mut self) -> bool {
        let Some(client) = self.client.as_mut().filter(|_| self.online) else { return false };
        client
            .messenger()
            .rows()
            .contact(&self.peer)
            .is_ok_and(|contact| contact.is_none_or(|it| it.identity.is_none()))
    }

    /// Asks the relay for the peer's keys, unless some are on record.
    pub(super) fn meet(&mut self) -> Result<()> {
        match &mut self.client {
            Some(client) => Ok(client.meet(&self.peer)?),
            None => Ok(()),
        }
    }

    /// The next thing that happens on the device. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<Event>> {
        match &mut self.client {
            Some(client) => Ok(client.next().await?),
            None => std::future::pending().await,
        }
    }

    /// The client, if the device is on.
    pub(super) fn on(&mut self) -> Result<&mut Client> {
        self.client.as_mut().with_context(|| format!("{}'s device is off; switch it on first", called(&self.id)))
    }

    /// Takes note of what happened. None: the relay has refused the device for good.
    pub(super) fn happened(&mut self, event: Option<Event>) -> Result<()> {
        let peer = self.peer.clone();
        match event {
            Some(Event::Online) => (self.online, self.met) = (true, true),
            Some(Event::Offline { .. }) => self.online = false,
            Some(Event::Message { message, .. }) => self.on()?.messenger().mark_read(message.n, Some(&peer))?,
            None => {
                (self.client, self.online) = (None, false);
            }
            Some(event) => {
                if let Some((alarm, text)) = note(&event) {
                    self.note(alarm, text)?;
                }
            }
        }
        self.look()
    }

    /// Lets the key story see what the last step did.
    pub(super) fn look(&mut self) -> Result<()> {
        if let Some(client) = &mut self.client {
            let sessions = client.messenger().rows().sessions(&self.peer)?;
            self.keys.look(&sessions);
        }
        Ok(())
    }

    pub(super) fn note(&mut self, alarm: bool, text: String) -> Result<()> {
        let peer = self.peer.clone();
        let last = match &mut self.client {
            Some(client) => client.messenger().rows().messages(Some(&peer), None, 1)?.pop(),
            None => None,
        };
        let n = self.notes.back().map_or(0, |note| note.n + 1);
        self.notes.push_back(Note { after: last.map_or(0, |message| message.n), n, alarm, text });
        if self.notes.len() > LOG as usize {
            self.notes.pop_front();
        }
        Ok(())
    }

    /// Whether a text of this device is still on its way. A device that lost its connection is not waited for.
    pub(super) fn busy(&mut self) -> Result<bool> {
        let Some(client) = self.client.as_mut().filter(|_| self.online || !self.met) else { return Ok(false) };
        let online = self.online;
        let rows = client.messenger().rows();
        let contact = rows.contact(&self.peer)?;
        if !online || contact.as_ref().is_none_or(|contact| contact.identity.is_none()) {
            return Ok(true);
        }
        let blocked = contact.is_some_and(|contact| contact.blocked());
        let waits = |state| match state {
            StoredState::Held => !blocked,
            StoredState::Saved | StoredState::Accepted => true,
            _ => false,
        };
        let texts = rows.messages(Some(&self.peer), None, LOG)?;
        Ok(texts.into_iter().any(|text| text.outgoing && waits(text.state)))
    }

    /// Whether a text with this in it is on the device.
    pub(super) fn got(&mut self, part: &str) -> Result<bool> {
        let peer = self.peer.clone();
        let Some(client) = &mut self.client else { return Ok(false) };
        let texts = client.messenger().rows().messages(Some(&peer), None, LOG)?;
        Ok(texts.into_iter().any(|text| !text.outgoing && text.text.contains(part)))
    }

    /// Whether the device holds what is written, because the other's key has changed.
    pub(super) fn holds(&mut self) -> Result<bool> {
        let peer = self.peer.clone();
        let contact = self.on()?.messenger().rows().contact(&peer)?;
        Ok(contact.is_some_and(|contact| contact.blocked()))
    }

    /// What the pane shows.
    pub(super) fn pane(&mut self) -> Result<&Value> {
        let Some(client) = &mut self.client else {
            (self.last["on"], self.last["online"]) = (false.into(), false.into());
            return Ok(&self.last);
        };
        let number = client.messenger().safety_number(&self.peer)?;
        let card = client.messenger().card(&self.peer)?.unwrap_or_default();
        let rows = client.messenger().rows();
        let contact = rows.contact(&self.peer)?;
        let number = number.zip(contact.as_ref()).map(|(number, contact)| Number {
            groups: number.to_string().split_whitespace().map(str::to_owned).collect(),
            verified: contact.verified,
            changed: contact.blocked(),
            code: self.code.of(&card).to_vec(),
        });
        let mut log = Vec::new();
        let messages = rows.messages(Some(&self.peer), None, LOG)?;
        let first = messages.first().map_or(0, |message| message.n);
        let mut notes = self.notes.iter().filter(|note| note.after + 1 >= first).cloned().peekable();
        log.extend(std::iter::from_fn(|| notes.next_if(|note| note.after < first)).map(Line::Note));
        for message in messages {
            let (n, id) = (message.n, message.id.to_string());
            let (mine, sealed) = (message.outgoing, message.sealed);
            log.push(Line::Said {
                n,
                id,
                mine,
                sealed,
                state: message.state.to_string(),
                shown: Shown::of(&message.text),
            });
            log.extend(std::iter::from_fn(|| notes.next_if(|note| note.after <= n)).map(Line::Note));
        }
        log.extend(notes.map(Line::Note));
        let handshake = rows.sessions(&self.peer)?;
        let handshake = if handshake.answered() { 0 } else { HANDSHAKE_LEN + self.id.as_str().len() };
        let mode = if contact.is_some_and(|contact| contact.mode == Mode::Open) { "open" } else { "sealed" };
        let pane = Pane {
            name: self.id.as_str(),
            on: true,
            online: self.online,
            mode,
            log,
            number,
            keys: self.keys.keys(),
            padding: Padding::new(handshake)?,
        };
        self.last = serde_json::to_value(pane)?;
        Ok(&self.last)
    }

    /// Says a text to the peer.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        let peer = self.peer.clone();
        if text.trim().is_empty() {
            bail!("there is nothing to send yet; type something first");
        }
        self.on()?.send(&peer, text)?;
        Ok(())
    }
}

impl Padding {
    fn new(handshake: usize) -> Result<Self> {
        let nothing = Content::Text { sent_at: 0, counter: 0, text: String::new(), via: None };
        let head = padding::unpad(&content::encode(&nothing)?).map_or(0, <[u8]>::len);
        Ok(Self { head, least: PAD_MIN, most: PAD_MAX, seal: OVERHEAD, handshake, max_text: MAX_TEXT })
    }
}

/// A name as a person writes it: a user's name is in small letters.
pub(super) fn called(user: &UserId) -> String {
    let (first, rest) = user.as_str().split_at(1);
    first.to_uppercase() + rest
}

/// What the device tells its owner, and whether it is an alarm.
fn note(event: &Event) -> Option<(bool, String)> {
    match event {
        Event::KeyChanged(peer) => Some((
            true,
            format!("{}'s key has changed. A new device, or somebody in between: both look like this.", called(peer)),
        )),
        Event::Blocked { waiting, .. } => Some((true, format!("{waiting} held here until you decide."))),
        Event::Alarm { .. } | Event::SetAside { .. } | Event::Refused(_) => Some((true, event.to_string())),
        Event::Delayed(_) => Some((false, event.to_string())),
        _ => None,
    }
}
