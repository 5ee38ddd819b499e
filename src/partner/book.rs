//! The platform's own book, apart from the relay's: who may do what, and who did.
//!
//! ```text
//! agreements    partner, scopes, access, term, spend; the secret's hash        one in force for each partner
//! tokens        hash, agreement, end                                           short-lived
//! connections   user, partner                                                  per-login: who connected
//! ledger        granted and used, one row each                                 countable apart; never changed
//! reports       partner, period, body            signals   what the partner says of users
//! complaints    by whom, about whom, what they say was said
//! ```
//!
//! It is a file of its own (`platform.db`), because it is the company's bookkeeping and not the mail. Only hashes of secrets and
//! tokens are in it.

mod agreement;
mod complaint;
mod filed;
mod ledger;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub use agreement::{Agreement, Standing, Terms};
pub(super) use agreement::{TOKEN_LIFE, joined};
pub use complaint::Complaint;
pub(super) use filed::Filed;
pub use filed::FiledReport;
pub use ledger::{Count, Entry, What};

const LAYOUT: i64 = 1;
const MARK: i64 = 0x626c_706c;

const SCHEMA: &str = "
CREATE TABLE agreements (
  n INTEGER PRIMARY KEY, partner TEXT NOT NULL, title TEXT NOT NULL, scopes TEXT NOT NULL, access TEXT NOT NULL,
  from_at INTEGER NOT NULL, to_at INTEGER NOT NULL, spend INTEGER NOT NULL, disclosed INTEGER NOT NULL,
  revoked_at INTEGER, secret_hash BLOB NOT NULL);
CREATE INDEX agreements_by_partner ON agreements (partner);
CREATE TABLE tokens (
  hash BLOB PRIMARY KEY, agreement INTEGER NOT NULL REFERENCES agreements, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX tokens_by_end ON tokens (until);
CREATE TABLE connections (
  user TEXT NOT NULL, partner TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (user, partner)) WITHOUT ROWID;
CREATE TABLE ledger (
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, partner TEXT NOT NULL, scope TEXT NOT NULL, user TEXT, what TEXT NOT NULL);
CREATE INDEX ledger_by_partner ON ledger (partner, scope, what, user, at);
CREATE INDEX ledger_by_user ON ledger (user, partner, scope, what, at) WHERE user IS NOT NULL;
CREATE TABLE reports (
  partner TEXT NOT NULL, from_day TEXT NOT NULL, to_day TEXT NOT NULL, filed_at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (partner, from_day));
CREATE TABLE signals (
  n INTEGER PRIMARY KEY, user TEXT NOT NULL, partner TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL,
  genre TEXT NOT NULL, device TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX signals_by_user ON signals (user, at);
CREATE TABLE complaints (
  n INTEGER PRIMARY KEY, by TEXT NOT NULL, about TEXT NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL,
  confirmed INTEGER NOT NULL);
";

/// The platform's book. Clones share it.
#[derive(Debug, Clone)]
pub struct Book(Arc<Mutex<Connection>>);

/// Why the book cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A later version made it, or it is something else.
    #[error(
        "the platform's database was written by another program or a newer blindrelay; move it away, nothing was changed"
    )]
    Foreign,
    /// It cannot be opened.
    #[error("the platform's database cannot be used: {0}")]
    Db(#[from] rusqlite::Error),
}

impl Book {
    /// Opens or makes it.
    ///
    /// # Errors
    /// [`BookError`]; an existing file is left as it was.
    pub fn open(path: &Path) -> Result<Self, BookError> {
        Self::set_up(Connection::open(path)?)
    }

    /// One in memory, for simulations.
    ///
    /// # Errors
    /// [`BookError::Db`] if SQLite cannot start.
    pub fn in_memory() -> Result<Self, BookError> {
        Self::set_up(Connection::open_in_memory()?)
    }

    fn set_up(db: Connection) -> Result<Self, BookError> {
        let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if !matches!((pragma("user_version")?, pragma("application_id")?, tables), (0, 0, 0) | (LAYOUT, MARK, _)) {
            return Err(BookError::Foreign);
        }
        db.busy_timeout(Duration::from_secs(5))?;
        // What was answered stays so after a power cut: a revocation above all.
        db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;")?;
        if tables == 0 {
            let marks = format!("PRAGMA user_version={LAYOUT}; PRAGMA application_id={MARK};");
            db.execute_batch(&format!("BEGIN; {SCHEMA} {marks} COMMIT;"))?;
        }
        Ok(Self(Arc::new(Mutex::new(db))))
    }

    /// The connection, for one statement or transaction; nobody holds it longer.
    pub(super) fn db(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
