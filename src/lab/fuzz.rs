//! Random hostility: every lie of the catalogue, in any mixture, against three people who talk.
//!
//! Question: each lie alone is withstood; what of all of them, in an order that nobody thought of?
//! A seed decides everything: who says what, which frame moves, which lies the relay tells for a while. The hands are those of
//! [`super::attack`], the clients are real, the network and the relay are a few lines, so a seed that fails once fails always. The
//! three have met and compared numbers before it begins; at the end the lies stop, and a word each way must arrive.
//!
//! ```text
//! meet, compare → say · carry · reconnect · other lies · … → lies stop, keys rejected, fresh sessions → a word each way
//!                 └── after each: the oracle, and what is on record about keys
//! ```
//!
//! What the adversary knows is everything that passed, and whatever the keys of its masks open of it: they are whole clients, so
//! they try each blob as it comes and write on what they read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng, rngs::ChaCha20Rng};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;

use super::attack;
use super::hand::{Act, Hands, Note};
use super::model::oracle::{Check, Oracle, Rule, broken};
use super::model::relay::Relay;
use crate::client::contacts::Mode;
use crate::client::messenger::{Event, Messenger, MessengerError, Step};
use crate::client::vault::{StoredState, Vault};
use crate::clock::Clock;
use crate::protocol::IdentityStatement;
use crate::wire::{ClientFrame, Content, Payload, UserId};

/// A moment after 1970.
const START: u64 = 1_764_000_000_000;
const NAMES: [&str; 3] = ["alice", "bob", "carol"];
/// The most lies at a time.
const MIXED: usize = 3;

/// What a seed came to.
#[derive(Debug, Serialize)]
pub struct Fuzzed {
    /// Which.
    pub seed: u64,
    /// How often each lie was begun.
    pub lies: BTreeMap<&'static str, usize>,
    /// Texts that were said.
    pub said: usize,
    /// Texts that were shown.
    pub shown: usize,
    /// Alarms, key changes, and messages that were put aside.
    pub noticed: usize,
    /// What was broken, if anything.
    pub broken: Option<String>,
    /// What happened, step by step.
    #[serde(skip)]
    pub log: Vec<String>,
}

/// A world that is broken on purpose: the oracle must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// The conversations are open.
    Open,
    /// Nobody has met or compared before the lies begin.
    Strangers,
    /// A client forgets which numbers came.
    ForgetsNumbers,
    /// A user takes every changed key.
    AcceptsAnyKey,
}

struct Person {
    messenger: Messenger,
    dice: ChaCha20Rng,
    up: VecDeque<ClientFrame>,
    down: VecDeque<crate::wire::RelayFrame>,
    handed: BTreeSet<u64>,
}

struct World {
    rng: ChaCha20Rng,
    clock: Clock,
    people: BTreeMap<UserId, Person>,
    genuine: BTreeMap<UserId, IdentityStatement>,
    relay: Relay,
    hands: Hands,
    notes: UnboundedReceiver<Note>,
    oracle: Oracle,
    known: Vec<String>,
    weak: Option<Weakness>,
    report: Fuzzed,
}

/// Plays one seed.
#[must_use]
pub fn run(seed: u64, steps: u32, weak: Option<Weakness>) -> Fuzzed {
    let mut world = match World::new(seed, weak) {
        Ok(world) => world,
        Err(error) => return Fuzzed::new(seed, Some(error.to_string())),
    };
    let result = world.play(steps);
    world.report.said = world.oracle.said.len();
    world.report.broken = result.err().map(|broken| format!("{:?} is broken: {}", broken.0, broken.1));
    world.report
}

impl Fuzzed {
    fn new(seed: u64, broken: Option<String>) -> Self {
        Self { seed, lies: BTreeMap::new(), said: 0, shown: 0, noticed: 0, broken, log: Vec::new() }
    }
}

impl World {
    fn new(seed: u64, weak: Option<Weakness>) -> Result<Self, MessengerError> {
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

    fn play(&mut self, steps: u32) -> Check {
        self.meet()?;
        for _ in 0..steps {
            self.clock.set(self.clock.now() + self.rng.random_range(1..2_000));
            match self.rng.random_range(0..100) {
                0..25 => self.say()?,
                25..50 => self.up(3)?,
                50..80 => self.down(3)?,
                80..88 => self.tick()?,
                88..91 => self.reconnect()?,
                91..93 => self.reset()?,
                _ => self.lie(),
            }
            self.records()?;
            self.knowledge()?;
        }
        self.recover()?;
        self.knowledge()
    }

    fn pairs(&self) -> Vec<(UserId, UserId)> {
        let pairs = self.people.keys().flat_map(|a| self.people.keys().map(move |b| (a.clone(), b.clone())));
        pairs.filter(|(a, b)| a != b).collect()
    }

    fn somebody(&mut self) -> UserId {
        let place = self.rng.random_range(0..self.people.len());
        self.people.keys().nth(place).cloned().expect("a place among them")
    }

    fn some_pair(&mut self) -> (UserId, UserId) {
        let pairs = self.pairs();
        pairs.choose(&mut self.rng).cloned().expect("three people are six pairs")
    }

    /// One step of somebody's client.
    fn act(
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

    fn forget_numbers(&mut self, who: &UserId, peer: &UserId) -> Check {
        let rows = self.people[who].messenger.rows();
        let forgotten = rows.contact(peer).and_then(|contact| {
            let Some(mut contact) = contact else { return Ok(()) };
            (contact.sealed.next_in, contact.sealed.missing) = (1, Vec::new());
            rows.save_contact(&contact)
        });
        forgotten.or_else(|error| broken(Rule::Recovers, error.to_string()))
    }

    // ---- before the lies ----

    /// All join, open conversations, write to each other once, and compare numbers.
    fn meet(&mut self) -> Check {
        let (open, strangers) = (self.weak == Some(Weakness::Open), self.weak == Some(Weakness::Strangers));
        for who in self.people.keys().cloned().collect::<Vec<_>>() {
            self.connect(&who);
        }
        self.settle()?;
        for (who, peer) in self.pairs() {
            self.act(&who, |messenger, now, dice| Ok(messenger.converse(&peer, open, now, dice)?.1))?;
        }
        if strangers {
            let first = attack::all().find(|attack| attack.name == "swap-keys-first");
            self.hands.replace(first.and_then(|attack| attack.hand().ok()).into_iter().collect());
            return Ok(());
        }
        self.everybody_speaks()?;
        for (who, peer) in self.pairs().into_iter().filter(|_| !open) {
            self.act(&who, |messenger, _, _| messenger.set_verified(&peer, true).map(|_| Step::default()))?;
        }
        Ok(())
    }

    // ---- what happens ----

    fn say(&mut self) -> Check {
        let (who, to) = self.some_pair();
        self.speak(&who, &to)
    }

    fn speak(&mut self, who: &UserId, to: &UserId) -> Check {
        let text = format!("secret number {} of {who}", self.oracle.said.len());
        self.report.log.push(format!("{who} says to {to}: {text}"));
        let mut said = None;
        self.act(who, |messenger, now, dice| {
            let step = messenger.send(to, &text, now, dice)?;
            said = messenger.rows().messages(Some(to), None, 1)?.pop();
            Ok(step)
        })?;
        said.iter().for_each(|said| self.oracle.said(who, said));
        Ok(())
    }

    fn tick(&mut self) -> Check {
        let (who, acts) = (self.somebody(), self.hands.tick());
        self.land(acts)?;
        self.act(&who, Messenger::tick)
    }

    fn connect(&mut self, who: &UserId) {
        let person = self.people.get_mut(who).expect("one of them");
        person.messenger.disconnected();
        let hello = person.messenger.hello();
        (person.up, person.down, person.handed) = ([hello].into(), VecDeque::new(), BTreeSet::new());
    }

    fn reconnect(&mut self) -> Check {
        let who = self.somebody();
        self.report.log.push(format!("{who} connects anew"));
        self.connect(&who);
        Ok(())
    }

    fn reset(&mut self) -> Check {
        let (who, peer) = self.some_pair();
        self.report.log.push(format!("{who}: /reset with {peer}"));
        self.act(&who, |messenger, _, _| messenger.reset(&peer))
    }

    /// The relay tells other lies from now on.
    fn lie(&mut self) {
        let known: Vec<_> = attack::all().filter(|attack| attack.hand().is_ok()).collect();
        let many = self.rng.random_range(0..=MIXED);
        let chosen: Vec<_> = known.sample(&mut self.rng, many).collect();
        self.report.log.push(format!("lies: {:?}", chosen.iter().map(|attack| attack.name).collect::<Vec<_>>()));
        for attack in &chosen {
            *self.report.lies.entry(attack.name).or_default() += 1;
        }
        self.hands.replace(chosen.iter().filter_map(|attack| attack.hand().ok()).collect());
    }

    fn up(&mut self, most: usize) -> Check {
        let who = self.somebody();
        self.carry_up(&who, most)
    }

    fn down(&mut self, most: usize) -> Check {
        let who = self.somebody();
        self.carry_down(&who, most)
    }

    /// Frames of somebody reach the relay, by way of the hands.
    fn carry_up(&mut self, who: &UserId, most: usize) -> Check {
        for _ in 0..most {
            let Some(frame) = self.people.get_mut(who).and_then(|person| person.up.pop_front()) else { break };
            let acts = match frame {
                hello @ ClientFrame::Hello { .. } => vec![Act::Relay(who.clone(), hello)],
                frame => self.hands.through(vec![Act::Relay(who.clone(), frame)]),
            };
            self.land(acts)?;
        }
        Ok(())
    }

    /// What the hands have left of it arrives; answers of the relay go through the hands as well.
    fn land(&mut self, acts: Vec<Act>) -> Check {
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
                    self.people.get_mut(&who).into_iter().for_each(|person| person.down.push_back(frame.clone()))
                }
                Act::Raw(..) => {}
            }
        }
        while let Ok(note) = self.notes.try_recv() {
            if let Note::Got(what) = note {
                self.known.push(what);
            }
        }
        Ok(())
    }

    fn carry_down(&mut self, who: &UserId, most: usize) -> Check {
        let person = self.people.get_mut(who).expect("one of them");
        let mail = self.relay.deliver(who, &mut person.handed);
        for frame in mail {
            let acts = self.hands.through(vec![Act::Client(who.clone(), frame)]);
            self.land(acts)?;
        }
        for _ in 0..most {
            let Some(frame) = self.people.get_mut(who).and_then(|person| person.down.pop_front()) else { break };
            self.act(who, |messenger, now, dice| messenger.receive(frame, now, dice))?;
        }
        Ok(())
    }

    /// Lets everything arrive.
    fn settle(&mut self) -> Check {
        for _ in 0..200 {
            let names: Vec<UserId> = self.people.keys().cloned().collect();
            self.clock.set(self.clock.now() + 1_000);
            for who in &names {
                self.act(who, Messenger::tick)?;
                self.carry_up(who, usize::MAX)?;
                self.carry_down(who, usize::MAX)?;
            }
            if self.people.values().all(|person| person.up.is_empty() && person.down.is_empty()) {
                return Ok(());
            }
        }
        broken(Rule::Recovers, "it does not come to rest")
    }

    // ---- what must hold ----

    /// What is on record: the genuine key, sealed; and nothing is compared that nobody compared.
    fn records(&mut self) -> Check {
        for (who, peer) in self.pairs() {
            let contact = self.people[&who].messenger.rows().contact(&peer);
            let contact = contact.ok().flatten();
            let Some(contact) = contact else { continue };
            if contact.identity.as_ref().is_some_and(|pinned| *pinned != self.genuine[&peer]) {
                return broken(Rule::TrustNotRaised, format!("{who} has another key on record as {peer}'s"));
            }
            if contact.mode == Mode::Open && self.weak != Some(Weakness::Open) {
                return broken(Rule::TrustNotRaised, format!("{who}'s conversation with {peer} is open"));
            }
            if contact.blocked() && self.weak == Some(Weakness::AcceptsAnyKey) {
                self.act(&who, |messenger, now, dice| Ok(messenger.accept_key(&peer, now, dice)?.1))?;
            }
        }
        Ok(())
    }

    /// The lies stop, users keep the keys that they compared and begin anew, and all works again.
    fn recover(&mut self) -> Check {
        self.report.log.push("— the lies stop —".to_owned());
        self.hands.replace(Vec::new());
        for who in self.people.keys().cloned().collect::<Vec<_>>() {
            self.connect(&who);
        }
        self.settle()?;
        for (who, peer) in self.pairs() {
            for _ in 0..3 {
                let blocked = self.people[&who]
                    .messenger
                    .rows()
                    .contact(&peer)
                    .ok()
                    .flatten()
                    .is_some_and(|contact| contact.blocked());
                if blocked {
                    self.act(&who, |messenger, now, dice| Ok(messenger.reject_key(&peer, now, dice)?.1))?;
                }
            }
            self.act(&who, |messenger, _, _| messenger.reset(&peer))?;
        }
        self.settle()?;
        self.everybody_speaks()?;
        self.everybody_speaks()?;
        self.records()
    }

    fn everybody_speaks(&mut self) -> Check {
        let first = self.oracle.said.len();
        for (who, to) in self.pairs() {
            self.speak(&who, &to)?;
        }
        self.settle()?;
        for n in first..self.oracle.said.len() {
            if !self.oracle.ever_shown.contains(&n) {
                let said = &self.oracle.said[n];
                return broken(Rule::Recovers, format!("{} does not see {} of {}", said.to, said.text, said.from));
            }
        }
        Ok(())
    }

    /// What the adversary has learnt since it was last asked holds no text.
    fn knowledge(&mut self) -> Check {
        let read = self.known.drain(..).find(|known| known.contains("secret number"));
        read.map_or(Ok(()), |text| broken(Rule::NothingRead, format!("the adversary has read {text}")))
    }
}
