//! # Ad signals: which ad somebody would be shown, and exactly why
//!
//! Question: what does a platform know of people that it can sell, and what of it does sealing take away?
//! Three things are joined: words of open messages, looked up in a lexicon; what a partner tells of its customers; and metadata, which is
//! who writes to whom, when and how often. Sealing empties the first and leaves the other two. That a partner's signals were given
//! to a platform's ad targeting is *alleged* (the article on the filing quotes "cross-device intent signals").
//!
//! ```text
//! (a) open texts ─► words ─► stems ─► lexicon ─┐
//! (b) the partner's signals ─► genres ─────────┼─► points per interest ─► the ad, with every reason
//! (c) names, times, numbers ─► contacts, habits┘
//!
//! GET /account/v1/NAME/ads?at=MS     the user, by the token of their mailbox
//! GET /operator/v1/audience?at=MS    the operator: everybody at once, to sell
//! ```
//!
//! The lexicon and the points are `docs/ads-lexicon.md`.

mod lexicon;
mod routes;
mod target;
mod traces;

use rusqlite::params;
use serde::{Deserialize, Serialize};

pub use target::{Ad, Reason, Signal};

use super::book::Book;
use super::gate::Platform;
use super::problem::Problem;
use crate::wire::UserId;
pub(super) use routes::{ads, audience};
use target::target;
use traces::Traces;

/// What is older does not count, in milliseconds.
const MEMORY: u64 = 28 * 86_400_000;
/// Points from which on somebody belongs to an audience.
const ENOUGH: u64 = 6;
/// Messages that are read at once.
const PAGE: u32 = 1_000;

/// What the platform would do with one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdChoice {
    /// Whom.
    pub user: UserId,
    /// As of when, in milliseconds since 1970.
    pub at: u64,
    /// Open messages of the last 28 days, receipts included, and sealed ones.
    pub open: u64,
    /// Sealed ones.
    pub sealed: u64,
    /// With how many people.
    pub contacts: u64,
    /// (a) Open texts that were read for words.
    pub texts: u64,
    /// (b) Signals of partners about this user.
    pub signals: u64,
    /// What could be shown, the strongest first: the first one is.
    pub ads: Vec<Ad>,
    /// What sealing changed.
    pub note: String,
}

/// Everybody, as they are sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// As of when, in milliseconds since 1970.
    pub at: u64,
    /// Users in all.
    pub users: u64,
    /// Messages of the last 28 days, each counted for both sides: open ones.
    pub open: u64,
    /// Sealed ones.
    pub sealed: u64,
    /// Groups to sell to, the largest first.
    pub segments: Vec<Segment>,
    /// The ad of each user.
    pub people: Vec<Person>,
    /// What sealing changed.
    pub note: String,
}

/// A group that an ad can be bought for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The interest or habit.
    pub interest: String,
    /// What they would be shown.
    pub ad: String,
    /// How many are in it.
    pub users: u64,
    /// Of these: because of (a) words, (b) signals, (c) metadata. Some for more than one reason.
    pub by_words: u64,
    /// Because of signals.
    pub by_signals: u64,
    /// Because of metadata.
    pub by_metadata: u64,
}

/// One user, and what they are worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Whom.
    pub user: UserId,
    /// What they would be shown; none if nothing is known.
    pub best: Option<Ad>,
}

impl Platform {
    /// What is known of a user at a moment, and which ads follow. None if nobody of that name has registered.
    ///
    /// # Errors
    /// [`Problem`].
    pub async fn ads(&self, user: &UserId, at: u64) -> Result<Option<AdChoice>, Problem> {
        let since = at.saturating_sub(MEMORY);
        let (mut traces, mut after) = (Traces::default(), 0);
        loop {
            let Some(page) = self.archive.messages(user, None, after, PAGE).await? else { return Ok(None) };
            let Some(last) = page.last() else { break };
            after = last.seq;
            page.into_iter().filter(|it| (since..=at).contains(&it.at)).for_each(|it| traces.add(user, it));
        }
        let signals = signals(&self.book, user, since, at)?;
        let mut contacts = Vec::new();
        for (contact, messages) in traces.closest() {
            let theirs = self::signals(&self.book, &contact, since, at)?;
            contacts.push((contact, messages, theirs));
        }
        let count = |n: usize| n as u64;
        Ok(Some(AdChoice {
            user: user.clone(),
            at,
            open: traces.open,
            sealed: traces.sealed,
            contacts: count(traces.contacts()),
            texts: count(traces.texts.len()),
            signals: count(signals.len()),
            ads: target(&traces, &signals, &contacts),
            note: note(traces.open, traces.sealed),
        }))
    }

    /// The same of everybody.
    ///
    /// # Errors
    /// [`Problem`].
    pub async fn audience(&self, at: u64) -> Result<Audience, Problem> {
        let (mut open, mut sealed, mut people) = (0, 0, Vec::new());
        let mut segments: Vec<Segment> = Vec::new();
        for user in self.archive.users().await? {
            let Some(choice) = self.ads(&user, at).await? else { continue };
            (open, sealed) = (open + choice.open, sealed + choice.sealed);
            for ad in choice.ads.iter().filter(|ad| ad.points >= ENOUGH) {
                let known = segments.iter().position(|segment| segment.interest == ad.interest);
                let place = known.unwrap_or(segments.len());
                if known.is_none() {
                    segments.push(Segment::new(ad));
                }
                segments[place].add(ad);
            }
            people.push(Person { user, best: choice.ads.into_iter().next() });
        }
        segments.sort_by(|one, other| other.users.cmp(&one.users).then_with(|| one.interest.cmp(&other.interest)));
        Ok(Audience { at, users: people.len() as u64, open, sealed, segments, people, note: note(open, sealed) })
    }
}

impl Segment {
    fn new(ad: &Ad) -> Self {
        let Ad { ad, interest, .. } = ad.clone();
        Self { interest, ad, users: 0, by_words: 0, by_signals: 0, by_metadata: 0 }
    }

    fn add(&mut self, ad: &Ad) {
        self.users += 1;
        self.by_words += u64::from(ad.words > 0);
        self.by_signals += u64::from(ad.signals > 0);
        self.by_metadata += u64::from(ad.metadata > 0);
    }
}

/// What sealing takes away, and what it does not.
fn note(open: u64, sealed: u64) -> String {
    let words = match (open, sealed) {
        (_, 0) => "Nothing is sealed: every word was read.".to_owned(),
        (0, _) => "All of it is sealed: (a) is empty, not one word was read.".to_owned(),
        _ => format!(
            "{sealed} messages are sealed: of these (a) has not one word; it has those of the {open} open ones."
        ),
    };
    format!(
        "{words} (b) what the partner tells and (c) metadata are the same open or sealed: sealing does not stop them."
    )
}

/// What partners have told of somebody, the latest first.
fn signals(book: &Book, user: &UserId, since: u64, at: u64) -> rusqlite::Result<Vec<Signal>> {
    let sql = "SELECT partner, kind, title, genre, device, at FROM signals
               WHERE user = ?1 AND at BETWEEN ?2 AND ?3 ORDER BY at DESC, n DESC";
    let until = i64::try_from(at).unwrap_or(i64::MAX);
    let db = book.db();
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map(params![user.as_str(), since.cast_signed(), until], |row| {
        Ok(Signal {
            partner: row.get(0)?,
            kind: row.get(1)?,
            title: row.get(2)?,
            genre: row.get(3)?,
            device: row.get(4)?,
            at: row.get::<_, i64>(5)?.cast_unsigned(),
        })
    })?;
    rows.collect()
}
