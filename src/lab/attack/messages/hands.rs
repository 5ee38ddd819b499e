//! What a lying relay does with mail.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;

use crate::lab::hand::{Hand, Table};
use crate::protocol::message::HANDSHAKE_LEN;
use crate::protocol::params::{KIND_FIRST, KIND_MESSAGE};
use crate::wire::{Bytes, ClientFrame, Content, Envelope, MessageId, Payload, RelayFrame, UserId};

/// From whom, to whom.
type Way = (UserId, UserId);

/// Mail that is made up, numbered as such.
fn forged(envelope: &Envelope, payload: Payload, table: &mut Table) -> RelayFrame {
    let (seq, id) = (table.number(), MessageId::random(&mut table.rng));
    RelayFrame::Deliver(Envelope { seq, id, payload, ..envelope.clone() })
}

/// What is made of a blob, and of an open text.
pub(super) type Alter = (fn(&[u8], &mut Table) -> Vec<Vec<u8>>, fn(&str) -> String);

/// Bits turned over in eight places.
pub(super) const TAMPER: Alter = (
    |blob, table| {
        let flip = |_| {
            let (mut copy, at) = (blob.to_vec(), table.rng.random_range(0..blob.len()));
            copy[at] ^= 1 << table.rng.random_range(0..8);
            copy
        };
        (0..if blob.is_empty() { 0 } else { 8 }).map(flip).collect()
    },
    |text| text.replace("100", "900"),
);

/// The end cut off.
pub(super) const TRUNCATE: Alter = (
    |blob, _| {
        // Another hand may have cut it before.
        [1, 16, 512, blob.len() / 2].map(|cut| blob[..blob.len().saturating_sub(cut)].to_vec()).to_vec()
    },
    |text| text.split(' ').take(2).collect::<Vec<_>>().join(" "),
);

/// Something added.
pub(super) const EXTEND: Alter = (
    |blob, _| vec![[blob, &[0]].concat(), [blob, &[0; 512]].concat(), [blob, blob].concat()],
    |text| format!("{text}, and the house key as well"),
);

/// Delivers altered copies of each blob before the genuine one; of an open text only the altered one.
#[derive(Debug)]
pub(super) struct Altered(pub(super) Alter);

impl Hand for Altered {
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        let RelayFrame::Deliver(mut envelope) = frame else { return table.client(who, frame) };
        match &mut envelope.payload {
            Payload::Sealed(blob) => {
                for copy in (self.0.0)(&blob.0, table) {
                    table.did(format!("{who} gets an altered copy of {} bytes", copy.len()));
                    let copy = forged(&envelope, Payload::Sealed(Bytes(copy)), table);
                    table.client(who, copy);
                }
            }
            Payload::Open(Content::Text { text, .. }) => {
                *text = (self.0.1)(text);
                table.did(format!("{who} gets another text"));
            }
            Payload::Open(Content::Receipt { .. }) => {}
        }
        table.client(who, RelayFrame::Deliver(envelope));
    }
}

/// Delivers everything three times, the copies under ids of their own.
#[derive(Debug)]
pub(super) struct Replay;

impl Hand for Replay {
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        if let RelayFrame::Deliver(envelope) = &frame {
            for _ in 0..2 {
                table.did(format!("{who} gets a message again"));
                let copy = forged(envelope, envelope.payload.clone(), table);
                table.client(who, copy);
            }
        }
        table.client(who, frame);
    }
}

/// Gives a blob back to its own writer, as the other's and as the writer's own.
#[derive(Debug)]
pub(super) struct Reflect;

impl Hand for Reflect {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        if let ClientFrame::Send { id, to, payload: payload @ Payload::Sealed(_) } = &frame {
            for from in [to, who] {
                let (at, id) = (table.now(), *id);
                let envelope =
                    Envelope { seq: 0, id, from: from.clone(), to: who.clone(), at, payload: payload.clone() };
                let back = forged(&envelope, payload.clone(), table);
                table.did(format!("{who}'s own message comes back to {who}, as {from}'s"));
                table.client(who, back);
            }
        }
        table.relay(who, frame);
    }
}

/// Joins parts of several blobs, cuts the handshake off, and carries whole messages into another conversation.
#[derive(Debug, Default)]
pub(super) struct Splice {
    last: BTreeMap<Way, Vec<u8>>,
    here: BTreeSet<UserId>,
}

impl Hand for Splice {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        self.here.insert(who.clone());
        table.relay(who, frame);
    }

    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        self.here.insert(who.clone());
        let RelayFrame::Deliver(envelope) = &frame else { return table.client(who, frame) };
        if let Payload::Sealed(blob) = &envelope.payload {
            let blob = &blob.0;
            let mut made = Vec::new();
            if let Some(last) = self.last.insert((envelope.from.clone(), who.clone()), blob.clone()) {
                let (here, there) = (blob.len().saturating_sub(300), last.len().saturating_sub(300));
                made.extend([[&blob[..here], &last[there..]].concat(), [&last[..there], &blob[here..]].concat()]);
                if let [KIND_FIRST, name, ..] = blob[..]
                    && let Some(rest) = blob.get(1 + HANDSHAKE_LEN + usize::from(name)..)
                {
                    made.push([&[KIND_MESSAGE], rest].concat());
                }
            }
            for blob in made {
                let copy = forged(envelope, Payload::Sealed(Bytes(blob)), table);
                table.did(format!("{who} gets parts of two messages as one"));
                table.client(who, copy);
            }
        }
        for other in self.here.iter().filter(|other| *other != who && **other != envelope.from) {
            let moved = Envelope { to: other.clone(), ..envelope.clone() };
            let copy = forged(&moved, envelope.payload.clone(), table);
            table.did(format!("{other} gets what {} wrote to {who}", envelope.from));
            table.client(other, copy);
        }
        table.client(who, frame);
    }
}

/// Delivers two by two, the second first.
#[derive(Debug, Default)]
pub(super) struct Reorder(BTreeMap<UserId, RelayFrame>);

impl Hand for Reorder {
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        match (&frame, self.0.remove(who)) {
            (RelayFrame::Deliver(_), None) => drop(self.0.insert(who.clone(), frame)),
            (RelayFrame::Deliver(_), Some(first)) => {
                table.did(format!("{who} gets the second of two messages first"));
                table.client(who, frame);
                table.client(who, first);
            }
            (_, first) => {
                self.0.extend(first.map(|first| (who.clone(), first)));
                table.client(who, frame);
            }
        }
    }
}

/// Swallows messages after the first of whoever writes first: so many, then none. Meanwhile nothing comes back either: an answer
/// would turn the ratchet, and a new chain bridges more.
#[derive(Debug)]
pub(super) struct Swallow {
    many: usize,
    way: Option<Way>,
    count: usize,
}

impl Swallow {
    pub(super) fn new(many: usize) -> Self {
        Self { many, way: None, count: 0 }
    }
}

impl Hand for Swallow {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        let ClientFrame::Send { id, to, .. } = &frame else { return table.relay(who, frame) };
        let way = self.way.get_or_insert_with(|| (who.clone(), to.clone()));
        let (here, back) = (way.0 == *who && way.1 == *to, way.1 == *who && way.0 == *to);
        self.count += usize::from(here);
        if here && (2..2 + self.many).contains(&self.count) || back && self.count < 2 + self.many {
            table.did(format!("a message from {who} to {to} is accepted, and thrown away"));
            table.client(who, RelayFrame::Accepted { id: *id });
        } else {
            table.relay(who, frame);
        }
    }
}

/// Holds every other message back for a second.
#[derive(Debug, Default)]
pub(super) struct Late {
    odd: bool,
    held: Vec<(u64, UserId, RelayFrame)>,
}

/// How long, in milliseconds.
const HELD: u64 = 1_000;

impl Hand for Late {
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        if let RelayFrame::Deliver(_) = &frame {
            self.odd = !self.odd;
            if self.odd {
                table.did(format!("a message for {who} waits"));
                return self.held.push((table.now() + HELD, who.clone(), frame));
            }
        }
        table.client(who, frame);
    }

    fn tick(&mut self, table: &mut Table) {
        let now = table.now();
        for (_, who, frame) in self.held.extract_if(.., |(until, ..)| *until <= now) {
            table.client(&who, frame);
        }
    }
}

/// Throws every text away, and confirms it in the reader's name, the three before it as well.
#[derive(Debug, Default)]
pub(super) struct ForgeReceipt(BTreeMap<Way, Vec<u64>>);

/// The writer's clock is near when a text arrives: so many milliseconds are guessed.
const GUESSES: u64 = 40;

impl Hand for ForgeReceipt {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        let ClientFrame::Send { id, to, payload } = frame else { return table.relay(who, frame) };
        table.client(who, RelayFrame::Accepted { id });
        let (now, times) = (table.now(), self.0.entry((who.clone(), to.clone())).or_default());
        let mut guesses = Vec::new();
        match payload {
            Payload::Open(Content::Text { sent_at, counter, .. }) => guesses.push((counter, sent_at)),
            _ => times.push(now),
        }
        // In an open text the clock is told; in a sealed one it must be guessed.
        for (place, at) in times.iter().enumerate().rev().take(4) {
            guesses.extend((0..GUESSES).map(|ago| (place as u64 + 1, at - ago)));
        }
        table.did(format!("a text from {who} to {to} is thrown away, and confirmed in {to}'s name"));
        for (of, of_sent_at) in guesses {
            let payload = Payload::Open(Content::Receipt { sent_at: now, of, of_sent_at });
            let envelope =
                Envelope { seq: 0, id, from: to.clone(), to: who.clone(), at: now, payload: payload.clone() };
            let receipt = forged(&envelope, payload, table);
            table.client(who, receipt);
        }
    }
}

/// Delivers everything in the name of somebody else who is here.
#[derive(Debug, Default)]
pub(super) struct ForgeSender(BTreeSet<UserId>);

impl Hand for ForgeSender {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        self.0.insert(who.clone());
        table.relay(who, frame);
    }

    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        self.0.insert(who.clone());
        let RelayFrame::Deliver(envelope) = frame else { return table.client(who, frame) };
        let other = self.0.iter().find(|other| *other != who && **other != envelope.from).cloned();
        let from = other.unwrap_or_else(|| envelope.from.clone());
        table.did(format!("{who} gets a message of {} as {from}'s", envelope.from));
        table.client(who, RelayFrame::Deliver(Envelope { from, ..envelope }));
    }
}

/// Adds an open text of its own after each message.
#[derive(Debug, Default)]
pub(super) struct ForgeOpen(u64);

impl Hand for ForgeOpen {
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        let RelayFrame::Deliver(envelope) = &frame else { return table.client(who, frame) };
        self.0 += 1;
        let (text, sent_at) = (super::FORGERY.to_owned(), table.now());
        let forgery =
            forged(envelope, Payload::Open(Content::Text { sent_at, counter: 1 + self.0, text, via: None }), table);
        table.did(format!("{who} gets a text that {} never wrote", envelope.from));
        table.client(who, frame);
        table.client(who, forgery);
    }
}

/// Sends each client one frame that is far too large.
#[derive(Debug, Default)]
pub(super) struct Oversized(BTreeSet<UserId>);

impl Hand for Oversized {
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        if let RelayFrame::Deliver(envelope) = &frame
            && self.0.insert(who.clone())
        {
            let huge = forged(envelope, Payload::Sealed(Bytes(vec![0; 3 << 20])), table);
            table.did(format!("{who} gets a frame of 4 MiB"));
            table.raw(who, serde_json::to_string(&huge).unwrap_or_default());
        }
        table.client(who, frame);
    }
}

/// Holds one message of each direction back, until so many later ones have passed.
#[derive(Debug)]
pub(super) struct HoldBack {
    /// Which one, from 0.
    which: usize,
    until: usize,
    counts: BTreeMap<Way, usize>,
    held: BTreeMap<Way, RelayFrame>,
}

impl HoldBack {
    pub(super) fn new(which: usize, until: usize) -> Self {
        Self { which, until, counts: BTreeMap::new(), held: BTreeMap::new() }
    }
}

impl Hand for HoldBack {
    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        let RelayFrame::Deliver(envelope) = &frame else { return table.client(who, frame) };
        let way = (envelope.from.clone(), who.clone());
        let count = self.counts.entry(way.clone()).or_default();
        let place = *count;
        *count += 1;
        if place == self.which {
            table.did(format!("message {} from {} to {who} waits", place + 1, way.0));
            self.held.insert(way, frame);
            return;
        }
        table.client(who, frame);
        if place == self.which + self.until
            && let Some(held) = self.held.remove(&way)
        {
            table.did(format!("the held message from {} arrives, last", way.0));
            table.client(who, held);
        }
    }
}
