//! The ledger: every capability that was granted, and every use. Granted is not used, so both are counted.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Book;
use crate::partner::scope::Scope;
use crate::wire::UserId;

/// What happened with a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// An agreement gave it.
    Granted,
    /// The partner used it.
    Used,
    /// The agreement ended.
    Ended,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Used => "used",
            Self::Ended => "ended",
        }
    }
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Who.
    pub partner: String,
    /// Which capability.
    pub scope: String,
    /// On whose account; none for what concerns all of them.
    pub user: Option<String>,
    /// `granted`, `used` or `ended`.
    pub what: String,
}

/// How often one capability was granted and used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Who.
    pub partner: String,
    /// Which capability.
    pub scope: String,
    /// How many agreements gave it.
    pub granted: u64,
    /// How often it was used: perhaps never.
    pub used: u64,
    /// On how many users' accounts.
    pub users: u64,
    /// When it was used last.
    pub latest: Option<u64>,
}

pub(super) fn enter(
    db: &Connection,
    partner: &UserId,
    scope: Scope,
    user: Option<&UserId>,
    what: What,
    now: u64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO ledger (at, partner, scope, user, what) VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![now.cast_signed(), partner.as_str(), scope.as_str(), user.map(UserId::as_str), what.as_str()];
    db.prepare_cached(sql)?.execute(row).map(|_| ())
}

impl Book {
    /// Enters one use.
    ///
    /// # Errors
    /// SQLite's.
    pub fn used(&self, partner: &UserId, scope: Scope, user: Option<&UserId>, now: u64) -> rusqlite::Result<()> {
        enter(&self.db(), partner, scope, user, What::Used, now)
    }

    /// The latest entries, newest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn entries(&self, partner: Option<&UserId>, limit: u32) -> rusqlite::Result<Vec<Entry>> {
        let db = self.db();
        let sql = "SELECT at, partner, scope, user, what FROM ledger WHERE ?1 IS NULL OR partner = ?1 ORDER BY n DESC LIMIT ?2";
        let mut query = db.prepare_cached(sql)?;
        let rows = query.query_map(params![partner.map(UserId::as_str), limit], |row| {
            let at = row.get::<_, i64>(0)?.cast_unsigned();
            Ok(Entry { at, partner: row.get(1)?, scope: row.get(2)?, user: row.get(3)?, what: row.get(4)? })
        })?;
        rows.collect()
    }

    /// Granted and used, by partner and capability. With a user: only the uses on that account.
    ///
    /// # Errors
    /// SQLite's.
    pub fn counts(&self, partner: Option<&UserId>, user: Option<&UserId>) -> rusqlite::Result<Vec<Count>> {
        let db = self.db();
        // Only what is asked for stands in the question, so that an index answers it.
        let by_partner = if partner.is_some() { "partner = ?1" } else { "?1 IS NULL" };
        let by_user = if user.is_some() { "user = ?2" } else { "?2 IS NULL" };
        let sql = format!(
            "SELECT partner, scope, count(*) FILTER (WHERE what = 'granted'), count(*) FILTER (WHERE what = 'used'),
                    count(DISTINCT user), max(at) FILTER (WHERE what = 'used')
             FROM ledger WHERE {by_partner} AND {by_user} GROUP BY partner, scope ORDER BY partner, scope"
        );
        let mut query = db.prepare_cached(&sql)?;
        let rows = query.query_map([partner.map(UserId::as_str), user.map(UserId::as_str)], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            let latest = row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned);
            let (granted, used, users) = (number(2)?, number(3)?, number(4)?);
            Ok(Count { partner: row.get(0)?, scope: row.get(1)?, granted, used, users, latest })
        })?;
        rows.collect()
    }
}
