//! The man in the middle, as a relay can do it: a whole client of its own under each person's name.
//!
//! ```text
//! alice ◄──session──► mask "bob"    reads, writes on    mask "alice" ◄──session──► bob
//! ```
//!
//! Nothing is broken here: both sessions are sound, each with the wrong person. That is why two people must compare numbers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::ChaCha20Rng;

use crate::client::messenger::{Event, Messenger, Step};
use crate::client::vault::Vault;
use crate::lab::hand::{Hand, Table};
use crate::wire::{Bytes, ClientFrame, Envelope, Payload, RelayFrame, UserId, Welcome};

/// One mask: a client of the attacker's under somebody else's name, for one other person.
#[derive(Debug)]
pub(super) struct Mask {
    messenger: Messenger,
    identity: Bytes,
    prekey: Bytes,
    one_time: Vec<Bytes>,
}

impl Mask {
    /// A fresh identity under this name. None only if memory is out.
    pub(super) fn new(name: &UserId, now: u64, rng: &mut ChaCha20Rng) -> Option<Self> {
        let vault = Vault::in_memory(name, rng).ok()?;
        let mut messenger = Messenger::open(vault, now, rng).ok()?;
        let welcome = Welcome { identity: None, prekey: None, one_time_left: 0, waiting: 0 };
        let step = messenger.receive(RelayFrame::Welcome(welcome), now, rng).ok()?;
        let publish = step.frames.into_iter().find_map(|frame| match frame {
            ClientFrame::Publish { identity, prekey, one_time } => Some((identity, prekey, one_time)),
            _ => None,
        });
        let (identity, prekey, one_time) = publish?;
        messenger.receive(RelayFrame::Published { one_time_left: one_time.len() }, now, rng).ok()?;
        Some(Self { messenger, identity, prekey, one_time })
    }

    /// What a relay answers whose keys these are.
    pub(super) fn keys(&mut self) -> RelayFrame {
        RelayFrame::Keys {
            user: self.messenger.id().clone(),
            identities: vec![self.identity.clone()],
            prekey: Some(self.prekey.clone()),
            one_time: self.one_time.pop(),
        }
    }
}

/// What a mask writes by itself.
pub(super) const LETTER: &str = "it is me, with a new phone";

/// Stands between people.
#[derive(Debug)]
pub(super) struct Middle {
    /// By the name that it wears and the person it is for.
    masks: BTreeMap<(UserId, UserId), Mask>,
    /// Who has written to whom.
    written: BTreeSet<(UserId, UserId)>,
    /// Waits until two people have written to each other.
    later: bool,
    /// Whether the masks write a first letter themselves.
    writes: bool,
    /// When the masks' clients were last asked whether something waits.
    ticked: u64,
}

impl Middle {
    /// Swaps keys from the first contact on.
    pub(super) fn first() -> Box<dyn Hand> {
        Box::new(Self::new(false, false))
    }

    /// Swaps the keys of two people who have written to each other.
    pub(super) fn later() -> Box<dyn Hand> {
        Box::new(Self::new(true, false))
    }

    /// The same, and writes to the other one, with new keys.
    pub(super) fn writing() -> Box<dyn Hand> {
        Box::new(Self::new(true, true))
    }

    fn new(later: bool, writes: bool) -> Self {
        Self { masks: BTreeMap::new(), written: BTreeSet::new(), later, writes, ticked: 0 }
    }

    fn waits(&self, one: &UserId, other: &UserId) -> bool {
        let wrote = |from: &UserId, to: &UserId| self.written.contains(&(from.clone(), to.clone()));
        self.later && !(wrote(one, other) && wrote(other, one))
    }

    /// The mask, made when it is first needed. With it comes its counterpart.
    fn mask(&mut self, name: &UserId, victim: &UserId, now: u64, rng: &mut ChaCha20Rng) -> Option<&mut Mask> {
        for (name, victim) in [(victim, name), (name, victim)] {
            if let Entry::Vacant(place) = self.masks.entry((name.clone(), victim.clone())) {
                let mut mask = Mask::new(name, now, rng)?;
                mask.messenger.converse(victim, false, now, rng).ok()?;
                place.insert(mask);
            }
        }
        self.masks.get_mut(&(name.clone(), victim.clone()))
    }

    /// Lets a mask take a frame; what it read is written on by its counterpart.
    fn feed(&mut self, name: &UserId, victim: &UserId, frame: RelayFrame, table: &mut Table) {
        let now = table.now();
        let Some(mask) = self.masks.get_mut(&(name.clone(), victim.clone())) else { return };
        let Ok(step) = mask.messenger.receive(frame, now, &mut table.rng) else { return };
        let read = step.events.iter().filter_map(|event| match event {
            Event::Message { message } => Some(message.text.clone()),
            _ => None,
        });
        let read: Vec<String> = read.collect();
        Self::leave(name, step, table);
        for text in read {
            table.got(format!("{victim} to {name}: {text}"));
            let Some(other) = self.masks.get_mut(&(victim.clone(), name.clone())) else { continue };
            if let Ok(step) = other.messenger.send(name, &text, now, &mut table.rng) {
                Self::leave(victim, step, table);
            }
        }
    }

    /// What a mask says leaves on the connection of the person whose name it wears.
    fn leave(name: &UserId, step: Step, table: &mut Table) {
        for frame in step.frames {
            if let ClientFrame::Fetch { .. } | ClientFrame::Send { .. } = frame {
                table.relay(name, frame);
            }
        }
    }

    fn is_between(&self, one: &UserId, other: &UserId) -> bool {
        self.masks.contains_key(&(one.clone(), other.clone()))
    }
}

impl Hand for Middle {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        match frame {
            ClientFrame::Fetch { user } if user != *who && !self.waits(who, &user) => {
                let now = table.now();
                if let Some(mask) = self.mask(&user, who, now, &mut table.rng) {
                    let keys = mask.keys();
                    table.did(format!("{who} asks for {user}'s keys and is given keys of mine"));
                    table.client(who, keys);
                }
                if self.writes
                    && let Some(other) = self.masks.get_mut(&(who.clone(), user.clone()))
                    && let Ok(step) = other.messenger.send(&user, LETTER, now, &mut table.rng)
                {
                    Self::leave(who, step, table);
                }
            }
            ClientFrame::Send { id, to, payload: payload @ Payload::Sealed(_) } if self.is_between(&to, who) => {
                table.client(who, RelayFrame::Accepted { id });
                let (seq, at, from) = (table.number(), table.now(), who.clone());
                let envelope = Envelope { seq, id, from, to: to.clone(), at, payload };
                self.feed(&to, who, RelayFrame::Deliver(envelope), table);
            }
            other => {
                if let ClientFrame::Send { to, payload: Payload::Sealed(_), .. } = &other {
                    self.written.insert((who.clone(), to.clone()));
                }
                table.relay(who, other);
            }
        }
    }

    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        match frame {
            // Whom it stands between asks and writes through it: what the relay answers about the other one is for the mask.
            RelayFrame::Keys { ref user, .. } | RelayFrame::Error { user: Some(ref user), .. }
                if self.is_between(who, user) =>
            {
                let user = user.clone();
                self.feed(who, &user, frame, table);
            }
            // Whose message it was does not matter: the others do not know the id.
            RelayFrame::Accepted { id } => {
                let masks: Vec<_> = self.masks.keys().filter(|(name, _)| name == who).cloned().collect();
                for (name, victim) in masks {
                    self.feed(&name, &victim, RelayFrame::Accepted { id }, table);
                }
                table.client(who, RelayFrame::Accepted { id });
            }
            other => table.client(who, other),
        }
    }

    fn tick(&mut self, table: &mut Table) {
        let now = table.now();
        if now < self.ticked + 500 {
            return;
        }
        self.ticked = now;
        for ((name, _), mask) in &mut self.masks {
            if let Ok(step) = mask.messenger.tick(now, &mut table.rng) {
                Self::leave(name, step, table);
            }
        }
    }
}
