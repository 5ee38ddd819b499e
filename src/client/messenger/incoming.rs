//! One payload on its way in, inside a vault transaction.
//!
//! Three ends are possible: it is done (shown, counted, or found to be nothing to show), it is put aside and perhaps tried again
//! (see the vault's quarantine), or the transaction fails and it was never here.

use std::cell::Cell;

use rand::CryptoRng;
use sha2::{Digest, Sha256};

use super::outgoing::enqueue;
use super::{Alarm, Event, Result, Step};
use crate::client::contacts::{Arrival, Contact, Mode, Trust};
use crate::client::vault::{Rows, SetAside, StoredMessage, StoredState, VaultError, Wake};
use crate::protocol::session::Recipient;
use crate::protocol::{DecryptError, IdentityKeyPair, PreKeyStore, Sessions, content};
use crate::wire::{Content, MessageId, Payload, UserId};

pub(super) struct Incoming<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) me: &'a IdentityKeyPair,
    pub(super) prekeys: &'a PreKeyStore,
    pub(super) now: u64,
    pub(super) step: Step,
    /// One-time keys used up, to be dropped from memory after the commit.
    pub(super) consumed: Vec<u32>,
}

pub(super) enum Outcome {
    Done,
    /// A blob opened: others of the same peer may open now.
    Opened,
    SetAside(SetAside),
}

/// What identifies a delivered payload for ever: the same bytes from the same name are never shown again.
pub(super) fn hash(from: &UserId, payload: &Payload) -> [u8; 32] {
    let json = serde_json::to_vec(payload).expect("a payload is plain data with text keys");
    Sha256::new().chain_update(from.as_str()).chain_update([0]).chain_update(json).finalize().into()
}

impl Incoming<'_> {
    pub(super) fn open(
        &mut self,
        from: &UserId,
        id: &MessageId,
        payload: &Payload,
        rng: &mut impl CryptoRng,
    ) -> Result<Outcome> {
        match payload {
            Payload::Open(content) => self.open_content(from, id, content, rng),
            Payload::Sealed(blob) => self.sealed(from, id, &blob.0, rng),
        }
    }

    /// What could not be opened before may open now: after a decision more than after a message.
    pub(super) fn retry_quarantine(&mut self, peer: &UserId, after: Wake, rng: &mut impl CryptoRng) -> Result<()> {
        for row in self.rows.quarantine(Some(peer))? {
            if row.why.wake().is_none_or(|wake| wake == Wake::Decision && after == Wake::Mail) {
                continue;
            }
            match self.open(peer, &row.id, &row.payload, rng)? {
                Outcome::Done | Outcome::Opened => self.rows.remove_quarantine(row.n)?,
                Outcome::SetAside(why) if why != row.why => self.rows.set_why(row.n, &why)?,
                Outcome::SetAside(_) => {}
            }
        }
        Ok(())
    }

    /// An open message is shown in an open conversation only: a sealed one cannot be talked down.
    fn open_content(
        &mut self,
        from: &UserId,
        id: &MessageId,
        content: &Content,
        rng: &mut impl CryptoRng,
    ) -> Result<Outcome> {
        match self.rows.contact(from)? {
            Some(mut contact) if contact.mode == Mode::Open => {
                self.content(&mut contact, None, id, content.clone(), rng)?;
                self.rows.save_contact(&contact)?;
                Ok(Outcome::Done)
            }
            _ if matches!(content, Content::Receipt { .. }) => Ok(Outcome::Done),
            _ => Ok(SetAside::Open.into()),
        }
    }

    fn sealed(&mut self, from: &UserId, id: &MessageId, blob: &[u8], rng: &mut impl CryptoRng) -> Result<Outcome> {
        let contact = self.rows.contact(from)?;
        let mut sessions = self.rows.sessions(from)?;
        // A read that fails fails the step, not the message.
        let unreadable: Cell<Option<VaultError>> = Cell::new(None);
        let remembered = |session: &_| {
            self.rows.remembers(session).unwrap_or_else(|error| {
                unreadable.set(Some(error));
                true
            })
        };
        let recipient = Recipient {
            me: self.me,
            prekeys: self.prekeys,
            from,
            pinned: contact.as_ref().and_then(|contact| contact.identity.as_ref()),
            remembered: &remembered,
        };
        let opened = sessions.decrypt(recipient, blob, self.now, rng);
        if let Some(error) = unreadable.take() {
            return Err(error.into());
        }
        let mut contact = contact.unwrap_or_else(|| Contact::new(from.clone(), Mode::Sealed));
        let opened = match opened {
            Ok(opened) => opened,
            Err(DecryptError::UsedCounter) => return Ok(self.alarm(from, Alarm::CounterReused)),
            Err(DecryptError::Replayed) => return Ok(self.alarm(from, Alarm::Replayed)),
            Err(DecryptError::IdentityChanged(identity)) => {
                if contact.meet(&identity) == Trust::Changed {
                    self.rows.save_contact(&contact)?;
                    self.step.events.push(Event::KeyChanged(from.clone()));
                }
                return Ok(SetAside::Unopened(DecryptError::IdentityChanged(identity)).into());
            }
            Err(error) => return Ok(SetAside::Unopened(error).into()),
        };
        if let Some(first) = opened.first {
            if contact.meet(&first.identity) == Trust::Pinned {
                self.step.events.push(Event::Pinned(from.clone()));
            }
            self.rows.consume(first.one_time_id, &opened.session, first.prekey_id)?;
            self.consumed.extend(first.one_time_id);
        }
        match content::decode(&opened.text) {
            Ok(content) => self.content(&mut contact, Some(&mut sessions), id, content, rng)?,
            Err(content::NotContent) => drop(self.alarm(from, Alarm::NotContent)),
        }
        self.rows.save_sessions(from, &sessions, rng)?;
        self.rows.save_contact(&contact)?;
        Ok(Outcome::Opened)
    }

    /// A text or a receipt, opened. `sessions` is set if it came sealed; the answer to it goes the same way.
    fn content(
        &mut self,
        contact: &mut Contact,
        sessions: Option<&mut Sessions>,
        id: &MessageId,
        content: Content,
        rng: &mut impl CryptoRng,
    ) -> Result<()> {
        let (peer, sealed) = (contact.peer.clone(), sessions.is_some());
        let (at, counter, text, via) = match content {
            Content::Text { sent_at, counter, text, via } => (sent_at, counter, text, via),
            Content::Receipt { sent_at: _, of, of_sent_at } => {
                if let Some(moved) = self.rows.delivered(&peer, of, of_sent_at, sealed)? {
                    self.step.events.push(Event::moved(moved, StoredState::Delivered));
                }
                return Ok(());
            }
        };
        // What the platform wrote in their name is not one of the texts that their client counted.
        let theirs = via.is_none();
        let arrival = if theirs { contact.numbers(sealed).arrived(counter) } else { Arrival::InOrder };
        let mut message = StoredMessage {
            n: 0,
            peer,
            outgoing: false,
            sealed,
            id: *id,
            counter,
            // The writer's clock decides nothing here: a text from the future would outlive `/forget`.
            at: at.min(self.now),
            state: StoredState::Unread,
            arrival,
            text,
            via,
        };
        message.n = self.rows.add_message(&message, rng)?;
        self.step.events.push(Event::Message { message });
        if theirs && contact.accepted && !contact.blocked() {
            let receipt = Content::Receipt { sent_at: self.now, of: counter, of_sent_at: at };
            enqueue(self.rows, &contact.peer, sessions, MessageId::random(rng), receipt, &mut self.step, rng)?;
        }
        Ok(())
    }

    fn alarm(&mut self, from: &UserId, alarm: Alarm) -> Outcome {
        self.step.events.push(Event::Alarm { peer: from.clone(), alarm });
        Outcome::Done
    }
}
