//! A hand: one way to lie, for whoever carries frames.
//!
//! Question: what can whoever runs the relay do, beyond reading?
//! All that a program between two sides can: drop, alter, hold, repeat, and answer by itself. A [`Hand`] sees every frame, decoded,
//! and puts on the [`Table`] what is to go where instead. It has no socket and no clock of its own, so [`super::proxy`] lets it
//! loose on real clients, and [`super::fuzz`] on replayable ones.
//!
//! ```text
//! client ──up──► hand ► hand ──► relay            a hand may answer either side, under any name that is connected,
//! client ◄──────── hand ► hand ◄─down── relay     pass more than came, or nothing
//! ```

use std::fmt;

use rand::{SeedableRng, rngs::ChaCha20Rng};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::clock::Clock;
use crate::wire::{ClientFrame, RelayFrame, UserId};

/// Mail that a hand makes up is numbered from here: the relay is not told that it was received.
pub const FORGED: u64 = 1 << 40;

/// One way to lie. What it does not touch passes as it is.
pub trait Hand: Send + fmt::Debug {
    /// A frame on its way to the relay.
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        table.relay(who, frame);
    }

    /// A frame on its way to a client.
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        table.client(who, frame);
    }

    /// Time passes.
    fn tick(&mut self, _table: &mut Table) {}
}

/// Where a hand puts what is to happen.
#[derive(Debug)]
pub struct Table {
    acts: Vec<Act>,
    notes: UnboundedSender<Note>,
    next: u64,
    clock: Clock,
    /// All chance of an attack.
    pub rng: ChaCha20Rng,
}

/// What is to happen.
#[derive(Debug)]
pub enum Act {
    /// A frame for the relay, as from this client.
    Relay(UserId, ClientFrame),
    /// A frame for a client.
    Client(UserId, RelayFrame),
    /// Any text at all, for a client.
    Raw(UserId, String),
}

/// What the attacker writes down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// What was done.
    Did(String),
    /// What it was done for: texts that were read, facts that were learnt.
    Got(String),
}

/// Hands one after another, and their table.
#[derive(Debug)]
pub struct Hands {
    hands: Vec<Box<dyn Hand>>,
    table: Table,
}

impl Hands {
    /// These hands, and their notes as they come.
    #[must_use]
    pub fn new(hands: Vec<Box<dyn Hand>>, seed: u64, clock: Clock) -> (Self, UnboundedReceiver<Note>) {
        let (notes, noted) = mpsc::unbounded_channel();
        let rng = ChaCha20Rng::seed_from_u64(seed);
        (Self { hands, table: Table { acts: Vec::new(), notes, next: 0, clock, rng } }, noted)
    }

    /// Other hands from now on. What the old ones held is gone.
    pub fn replace(&mut self, hands: Vec<Box<dyn Hand>>) {
        self.hands = hands;
    }

    /// The time, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.table.now()
    }

    /// Each hand gets what the one before it put on the table; what is left after the last one is to be done.
    pub fn through(&mut self, acts: Vec<Act>) -> Vec<Act> {
        self.from(0, acts)
    }

    /// Time passes: what is to be done now.
    pub fn tick(&mut self) -> Vec<Act> {
        let mut all = Vec::new();
        for at in 0..self.hands.len() {
            self.hands[at].tick(&mut self.table);
            let acts = std::mem::take(&mut self.table.acts);
            all.extend(self.from(at + 1, acts));
        }
        all
    }

    fn from(&mut self, first: usize, mut acts: Vec<Act>) -> Vec<Act> {
        for hand in self.hands.iter_mut().skip(first) {
            for act in acts {
                match act {
                    Act::Relay(who, frame) => hand.up(&who, frame, &mut self.table),
                    Act::Client(who, frame) => hand.down(&who, frame, &mut self.table),
                    raw @ Act::Raw(..) => self.table.acts.push(raw),
                }
            }
            acts = std::mem::take(&mut self.table.acts);
        }
        acts.retain(|act| !matches!(act, Act::Relay(_, ClientFrame::Ack { seq: FORGED.. })));
        acts
    }
}

impl Table {
    /// To the relay, as this client.
    pub fn relay(&mut self, who: &UserId, frame: ClientFrame) {
        self.acts.push(Act::Relay(who.clone(), frame));
    }

    /// To a client, as the relay.
    pub fn client(&mut self, who: &UserId, frame: RelayFrame) {
        self.acts.push(Act::Client(who.clone(), frame));
    }

    /// Any text, to a client, past all other hands.
    pub fn raw(&mut self, who: &UserId, text: String) {
        self.acts.push(Act::Raw(who.clone(), text));
    }

    /// A number for mail that is made up.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        FORGED + self.next
    }

    /// The time, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Writes down what was done.
    pub fn did(&self, what: impl Into<String>) {
        let _nobody_reads = self.notes.send(Note::Did(what.into()));
    }

    /// Writes down what was got.
    pub fn got(&self, what: impl Into<String>) {
        let _nobody_reads = self.notes.send(Note::Got(what.into()));
    }
}
