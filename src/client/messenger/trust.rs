//! What only the user may decide: modes, changed keys, verification, a fresh session.
//!
//! Question: a program could decide all of it by itself; why must it not?
//! Because a lying relay would bring the moment about: a changed key that is taken without asking is a man in the middle, a session that
//! resets itself drains prekeys, a conversation that falls back to open is read. So each decision is a verb of its own, takes
//! one transaction, and then looks again at what waited for it: mail that was put aside, and texts that were held.
//!
//! ```text
//! decision → contact changed → put-aside mail tried again → held texts leave, or stay
//! ```

use rand::CryptoRng;

use super::incoming::Incoming;
use super::{Messenger, MessengerError, Result, Step, dispatch};
use crate::client::contacts::{Contact, Mode};
use crate::client::vault::{OutboxRow, Rows, SetAside, Wake};
use crate::protocol::{DecryptError, SafetyNumber, Sessions};
use crate::wire::{ClientFrame, UserId};

impl Messenger {
    /// Opens a conversation: it gets receipts from now on. `open` sets the mode of a new one only.
    ///
    /// # Errors
    /// [`MessengerError::PinnedSealed`] if it exists as sealed and open is asked for.
    pub fn converse(
        &mut self,
        peer: &UserId,
        open: bool,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<(Contact, Step)> {
        if peer == self.me.id() {
            return Err(MessengerError::Myself);
        }
        let mode = if open { Mode::Open } else { Mode::Sealed };
        self.decide(peer, now, rng, |rows, contact, _, _| {
            let existed = rows.contact(peer)?.is_some();
            if existed && open && contact.mode == Mode::Sealed {
                return Err(MessengerError::PinnedSealed(peer.clone()));
            }
            if !existed {
                contact.mode = mode;
            }
            contact.accepted = true;
            Ok(())
        })
    }

    /// Changes how the conversation travels from now on. Texts that still wait go the way they were typed.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn set_mode(
        &mut self,
        peer: &UserId,
        mode: Mode,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<(Contact, Step)> {
        self.decide(peer, now, rng, |_, contact, _, _| {
            contact.mode = mode;
            Ok(())
        })
    }

    /// Takes a changed key as the peer's new one, unverified. Sessions with the old key end, and what was held leaves;
    /// what the relay had accepted before is not sent again.
    ///
    /// # Errors
    /// [`MessengerError::Unchanged`] if no other key had turned up.
    pub fn accept_key(&mut self, peer: &UserId, now: u64, rng: &mut impl CryptoRng) -> Result<(Contact, Step)> {
        self.decide(peer, now, rng, |rows, contact, _, rng| {
            if !contact.accept_change() {
                return Err(MessengerError::Unchanged(peer.clone()));
            }
            rows.hold_back(peer)?;
            Ok(rows.save_sessions(peer, &Sessions::default(), rng)?)
        })
    }

    /// Keeps the key on record and drops the other one, with what came under it (and nothing else): what waited leaves, in the
    /// sessions there are; a reset that was asked for is given up. If a third key has turned up meanwhile, that one is to be
    /// decided on next.
    ///
    /// # Errors
    /// [`MessengerError::Unchanged`] if no other key had turned up.
    pub fn reject_key(&mut self, peer: &UserId, now: u64, rng: &mut impl CryptoRng) -> Result<(Contact, Step)> {
        self.decide(peer, now, rng, |rows, contact, step, _| {
            let other = contact.changed.take().ok_or_else(|| MessengerError::Unchanged(peer.clone()))?;
            contact.resetting = false;
            let why = SetAside::Unopened(DecryptError::IdentityChanged(Box::new(other)));
            for row in rows.quarantine(Some(peer))?.iter().filter(|row| row.why == why) {
                rows.remove_quarantine(row.n)?;
            }
            for OutboxRow { id, peer: to, payload } in rows.outbox()?.into_iter().filter(|row| row.peer == *peer) {
                step.frames.push(ClientFrame::Send { id, to, payload });
            }
            Ok(())
        })
    }

    /// Records whether the user compared the safety number of the pinned key and found it equal.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`] if no key is on record.
    pub fn set_verified(&mut self, peer: &UserId, verified: bool) -> Result<Contact> {
        self.vault.transaction(|rows| {
            let known = rows.contact(peer)?.filter(|contact| contact.identity.is_some());
            let mut contact = known.ok_or_else(|| MessengerError::Unknown(peer.clone()))?;
            contact.verified = verified && !contact.blocked();
            rows.save_contact(&contact)?;
            Ok(contact)
        })
    }

    /// Whether the number of the key on record was compared, and no other key has turned up since.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn is_verified(&self, peer: &UserId) -> Result<bool> {
        Ok(self.rows().contact(peer)?.is_some_and(|contact| contact.verified && !contact.blocked()))
    }

    /// Begins a new session with the same identities, as soon as the peer's keys are there: texts wait for it. By hand only: an
    /// automatic one would let the relay drain prekeys.
    ///
    /// # Errors
    /// [`MessengerError::Unknown`] if there is no conversation.
    pub fn reset(&mut self, peer: &UserId) -> Result<Step> {
        self.vault.transaction(|rows| {
            let mut contact = rows.contact(peer)?.ok_or_else(|| MessengerError::Unknown(peer.clone()))?;
            contact.resetting = true;
            Ok::<_, MessengerError>(rows.save_contact(&contact)?)
        })?;
        self.unusable.remove(peer);
        let step = Step { frames: vec![ClientFrame::Fetch { user: peer.clone() }], events: Vec::new() };
        Ok(self.leave(step, peer))
    }

    /// The number to compare with this peer; none while no key of theirs is known.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn safety_number(&self, peer: &UserId) -> Result<Option<SafetyNumber>> {
        Ok(self.rows().contact(peer)?.and_then(|contact| contact.safety_number(self.me.statement())))
    }

    /// Asks for a peer's keys as soon as there is a connection, to pin them before anything is written.
    ///
    /// # Errors
    /// [`MessengerError::Vault`].
    pub fn meet(&mut self, peer: &UserId) -> Result<Step> {
        if self.rows().contact(peer)?.is_some_and(|contact| contact.identity.is_some()) {
            return Ok(Step::default());
        }
        self.meeting.insert(peer.clone());
        let frames = vec![ClientFrame::Fetch { user: peer.clone() }];
        Ok(self.leave(Step { frames, events: Vec::new() }, peer))
    }

    /// One decision: change the contact, then see what can leave and what can be shown now.
    fn decide<R: CryptoRng>(
        &mut self,
        peer: &UserId,
        now: u64,
        rng: &mut R,
        change: impl FnOnce(&Rows, &mut Contact, &mut Step, &mut R) -> Result<()>,
    ) -> Result<(Contact, Step)> {
        let (me, prekeys) = (&self.me, &self.prekeys);
        let (contact, step, consumed) = self.vault.transaction(|rows| {
            let known = rows.contact(peer)?;
            let mut contact = known.unwrap_or_else(|| Contact::new(peer.clone(), Mode::Sealed));
            let mut step = Step::default();
            change(rows, &mut contact, &mut step, rng)?;
            rows.save_contact(&contact)?;
            let mut incoming = Incoming { rows, me, prekeys, now, step, consumed: Vec::new() };
            incoming.retry_quarantine(peer, Wake::Decision, rng)?;
            let Incoming { mut step, consumed, .. } = incoming;
            let contact = rows.contact(peer)?.unwrap_or(contact);
            if contact.blocked() {
                step.frames.clear(); // a third key: what is in the outbox stays there
            }
            dispatch(rows, &contact, now, &mut step, rng)?;
            Ok::<_, MessengerError>((contact, step, consumed))
        })?;
        self.consumed(&consumed);
        Ok((contact, self.leave(step, peer)))
    }
}
