//! The two-weekly report, partner to platform: counts, and nothing but counts.
//!
//! It is *alleged* (plaintiffs' filing, Klein v. Meta) that a partner was to "provide to FB a written report every two weeks that shows daily
//! counts of recommendation sends and recipient clicks by interface, initiation surface, and/or implementation variant". The claims
//! were not adjudicated. Question: does such a report need anybody's messages?
//! It is made from StreamCo's own events. No name and no text is in it, and for the same events it is the same, byte for byte, whether the
//! conversations were open or sealed.
//!
//! ```text
//! {"partner":"streamco","period":{"from":"2026-11-09","to":"2026-11-22"},
//!  "rows":[{"day":"2026-11-09","interface":"tv","surface":"post-play","variant":"B","sends":3,"clicks":1}]}
//! ```

mod chart;
mod html;
mod period;
mod plain;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::day::Day;
use super::events::{Events, EventsError};

pub use period::{BadPeriod, LENGTH, Period};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Table,
    /// For a spreadsheet (RFC 4180, with line feeds).
    Csv,
    /// For the platform.
    Json,
    /// One page with charts: no script, no network.
    Html,
}

/// One count: of one day, from one kind of button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The day, in UTC.
    pub day: Day,
    /// On which kind of device the button was.
    pub interface: String,
    /// Where on it.
    pub surface: String,
    /// Which make of the button.
    pub variant: String,
    /// Recommendations that were sent.
    pub sends: u64,
    /// Links that were opened for the first time.
    pub clicks: u64,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whose.
    pub partner: String,
    /// Of which days.
    pub period: Period,
    /// Sorted by day, interface, surface and variant; without rows of zeros.
    pub rows: Vec<Row>,
}

/// Sends and clicks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Recommendations that were sent.
    pub sends: u64,
    /// Links that were opened for the first time.
    pub clicks: u64,
}

impl Counts {
    fn add(&mut self, row: &Row) {
        self.sends = self.sends.saturating_add(row.sends);
        self.clicks = self.clicks.saturating_add(row.clicks);
    }

    /// Clicks for each hundred sends of the same days, with one digit; none without a send.
    #[must_use]
    pub fn rate(self) -> Option<String> {
        let tenths = u128::from(self.clicks) * 1000;
        let tenths = (tenths + u128::from(self.sends) / 2).checked_div(u128::from(self.sends))?;
        Some(format!("{}.{} %", tenths / 10, tenths % 10))
    }
}

impl Report {
    /// Counts StreamCo's events of a period.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn make(events: &Events, period: Period) -> Result<Self, EventsError> {
        Ok(Self { partner: "streamco".to_owned(), period, rows: events.daily(period.from, period.to)? })
    }

    /// The report as text, with a line feed at its end.
    #[must_use]
    pub fn write(&self, format: Format) -> String {
        match format {
            Format::Table => plain::table(self),
            Format::Csv => plain::csv(self),
            Format::Json => self.json() + "\n",
            Format::Html => html::page(self),
        }
    }

    /// What is filed with the platform.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a report is plain data with text keys")
    }

    /// All sends and clicks.
    #[must_use]
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for row in &self.rows {
            total.add(row);
        }
        total
    }

    /// Each day of the period, those without events too.
    fn by_day(&self) -> BTreeMap<Day, Counts> {
        let mut days: BTreeMap<_, _> = self.period.days().map(|day| (day, Counts::default())).collect();
        for row in &self.rows {
            days.entry(row.day).or_default().add(row);
        }
        days
    }

    /// By one of the labels, the most sent first.
    fn by(&self, label: fn(&Row) -> &str) -> Vec<(&str, Counts)> {
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        for row in &self.rows {
            counts.entry(label(row)).or_default().add(row);
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.sends, counts.clicks)));
        counts
    }
}

#[cfg(test)]
mod tests;
