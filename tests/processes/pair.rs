//! Messengers without network and clock, and a post office between them that does whatever a test wants.

use std::collections::BTreeMap;
use std::path::Path;

use blindrelay::client::messenger::{Event, Messenger, Step};
use blindrelay::client::vault::{StoredMessage, Vault};
use blindrelay::wire::{Bytes, ClientFrame, Envelope, ErrorCode, MessageId, Payload, RelayFrame, UserId, Welcome};
use rand::{SeedableRng, rngs::ChaCha20Rng};

use super::harness::eventually;

/// A moment after 1970.
pub const NOW: u64 = 1_764_000_000_000;

/// The relay's half: takes frames from messengers, and keeps what a test may hand out, drop, alter or repeat.
pub struct Post {
    /// Published identity, prekey and one-time keys, by name.
    pub keys: BTreeMap<UserId, (Bytes, Bytes, Vec<Bytes>)>,
    /// Undelivered mail, in order.
    pub mail: Vec<Envelope>,
    stored: Vec<(UserId, MessageId)>,
    seq: u64,
    /// The time.
    pub now: u64,
    /// All randomness.
    pub rng: ChaCha20Rng,
}

/// One person: a messenger, and what it has shown.
pub struct Person {
    /// Their client.
    pub messenger: Messenger,
    /// All events so far.
    pub events: Vec<Event>,
    /// Numbers that were acknowledged.
    pub acked: Vec<u64>,
}

impl Post {
    /// An empty one.
    pub fn new(seed: u64) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self { keys: BTreeMap::new(), mail: Vec::new(), stored: Vec::new(), seq: 0, now: NOW, rng }
    }

    /// Somebody with a new vault in memory, online.
    pub fn join(&mut self, name: &str) -> Person {
        let vault = Vault::in_memory(&id(name), &mut self.rng).unwrap();
        self.join_with(vault)
    }

    /// Somebody with a vault on disk, online.
    pub fn join_at(&mut self, name: &str, path: &Path) -> Person {
        let mut vault = None;
        // A process that another test starts at this moment holds the lock of a vault that was just closed, until it runs.
        eventually("the vault opens", || {
            vault = Vault::open(path, &id(name), None, &mut self.rng).ok();
            vault.is_some()
        });
        self.join_with(vault.unwrap())
    }

    fn join_with(&mut self, vault: Vault) -> Person {
        let messenger = Messenger::open(vault, self.now, &mut self.rng).unwrap();
        let mut person = Person { messenger, events: Vec::new(), acked: Vec::new() };
        self.connect(&mut person);
        person
    }

    /// A connection is made (again).
    pub fn connect(&mut self, person: &mut Person) {
        person.messenger.disconnected();
        let waiting = self.mail.iter().filter(|envelope| envelope.to == *person.messenger.id()).count() as u64;
        let (identity, prekey, left) = match self.keys.get(person.messenger.id()) {
            Some((identity, prekey, one_time)) => (Some(identity.clone()), Some(prekey.clone()), one_time.len()),
            None => (None, None, 0),
        };
        let welcome = Welcome { identity, prekey, one_time_left: left, waiting };
        self.give(person, RelayFrame::Welcome(welcome));
    }

    /// A person says something, to whomever they talk to in whichever mode.
    pub fn say(&mut self, person: &mut Person, to: &str, text: &str) {
        let step = person.messenger.send(&id(to), text, self.now, &mut self.rng).unwrap();
        self.carry(person, step);
    }

    /// A second passes.
    pub fn tick(&mut self, person: &mut Person) {
        self.now += 1_000;
        let step = person.messenger.tick(self.now, &mut self.rng).unwrap();
        self.carry(person, step);
    }

    /// Hands a frame to a person's client.
    pub fn give(&mut self, person: &mut Person, frame: RelayFrame) {
        let step = person.messenger.receive(frame, self.now, &mut self.rng).unwrap();
        self.carry(person, step);
    }

    /// Delivers all mail of a person as an honest relay does.
    pub fn deliver(&mut self, person: &mut Person) {
        for envelope in self.take(person) {
            self.give(person, RelayFrame::Deliver(envelope));
        }
    }

    /// Takes a person's mail out.
    pub fn take(&mut self, person: &Person) -> Vec<Envelope> {
        let (mine, rest) = self.mail.drain(..).partition(|envelope| envelope.to == *person.messenger.id());
        self.mail = rest;
        mine
    }

    /// Shows what a step led to, and treats its frames as an honest relay does.
    pub fn carry(&mut self, person: &mut Person, Step { frames, events }: Step) {
        person.events.extend(events);
        for frame in frames {
            if let Some(answer) = self.answer(person, frame) {
                self.give(person, answer);
            }
        }
    }

    /// What an honest relay answers.
    pub fn answer(&mut self, person: &mut Person, frame: ClientFrame) -> Option<RelayFrame> {
        let from = person.messenger.id().clone();
        match frame {
            ClientFrame::Hello { .. } => None,
            ClientFrame::Publish { identity, prekey, one_time } => {
                let entry = self.keys.entry(from).or_insert_with(|| (identity.clone(), prekey.clone(), Vec::new()));
                (entry.0, entry.1) = (identity, prekey);
                entry.2.extend(one_time);
                Some(RelayFrame::Published { one_time_left: entry.2.len() })
            }
            ClientFrame::Fetch { user } => Some(match self.keys.get_mut(&user) {
                None => unknown(user, None),
                Some((identity, prekey, one_time)) => RelayFrame::Keys {
                    user,
                    identities: vec![identity.clone()],
                    prekey: Some(prekey.clone()),
                    one_time: one_time.pop(),
                },
            }),
            ClientFrame::Send { id, to, payload } => {
                if !self.keys.contains_key(&to) {
                    return Some(unknown(to, Some(id)));
                }
                if !self.stored.contains(&(from.clone(), id)) {
                    self.seq += 1;
                    self.stored.push((from.clone(), id));
                    self.mail.push(Envelope { seq: self.seq, id, from, to, at: self.now, payload });
                }
                Some(RelayFrame::Accepted { id })
            }
            ClientFrame::Ack { seq } => {
                person.acked.push(seq);
                None
            }
        }
    }
}

impl Person {
    /// Opens a conversation.
    pub fn converse(&mut self, post: &mut Post, with: &str, open: bool) {
        let (_, step) = self.messenger.converse(&id(with), open, post.now, &mut post.rng).unwrap();
        post.carry(self, step);
    }

    /// Texts that were shown, in order.
    pub fn heard(&self) -> Vec<&str> {
        let text = |event: &'_ Event| matches!(event, Event::Message { .. });
        let messages = self.events.iter().filter(|event| text(event));
        messages
            .map(|event| if let Event::Message { message, .. } = event { message.text.as_str() } else { "" })
            .collect()
    }

    /// All texts in the vault.
    pub fn texts(&self) -> Vec<StoredMessage> {
        self.messenger.rows().messages(None, None, u32::MAX).unwrap()
    }

    /// The texts in the vault as a comparable whole: who, what, which state.
    pub fn states(&self) -> Vec<String> {
        self.texts().iter().map(|message| format!("{}: {}", message.text, message.state)).collect()
    }

    /// Whether such an event has been shown.
    pub fn saw(&self, what: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| what(event)).count()
    }
}

/// A name.
pub fn id(name: &str) -> UserId {
    name.parse().unwrap()
}

/// The blob of a sealed envelope.
pub fn blob(envelope: &Envelope) -> Vec<u8> {
    match &envelope.payload {
        Payload::Sealed(blob) => blob.0.clone(),
        Payload::Open(_) => panic!("it is open"),
    }
}

fn unknown(user: UserId, id: Option<MessageId>) -> RelayFrame {
    RelayFrame::Error { code: ErrorCode::UnknownUser, detail: String::new(), id, user: Some(user) }
}
