//! A frame from the relay: nothing in it is believed that is not checked here or by the protocol.

use rand::CryptoRng;

use super::incoming::{Incoming, Outcome, hash};
use super::{Alarm, Event, Messenger, Result, SetAside, Step, dispatch};
use crate::client::contacts::{Mode, Trust};
use crate::client::vault::{QuarantineRow, StoredState};
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
            Err(refused) => return Ok(Step::alarm(peer, refused.into())),
        };
        let resetting = self.reset.contains(&peer);
        let me = &self.me;
        let step = self.vault.transaction(|rows| {
            let mut step = Step::default();
            let Some(mut contact) = rows.contact(&peer)? else { return Ok(step) };
            let known = contact.changed.clone();
            match contact.meet(bundle.identity()) {
                Trust::Same => {}
                Trust::Pinned => step.events.push(Event::Pinned(peer.clone())),
                Trust::Changed if known.as_ref() == Some(bundle.identity()) => {}
                Trust::Changed => {
                    rows.hold_back(&peer)?;
                    step.events.push(Event::KeyChanged(peer.clone()));
                }
            }
            rows.save_contact(&contact)?;
            let mut sessions = rows.sessions(&peer)?;
            let wanted = contact.mode == Mode::Sealed && (resetting || !sessions.can_send());
            if wanted && !contact.blocked() {
                sessions.initiate(me, &bundle, rng)?;
                rows.save_sessions(&peer, &sessions, rng)?;
                if !bundle.has_one_time() {
                    step.events.push(Event::NoOneTimeKey(peer.clone()));
                }
            }
            dispatch(rows, &contact, false, &mut step, rng)?;
            Ok::<_, super::MessengerError>(step)
        })?;
        self.reset.remove(&peer);
        let mut step = self.leave(step, &peer);
        if self.absent.remove(&peer) {
            step.events.insert(0, Event::Joined(peer));
        }
        Ok(step)
    }

    fn accepted(&mut self, id: &MessageId) -> Result<Step> {
        let moved = self.vault.transaction(|rows| {
            rows.remove_outbox(id)?;
            rows.advance(id, StoredState::Saved, StoredState::Accepted)
        })?;
        let mut step = Step::default();
        if let Some((peer, counter)) = moved {
            if self.absent.remove(&peer) {
                step.events.push(Event::Joined(peer.clone()));
            }
            step.events.push(Event::State { peer, counter, state: StoredState::Accepted });
        }
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
        let (me, prekeys) = (&self.me, &self.prekeys);
        let (mut step, consumed) = self.vault.transaction(|rows| {
            let mut incoming = Incoming { rows, me, prekeys, now, step: Step::default(), consumed: Vec::new() };
            if rows.was_seen(&hash)? {
                return Ok((incoming.step, incoming.consumed));
            }
            match incoming.open(&from, &id, &payload, rng)? {
                Outcome::Done => {
                    if rows.contact(&from)?.is_some() {
                        incoming.retry_quarantine(&from, rng)?;
                    }
                }
                Outcome::SetAside(why) => {
                    let row = QuarantineRow { n: 0, peer: from.clone(), id, at, why: why.to_string(), payload };
                    rows.add_quarantine(&row, rng)?;
                    incoming.step.events.push(Event::SetAside { peer: from.clone(), why });
                }
            }
            rows.see(&hash)?;
            Ok::<_, super::MessengerError>((incoming.step, incoming.consumed))
        })?;
        self.consumed(&consumed);
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
            (ErrorCode::UnknownUser, _, Some(user)) => return Ok(self.not_joined(user)),
            (ErrorCode::TooLarge, Some(id), user) => {
                self.vault.transaction(|rows| rows.remove_outbox(&id))?;
                let peer = user.unwrap_or_else(|| self.me.id().clone());
                step.events.push(Event::Alarm { peer, alarm: Alarm::TooLarge(detail) });
            }
            (ErrorCode::MailboxFull | ErrorCode::TooFast | ErrorCode::NotStored, id, _) => {
                self.delayed.extend(id);
                step.events.push(Event::Delayed(detail));
            }
            _ => step.events.push(Event::Refused(detail)),
        }
        Ok(step)
    }

    fn not_joined(&mut self, peer: UserId) -> Step {
        let mut step = Step::default();
        if self.absent.insert(peer.clone()) {
            step.events.push(Event::NotJoined(peer));
        }
        step
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
