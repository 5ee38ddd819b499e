//! The clock, as an argument: so that a simulation can make a month pass in a second, and replay it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day, `HH:MM:SS` in UTC, of a moment in milliseconds since 1970.
#[must_use]
pub fn time_of_day(at: u64) -> String {
    let seconds = at / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Tells the time in milliseconds since 1970. Clones of a manual clock share its hand.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands at `now` until it is set.
    #[must_use]
    pub fn manual(now: u64) -> Self {
        Self(Kind::Manual(Arc::new(AtomicU64::new(now))))
    }

    /// Milliseconds since 1970; 0 if the machine's clock stands before that.
    #[must_use]
    pub fn now(&self) -> u64 {
        match &self.0 {
            Kind::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }
            Kind::Manual(hand) => hand.load(Ordering::Relaxed),
        }
    }

    /// Sets a manual clock; the machine's clock stays as it is.
    pub fn set(&self, now: u64) {
        if let Kind::Manual(hand) = &self.0 {
            hand.store(now, Ordering::Relaxed);
        }
    }
}
