//! Days of the calendar, in UTC: what a daily count counts by.
//!
//! Question: which day does a moment belong to, and how is it written?
//! A moment is milliseconds since 1970, a day is a number since 1970, and a date is that number in the Gregorian calendar. Counted
//! from the first of March of the year 0, a leap day is the last day of its year, and months follow one formula:
//!
//! ```text
//! days before month m (March = 0)   (153 m + 2) / 5
//! days before year y of an era      365 y + y/4 − y/100        an era is 400 years, 146,097 days
//! ```
//!
//! Source: ISO 8601 (calendar dates); H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Milliseconds in a day.
pub const DAY_MS: u64 = 86_400_000;
const ERA: i64 = 146_097;
/// From the first of March of the year 0 to 1970.
const TO_1970: i64 = 719_468;

/// A day: its number since 1 January 1970, from the year 1970 to the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

/// The text is not a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written YYYY-MM-DD, for example 2026-11-09, and lies between 1970 and 9999")]
pub struct BadDay;

impl Day {
    const LAST: i64 = 2_932_896;

    /// The day of a moment in milliseconds since 1970; far beyond the calendar, its last day.
    #[must_use]
    pub fn of(at: u64) -> Self {
        Self(i64::try_from(at / DAY_MS).map_or(Self::LAST, |n| n.min(Self::LAST)))
    }

    /// So many days later, or earlier; at most to the ends of the calendar.
    #[must_use]
    pub fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days).clamp(0, Self::LAST))
    }

    /// Days since 1970.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }

    /// How many days later than another.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Year, month and day.
    #[must_use]
    pub fn date(self) -> (i64, i64, i64) {
        let from_march = self.0 + TO_1970;
        let (era, of_era) = (from_march / ERA, from_march % ERA);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    fn from_date(year: i64, month: i64, day: i64) -> Option<Self> {
        let year_from_march = if month <= 2 { year - 1 } else { year };
        let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + of_year;
        let found = Self(era * ERA + of_era - TO_1970);
        // The thirtieth of February would be another day's date.
        ((0..=Self::LAST).contains(&found.0) && found.date() == (year, month, day)).then_some(found)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        f.pad(&format!("{year:04}-{month:02}-{day:02}"))
    }
}

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        let shape = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
        if text.len() != 10 || !text.bytes().enumerate().all(shape) {
            return Err(BadDay);
        }
        let number = |from: usize, to: usize| text[from..to].parse().map_err(|_| BadDay);
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        Self::from_date(year, month, day).filter(|_| (1..=12).contains(&month)).ok_or(BadDay)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_written_and_read_back_in_order() {
        let (mut last, mut leap_days) = (String::new(), 0);
        for n in 0..=Day::LAST {
            let (year, month, day) = Day(n).date();
            leap_days += u32::from((month, day) == (2, 29));
            assert_eq!(Day::from_date(year, month, day), Some(Day(n)));
            if n % 997 == 0 || n == Day::LAST {
                let text = Day(n).to_string();
                assert!(text > last && text.parse() == Ok(Day(n)), "{text}");
                last = text;
            }
        }
        assert_eq!((last.as_str(), leap_days), ("9999-12-31", 1947));
        assert_eq!(Day::of(1_795_651_200_000 - 1).plus(1), Day::of(1_795_651_200_000));
        assert_eq!(Day::of(1_795_651_200_000).to_string(), "2026-11-26");
        assert_eq!(Day::of(u64::MAX).to_string(), "9999-12-31");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-1-1",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "1969-12-31",
            "26-11-2026",
            "2026-11-09 ",
            "２０２６",
            "2026_11_09",
            "+026-11-09",
        ] {
            assert_eq!(text.parse::<Day>(), Err(BadDay), "{text}");
        }
        assert!("2028-02-29".parse::<Day>().is_ok());
    }
}
