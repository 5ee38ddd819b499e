//! Days in UTC, as `YYYY-MM-DD`, and their numbers since 1970-01-01.
//!
//! The calendar is that of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March there, so that the
//! leap day comes last.

/// A day in milliseconds.
pub(super) const DAY: u64 = 86_400_000;

/// The number of a day; none unless it is a real one between 1970 and 9999, written with all its digits.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (y / 400, y % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let number = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // Back again it must read the same: no 30 February, no sign, no space.
    (written(number) == text).then_some(number)
}

/// A day of this number.
pub(super) fn written(number: u64) -> String {
    let z = number.saturating_add(719_468);
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * m + 2) / 5 + 1, if m < 10 { m + 3 } else { m - 9 });
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_and_written() {
        for (text, n) in [("1970-01-01", 0), ("1970-03-01", 59), ("2000-02-29", 11_016), ("2026-11-26", 20_783)] {
            assert_eq!((number(text), written(n).as_str()), (Some(n), text));
        }
        for bad in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "+026-01-01",
            "9999-99-99",
            "2026-01-01T",
            "20é-01-01",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
