//! What users have reported of one another.

use rusqlite::params;
use serde::Serialize;

use super::Book;
use crate::wire::UserId;

/// A message as its reader says that it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// Its number in the book.
    pub n: i64,
    /// Who reports.
    pub by: String,
    /// Who is said to have written it.
    pub about: String,
    /// When it is said to have been written, in milliseconds since 1970.
    pub at: u64,
    /// What it is said to say.
    pub text: String,
    /// Whether the platform's own archive says the same. If not, it is a claim: true or not.
    pub confirmed: bool,
}

impl Book {
    pub(in crate::partner) fn complain(
        &self,
        by: &UserId,
        about: &UserId,
        at: u64,
        text: &str,
        confirmed: bool,
    ) -> rusqlite::Result<i64> {
        let db = self.db();
        let sql = "INSERT INTO complaints (by, about, at, text, confirmed) VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = params![by.as_str(), about.as_str(), i64::try_from(at).unwrap_or(i64::MAX), text, confirmed];
        db.prepare_cached(sql)?.execute(row)?;
        Ok(db.last_insert_rowid())
    }

    /// The latest, newest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn complaints(&self, limit: u32) -> rusqlite::Result<Vec<Complaint>> {
        let db = self.db();
        let sql = "SELECT n, by, about, at, text, confirmed FROM complaints ORDER BY n DESC LIMIT ?1";
        let mut query = db.prepare_cached(sql)?;
        let rows = query.query_map([limit], |row| {
            let at = row.get::<_, i64>(3)?.cast_unsigned();
            let (n, by, about) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Complaint { n, by, about, at, text: row.get(4)?, confirmed: row.get(5)? })
        })?;
        rows.collect()
    }
}
