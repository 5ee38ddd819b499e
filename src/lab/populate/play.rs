//! The plan, lived: the town's clock jumps from act to act, and in the morning everybody has read what came the day before.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::Mode;
use super::companies::{Companies, TITLE};
use super::plan::{Act, DAY, Plan, What};
use crate::client::messenger::Event;
use crate::home::Home;
use crate::lab::town::{Happened, Town};
use crate::wire::UserId;

/// A town that lives by a plan.
#[derive(Debug)]
pub(super) struct World<'a> {
    plan: &'a Plan,
    town: Town,
    companies: Companies<'a>,
    /// Pairs whose conversation is sealed.
    sealed: BTreeSet<(&'a UserId, &'a UserId)>,
    /// Texts that arrived.
    pub(super) arrived: u64,
}

impl<'a> World<'a> {
    /// Everybody joins, at the time `now`, and opens their conversations.
    pub(super) fn new(plan: &'a Plan, mode: Mode, seed: u64, now: u64, companies: Companies<'a>) -> Result<Self> {
        let mut town = Town::new(!seed, now, false)?;
        for person in &plan.people {
            town.join(&person.name, person.off_from)?;
        }
        let mut sealed = BTreeSet::new();
        for tie in &plan.ties {
            let (one, other) = (&plan.people[tie.a].name, &plan.people[tie.b].name);
            town.introduce(one, other, !mode.seals(tie))?;
            sealed.extend(mode.seals(tie).then(|| pair(one, other)));
        }
        Ok(Self { plan, town, companies, sealed, arrived: 0 })
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
            What::Recommend { n, from, to, title, place } => {
                let (from, to) = (self.name(*from), self.name(*to));
                let text = self.companies.make_link(*n, from, *title, *place)?;
                let sealed = self.sealed.contains(&pair(from, to));
                self.companies.sent(*n, (!sealed).then_some(from), act.at)?;
                if sealed { self.town.say(from, to, &text)? } else { self.town.post(from, to, &text, TITLE)? }
            }
            What::Click { n } => {
                self.companies.opened(*n, act.at)?;
                Vec::new()
            }
            What::Signal { user, kind, title, device } => {
                self.companies.noticed(self.name(*user), kind, *title, device, act.at)?;
                Vec::new()
            }
        };
        self.note(happened)
    }

    /// Writes the relay's database, and every vault to its place in the home; StreamCo hands over what it noticed.
    pub(super) fn save(&self, home: &Home) -> Result<()> {
        self.companies.close(self.town.clock.now())?;
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

/// Two people, in the order of the alphabet.
fn pair<'a>(one: &'a UserId, other: &'a UserId) -> (&'a UserId, &'a UserId) {
    if one < other { (one, other) } else { (other, one) }
}
