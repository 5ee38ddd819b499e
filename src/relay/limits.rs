//! Limits: one noisy client must not cost the others anything.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::wire::{MAX_TEXT, Payload, UserId};

/// The largest sealed blob that is taken, in bytes: 128 KiB of padded text, a handshake, and room.
const MAX_BLOB: usize = 192 * 1024;

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
        Payload::Open(_) => payload.size() <= MAX_TEXT,
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

/// Token buckets by user. They outlive a connection: reconnecting refills nothing.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<(UserId, Kind), Bucket>>);

#[derive(Debug)]
struct Bucket {
    /// Thousandths of a request.
    left: u64,
    at: u64,
}

impl Rates {
    /// Takes one from the user's bucket; false if it is empty.
    pub(super) fn allow(&self, user: &UserId, kind: Kind, rate: Rate, now: u64) -> bool {
        let full = u64::from(rate.burst) * 1000;
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > 100_000 {
            buckets.retain(|_, bucket| now < bucket.at.saturating_add(600_000));
        }
        let bucket = buckets.entry((user.clone(), kind)).or_insert(Bucket { left: full, at: now });
        let refill = now.saturating_sub(bucket.at).saturating_mul(rate.per_second.into());
        bucket.left = bucket.left.saturating_add(refill).min(full);
        bucket.at = now;
        let enough = bucket.left >= 1000;
        bucket.left -= if enough { 1000 } else { 0 };
        enough
    }
}
