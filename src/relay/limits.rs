//! Limits: one noisy client must not cost the others anything.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::wire::{Content, MAX_TEXT, Payload, UserId};

/// The largest sealed blob that is taken, in bytes: 128 KiB of padded text, a handshake, and room.
const MAX_BLOB: usize = 192 * 1024;

/// In microseconds.
const SECOND: u64 = 1_000_000;

/// What a relay allows. Rates are per user: so many at once, and so many a second after that.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Messages that wait in a mailbox.
    pub mailbox_messages: u64,
    /// Bytes that wait in a mailbox.
    pub mailbox_bytes: u64,
    /// Messages of one sender that wait in a mailbox.
    pub sender_messages: u64,
    /// Bytes of one sender that wait in a mailbox.
    pub sender_bytes: u64,
    /// Messages sent.
    pub send: Rate,
    /// Keys fetched. Each may use up somebody's one-time key.
    pub fetch: Rate,
    /// Keys published.
    pub publish: Rate,
    /// Names registered in a minute, by everybody together.
    pub newcomers: u32,
    /// A newcomer must have sent the head of its request within this time, and then its hello.
    pub hello: Duration,
    /// Who says nothing for this long, pings included, is gone.
    pub idle: Duration,
    /// Who reads nothing of what is sent for this long is gone.
    pub stalled: Duration,
}

/// A burst, refilled steadily.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// So many a second.
    pub per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox_messages: 10_000,
            mailbox_bytes: 256 * 1024 * 1024,
            sender_messages: 2_000,
            sender_bytes: 64 * 1024 * 1024,
            send: Rate { burst: 2_000, per_second: 100 },
            fetch: Rate { burst: 60, per_second: 2 },
            publish: Rate { burst: 30, per_second: 1 },
            newcomers: 1_000,
            hello: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            stalled: Duration::from_mins(1),
        }
    }
}

impl Limits {
    /// No bounds on numbers and sizes, for benchmarks.
    #[must_use]
    pub fn unlimited() -> Self {
        let rate = Rate { burst: u32::MAX, per_second: u32::MAX };
        let most = u64::MAX;
        Self {
            mailbox_messages: most,
            mailbox_bytes: most,
            sender_messages: most,
            sender_bytes: most,
            send: rate,
            fetch: rate,
            publish: rate,
            newcomers: u32::MAX,
            ..Self::default()
        }
    }
}

/// Whether a payload is of a size that clients send.
pub(super) fn fits(payload: &Payload) -> bool {
    match payload {
        Payload::Open(Content::Text { text, .. }) => text.len() <= MAX_TEXT,
        Payload::Open(Content::Receipt { .. }) => true,
        Payload::Sealed(blob) => blob.0.len() <= MAX_BLOB,
    }
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Send,
    Fetch,
    Publish,
}

/// Token buckets by user and by what is counted. They outlive a connection: reconnecting refills nothing.
#[derive(Debug)]
pub(crate) struct Rates<Kind>(Mutex<Buckets<Kind>>);

/// A bucket is known by the moment, in microseconds, at which it is full again: each request puts that off by what one takes to
/// refill, and an empty bucket is one whose moment is too far away. A full bucket need not be kept.
#[derive(Debug)]
struct Buckets<Kind> {
    full_at: HashMap<(UserId, Kind), u64>,
    swept: u64,
}

impl<Kind> Default for Rates<Kind> {
    fn default() -> Self {
        Self(Mutex::new(Buckets { full_at: HashMap::new(), swept: 0 }))
    }
}

impl<Kind: Eq + Hash> Rates<Kind> {
    /// Takes one from the user's bucket; false if it is empty.
    pub(crate) fn allow(&self, user: &UserId, kind: Kind, rate: Rate, now: u64) -> bool {
        let now = now.saturating_mul(1000);
        let one = SECOND / u64::from(rate.per_second.max(1));
        let empty = now.saturating_add(one * u64::from(rate.burst));
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.abs_diff(buckets.swept) >= SECOND {
            buckets.swept = now;
            buckets.full_at.retain(|_, full_at| *full_at > now);
        }
        let full_at = buckets.full_at.entry((user.clone(), kind)).or_insert(now);
        // Never emptier than empty, even if the clock was set back.
        let next = (*full_at).clamp(now, empty) + one;
        let enough = next <= empty;
        *full_at = if enough { next } else { next - one };
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_refills_steadily_and_is_forgotten_when_full() {
        let (rates, rate) = (Rates::default(), Rate { burst: 3, per_second: 2 });
        let [alice, bob] = ["alice", "bob"].map(|name| name.parse().unwrap());
        let taken = |user, now| (0..10).filter(|_| rates.allow(user, Kind::Send, rate, now)).count();
        let kept = || rates.0.lock().unwrap().full_at.len();
        assert_eq!(taken(&alice, 1_000_000), 3);
        assert_eq!((taken(&bob, 1_000_000), kept()), (3, 2), "each has a bucket of their own");
        assert_eq!((taken(&alice, 1_000_499), taken(&alice, 1_000_500)), (0, 1));
        assert_eq!(taken(&alice, 1_001_500), 2);
        assert_eq!(taken(&bob, 1_001_500), 3, "full, and no fuller");
        assert_eq!(taken(&alice, 1_002_900), 2);
        assert_eq!(kept(), 2);
        assert!(rates.allow(&alice, Kind::Fetch, rate, 1_010_000));
        assert_eq!(kept(), 1, "those that were full again are gone");
        assert_eq!(taken(&alice, 1_010_000), 3);
        assert_eq!((taken(&alice, 5_000), taken(&alice, 5_500)), (0, 1), "a clock that was set back shuts nobody out");
    }
}
