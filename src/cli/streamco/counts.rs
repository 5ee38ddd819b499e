//! `blindrelay streamco report|reports`: counts of StreamCo's own events, and which of them the platform has.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;

use super::super::{complain, print};
use super::{At, events};
use crate::clock::Clock;
use crate::home::Home;
use crate::streamco::report::{self, BadPeriod, Format, Period};
use crate::streamco::{Agreement, Day, Events, Filed};
use crate::wire::sanitise_json;

#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// Which days: N, counted from the agreement's start, or FROM..TO [default: the latest period that is over, else the current one]
    #[arg(long, value_name = "N|FROM..TO")]
    period: Option<String>,
    /// How it is written [default: table]
    #[arg(long)]
    format: Option<FormatName>,
    /// Write it into a new file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// File it with the platform, once its period is over
    #[arg(long)]
    file: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reports {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Number(u32),
    Days(Period),
}

impl FromStr for Wanted {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        match text.parse() {
            Ok(0) => Err(BadPeriod::Malformed),
            Ok(n) => Ok(Self::Number(n)),
            Err(_) => text.parse().map(Self::Days),
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatName {
    Table,
    Csv,
    Json,
    Html,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Table => Self::Table,
            FormatName::Csv => Self::Csv,
            FormatName::Json => Self::Json,
            FormatName::Html => Self::Html,
        }
    }
}

/// The agreement's calendar.
struct Calendar {
    start: Day,
    length: u32,
    current: u32,
}

impl Calendar {
    fn new(agreement: &Agreement, today: Day) -> Self {
        let (start, length) = (Day::of(agreement.from), agreement.period_days);
        Self { start, length, current: Period::number_of(start, length, today) }
    }

    fn period(&self, n: u32) -> Result<Period, BadPeriod> {
        let period = Period::nth(self.start, self.length, n);
        if n > self.current { Err(BadPeriod::Future(n, period.from, self.current)) } else { Ok(period) }
    }

    /// All that are over, with the one that runs.
    fn periods(&self) -> impl Iterator<Item = (u32, Period)> {
        (1..=self.current).map(|n| (n, Period::nth(self.start, self.length, n)))
    }
}

impl Report {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let wanted: Option<Wanted> = self.period.as_deref().map(str::parse).transpose()?;
        let (events, now) = (events(home)?, Clock::system().now());
        let mut platform = if self.file || !matches!(wanted, Some(Wanted::Days(_))) {
            let mut platform = self.at.platform(home).map_err(or_name_the_days)?;
            let agreement = platform.agreement().await.map_err(or_name_the_days)?;
            Some((platform, Calendar::new(&agreement, Day::of(now))))
        } else {
            None
        };
        let period = match (wanted, &platform) {
            (Some(Wanted::Days(period)), _) => period,
            (Some(Wanted::Number(n)), Some((_, calendar))) => calendar.period(n)?,
            (_, Some((_, calendar))) => calendar.period(calendar.current.saturating_sub(1).max(1))?,
            (_, None) => bail!("name the days with --period FROM..TO"),
        };
        let report = report::Report::make(&events, period)?;
        if let Some((platform, calendar)) = platform.as_mut().filter(|_| self.file) {
            if !calendar.periods().any(|(_, known)| known == period) {
                bail!(
                    "{period} is no period of the agreement, so it cannot be filed; `blindrelay streamco reports` lists them"
                );
            }
            if Day::of(now) <= period.to {
                bail!(
                    "the period {period} is not over yet; file its report from {} on, until {}",
                    period.to.plus(1),
                    period.due()
                );
            }
            let filed = platform.file(&report).await.context("the report was not filed")?;
            events.filed(period.from, period.to, now)?;
            let (total, before) = (report.total(), if filed == Filed::Before { " (it had it already)" } else { "" });
            print(&format!(
                "filed with the platform{before}: {period}, {} sends, {} clicks\n",
                total.sends, total.clicks
            ))?;
        }
        let format = self.format.map_or(Format::Table, Format::from);
        match &self.out {
            Some(path) => write_new(path, &report.write(format))?,
            None if self.file && self.format.is_none() => {}
            None => print(&report.write(format))?,
        }
        match &platform {
            Some((_, calendar)) => remind(&events, calendar, Day::of(now)),
            None => Ok(()),
        }
    }
}

impl Reports {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let (events, today) = (events(home)?, Day::of(Clock::system().now()));
        let agreement = self.at.platform(home)?.agreement().await?;
        let calendar = Calendar::new(&agreement, today);
        let mut out = String::new();
        for (n, period) in calendar.periods() {
            let filed = events.filed_at(period.from)?.map(Day::of);
            let (due, state) = (period.due(), state(period, filed, today));
            if self.json {
                let line = json!({"period": n, "from": period.from, "to": period.to, "due": due, "state": state, "filed": filed});
                writeln!(out, "{}", sanitise_json(&line.to_string()))?;
                continue;
            }
            let what = match filed {
                Some(day) => format!("filed on {day}"),
                None if state == "overdue" => {
                    format!("OVERDUE since {due}: `blindrelay streamco report --period {n} --file`")
                }
                None => format!("{state}, due {due}"),
            };
            writeln!(out, "{n:>3}  {period}  {what}")?;
        }
        print(&out)
    }
}

/// Which periods there are, the agreement says; days can be named without it.
fn or_name_the_days(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}; or name the days of the report with --period FROM..TO")
}

/// How the report of a period stands.
fn state(period: Period, filed: Option<Day>, today: Day) -> &'static str {
    match filed {
        Some(_) => "filed",
        None if today <= period.to => "running",
        None if today <= period.due() => "to be filed",
        None => "overdue",
    }
}

/// Says what is overdue, and what is due next.
fn remind(events: &Events, calendar: &Calendar, today: Day) -> Result<()> {
    for (n, period) in calendar.periods() {
        let filed = events.filed_at(period.from)?.map(Day::of);
        match state(period, filed, today) {
            "overdue" => complain(&format!(
                "the report of period {n} ({period}) is OVERDUE since {}; file it with --period {n} --file",
                period.due()
            )),
            "to be filed" => complain(&format!(
                "the report of period {n} ({period}) is due on {}; file it with --period {n} --file",
                period.due()
            )),
            _ => {}
        }
    }
    Ok(())
}

/// Never over a file that is there.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let shown = path.display();
    let mut file = match File::create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{shown} is there already; name another file with --out, or delete that one first")
        }
        Err(error) => return Err(error).context(format!("cannot write {shown}; name another file with --out")),
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| format!("{shown} is not all written; delete it, make room, and do it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_runs_is_to_be_filed_is_overdue_or_filed() {
        let period: Period = "2026-11-09..2026-11-22".parse().unwrap();
        for (today, expected) in [
            ("2026-11-09", "running"),
            ("2026-11-22", "running"),
            ("2026-11-23", "to be filed"),
            ("2026-11-29", "to be filed"),
            ("2026-11-30", "overdue"),
        ] {
            assert_eq!(state(period, None, today.parse().unwrap()), expected, "{today}");
        }
        assert_eq!(state(period, Some(period.to), "2030-01-01".parse().unwrap()), "filed");
    }

    #[test]
    fn a_period_is_a_number_or_days() {
        assert!(matches!("2".parse(), Ok(Wanted::Number(2))));
        assert!(matches!("2026-11-09..2026-11-22".parse(), Ok(Wanted::Days(_))));
        for bad in ["0", "-1", "99999999999", "next", ""] {
            assert!(bad.parse::<Wanted>().is_err(), "{bad}");
        }
    }
}
