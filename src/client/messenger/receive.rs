//! A frame from the relay: nothing in it is believed that is not checked here or by the protocol.
//!
//! Question: the relay may lie; what may one of its frames do to a client?
//! Say that it has a message, which then is not sent again; give keys, which are verified, compared with the record and never trusted by
//! themselves; refuse, which delays. Mail is opened, counted and kept in one transaction, and only what is returned after it may leave.
//!
//! ```text
//! keys     → verify → same, first or changed? → session → what waited leaves
//! deliver  → seen before? → opened or put aside → counted → kept → ack
//! error    → wait, ask again, or give up, and the user is told
//! ```

use rand::CryptoRng;

use super::incoming::{Incoming, Outcome, hash};
use super::{Alarm, Event, Messenger, Result, Step, dispatch};
use crate::client::contacts::{Mode, Trust};
use crate::client::vault::{QuarantineRow, SetAside, StoredState, Wake};
use crate::protocol::{BundleRefused, PreKeyBundle};
use crate::wire::{ClientFrame, Envelope, ErrorCode, MessageId, RelayFrame, UserId};

impl Messenger {
    /// Takes a frame. What it changes is on the disk before this returns.
    ///
    /// # Errors
    /// [`super::MessengerError::Vault`] if it could not be saved: then it was not taken, and the relay delivers it again.
    pub fn receive(&mut self, frame: RelayFrame, now: u64, rng: &mut impl CryptoRng) -> Result<Step> {
        match frame {
            RelayFrame::Welcome(welcome) => self.connected(&welcome, now, rng),
            RelayFrame::Published { one_time_left } => {
                self.one_time_left = one_time_left;
                self.unpublished = None;
                Ok(Step::default())
            }
            RelayFrame::Keys { user, identities, prekey, one_time } => {
                self.keys(PreKeyBundle { user, identities, prekey, one_time }, now, rng)
            }
            RelayFrame::Accepted { id } => self.accepted(&id),
            RelayFrame::Deliver(envelope) => {
                let mut step = self.deliver(envelope, now, rng)?;
                if self.waiting == 1 {
                    step.events.push(Event::CaughtUp);
                }
                self.waiting = self.waiting.saturating_sub(1);
                Ok(step)
            }
            RelayFrame::Error { code, detail, id, user } => self.refused(code, detail, id, user),
        }
    }

    /// Keys that were asked for: check them, compare them with the record, start a session, send what waited.
    fn keys(&mut self, bundle: PreKeyBundle, now: u64, rng: &mut impl CryptoRng) -> Result<Step> {
        let peer = bundle.user.clone();
        if !self.asked.remove(&peer) {
            return Ok(Step::default()); // not asked for: not looked at
        }
        let bundle = match bundle.verify(self.me.statement(), now) {
            Ok(bundle) => bundle,
            Err(BundleRefused::NoPrekey | BundleRefused::Identities(0)) => return Ok(self.not_joined(peer)),
            Err(refused) => {
                self.unusable.insert(peer.clone(), now);
                return Ok(Step::alarm(peer, refused.into()));
            }
        };
        let me = &self.me;
        let step = self.vault.transaction(|rows| {
            let mut step = Step::default();
            let Some(mut contact) = rows.contact(&peer)? else { return Ok(step) };
            match contact.meet(bundle.identity()) {
                Trust::Same | Trust::Undecided => {}
                Trust::Pinned => step.events.push(Event::Pinned(peer.clone())),
                Trust::Changed => step.events.push(Event::KeyChanged(peer.clone())),
            }
            let mut sessions = rows.sessions(&peer)?;
            let sealed = || -> Result<bool> {
                let held = rows.messages(Some(&peer), Some(StoredState::Held), u32::MAX)?;
                Ok(contact.mode == Mode::Sealed || held.iter().any(|message| message.sealed))
            };
            let wanted = contact.resetting || (!sessions.can_send(now) && sealed()?);
            if wanted && !contact.blocked() {
                sessions.initiate(me, &bundle, rng)?;
                rows.save_sessions(&peer, &sessions, rng)?;
                contact.resetting = false;
                if !bundle.has_one_time() {
                    step.events.push(Event::NoOneTimeKey(peer.clone()));
                }
            }
            rows.save_contact(&contact)?;
            dispatch(rows, &contact, now, &mut step, rng)?;
            Ok::<_, super::MessengerError>(step)
        })?;
        self.meeting.remove(&peer);
        let mut step = self.leave(step, &peer);
        if self.has_joined(&peer) {
            self.try_again(&peer, &mut step)?;
            step.events.insert(0, Event::Joined(peer));
        }
        Ok(step)
    }

    /// The relay has it. A text that was held back meanwhile, because a key changed, had left before: it is not sent again.
    fn accepted(&mut self, id: &MessageId) -> Result<Step> {
        let moved = self.vault.transaction(|rows| {
            rows.remove_outbox(id)?;
            match rows.advance(id, StoredState::Saved, StoredState::Accepted)? {
                None => rows.advance(id, StoredState::Held, StoredState::Accepted),
                moved => Ok(moved),
            }
        })?;
        let mut step = Step::default();
        if let Some(moved) = moved {
            if self.has_joined(&moved.0) {
                step.events.push(Event::Joined(moved.0.clone()));
            }
            step.events.push(Event::moved(moved, StoredState::Accepted));
        }
        self.next_of(id, &mut step)?;
        Ok(step)
    }

    /// Mail: opened, counted and kept in one transaction; acknowledged after it.
    fn deliver(&mut self, envelope: Envelope, now: u64, rng: &mut impl CryptoRng) -> Result<Step> {
        let Envelope { seq, id, from, to, at, payload } = envelope;
        let ack = ClientFrame::Ack { seq };
        if to != *self.me.id() || from == *self.me.id() {
            let mut step = Step::alarm(from, Alarm::Misdelivered);
            step.frames.push(ack);
            return Ok(step);
        }
        let hash = hash(&from, &payload);
        self.unusable.remove(&from);
        let (me, prekeys) = (&self.me, &self.prekeys);
        let (step, consumed) = self.vault.transaction(|rows| {
            let mut incoming = Incoming { rows, me, prekeys, now, step: Step::default(), consumed: Vec::new() };
            if rows.was_seen(&hash)? {
                return Ok((incoming.step, incoming.consumed));
            }
            match incoming.open(&from, &id, &payload, rng)? {
                Outcome::Done => {}
                Outcome::Opened => incoming.retry_quarantine(&from, Wake::Mail, rng)?,
                Outcome::SetAside(why) => {
                    let row =
                        QuarantineRow { n: 0, peer: from.clone(), id, at: at.min(now), why: why.clone(), payload };
                    rows.add_quarantine(&row, rng)?;
                    incoming.step.events.push(Event::SetAside { peer: from.clone(), why });
                }
            }
            rows.see(&hash)?;
            Ok::<_, super::MessengerError>((incoming.step, incoming.consumed))
        })?;
        self.consumed(&consumed);
        let mut step = self.leave(step, &from);
        step.frames.insert(0, ack);
        Ok(step)
    }

    /// One-time keys that the vault has deleted are deleted here as well.
    pub(super) fn consumed(&mut self, one_time: &[u32]) {
        for &id in one_time {
            self.prekeys.consume(id);
            self.one_time_left = self.one_time_left.saturating_sub(1);
        }
    }

    /// The relay refused something: for now, and it is tried again; or for good, and somebody is told.
    fn refused(
        &mut self,
        code: ErrorCode,
        detail: String,
        id: Option<MessageId>,
        user: Option<UserId>,
    ) -> Result<Step> {
        if let Some(user) = &user {
            self.asked.remove(user);
        }
        let mut step = Step::default();
        match (code, id, user) {
            (ErrorCode::UnknownUser, id, Some(user)) if self.rows().contact(&user)?.is_some() => {
                if id.is_some() {
                    self.delayed.entry(user.clone()).or_default().on_its_way = None;
                }
                return Ok(self.not_joined(user));
            }
            (ErrorCode::MailboxFull | ErrorCode::TooFast | ErrorCode::NotStored, Some(_), Some(user)) => {
                let delay = self.delayed.entry(user).or_default();
                delay.on_its_way = None;
                if !std::mem::replace(&mut delay.told, true) {
                    step.events.push(Event::Delayed(detail));
                }
            }
            (ErrorCode::TooFast | ErrorCode::NotStored, None, None) => {
                // My keys: offered again at the next tick, the same ones.
                self.unpublished.iter_mut().for_each(|(_, refused)| *refused = true);
            }
            (ErrorCode::TooFast | ErrorCode::NotStored, None, Some(_)) => {} // theirs: asked for again at the next tick
            (ErrorCode::TooLarge, Some(id), _) => {
                let moved = self.vault.transaction(|rows| {
                    rows.remove_outbox(&id)?;
                    rows.advance(&id, StoredState::Saved, StoredState::Refused)
                })?;
                if let Some(moved) = moved {
                    let peer = moved.0.clone();
                    step.events.push(Event::moved(moved, StoredState::Refused));
                    step.events.push(Event::Alarm { peer, alarm: Alarm::TooLarge(detail) });
                }
                self.next_of(&id, &mut step)?;
            }
            _ => step.events.push(Event::Refused(detail)),
        }
        Ok(step)
    }

    fn not_joined(&mut self, peer: UserId) -> Step {
        let mut step = Step::default();
        if !self.absent.contains(&peer) {
            self.absent.push_back(peer.clone());
            step.events.push(Event::NotJoined(peer));
        }
        step
    }

    /// They are here. True if they had been missed.
    fn has_joined(&mut self, peer: &UserId) -> bool {
        let before = self.absent.len();
        self.absent.retain(|absent| absent != peer);
        self.absent.len() < before
    }
}

impl Step {
    fn alarm(peer: UserId, alarm: Alarm) -> Self {
        Self { frames: Vec::new(), events: vec![Event::Alarm { peer, alarm }] }
    }
}

impl From<SetAside> for Outcome {
    fn from(why: SetAside) -> Self {
        Self::SetAside(why)
    }
}
