//! # Populate: some weeks of a small town's messages, in seconds
//!
//! Question: what do an inbox, a report and an audience look like when people have really lived with a messenger for a month?
//! A seed gives people, friendships and a calendar; real clients then play it through the relay's own code, into a home that
//! is empty before and can be served, read and searched afterwards. The same seed gives the same life, word for word, whether
//! it travels open or sealed.
//!
//! ```text
//! seed → plan (who, whom, what, when) → clients · relay, in memory, a clock that jumps → HOME/relay/relay.db, HOME/users/*.vault
//! ```
//!
//! What is not modelled: groups, pictures, arguments. The lines are made up, and the same few come again.

mod companies;
mod plan;
mod play;
mod texts;

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::home::Home;
use crate::streamco::Events;
use companies::Companies;
use plan::{DAY, Plan, Tie, What};
use play::World;

/// How the conversations travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// All in the clear.
    Open,
    /// All end-to-end encrypted.
    Sealed,
    /// Some pairs so, some so.
    Mixed,
}

/// What is played.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many people.
    pub users: usize,
    /// How many days.
    pub days: u64,
    /// What decides everything.
    pub seed: u64,
    /// Open, sealed, or both.
    pub mode: Mode,
    /// How many texts.
    pub messages: u64,
    /// When the last day ends, in milliseconds since 1970: a midnight in UTC.
    pub end: u64,
}

/// What was played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Texts that were written, recommendations among them.
    pub messages: u64,
    /// Those that arrived; the rest waits at the relay for phones that are off.
    pub arrived: u64,
    /// Conversations, and how many of them are sealed.
    pub pairs: usize,
    /// Sealed ones.
    pub sealed: usize,
    /// Titles that were recommended.
    pub recommendations: u64,
    /// Recommendations whose link was opened.
    pub clicks: u64,
    /// Notes that StreamCo took of what people watch.
    pub signals: u64,
}

/// Plays it into this home, which must be empty. `progress` is told how many texts were written, and on which day.
///
/// # Errors
/// If the home is not empty or not writable. What was written of it then stays.
pub fn populate(home: &Home, settings: Settings, mut progress: impl FnMut(u64, u64)) -> Result<Summary> {
    let Settings { users, days, seed, mode, messages, end } = settings;
    ensure!((2..=1_000).contains(&users), "--users: 2 to 1,000 people can be played");
    ensure!((1..=366).contains(&days), "--days: 1 to 366 days can be played");
    ensure!(messages <= 1_000_000, "--messages: at most 1,000,000 can be played");
    ensure!(end >= (days + 1) * DAY, "the days would begin before 1970");
    ensure_empty(home)?;
    let start = end - days * DAY;
    let plan = Plan::new(seed, users, start, days, messages);
    let events = Events::open(&home.make_streamco_db()?)?;
    events.at_once(|events| {
        let companies = Companies::begin(home, events, seed, start)?;
        let mut world = World::new(&plan, mode, seed, start, companies)?;
        let sealed = plan.ties.iter().filter(|tie| mode.seals(tie)).count();
        let mut summary = Summary { pairs: plan.ties.len(), sealed, ..Summary::default() };
        for act in &plan.acts {
            world.live(act)?;
            match act.what {
                What::Say { .. } => summary.messages += 1,
                What::Recommend { .. } => {
                    summary.messages += 1;
                    summary.recommendations += 1;
                }
                What::Click { .. } => summary.clicks += 1,
                What::Signal { .. } => summary.signals += 1,
            }
            progress(summary.messages, (act.at - start) / DAY + 1);
        }
        world.save(home)?;
        Ok(Summary { arrived: world.arrived, ..summary })
    })
}

impl Mode {
    fn seals(self, tie: &Tie) -> bool {
        match self {
            Self::Open => false,
            Self::Sealed => true,
            Self::Mixed => tie.careful,
        }
    }
}

/// Nobody's keys, mail or tokens may be mixed with made-up ones.
fn ensure_empty(home: &Home) -> Result<()> {
    let path = home.path();
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => bail!("{} is not empty; name a fresh directory with --home DIR", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(error).with_context(|| format!("cannot use {}; name another with --home DIR", path.display()))
        }
    }
}

#[cfg(test)]
mod tests;
