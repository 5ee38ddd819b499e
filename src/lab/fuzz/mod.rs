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

mod world;

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::IndexedRandom;
use serde::Serialize;

use super::attack;
use super::model::oracle::{Check, Rule, broken};
use crate::client::contacts::Mode;
use crate::client::messenger::{Messenger, Step};
use crate::wire::UserId;
use world::World;

/// A moment after 1970.
const START: u64 = 1_764_000_000_000;
const NAMES: [&str; 3] = ["alice", "bob", "carol"];
/// The most lies at a time.
const MIXED: usize = 4;

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
    fn play(&mut self, steps: u32) -> Check {
        self.meet()?;
        for _ in 0..steps {
            self.clock.set(self.clock.now() + self.rng.random_range(1..2_000));
            match self.rng.random_range(0..100) {
                0..28 => self.say()?,
                28..53 => self.up(4),
                53..80 => self.down(6)?,
                80..86 => self.tick()?,
                86..88 => self.reconnect(),
                88..92 => self.reset()?,
                _ => self.lie(),
            }
            self.records()?;
            self.knowledge()?;
        }
        self.recover()?;
        self.knowledge()
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
        if let Some(said) = &said {
            self.oracle.said(who, said);
        }
        Ok(())
    }

    fn tick(&mut self) -> Check {
        let (who, acts) = (self.somebody(), self.hands.tick());
        self.land(acts);
        self.act(&who, Messenger::tick)
    }

    fn reconnect(&mut self) {
        let who = self.somebody();
        self.report.log.push(format!("{who} connects anew"));
        self.connect(&who);
    }

    fn reset(&mut self) -> Check {
        let (who, peer) = self.some_pair();
        self.report.log.push(format!("{who}: /reset with {peer}"));
        self.act(&who, |messenger, _, _| messenger.reset(&peer))
    }

    /// The relay tells other lies from now on.
    fn lie(&mut self) {
        let known: Vec<_> = attack::all().filter(|attack| attack.hand().is_ok()).collect();
        let many = self.rng.random_range(1..=MIXED);
        let chosen: Vec<_> = known.sample(&mut self.rng, many).collect();
        self.report.log.push(format!("lies: {:?}", chosen.iter().map(|attack| attack.name).collect::<Vec<_>>()));
        for attack in &chosen {
            *self.report.lies.entry(attack.name).or_default() += 1;
        }
        self.hands.replace(chosen.iter().filter_map(|attack| attack.hand().ok()).collect());
    }

    fn up(&mut self, most: usize) {
        let who = self.somebody();
        self.carry_up(&who, most);
    }

    fn down(&mut self, most: usize) -> Check {
        let who = self.somebody();
        self.carry_down(&who, most)
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
