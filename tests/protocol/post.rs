//! Two messengers and a relay of a few lines, honest unless a test makes it lie. No socket, no clock.

use std::collections::{BTreeMap, VecDeque};

use blindrelay::client::messenger::{Event, Messenger, Step};
use blindrelay::client::vault::Vault;
use blindrelay::wire::{Bytes, ClientFrame, Envelope, ErrorCode, RelayFrame, UserId, Welcome};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

use super::people::{NOW, id};

/// What somebody has left at the relay.
#[derive(Clone)]
struct Published {
    identity: Bytes,
    prekey: Bytes,
    one_time: Vec<Bytes>,
}

pub struct Post {
    pub people: BTreeMap<UserId, Messenger>,
    pub rng: ChaCha20Rng,
    /// Everything that was ever handed in: this relay hoards.
    pub carried: Vec<Envelope>,
    /// While this is set, mail is kept back.
    pub holding: bool,
    /// Whose clock does not stand at `NOW`.
    pub clocks: BTreeMap<UserId, u64>,
    published: BTreeMap<UserId, Published>,
}

impl Post {
    /// Alice and Bob, online and published.
    pub fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut post = Self {
            people: BTreeMap::new(),
            carried: Vec::new(),
            holding: false,
            clocks: BTreeMap::new(),
            published: BTreeMap::new(),
            rng: ChaCha20Rng::seed_from_u64(2),
        };
        for name in ["alice", "bob"] {
            let vault = Vault::in_memory(&id(name), &mut rng).unwrap();
            post.join(Messenger::open(vault, NOW, &mut rng).unwrap());
        }
        post
    }

    /// Somebody connects, perhaps in another's place. What the relay shows of their own keys is what it has.
    pub fn join(&mut self, messenger: Messenger) -> Vec<Event> {
        let name = messenger.id().clone();
        self.people.insert(name.clone(), messenger);
        let known = self.published.get(&name).cloned();
        let welcome = RelayFrame::Welcome(Welcome {
            identity: known.as_ref().map(|keys| keys.identity.clone()),
            prekey: known.as_ref().map(|keys| keys.prekey.clone()),
            one_time_left: known.map_or(0, |keys| keys.one_time.len()),
            waiting: 0,
        });
        self.give(name.as_str(), welcome)
    }

    /// Alice or Bob does something; what follows from it is carried through. Returns everything that happened to either.
    pub fn with(&mut self, name: &str, act: impl FnOnce(&mut Messenger, &mut ChaCha20Rng) -> Step) -> Vec<Event> {
        let person = self.people.get_mut(&id(name)).unwrap();
        let step = act(person, &mut self.rng);
        self.carry(name, step)
    }

    pub fn write(&mut self, name: &str, to: &str, text: &str) -> Vec<Event> {
        let now = self.now(&id(name));
        self.with(name, |person, rng| person.send(&id(to), text, now, rng).unwrap())
    }

    /// The relay says something to somebody.
    pub fn give(&mut self, name: &str, frame: RelayFrame) -> Vec<Event> {
        let now = self.now(&id(name));
        self.with(name, |person, rng| person.receive(frame, now, rng).unwrap())
    }

    /// The prekey statement that somebody has left.
    pub fn prekey(&self, name: &str) -> Bytes {
        self.published[&id(name)].prekey.clone()
    }

    /// A second of somebody's passes.
    pub fn tick(&mut self, name: &str) -> Vec<Event> {
        let now = self.now(&id(name));
        self.with(name, |person, rng| person.tick(now, rng).unwrap())
    }

    fn now(&self, name: &UserId) -> u64 {
        self.clocks.get(name).copied().unwrap_or(NOW)
    }

    /// Delivers what was handed in as number `n`, as it is or changed.
    pub fn deliver(&mut self, n: usize, change: impl FnOnce(&mut Envelope)) -> Vec<Event> {
        let mut envelope = self.carried[n].clone();
        change(&mut envelope);
        let to = envelope.to.clone();
        self.give(to.as_str(), RelayFrame::Deliver(envelope))
    }

    /// From now on the relay shows the keys of `shown` as those of `name`.
    pub fn swap_keys(&mut self, name: &str, shown: &mut Messenger) {
        let nothing = Welcome { identity: None, prekey: None, one_time_left: 0, waiting: 0 };
        let step = shown.receive(RelayFrame::Welcome(nothing), NOW, &mut self.rng).unwrap();
        for frame in step.frames {
            if let ClientFrame::Publish { identity, prekey, .. } = frame {
                self.published.insert(id(name), Published { identity, prekey, one_time: Vec::new() });
            }
        }
    }

    fn carry(&mut self, name: &str, Step { frames, events }: Step) -> Vec<Event> {
        let mut happened = events;
        let mut queue: VecDeque<_> = frames.into_iter().map(|frame| (id(name), frame)).collect();
        while let Some((from, frame)) = queue.pop_front() {
            for (to, answer) in self.answer(&from, frame) {
                let now = self.now(&to);
                let Some(person) = self.people.get_mut(&to) else { continue };
                let Step { frames, events } = person.receive(answer, now, &mut self.rng).unwrap();
                happened.extend(events);
                queue.extend(frames.into_iter().map(|frame| (to.clone(), frame)));
            }
        }
        happened
    }

    fn answer(&mut self, from: &UserId, frame: ClientFrame) -> Vec<(UserId, RelayFrame)> {
        match frame {
            ClientFrame::Publish { identity, prekey, one_time } => {
                self.published.insert(from.clone(), Published { identity, prekey, one_time });
                Vec::new()
            }
            ClientFrame::Fetch { user } => {
                let answer = match self.published.get_mut(&user) {
                    Some(Published { identity, prekey, one_time }) => RelayFrame::Keys {
                        user,
                        identities: vec![identity.clone()],
                        prekey: Some(prekey.clone()),
                        one_time: one_time.pop(),
                    },
                    None => {
                        let detail = "no such user".to_owned();
                        RelayFrame::Error { code: ErrorCode::UnknownUser, detail, id: None, user: Some(user) }
                    }
                };
                vec![(from.clone(), answer)]
            }
            ClientFrame::Send { id, to, payload } => {
                let seq = self.carried.len() as u64;
                let envelope = Envelope { seq, id, from: from.clone(), to: to.clone(), at: NOW, payload };
                self.carried.push(envelope.clone());
                let mut out = vec![(from.clone(), RelayFrame::Accepted { id })];
                if !self.holding {
                    out.push((to, RelayFrame::Deliver(envelope)));
                }
                out
            }
            ClientFrame::Hello { .. } | ClientFrame::Ack { .. } => Vec::new(),
        }
    }
}

/// The texts that were shown, with where each stood.
pub fn shown(events: &[Event]) -> Vec<String> {
    let texts = events.iter().filter_map(|event| match event {
        Event::Message { message } => Some(format!("{} ({})", message.text, message.arrival)),
        _ => None,
    });
    texts.collect()
}
