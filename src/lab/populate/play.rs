//! The plan, lived: real clients with vaults in memory, the relay's own rows, and a clock that jumps from act to act.
//!
//! Every text goes the whole way: numbered, perhaps sealed, kept, handed to the relay, delivered, opened, kept, confirmed. Only
//! the sockets and the waiting are left out. Phones that are off leave their mail at the relay.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result, bail};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

use super::plan::{Act, DAY, Plan, What};
use super::{Mode, recommendation};
use crate::client::messenger::{Event, Messenger, Step};
use crate::client::vault::Vault;
use crate::clock::Clock;
use crate::home::Home;
use crate::relay::LocalRelay;
use crate::wire::{ClientFrame, RelayFrame, UserId};

/// Everybody, and the relay between them.
#[derive(Debug)]
pub(super) struct World {
    people: Vec<Phone>,
    by_name: BTreeMap<UserId, usize>,
    pub(super) relay: LocalRelay,
    clock: Clock,
    /// The dice of all clients: their keys come from here.
    rng: ChaCha20Rng,
    /// Texts that arrived.
    pub(super) arrived: u64,
}

#[derive(Debug)]
struct Phone {
    messenger: Messenger,
    off_from: u64,
}

impl World {
    /// Everybody joins, at the time `now`, and opens their conversations.
    pub(super) fn new(plan: &Plan, mode: Mode, seed: u64, now: u64) -> Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(!seed);
        let mut people = Vec::new();
        for person in &plan.people {
            let vault = Vault::in_memory(&person.name, &mut rng)?;
            people.push(Phone { messenger: Messenger::open(vault, now, &mut rng)?, off_from: person.off_from });
        }
        let by_name = plan.people.iter().enumerate().map(|(n, person)| (person.name.clone(), n)).collect();
        let relay = LocalRelay::new(false)?;
        let mut world = Self { people, by_name, relay, clock: Clock::manual(now), rng, arrived: 0 };
        for who in 0..world.people.len() {
            let frames = vec![world.people[who].messenger.hello()];
            world.carry(who, Step { frames, events: Vec::new() })?;
        }
        for tie in &plan.ties {
            let open = !mode.seals(tie);
            for (who, with) in [(tie.a, tie.b), (tie.b, tie.a)] {
                let peer = plan.people[with].name.clone();
                world.step(who, |messenger, now, rng| Ok(messenger.converse(&peer, open, now, rng)?.1))?;
            }
        }
        Ok(world)
    }

    /// Lives through one act.
    pub(super) fn live(&mut self, plan: &Plan, act: &Act) -> Result<()> {
        let before = self.clock.now();
        self.clock.set(act.at);
        if act.at / DAY > before / DAY {
            self.morning()?;
        }
        let name = |who: usize| plan.people[who].name.clone();
        match &act.what {
            What::Say { from, to, text } => self.say(*from, &name(*to), text),
            What::Recommend { from, to, title, .. } => {
                self.say(*from, &name(*to), &recommendation(&name(*from), title.name))
            }
            What::Click { .. } | What::Signal { .. } => Ok(()), // StreamCo's own business
        }
    }

    /// Writes every vault to its place in the home.
    pub(super) fn save(&self, home: &Home) -> Result<()> {
        for Phone { messenger, .. } in &self.people {
            messenger.save(&home.vault(messenger.id()))?;
        }
        Ok(())
    }

    fn say(&mut self, from: usize, to: &UserId, text: &str) -> Result<()> {
        self.step(from, |messenger, now, rng| Ok(messenger.send(to, text, now, rng)?))
    }

    /// What arrived yesterday has been read; keys are renewed when they are due.
    fn morning(&mut self) -> Result<()> {
        for who in 0..self.people.len() {
            self.people[who].messenger.mark_read(i64::MAX, None)?;
            self.step(who, |messenger, now, rng| Ok(messenger.tick(now, rng)?))?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        who: usize,
        act: impl FnOnce(&mut Messenger, u64, &mut ChaCha20Rng) -> Result<Step>,
    ) -> Result<()> {
        let step = act(&mut self.people[who].messenger, self.clock.now(), &mut self.rng)?;
        self.carry(who, step)
    }

    /// Carries frames to the relay and back until nothing is under way.
    fn carry(&mut self, who: usize, step: Step) -> Result<()> {
        let mut up: VecDeque<(usize, ClientFrame)> = VecDeque::new();
        self.note(who, step, &mut up)?;
        while let Some((from, frame)) = up.pop_front() {
            let now = self.clock.now();
            let user = self.people[from].messenger.id().clone();
            let handled = self.relay.take(&user, frame, now)?;
            if let Some(answer) = handled.answer {
                self.receive(from, answer, &mut up)?;
            }
            if let Some(mail) = handled.mail {
                let to = *self.by_name.get(&mail.to).context("mail for a stranger")?;
                if now < self.people[to].off_from {
                    self.receive(to, RelayFrame::Deliver((*mail).clone()), &mut up)?;
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, who: usize, frame: RelayFrame, up: &mut VecDeque<(usize, ClientFrame)>) -> Result<()> {
        let step = self.people[who].messenger.receive(frame, self.clock.now(), &mut self.rng)?;
        self.note(who, step, up)
    }

    /// With an honest relay nothing may be put aside, blocked or refused.
    fn note(
        &mut self,
        who: usize,
        Step { frames, events }: Step,
        up: &mut VecDeque<(usize, ClientFrame)>,
    ) -> Result<()> {
        up.extend(frames.into_iter().map(|frame| (who, frame)));
        for event in events {
            match event {
                Event::Message { .. } => self.arrived += 1,
                Event::Alarm { .. }
                | Event::SetAside { .. }
                | Event::KeyChanged(_)
                | Event::Blocked { .. }
                | Event::Refused(_)
                | Event::Delayed(_) => bail!("{}: {event}", self.people[who].messenger.id()),
                _ => {}
            }
        }
        Ok(())
    }
}
