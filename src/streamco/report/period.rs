//! Periods: the days that one report is about, and when it is due.
//!
//! Question: which fourteen days?
//! They are counted from the day on which the agreement began. A report can be filed when its period is over, and is due seven days later.
//!
//! ```text
//! period n   from = start + 14 (n − 1)     to = from + 13     due = to + 7
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::day::Day;

/// Days in a period of an agreement.
pub const LENGTH: u32 = 14;
/// Days from the end of a period until its report is due.
const DUE_AFTER: i64 = 7;
/// The longest stretch that is reported on at once, in days.
const LONGEST: i64 = 366;

/// The first and the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first.
    pub from: Day,
    /// The last, included.
    pub to: Day,
}

/// The days are not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPeriod {
    /// Neither form.
    #[error(
        "a period is a number, counted from the agreement's start, or FROM..TO, for example 2026-11-09..2026-11-22"
    )]
    Malformed,
    /// Ends before it begins.
    #[error("the period ends before it begins; write the earlier day first")]
    Backwards,
    /// Too long.
    #[error("the period is longer than 366 days; ask for a shorter one")]
    TooLong,
    /// Not begun.
    #[error("period {0} begins on {1}, which is still to come; the current one is period {2}")]
    Future(u32, Day, u32),
}

impl Period {
    /// A stretch of days.
    ///
    /// # Errors
    /// [`BadPeriod`].
    pub fn new(from: Day, to: Day) -> Result<Self, BadPeriod> {
        match to.since(from) {
            days if days < 0 => Err(BadPeriod::Backwards),
            days if days >= LONGEST => Err(BadPeriod::TooLong),
            _ => Ok(Self { from, to }),
        }
    }

    /// The `n`th period of an agreement that began on a day; from 1.
    #[must_use]
    pub fn nth(start: Day, length: u32, n: u32) -> Self {
        let length = i64::from(length.max(1));
        let from = start.plus(i64::from(n.saturating_sub(1)).saturating_mul(length));
        Self { from, to: from.plus(length - 1) }
    }

    /// Which period of the agreement a day is in; 1 before its start.
    #[must_use]
    pub fn number_of(start: Day, length: u32, day: Day) -> u32 {
        u32::try_from(day.since(start).max(0) / i64::from(length.max(1))).map_or(u32::MAX, |n| n.saturating_add(1))
    }

    /// The last day on which its report is in time.
    #[must_use]
    pub fn due(self) -> Day {
        self.to.plus(DUE_AFTER)
    }

    /// Its days.
    pub fn days(self) -> impl Iterator<Item = Day> {
        (0..=self.to.since(self.from)).map(move |n| self.from.plus(n))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        let (from, to) = text.split_once("..").ok_or(BadPeriod::Malformed)?;
        let day = |text: &str| text.parse().map_err(|_| BadPeriod::Malformed);
        Self::new(day(from)?, day(to)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_one_another_and_every_day_is_in_one() {
        let start: Day = "2026-11-09".parse().unwrap();
        let first = Period::nth(start, LENGTH, 1);
        assert_eq!(
            (first.to_string().as_str(), first.due().to_string().as_str()),
            ("2026-11-09..2026-11-22", "2026-11-29")
        );
        assert_eq!(Period::nth(start, LENGTH, 2).from, first.to.plus(1));
        for n in 0..1000 {
            let day = start.plus(n);
            let number = Period::number_of(start, LENGTH, day);
            assert!(Period::nth(start, LENGTH, number).days().any(|other| other == day), "{day}");
        }
        assert_eq!(Period::number_of(start, LENGTH, start.plus(-5)), 1);
        assert_eq!(Period::nth(start, 0, u32::MAX).to.to_string(), "9999-12-31", "and no panic");
    }

    #[test]
    fn absurd_periods_are_refused() {
        let read = |text: &str| text.parse::<Period>();
        assert_eq!(read("2026-11-09..2026-11-09").unwrap().days().count(), 1);
        assert_eq!(read("2024-01-01..2024-12-31").unwrap().days().count(), 366);
        assert_eq!(read("2026-11-09..2026-11-08"), Err(BadPeriod::Backwards));
        assert_eq!(read("2024-01-01..2025-01-01"), Err(BadPeriod::TooLong));
        for text in
            ["", "..", "2026-11-09", "2026-11-09..", "1..2", "2026-11-09...2026-11-10", "9999-99-99..9999-99-99"]
        {
            assert_eq!(read(text), Err(BadPeriod::Malformed), "{text}");
        }
    }
}
