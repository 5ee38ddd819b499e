//! `blindrelay lab populate`: a month of messages in a fresh home.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::clock::Clock;
use crate::home::Home;
use crate::lab::populate::{self, Mode, Settings, Summary};
use crate::streamco::{DAY_MS, Day};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// How many people
    #[arg(long, value_name = "N", default_value_t = 40)]
    users: usize,
    /// How many days
    #[arg(long, value_name = "N", default_value_t = 28)]
    days: u64,
    /// Decides everything: the same seed and dates give the same life
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How the conversations travel
    #[arg(long, value_enum, default_value_t = Mode::Mixed)]
    mode: Mode,
    /// How many messages [default: 18 a person and day]
    #[arg(long, value_name = "N")]
    messages: Option<u64>,
    /// The last day, in UTC: YYYY-MM-DD [default: yesterday]
    #[arg(long, value_name = "DAY")]
    until: Option<Day>,
}

pub(in crate::cli) fn run(args: Args, home: &Home) -> Result<ExitCode> {
    let Args { users, days, seed, mode, messages, until } = args;
    let last = until.unwrap_or_else(|| Day::of(Clock::system().now()).plus(-1));
    let end = last.plus(1).number().unsigned_abs() * DAY_MS;
    let messages = messages.unwrap_or_else(|| 18 * days.saturating_mul(users as u64));
    let started = Instant::now();
    let mut bar = Bar::new(messages, days);
    let summary =
        populate::populate(home, Settings { users, days, seed, mode, messages, end }, |n, day| bar.show(n, day))?;
    bar.end();
    let seconds = started.elapsed().as_secs_f64();
    let Summary { messages, arrived, pairs, sealed, recommendations, clicks, signals } = summary;
    super::super::print(&format!(
        "{messages} messages among {users} people in {days} days to {last} (UTC), {arrived} arrived, the rest waits for phones that are off\n\
         {pairs} conversations, {sealed} of them sealed; {recommendations} recommendations, {clicks} clicks, {signals} signals\n\
         seed {seed}, {seconds:.1} s, in {}\n\
         next: `blindrelay relay --home {}`\n",
        home.path().display(),
        home.path().display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// How far it is: a bar on a terminal, a line every tenth elsewhere.
struct Bar {
    whole: u64,
    days: u64,
    terminal: bool,
    shown: u64,
}

impl Bar {
    fn new(whole: u64, days: u64) -> Self {
        Self { whole: whole.max(1), days, terminal: std::io::stderr().is_terminal(), shown: 0 }
    }

    fn show(&mut self, n: u64, day: u64) {
        let parts = if self.terminal { 200 } else { 10 };
        let part = n * parts / self.whole;
        if part == self.shown {
            return;
        }
        self.shown = part;
        let filled = usize::try_from(n * 40 / self.whole).unwrap_or(40).min(40);
        let bar = format!("{}{}", "█".repeat(filled), "░".repeat(40 - filled));
        let line = format!("{bar} {n} of {} messages, day {day} of {}", self.whole, self.days);
        let (before, after) = if self.terminal { ("\r", "") } else { ("", "\n") };
        let _nobody = std::io::stderr().write_all(format!("{before}{line}{after}").as_bytes());
    }

    fn end(&self) {
        if self.terminal {
            let _nobody = std::io::stderr().write_all(b"\n");
        }
    }
}
