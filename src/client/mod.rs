//! # The client: one user's end, with keys, memory and a connection
//!
//! Question: what does a person's device do that the relay cannot?
//! It keeps keys in a [`vault`], decides whom to trust in [`contacts`], and turns texts into blobs and back in
//! [`messenger`]. The [`link`] carries frames and reconnects; [`Client`] only ties the two together.
//!
//! ```text
//! keystroke → messenger::send → vault → link → relay → link → messenger::receive → vault → ack → screen
//! ```

pub mod contacts;
pub mod link;
pub mod messenger;
pub mod vault;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::wire::{RelayUrl, UserId};
use contacts::{Contact, Mode};
use link::{Link, LinkEvent};
use messenger::{Event, Messenger, MessengerError, Step};
use vault::{Vault, VaultError};

/// How often things that wait are tried again.
const TICK: Duration = Duration::from_secs(1);

/// A messenger on a link. Dropping it leaves the vault as it is; [`Client::close`] tidies it.
#[derive(Debug)]
pub struct Client {
    messenger: Messenger,
    link: Link,
    clock: Clock,
    tick: Interval,
    events: VecDeque<Event>,
}

impl Client {
    /// Opens a vault's messenger and starts connecting. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn open(vault: Vault, url: &RelayUrl, clock: Clock) -> Result<Self, MessengerError> {
        let messenger = Messenger::open(vault, clock.now(), &mut rand::rng())?;
        let link = Link::spawn(url.clone(), messenger.hello());
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { messenger, link, clock, tick, events: VecDeque::new() })
    }

    /// The next thing that happened. None once the relay has refused for good (an [`Event::Refused`] came before).
    ///
    /// Dropping the future loses nothing: what a frame changed is in the vault, and its events wait here.
    ///
    /// # Errors
    /// [`MessengerError::Vault`] if a frame could not be saved. The connection is given up then, and made again after a while: what
    /// was not acknowledged is delivered again, and what was not sent is sent.
    pub async fn next(&mut self) -> Result<Option<Event>, MessengerError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let done = tokio::select! {
                event = self.link.next() => {
                    let Some(event) = event else { return Ok(None) };
                    self.arrived(event)
                }
                _ = self.tick.tick() => {
                    let step = self.messenger.tick(self.clock.now(), &mut rand::rng());
                    step.map(|step| self.take(step))
                }
            };
            if let Err(error) = done {
                // A row that does not read will not read next time either, and must not keep other mail waiting.
                if !matches!(error, MessengerError::Vault(VaultError::Row)) {
                    self.messenger.disconnected();
                    self.link.reconnect();
                }
                return Err(error);
            }
        }
    }

    /// Takes a text; see [`Messenger::send`].
    ///
    /// # Errors
    /// [`MessengerError`]; then it was not taken.
    pub fn send(&mut self, peer: &UserId, text: &str) -> Result<(), MessengerError> {
        let step = self.messenger.send(peer, text, self.clock.now(), &mut rand::rng())?;
        self.take(step);
        Ok(())
    }

    /// Opens a conversation; see [`Messenger::converse`]. The peer's keys are asked for if none are known.
    ///
    /// # Errors
    /// [`MessengerError`].
    pub fn converse(&mut self, peer: &UserId, open: bool) -> Result<Contact, MessengerError> {
        let (contact, step) = self.messenger.converse(peer, open, self.clock.now(), &mut rand::rng())?;
        self.take(step);
        Ok(contact)
    }

    /// Asks for a peer's keys unless some are on record.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn meet(&mut self, peer: &UserId) -> Result<(), MessengerError> {
        let step = self.messenger.meet(peer)?;
        self.take(step);
        Ok(())
    }

    /// Changes how a conversation travels; see [`Messenger::set_mode`].
    ///
    /// # Errors
    /// [`MessengerError`].
    pub fn set_mode(&mut self, peer: &UserId, mode: Mode) -> Result<(), MessengerError> {
        let (_, step) = self.messenger.set_mode(peer, mode, self.clock.now(), &mut rand::rng())?;
        self.take(step);
        Ok(())
    }

    /// Accepts a changed key; see [`Messenger::accept_key`].
    ///
    /// # Errors
    /// [`MessengerError`].
    pub fn accept_key(&mut self, peer: &UserId) -> Result<(), MessengerError> {
        let (_, step) = self.messenger.accept_key(peer, self.clock.now(), &mut rand::rng())?;
        self.take(step);
        Ok(())
    }

    /// Keeps the key on record; see [`Messenger::reject_key`].
    ///
    /// # Errors
    /// [`MessengerError`].
    pub fn reject_key(&mut self, peer: &UserId) -> Result<(), MessengerError> {
        let (_, step) = self.messenger.reject_key(peer, self.clock.now(), &mut rand::rng())?;
        self.take(step);
        Ok(())
    }

    /// Records a comparison of safety numbers; see [`Messenger::set_verified`].
    ///
    /// # Errors
    /// [`MessengerError`].
    pub fn set_verified(&mut self, peer: &UserId, verified: bool) -> Result<(), MessengerError> {
        self.messenger.set_verified(peer, verified)?;
        Ok(())
    }

    /// Begins a new session; see [`Messenger::reset`].
    ///
    /// # Errors
    /// [`MessengerError`].
    pub fn reset(&mut self, peer: &UserId) -> Result<(), MessengerError> {
        let step = self.messenger.reset(peer)?;
        self.take(step);
        Ok(())
    }

    /// The messenger, for reads and for what needs no connection.
    pub fn messenger(&mut self) -> &mut Messenger {
        &mut self.messenger
    }

    /// The clock that this client goes by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sends what is queued, closes the connection, and closes the vault cleanly.
    ///
    /// # Errors
    /// [`MessengerError::Vault`]; the vault is then tidied at the next start.
    pub async fn close(self) -> Result<(), MessengerError> {
        self.link.close().await;
        self.messenger.close()
    }

    fn arrived(&mut self, event: LinkEvent) -> Result<(), MessengerError> {
        match event {
            LinkEvent::Frame(frame) => {
                let step = self.messenger.receive(frame, self.clock.now(), &mut rand::rng())?;
                self.take(step);
            }
            LinkEvent::Lost { why } => {
                self.messenger.disconnected();
                self.events.push_back(Event::Offline { why });
            }
            LinkEvent::Refused { detail } => self.events.push_back(Event::Refused(detail)),
        }
        Ok(())
    }

    fn take(&mut self, Step { frames, events }: Step) {
        for frame in frames {
            self.link.send(frame);
        }
        self.events.extend(events);
    }
}
