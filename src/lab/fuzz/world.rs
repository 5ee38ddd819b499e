//! The fuzzer's world: three clients, a relay on paper, and hands in the way of every frame.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng, rngs::ChaCha20Rng};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Fuzzed, NAMES, START, Weakness};
use crate::client::contacts::Mode;
use crate::client::messenger::{Event, Messenger, MessengerError, Step};
use crate::client::vault::{StoredState, Vault};
use crate::clock::Clock;
use crate::lab::hand::{Act, Hands, Note};
use crate::lab::model::oracle::{Check, Oracle, Rule, broken};
use crate::lab::model::relay::Relay;
use crate::protocol::IdentityStatement;
use crate::wire::{ClientFrame, Content, Payload, RelayFrame, UserId};

/// A client, and what is under way to and from it.
pub(super) struct Person {
    pub(super) messenger: Messenger,
    pub(super) dice: ChaCha20Rng,
    pub(super) up: VecDeque<ClientFrame>,
    pub(super) down: VecDeque<RelayFrame>,
    pub(super) handed: BTreeSet<u64>,
}

/// All of it.
pub(super) struct World {
    pub(super) rng: ChaCha20Rng,
    pub(super) clock: Clock,
    pub(super) people: BTreeMap<UserId, Person>,
    pub(super) genuine: BTreeMap<UserId, IdentityStatement>,
    pub(super) relay: Relay,
    pub(super) hands: Hands,
    pub(super) notes: UnboundedReceiver<Note>,
    pub(super) oracle: Oracle,
    pub(super) known: Vec<String>,
    pub(super) weak: Option<Weakness>,
    pub(super) report: Fuzzed,
}

impl World {
    pub(super) fn new(seed: u64, weak: Option<Weakness>) -> Result<Self, MessengerError> {
        let (mut rng, clock) = (ChaCha20Rng::seed_from_u64(seed), Clock::manual(START));
        let (mut people, mut genuine) = (BTreeMap::new(), BTreeMap::new());
        for name in NAMES.map(|name| name.parse::<UserId>().expect("a name")) {
            let mut dice = ChaCha20Rng::seed_from_u64(rng.random());
            let messenger = Messenger::open(Vault::in_memory(&name, &mut dice)?, START, &mut dice)?;
            genuine.insert(name.clone(), messenger.rows().identity()?.0.statement().clone());
            let (up, down, handed) = (VecDeque::new(), VecDeque::new(), BTreeSet::new());
            people.insert(name, Person { messenger, dice, up, down, handed });
        }
        let (hands, notes) = Hands::new(Vec::new(), rng.random(), clock.clone());
        let (relay, oracle, known) = (Relay::default(), Oracle::default(), Vec::new());
        let report = Fuzzed::new(seed, None);
        Ok(Self { rng, clock, people, genuine, relay, hands, notes, oracle, known, weak, report })
    }

    pub(super) fn pairs(&self) -> Vec<(UserId, UserId)> {
        let pairs = self.people.keys().flat_map(|a| self.people.keys().map(move |b| (a.clone(), b.clone())));
        pairs.filter(|(a, b)| a != b).collect()
    }

    pub(super) fn somebody(&mut self) -> UserId {
        let place = self.rng.random_range(0..self.people.len());
        self.people.keys().nth(place).cloned().expect("a place among them")
    }

    pub(super) fn some_pair(&mut self) -> (UserId, UserId) {
        let pairs = self.pairs();
        pairs.choose(&mut self.rng).cloned().expect("three people are six pairs")
    }

    /// One step of somebody's client.
    pub(super) fn act(
        &mut self,
        who: &UserId,
        act: impl FnOnce(&mut Messenger, u64, &mut ChaCha20Rng) -> Result<Step, MessengerError>,
    ) -> Check {
        let now = self.clock.now();
        let Person { messenger, dice, up, .. } = self.people.get_mut(who).expect("one of them");
        let step = act(messenger, now, dice).map_err(|error| broken(Rule::Recovers, format!("{who}: {error}")));
        let Step { frames, events } = match step {
            Ok(step) => step,
            Err(broken) => return broken,
        };
        for frame in &frames {
            self.oracle.leaves(who, frame)?;
        }
        up.extend(frames);
        for event in events {
            match event {
                Event::Message { message } => {
                    self.report.shown += 1;
                    self.report
                        .log
                        .push(format!("  {who} is shown {} of {}: {}", message.text, message.peer, message.arrival));
                    let mode = if self.weak == Some(Weakness::Open) { Mode::Open } else { Mode::Sealed };
                    self.oracle.shown(who, &message, mode)?;
                    if self.weak == Some(Weakness::ForgetsNumbers) {
                        self.forget_numbers(who, &message.peer)?;
                    }
                }
                Event::State { peer, counter, sealed, state: StoredState::Delivered } => {
                    self.oracle.delivered(who, &peer, (counter, sealed))?;
                }
                Event::Alarm { .. } | Event::SetAside { .. } | Event::KeyChanged(_) => {
                    self.report.noticed += 1;
                    self.report.log.push(format!("  {who}: {event}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn forget_numbers(&mut self, who: &UserId, peer: &UserId) -> Check {
        let rows = self.people[who].messenger.rows();
        let forgotten = rows.contact(peer).and_then(|contact| {
            let Some(mut contact) = contact else { return Ok(()) };
            (contact.sealed.next_in, contact.sealed.missing) = (1, Vec::new());
            rows.save_contact(&contact)
        });
        forgotten.or_else(|error| broken(Rule::Recovers, error.to_string()))
    }

    pub(super) fn connect(&mut self, who: &UserId) {
        let person = self.people.get_mut(who).expect("one of them");
        person.messenger.disconnected();
        let hello = person.messenger.hello();
        (person.up, person.down, person.handed) = ([hello].into(), VecDeque::new(), BTreeSet::new());
    }

    /// Frames of somebody reach the relay, by way of the hands.
    pub(super) fn carry_up(&mut self, who: &UserId, most: usize) {
        for _ in 0..most {
            let Some(frame) = self.people.get_mut(who).and_then(|person| person.up.pop_front()) else { break };
            let acts = match frame {
                hello @ ClientFrame::Hello { .. } => vec![Act::Relay(who.clone(), hello)],
                frame => self.hands.through(vec![Act::Relay(who.clone(), frame)]),
            };
            self.land(acts);
        }
    }

    /// What the hands have left of it arrives; answers of the relay go through the hands as well.
    pub(super) fn land(&mut self, acts: Vec<Act>) {
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            match act {
                Act::Relay(who, frame) => {
                    if let ClientFrame::Send { payload: Payload::Open(Content::Text { text, .. }), .. } = &frame {
                        self.known.push(text.clone());
                    }
                    if let Some(answer) = self.relay.take(&who, frame, self.clock.now()) {
                        acts.extend(self.hands.through(vec![Act::Client(who, answer)]));
                    }
                }
                Act::Client(who, frame) => {
                    if let Some(person) = self.people.get_mut(&who) {
                        person.down.push_back(frame);
                    }
                }
                Act::Raw(..) => {}
            }
        }
        while let Ok(note) = self.notes.try_recv() {
            if let Note::Got(what) = note {
                self.known.push(what);
            }
        }
    }

    pub(super) fn carry_down(&mut self, who: &UserId, most: usize) -> Check {
        let person = self.people.get_mut(who).expect("one of them");
        let mail = self.relay.deliver(who, &mut person.handed);
        for frame in mail {
            let acts = self.hands.through(vec![Act::Client(who.clone(), frame)]);
            self.land(acts);
        }
        for _ in 0..most {
            let Some(frame) = self.people.get_mut(who).and_then(|person| person.down.pop_front()) else { break };
            self.act(who, |messenger, now, dice| messenger.receive(frame, now, dice))?;
        }
        Ok(())
    }

    /// Lets everything arrive.
    pub(super) fn settle(&mut self) -> Check {
        for _ in 0..200 {
            let names: Vec<UserId> = self.people.keys().cloned().collect();
            self.clock.set(self.clock.now() + 1_000);
            for who in &names {
                self.act(who, Messenger::tick)?;
                self.carry_up(who, usize::MAX);
                self.carry_down(who, usize::MAX)?;
            }
            if self.people.values().all(|person| person.up.is_empty() && person.down.is_empty()) {
                return Ok(());
            }
        }
        broken(Rule::Recovers, "it does not come to rest")
    }
}
