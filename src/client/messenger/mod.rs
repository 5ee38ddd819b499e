//! The messenger: what a client does with a keystroke and with a frame.
//!
//! Question: where do the two halves meet, what I say and what the relay hands me?
//! [`Messenger::send`] turns a text into frames, [`Messenger::receive`] turns a frame into events. Each is one step: it
//! changes the vault in one transaction, and only then returns what may leave (the frames, acknowledgements among them) and
//! what may be shown. It has no socket and no clock, so a simulation can drive it, kill it between steps, and replay it.
//!
//! ```text
//! text  → send    → counter → [keys? fetch, hold] → encrypt → vault → frame
//! frame → receive → decrypt → count → vault → ack (and receipt) → event
//! ```

mod compare;
mod event;
mod incoming;
mod outgoing;
mod receive;
mod trust;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use rand::CryptoRng;

use super::contacts::{Arrival, Contact, Mode};
use super::vault::{OutboxRow, Rows, StoredMessage, StoredState, Vault, VaultError};
use crate::crypto::CryptoError;
use crate::protocol::content::TooLong;
use crate::protocol::params::ONE_TIME_STOCK;
use crate::protocol::{IdentityKeyPair, PreKeyStore};
use crate::wire::{ClientFrame, MAX_TEXT, MessageId, Token, UserId, VERSION, Welcome};

pub use compare::Comparison;
pub use event::{Alarm, Event, Step};
use outgoing::{Delay, dispatch};

/// How long keys that were refused are left alone, in milliseconds: each answer may use up a one-time key of the peer.
const UNUSABLE: u64 = 10 * 60 * 1000;

/// One user's client, without network and clock.
#[derive(Debug)]
pub struct Messenger {
    vault: Vault,
    me: IdentityKeyPair,
    token: Token,
    prekeys: PreKeyStore,
    online: bool,
    /// Deliveries until the mailbox is as empty as it was promised to become.
    waiting: u64,
    /// One-time keys that the relay should still have.
    one_time_left: usize,
    /// My keys that the relay has not confirmed, and whether it has refused them for now.
    unpublished: Option<(ClientFrame, bool)>,
    /// Peers whose keys were asked for: the answer is awaited.
    asked: BTreeSet<UserId>,
    /// Peers that have not joined: at each tick one of them is asked for again, so that others do not wait for their sake.
    absent: VecDeque<UserId>,
    /// Peers whose keys were refused, and when: not asked for again for a while, unless something has changed.
    unusable: BTreeMap<UserId, u64>,
    /// Peers of whom the user wants a key on record before anything is written.
    meeting: BTreeSet<UserId>,
    /// Peers whose mail the relay refused for now, or might: their messages are tried one at a time, so that they stay in
    /// order.
    delayed: BTreeMap<UserId, Delay>,
}

/// Why a step was not taken. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum MessengerError {
    /// The vault could not save it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Over 64 KiB.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// An empty text.
    #[error("there is no text to send")]
    Empty,
    /// To myself.
    #[error("you cannot write to yourself; name another person")]
    Myself,
    /// Nobody of that name is known.
    #[error("there is no conversation with {0} yet; write to them first")]
    Unknown(UserId),
    /// There is no other key to decide on.
    #[error("the key of {0} has not changed; there is nothing to decide")]
    Unchanged(UserId),
    /// The conversation is pinned as sealed and open was asked for.
    #[error("the conversation with {0} is sealed; to give it to the relay in the clear, type /mode open in it")]
    PinnedSealed(UserId),
    /// A key of the peer is unusable.
    #[error("the keys that the relay gave are unusable")]
    Crypto(#[from] CryptoError),
}

type Result<T> = std::result::Result<T, MessengerError>;

impl Messenger {
    /// Starts from a vault; drops prekeys that are too old, and keys of messages missing for too long.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn open(mut vault: Vault, now: u64, rng: &mut impl CryptoRng) -> Result<Self> {
        let (me, token) = vault.rows().identity()?;
        let mut prekeys = vault.rows().prekeys()?;
        prekeys.forget_old(now);
        vault.transaction(|rows| {
            for Contact { peer, .. } in rows.contacts()? {
                let mut sessions = rows.sessions(&peer)?;
                if sessions.forget_old(now) {
                    rows.save_sessions(&peer, &sessions, rng)?;
                }
            }
            rows.save_prekeys(&prekeys, rng)
        })?;
        Ok(Self {
            vault,
            me,
            token,
            prekeys,
            online: false,
            waiting: 0,
            one_time_left: 0,
            unpublished: None,
            asked: BTreeSet::new(),
            absent: VecDeque::new(),
            unusable: BTreeMap::new(),
            meeting: BTreeSet::new(),
            delayed: BTreeMap::new(),
        })
    }

    /// My name.
    #[must_use]
    pub fn id(&self) -> &UserId {
        self.me.id()
    }

    /// The first frame of every connection.
    #[must_use]
    pub fn hello(&self) -> ClientFrame {
        ClientFrame::Hello { version: VERSION, id: self.me.id().clone(), token: self.token.clone() }
    }

    /// Reads of the vault: history, contacts, quarantine.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        self.vault.rows()
    }

    /// Takes a text. It is kept before this returns; it leaves as soon as there are keys and a connection.
    ///
    /// # Errors
    /// [`MessengerError`]; then it was not taken.
    pub fn send(&mut self, peer: &UserId, text: &str, now: u64, rng: &mut impl CryptoRng) -> Result<Step> {
        if text.is_empty() {
            return Err(MessengerError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(TooLong.into());
        }
        if peer == self.me.id() {
            return Err(MessengerError::Myself);
        }
        self.unusable.remove(peer);
        let step = self.vault.transaction(|rows| {
            let mut contact = rows.contact(peer)?.unwrap_or_else(|| Contact::new(peer.clone(), Mode::Sealed));
            let sealed = contact.mode == Mode::Sealed;
            let numbers = contact.numbers(sealed);
            let counter = numbers.next_out;
            numbers.next_out = counter.saturating_add(1);
            contact.accepted = true;
            rows.save_contact(&contact)?;
            let message = StoredMessage {
                n: 0,
                peer: peer.clone(),
                outgoing: true,
                sealed,
                id: MessageId::random(rng),
                counter,
                at: now,
                state: StoredState::Held,
                arrival: Arrival::InOrder,
                via: None,
                text: text.to_owned(),
            };
            rows.add_message(&message, rng)?;
            let mut step = Step::default();
            step.events.push(Event::moved((peer.clone(), counter, sealed), StoredState::Held));
            dispatch(rows, &contact, now, &mut step, rng)?;
            Ok::<_, MessengerError>(step)
        })?;
        if self.online && self.may_be_absent(peer)? {
            self.delayed.entry(peer.clone()).or_default();
        }
        let mut step = self.leave(step, peer);
        if self.online {
            self.try_again(peer, &mut step)?;
        }
        Ok(step)
    }

    /// The connection stands: publishes what the relay lacks, sends again what it has not confirmed, asks for keys.
    fn connected(&mut self, welcome: &Welcome, now: u64, rng: &mut impl CryptoRng) -> Result<Step> {
        let Welcome { identity, prekey, one_time_left, waiting } = welcome;
        self.online = true;
        (self.one_time_left, self.waiting) = (*one_time_left, *waiting);
        self.asked.clear();
        self.unusable.clear();
        self.delayed.clear();
        let mut step = Step::default();
        step.events.push(Event::Online);
        let mine = self.me.statement().to_bytes();
        let (identity, prekey) = (identity.as_ref().map(|bytes| &bytes.0), prekey.as_ref().map(|bytes| &bytes.0));
        if identity.is_some_and(|identity| *identity != mine) {
            step.events.push(Event::Alarm { peer: self.me.id().clone(), alarm: Alarm::OwnKeyReplaced });
        }
        let statement = self.prekeys.newest().map(|key| key.statement(&self.me));
        let current = identity == Some(&mine) && prekey == statement.as_ref();
        if !current || self.prekeys.due(now) || self.runs_low() {
            self.publish(&mut step, now, rng)?;
        }
        for OutboxRow { id, peer, payload } in self.vault.rows().outbox()? {
            if self.is_blocked(&peer)? {
                continue;
            }
            if self.may_be_absent(&peer)? {
                self.delayed.entry(peer.clone()).or_default();
                self.try_again(&peer, &mut step)?;
            } else {
                step.frames.push(ClientFrame::Send { id, to: peer, payload });
            }
        }
        self.ask_for_keys(&mut step)?;
        if self.waiting == 0 {
            step.events.push(Event::CaughtUp);
        }
        Ok(step)
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.online = false;
        self.unpublished = None;
    }

    /// Every second or two while online: asks again for those who had not joined, sends again what was refused for
    /// now, renews prekeys.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn tick(&mut self, now: u64, rng: &mut impl CryptoRng) -> Result<Step> {
        let mut step = Step::default();
        if !self.online {
            return Ok(step);
        }
        if self.prekeys.due(now) || self.runs_low() {
            self.publish(&mut step, now, rng)?;
        } else if let Some((publish, refused @ true)) = &mut self.unpublished {
            *refused = false;
            step.frames.push(publish.clone());
        }
        // A refusal from the future was another clock's: once it is set right, the keys may be good.
        self.unusable.retain(|_, refused| (*refused..refused.saturating_add(UNUSABLE)).contains(&now));
        for peer in self.delayed.keys().cloned().collect::<Vec<_>>() {
            self.try_again(&peer, &mut step)?;
        }
        self.ask_for_keys(&mut step)?;
        Ok(step)
    }

    /// Shown to the user: texts up to number `n`, of one peer or of all.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn mark_read(&mut self, n: i64, peer: Option<&UserId>) -> Result<()> {
        Ok(self.vault.transaction(|rows| rows.mark_read(n, peer))?)
    }

    /// Deletes texts from before `before` (milliseconds since 1970) and rewrites the file. Returns how many.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn forget(&mut self, before: u64) -> Result<usize> {
        let gone = self.vault.transaction(|rows| rows.forget(before))?;
        self.vault.vacuum()?;
        Ok(gone)
    }

    /// Closes the vault cleanly.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn close(self) -> Result<()> {
        Ok(self.vault.close()?)
    }

    /// Writes the vault to a new file; see [`Vault::save`].
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn save(&self, path: &Path) -> Result<()> {
        Ok(self.vault.save(path)?)
    }

    fn runs_low(&self) -> bool {
        self.one_time_left < ONE_TIME_STOCK / 2
    }

    /// Saves the private halves, then offers the public ones. One-time keys come with a signed prekey of their own, in one
    /// transaction, and the relay drops those of the one before. So a vault that knows the prekey at the relay, an old copy of it
    /// included, has every key that the relay hands out with it; one that does not know it publishes anew.
    fn publish(&mut self, step: &mut Step, now: u64, rng: &mut impl CryptoRng) -> Result<()> {
        self.prekeys.renew(now, rng);
        let one_time = self.prekeys.refill(0, rng);
        let prekeys = &self.prekeys;
        if let Err(error) = self.vault.transaction(|rows| rows.save_prekeys(prekeys, rng)) {
            self.prekeys = self.vault.rows().prekeys()?;
            return Err(error.into());
        }
        self.one_time_left = one_time.len();
        if let Some(newest) = self.prekeys.newest() {
            let identity = self.me.statement().to_bytes().into();
            let publish = ClientFrame::Publish { identity, prekey: newest.statement(&self.me).into(), one_time };
            self.unpublished = Some((publish.clone(), false));
            step.frames.push(publish);
        }
        Ok(())
    }
}
