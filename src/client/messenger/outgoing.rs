//! A text on its way out: what must be there before it may leave, and in which order it leaves.
//!
//! A text is held until there is a session with a key that the user has not to decide on. Then it is encrypted, once, and lies
//! in the outbox until the relay has confirmed it. If the relay refuses a peer's mail for now (they have not joined, their
//! mailbox is full, it came too fast), one message knocks until it is accepted, and the others follow in order.
//!
//! ```text
//! held ──keys, session──► outbox ──connection──► frame ──accepted──► gone from the outbox
//!   ▲                        │ refused for now: one knocks
//!   └── new key accepted ────┘ key changed, not decided: it stays; old key kept: the same bytes leave
//! ```

use std::collections::BTreeSet;

use rand::CryptoRng;

use super::{Event, Messenger, Result, Step};
use crate::client::contacts::Contact;
use crate::client::vault::{OutboxRow, Rows, StoredMessage, StoredState};
use crate::protocol::{Sessions, content};
use crate::wire::{ClientFrame, Content, MessageId, Payload, UserId};

/// Mail to one peer that waits for the relay's leave.
#[derive(Debug, Default)]
pub(super) struct Delay {
    /// The message that knocks, if one is on its way.
    pub(super) on_its_way: Option<MessageId>,
    /// Whether the user was told.
    pub(super) told: bool,
}

impl Messenger {
    /// Asks for the keys of everybody for whom a text waits, who has not joined, who is to be met, or with whom a new
    /// session is wanted; once until answered.
    pub(super) fn ask_for_keys(&mut self, step: &mut Step) -> Result<()> {
        let rows = self.vault.rows();
        let wanted = rows.held_for()?.into_iter().chain(rows.resetting()?).chain(self.meeting.iter().cloned());
        let mut peers: BTreeSet<UserId> = wanted.filter(|peer| !self.absent.contains(peer)).collect();
        if let Some(next) = self.absent.pop_front() {
            peers.insert(next.clone());
            self.absent.push_back(next);
        }
        for peer in peers {
            if !self.unusable.contains_key(&peer) && !self.is_blocked(&peer)? && self.asked.insert(peer.clone()) {
                step.frames.push(ClientFrame::Fetch { user: peer });
            }
        }
        Ok(())
    }

    /// Offline nothing leaves: all of it is in the vault and leaves when the connection stands. Keys are asked for once, and
    /// nothing overtakes what was refused for now.
    pub(super) fn leave(&mut self, mut step: Step, peer: &UserId) -> Step {
        if !self.online {
            step.frames.clear();
        }
        let (asked, delayed) = (&mut self.asked, &self.delayed);
        step.frames.retain(|frame| match frame {
            ClientFrame::Fetch { .. } => asked.insert(peer.clone()),
            ClientFrame::Send { to, .. } => !delayed.contains_key(to),
            _ => true,
        });
        step
    }

    /// Whether the peer's key has changed, and the user has not decided: then nothing leaves.
    pub(super) fn is_blocked(&self, peer: &UserId) -> Result<bool> {
        Ok(self.vault.rows().contact(peer)?.is_some_and(|contact| contact.blocked()))
    }

    /// Whether the peer has not been seen at this relay: then one message knocks, and the others follow.
    pub(super) fn may_be_absent(&self, peer: &UserId) -> Result<bool> {
        let known = self.vault.rows().contact(peer)?.is_some_and(|contact| contact.identity.is_some());
        Ok(!known || self.absent.contains(peer))
    }

    /// Sends the next message to a peer whose mail was refused for now, unless one is on its way. When all have left, others
    /// follow as they come.
    pub(super) fn try_again(&mut self, peer: &UserId, step: &mut Step) -> Result<()> {
        let Some(Delay { on_its_way: None, .. }) = self.delayed.get(peer) else { return Ok(()) };
        if self.is_blocked(peer)? {
            return Ok(());
        }
        match self.vault.rows().next_out(peer)? {
            Some(OutboxRow { id, peer, payload }) => {
                step.frames.push(ClientFrame::Send { id, to: peer.clone(), payload });
                self.delayed.entry(peer).or_default().on_its_way = Some(id);
            }
            None => drop(self.delayed.remove(peer)),
        }
        Ok(())
    }

    /// If this message knocked, it does no more: the next one follows.
    pub(super) fn next_of(&mut self, id: &MessageId, step: &mut Step) -> Result<()> {
        let of = self.delayed.iter_mut().find(|(_, delay)| delay.on_its_way.as_ref() == Some(id));
        let Some((peer, delay)) = of else { return Ok(()) };
        delay.on_its_way = None;
        let peer = peer.clone();
        self.try_again(&peer, step)
    }
}

/// Moves a contact's held texts to the outbox as far as that is possible: never while its key change waits for a
/// decision, and sealed ones only in a session. Without one, it asks for keys.
///
/// A text goes the way it was typed: what was typed as sealed is not handed over in the clear because the mode changed since.
pub(super) fn dispatch(
    rows: &Rows,
    contact: &Contact,
    now: u64,
    step: &mut Step,
    rng: &mut impl CryptoRng,
) -> Result<()> {
    let peer = &contact.peer;
    let held = rows.messages(Some(peer), Some(StoredState::Held), u32::MAX)?;
    if held.is_empty() {
        return Ok(());
    }
    if contact.blocked() {
        step.events.push(Event::Blocked { peer: peer.clone(), waiting: held.len() });
        return Ok(());
    }
    let mut sessions = rows.sessions(peer)?;
    for StoredMessage { id, counter, at, sealed, text, .. } in held {
        let content = Content::Text { sent_at: at, counter, text, via: None };
        let ready = !sealed || (!contact.resetting && sessions.can_send(now));
        if !ready || !enqueue(rows, peer, sealed.then_some(&mut sessions), id, content, step, rng)? {
            step.frames.push(ClientFrame::Fetch { user: peer.clone() });
            break;
        }
        rows.advance(&id, StoredState::Held, StoredState::Saved)?;
        step.events.push(Event::moved((peer.clone(), counter, sealed), StoredState::Saved));
    }
    rows.save_sessions(peer, &sessions, rng)?;
    Ok(())
}

/// Encrypts (or, without sessions, does not) and puts the result into the outbox: from here on exactly these bytes are sent,
/// however often. The caller saves the sessions in the same transaction. False if there is no session: nothing has happened then.
pub(super) fn enqueue(
    rows: &Rows,
    peer: &UserId,
    sessions: Option<&mut Sessions>,
    id: MessageId,
    content: Content,
    step: &mut Step,
    rng: &mut impl CryptoRng,
) -> Result<bool> {
    let payload = match sessions {
        None => Payload::Open(content),
        Some(sessions) => {
            let padded = content::encode(&content)?;
            let Some(blob) = sessions.encrypt(&padded, rng) else { return Ok(false) };
            Payload::Sealed(blob.into())
        }
    };
    let row = OutboxRow { id, peer: peer.clone(), payload };
    rows.add_outbox(&row, rng)?;
    step.frames.push(ClientFrame::Send { id, to: row.peer, payload: row.payload });
    Ok(true)
}
