//! StreamCo's own event database: all that its report is made of.
//!
//! Question: what must StreamCo know to count recommendations?
//! That it made a link, for which button; that the link was sent; that it was opened. None of it is the text of a message, and all of
//! it happens in StreamCo's own app. Nobody's message is read for it, so it is the same in open and in sealed conversations.
//!
//! ```text
//! links    made by StreamCo, one for each recommendation: who recommends, what, from which button
//! events   (link, send) and (link, click), each once: a link that is opened twice counts as one click
//! signals  watched, searched, meant to: for the platform's targeting
//! filed    reports that the platform has taken
//! ```
//!
//! A link that is opened was sent, whether or not somebody lived to say so: clicks are never more than sends.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::day::Day;
use super::recommendation::{Label, LinkId, Recommendation, Title};
use super::report::Row;
use crate::wire::UserId;

const LAYOUT: i64 = 1;
const MARK: i64 = 0x626c_7363;

const SCHEMA: &str = "
CREATE TABLE links (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, sender TEXT NOT NULL, title TEXT NOT NULL,
  interface TEXT NOT NULL, surface TEXT NOT NULL, variant TEXT NOT NULL);
CREATE TABLE events (
  n INTEGER PRIMARY KEY, link INTEGER NOT NULL REFERENCES links, click INTEGER NOT NULL, at INTEGER NOT NULL,
  day INTEGER NOT NULL, interface TEXT NOT NULL, surface TEXT NOT NULL, variant TEXT NOT NULL, UNIQUE (link, click));
CREATE INDEX events_by_day ON events (day, interface, surface, variant, click);
CREATE TABLE signals (
  n INTEGER PRIMARY KEY, user TEXT NOT NULL, kind TEXT NOT NULL, title TEXT NOT NULL, genre TEXT NOT NULL,
  device TEXT NOT NULL, at INTEGER NOT NULL, given INTEGER NOT NULL DEFAULT 0);
CREATE INDEX signals_to_give ON signals (n) WHERE NOT given;
CREATE INDEX signals_by_title ON signals (title, n);
CREATE TABLE filed (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL);
";

const DAILY: &str = "SELECT day, interface, surface, variant, count(*) - sum(click), sum(click) FROM events
  WHERE day BETWEEN ?1 AND ?2 GROUP BY day, interface, surface, variant ORDER BY day, interface, surface, variant";

/// Why the database gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// SQLite or the file system refused.
    #[error("StreamCo's database {0} cannot be used: {1}; see that its directory is there and writable")]
    Db(PathBuf, rusqlite::Error),
    /// It is not StreamCo's database.
    #[error("{0} is damaged or another kind of file; restore it, or move it away and begin anew")]
    Damaged(PathBuf),
    /// Written by a later version.
    #[error("{0} was written by a newer blindrelay; use that version, nothing was changed")]
    Newer(PathBuf),
}

/// One thing that StreamCo knows of a customer, for the platform's ad targeting.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Signal {
    /// Whom it is about.
    pub user: UserId,
    /// `watched`, `searched` or `intent`.
    pub kind: String,
    /// What.
    pub title: Title,
    /// Of which genre.
    pub genre: Label,
    /// On what: `tv`, `phone` or `web`.
    pub device: Label,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// The database. The running app and the commands may have it open at the same time.
#[derive(Debug)]
pub struct Events {
    db: Connection,
    path: PathBuf,
}

type Result<T> = std::result::Result<T, EventsError>;

impl Events {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn open(path: &Path) -> Result<Self> {
        let db = Connection::open(path).map_err(|error| EventsError::Db(path.to_owned(), error))?;
        let events = Self { db, path: path.to_owned() };
        events.set_up()?;
        Ok(events)
    }

    /// A database that ends with the process.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn in_memory() -> Result<Self> {
        let path = PathBuf::from(":memory:");
        let db = Connection::open_in_memory().map_err(|error| EventsError::Db(path.clone(), error))?;
        let events = Self { db, path };
        events.set_up()?;
        Ok(events)
    }

    fn set_up(&self) -> Result<()> {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let found = || -> rusqlite::Result<(i64, i64, i64)> {
            self.db.busy_timeout(std::time::Duration::from_secs(5))?;
            let pragma = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let tables = self.db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((pragma("user_version")?, pragma("application_id")?, tables))
        };
        match found() {
            Ok((0, 0, 0)) => {
                // Whoever comes second, of two that begin at once, finds the tables there.
                let marks = format!("PRAGMA user_version={LAYOUT}; PRAGMA application_id={MARK};");
                let made = self
                    .db
                    .execute_batch(&format!("PRAGMA journal_mode=WAL; BEGIN IMMEDIATE; {SCHEMA} {marks} COMMIT;"));
                let raced =
                    made.is_err() && self.db.execute_batch("ROLLBACK").is_ok() && found().is_ok_and(|now| now.2 > 0);
                if raced { Ok(()) } else { self.is(made) }
            }
            Ok((LAYOUT, MARK, _)) => Ok(()),
            Ok((newer, MARK, _)) if newer > LAYOUT => Err(EventsError::Newer(self.path.clone())),
            Ok(_) => Err(EventsError::Damaged(self.path.clone())),
            Err(error) if matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)) => {
                Err(EventsError::Damaged(self.path.clone()))
            }
            Err(error) => self.is(Err(error)),
        }
    }

    /// An error of SQLite's, with the file it is of.
    fn is<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| EventsError::Db(self.path.clone(), error))
    }

    /// Makes a link. It counts for nothing until it is sent.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn make_link(&self, of: &Recommendation, rng: &mut impl rand::CryptoRng) -> Result<LinkId> {
        let id = LinkId::random(rng);
        let sql = "INSERT INTO links (id, sender, title, interface, surface, variant) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let Recommendation { from, title, interface, surface, variant } = of;
        let (title, labels) = (title.as_str(), [interface, surface, variant].map(Label::as_str));
        let row = params![id.as_str(), from.as_str(), title, labels[0], labels[1], labels[2]];
        self.is(self.db.prepare_cached(sql).and_then(|mut insert| insert.execute(row)))?;
        Ok(id)
    }

    /// A link was sent: counted the first time. False if StreamCo never made such a link. Who recommends a title means to watch more
    /// of its kind: that becomes a signal.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn sent(&self, link: &LinkId, now: u64) -> Result<bool> {
        let Some((n, _)) = self.link(link)? else { return Ok(false) };
        if self.count(n, false, now)? {
            let sql = "INSERT INTO signals (user, kind, title, genre, device, at)
                       SELECT l.sender, 'intent', l.title, coalesce((SELECT genre FROM signals s WHERE s.title = l.title
                         ORDER BY s.n DESC LIMIT 1), 'unknown'), l.interface, ?2 FROM links l WHERE l.n = ?1";
            let row = params![n, now.cast_signed()];
            self.is(self.db.prepare_cached(sql).and_then(|mut insert| insert.execute(row)))?;
        }
        Ok(true)
    }

    /// A link was opened: counted the first time. The title that it leads to; none if StreamCo never made such a link.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn opened(&self, link: &LinkId, now: u64) -> Result<Option<String>> {
        let Some((n, title)) = self.link(link)? else { return Ok(None) };
        self.sent(link, now)?;
        self.count(n, true, now)?;
        Ok(Some(title))
    }

    fn link(&self, link: &LinkId) -> Result<Option<(i64, String)>> {
        let found = self
            .db
            .prepare_cached("SELECT n, title FROM links WHERE id = ?1")
            .and_then(|mut query| query.query_row([link.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional());
        self.is(found)
    }

    /// Whether it was counted now.
    fn count(&self, link: i64, click: bool, now: u64) -> Result<bool> {
        let sql = "INSERT OR IGNORE INTO events (link, click, at, day, interface, surface, variant)
                   SELECT n, ?2, ?3, ?4, interface, surface, variant FROM links WHERE n = ?1";
        let row = params![link, click, now.cast_signed(), Day::of(now).number()];
        Ok(self.is(self.db.prepare_cached(sql).and_then(|mut insert| insert.execute(row)))? > 0)
    }

    /// Counts of sends and clicks by day, interface, surface and variant, in this order, from one day to another. The index has all
    /// that is asked for: no event is read, and nothing is sorted.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn daily(&self, from: Day, to: Day) -> Result<Vec<Row>> {
        let rows = self.db.prepare_cached(DAILY).and_then(|mut query| {
            let rows = query.query_map([from.number(), to.number()], |row| {
                let count = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.cast_unsigned());
                let day = Day::of(0).plus(row.get(0)?);
                let [interface, surface, variant] = [row.get(1)?, row.get(2)?, row.get(3)?];
                Ok(Row { day, interface, surface, variant, sends: count(4)?, clicks: count(5)? })
            })?;
            rows.collect()
        });
        self.is(rows)
    }

    /// Keeps a signal, to be given to the platform.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn keep_signal(&self, signal: &Signal) -> Result<()> {
        let Signal { user, kind, title, genre, device, at } = signal;
        let sql = "INSERT INTO signals (user, kind, title, genre, device, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let row = params![user.as_str(), kind, title.as_str(), genre.as_str(), device.as_str(), at.cast_signed()];
        self.is(self.db.prepare_cached(sql).and_then(|mut insert| insert.execute(row))).map(drop)
    }

    /// The oldest signals after number `after` that were not given yet, at most so many, with their numbers.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn signals_to_give(&self, after: i64, limit: u32) -> Result<Vec<(i64, Signal)>> {
        let sql = "SELECT n, user, kind, title, genre, device, at FROM signals WHERE NOT given AND n > ?1 ORDER BY n LIMIT ?2";
        let found = self.db.prepare_cached(sql).and_then(|mut query| {
            let mut rows = query.query(params![after, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let text = |column| row.get::<_, String>(column);
                let (user, title) = (text(1)?.parse().ok(), text(3)?.parse().ok());
                let (genre, device) = (text(4)?.parse().ok(), text(5)?.parse().ok());
                let Some(((user, title), (genre, device))) = user.zip(title).zip(genre.zip(device)) else { continue };
                let at = row.get::<_, i64>(6)?.cast_unsigned();
                found.push((row.get(0)?, Signal { user, kind: text(2)?, title, genre, device, at }));
            }
            Ok(found)
        });
        self.is(found)
    }

    /// The platform has the signal of this number.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn signal_given(&self, n: i64) -> Result<()> {
        let given = self.db.prepare_cached("UPDATE signals SET given = 1 WHERE n = ?1");
        self.is(given.and_then(|mut update| update.execute([n]))).map(drop)
    }

    /// The platform has the report of these days.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn filed(&self, from: Day, to: Day, now: u64) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO filed (first, last, at) VALUES (?1, ?2, ?3)";
        self.is(self.db.execute(sql, params![from.number(), to.number(), now.cast_signed()])).map(drop)
    }

    /// When the report of a period that begins on this day was filed.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn filed_at(&self, from: Day) -> Result<Option<u64>> {
        let sql = "SELECT at FROM filed WHERE first = ?1";
        let at: Option<i64> = self.is(self.db.query_row(sql, [from.number()], |row| row.get(0)).optional())?;
        Ok(at.map(i64::cast_unsigned))
    }

    /// Does several things in one transaction, for whoever plays a month in a second.
    ///
    /// # Errors
    /// What `act` says, or [`EventsError`]; then nothing was done.
    pub fn at_once<T, E: From<EventsError>>(
        &self,
        act: impl FnOnce(&Self) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let begun = self.is(Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate))?;
        let done = act(self)?;
        self.is(begun.commit())?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
