//! Reports that were filed, and signals that were taken.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::Book;
use crate::partner::filed::Signal;
use crate::wire::UserId;

/// What filing a report found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::partner) enum Filed {
    /// None for this period.
    New,
    /// The same one.
    Before,
    /// Another one, which stays.
    Other,
}

/// A report as it was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiledReport {
    /// By whom.
    pub partner: String,
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// When, in milliseconds since 1970.
    pub filed_at: u64,
    /// As it was sent.
    pub body: String,
}

impl Book {
    pub(in crate::partner) fn file(
        &self,
        partner: &UserId,
        from: &str,
        to: &str,
        body: &str,
        now: u64,
    ) -> rusqlite::Result<Filed> {
        let db = self.db();
        let sql = "SELECT to_day = ?3 AND body = ?4 FROM reports WHERE partner = ?1 AND from_day = ?2";
        let row = params![partner.as_str(), from, to, body];
        match db.prepare_cached(sql)?.query_row(row, |row| row.get::<_, bool>(0)).optional()? {
            Some(true) => return Ok(Filed::Before),
            Some(false) => return Ok(Filed::Other),
            None => {}
        }
        let row = params![partner.as_str(), from, to, now.cast_signed(), body];
        db.prepare_cached("INSERT INTO reports VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(row)?;
        Ok(Filed::New)
    }

    /// All reports, by partner and period.
    ///
    /// # Errors
    /// SQLite's.
    pub fn reports(&self) -> rusqlite::Result<Vec<FiledReport>> {
        let db = self.db();
        let sql = "SELECT partner, from_day, to_day, filed_at, body FROM reports ORDER BY partner, from_day";
        let mut query = db.prepare_cached(sql)?;
        let rows = query.query_map([], |row| {
            let filed_at = row.get::<_, i64>(3)?.cast_unsigned();
            Ok(FiledReport { partner: row.get(0)?, from: row.get(1)?, to: row.get(2)?, filed_at, body: row.get(4)? })
        })?;
        rows.collect()
    }

    /// Takes signals, all of them or none.
    ///
    /// # Errors
    /// SQLite's.
    pub fn take(&self, partner: &UserId, signals: &[Signal]) -> rusqlite::Result<()> {
        let mut db = self.db();
        let transaction = db.transaction()?;
        for Signal { user, kind, title, genre, device, at } in signals {
            let sql = "INSERT INTO signals (user, partner, kind, title, genre, device, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let row = params![user, partner.as_str(), kind.as_str(), title, genre, device.as_str(), at.cast_signed()];
            transaction.prepare_cached(sql)?.execute(row)?;
        }
        transaction.commit()
    }
}
