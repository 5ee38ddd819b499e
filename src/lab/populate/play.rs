//! The plan, lived: the town's clock jumps from act to act, and in the morning everybody has read what came the day before.

use anyhow::{Result, bail};

use super::plan::{Act, DAY, Plan, What};
use super::{Mode, recommendation};
use crate::client::messenger::Event;
use crate::home::Home;
use crate::lab::town::{Happened, Town};
use crate::wire::UserId;

/// A town that lives by a plan.
#[derive(Debug)]
pub(super) struct World<'a> {
    plan: &'a Plan,
    town: Town,
    /// Texts that arrived.
    pub(super) arrived: u64,
}

impl<'a> World<'a> {
    /// Everybody joins, at the time `now`, and opens their conversations.
    pub(super) fn new(plan: &'a Plan, mode: Mode, seed: u64, now: u64) -> Result<Self> {
        let mut town = Town::new(!seed, now, false)?;
        for person in &plan.people {
            town.join(&person.name, person.off_from)?;
        }
        for tie in &plan.ties {
            town.introduce(&plan.people[tie.a].name, &plan.people[tie.b].name, !mode.seals(tie))?;
        }
        Ok(Self { plan, town, arrived: 0 })
    }

    /// Lives through one act.
    pub(super) fn live(&mut self, act: &Act) -> Result<()> {
        let before = self.town.clock.now();
        self.town.clock.set(act.at);
        if act.at / DAY > before / DAY {
            self.morning()?;
        }
        let happened = match &act.what {
            What::Say { from, to, text } => self.town.say(self.name(*from), self.name(*to), text)?,
            What::Recommend { from, to, title, .. } => {
                let (from, to) = (self.name(*from), self.name(*to));
                self.town.say(from, to, &recommendation(from, title.name))?
            }
            What::Click { .. } | What::Signal { .. } => Vec::new(), // StreamCo's own business
        };
        self.note(happened)
    }

    /// Writes the relay's database, and every vault to its place in the home.
    pub(super) fn save(&self, home: &Home) -> Result<()> {
        home.make_relay_dir()?;
        drop(home.open_relay_file("relay.db")?); // made 0600
        self.town.relay.save(&home.relay_file("relay.db"))?;
        for messenger in self.town.messengers() {
            messenger.save(&home.vault(messenger.id()))?;
        }
        Ok(())
    }

    fn name(&self, who: usize) -> &'a UserId {
        &self.plan.people[who].name
    }

    /// What arrived yesterday has been read; keys are renewed when they are due.
    fn morning(&mut self) -> Result<()> {
        for person in &self.plan.people {
            let happened = self.town.with(&person.name, |messenger, now, rng| {
                messenger.mark_read(i64::MAX, None)?;
                Ok(messenger.tick(now, rng)?)
            })?;
            self.note(happened)?;
        }
        Ok(())
    }

    /// With an honest relay nothing may be put aside, blocked or refused.
    fn note(&mut self, happened: Vec<Happened>) -> Result<()> {
        for (who, event) in happened {
            match event {
                Event::Message { .. } => self.arrived += 1,
                Event::Alarm { .. }
                | Event::SetAside { .. }
                | Event::KeyChanged(_)
                | Event::Blocked { .. }
                | Event::Refused(_)
                | Event::Delayed(_) => bail!("{who}: {event}"),
                _ => {}
            }
        }
        Ok(())
    }
}
