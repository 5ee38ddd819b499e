//! Reads of the archive, beside the writer: whoever pages through a million messages does not keep one from being stored.
//!
//! SQLite's write-ahead log lets readers see the last commit while the next is being written. So the archive has a connection of its
//! own. A store in memory has only one, which is the writer's: there the question goes to the writer.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fmt, fs};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use tokio::sync::oneshot;

use super::sql::from_body;
use super::{Op, Reply, Store, StoreError, index};
use crate::relay::archive::{ArchivedMessage, Thread};
use crate::wire::{Content, Payload, UserId};

type SqlResult<T> = rusqlite::Result<T>;

/// The file of the index, beside the database.
const INDEX: &str = "index.db";

/// A question for the writer's connection.
pub(in crate::relay) struct Question(Box<dyn Fn(&Connection) + Send>);

impl Question {
    pub(super) fn answer(&self, db: &Connection) {
        (self.0)(db);
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question(…)")
    }
}

/// The archive's connection to the file, with the index in another beside it, made 0600. An index that does not open is made anew.
pub(super) fn open(path: &Path) -> SqlResult<Connection> {
    attach(path).or_else(|_| anew(path))
}

fn attach(path: &Path) -> SqlResult<Connection> {
    let beside = path.with_file_name(INDEX);
    let mut options = fs::File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Should it not be made, the next lines say so.
    drop(options.open(&beside));
    let db = Connection::open(path)?;
    db.busy_timeout(super::PATIENCE)?;
    db.execute_batch("PRAGMA cache_size=-16384;")?;
    index::beside(&db, Some(&beside))?;
    Ok(db)
}

/// Nothing is in an index that is not in the database.
fn anew(path: &Path) -> SqlResult<Connection> {
    tracing::warn!("the archive's index is made anew");
    for end in ["", "-wal", "-shm"] {
        let _not_there = fs::remove_file(path.with_file_name(format!("{INDEX}{end}")));
    }
    attach(path)
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Asks; once more of a new index if this one is damaged.
pub(super) fn ask<T>(db: &mut Connection, question: impl Fn(&Connection) -> SqlResult<T>) -> SqlResult<T> {
    match question(db) {
        Err(error) if is_damaged(&error) => {
            let Some(path) = db.path().map(PathBuf::from) else { return Err(error) };
            *db = Connection::open_in_memory()?; // closes the other before its file goes
            *db = anew(&path)?;
            question(db)
        }
        answer => answer,
    }
}

impl Store {
    /// Reads what is committed.
    pub(in crate::relay) async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn(&Connection) -> SqlResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let refused = |error: rusqlite::Error| StoreError::Refused(error.to_string());
        if self.0.reader.is_some() {
            let handle = self.0.clone();
            let read = move || {
                let reader = handle.reader.as_ref().expect("it was there a moment ago");
                ask(&mut reader.lock().unwrap_or_else(PoisonError::into_inner), question)
            };
            return tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Stopped)?.map_err(refused);
        }
        let (sender, answer) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        let ask = move |db: &Connection| {
            // The writer asks again if something else in the same batch failed: the first answer counts.
            let asker = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(asker) = asker {
                drop(asker.send(question(db)));
            }
        };
        self.submit(Op::Ask(Question(Box::new(ask))), Reply::Nobody)?;
        answer.await.map_err(|_| StoreError::Stopped)?.map_err(refused)
    }
}

fn number(db: &Connection, user: &UserId) -> SqlResult<Option<i64>> {
    db.prepare_cached("SELECT n FROM users WHERE name = ?1")?.query_row([user.as_str()], |row| row.get(0)).optional()
}

pub(in crate::relay) fn knows(db: &Connection, user: &UserId) -> SqlResult<bool> {
    Ok(number(db, user)?.is_some())
}

pub(in crate::relay) fn owns(db: &Connection, user: &UserId, token_hash: &[u8; 32]) -> SqlResult<bool> {
    let mut query = db.prepare_cached("SELECT 1 FROM users WHERE name = ?1 AND token_hash = ?2")?;
    query.exists(params![user.as_str(), token_hash])
}

/// Everybody who has registered, in the order in which they did.
pub(in crate::relay) fn users(db: &Connection) -> SqlResult<Vec<UserId>> {
    let mut query = db.prepare_cached("SELECT name FROM users ORDER BY n")?;
    let names = query.query_map([], |row| row.get::<_, String>(0))?;
    names.filter_map(|name| name.map(|name| name.parse().ok()).transpose()).collect()
}

/// The number of the newest message.
pub(in crate::relay) fn newest(db: &Connection) -> SqlResult<u64> {
    db.query_row("SELECT coalesce(max(seq), 0) FROM messages", [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// Whether the latest message between two was sealed; none if there is none.
pub(in crate::relay) fn latest_sealed(db: &Connection, one: &UserId, other: &UserId) -> SqlResult<Option<bool>> {
    let (Some(one), Some(other)) = (number(db, one)?, number(db, other)?) else { return Ok(None) };
    let sql = "SELECT sealed FROM took_part WHERE user = ?1 AND peer = ?2 ORDER BY seq DESC LIMIT 1";
    db.prepare_cached(sql)?.query_row([one, other], |row| row.get(0)).optional()
}

/// A user's conversations, the latest first, those whose latest message is before number `before`.
pub(in crate::relay) fn threads(
    db: &Connection,
    user: &UserId,
    before: u64,
    limit: u32,
) -> SqlResult<Option<Vec<Thread>>> {
    let Some(n) = number(db, user)? else { return Ok(None) };
    let sql = "SELECT u.name, t.messages, t.sealed, m.at, m.sealed, m.body, t.latest FROM threads t
               JOIN users u ON u.n = t.peer JOIN messages m ON m.seq = t.latest
               WHERE t.user = ?1 AND t.latest < ?2 ORDER BY t.latest DESC LIMIT ?3";
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query(params![n, signed(before), limit])?;
    let mut threads = Vec::new();
    while let Some(row) = rows.next()? {
        let unsigned = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let Ok(with) = row.get::<_, String>(0)?.parse() else { continue };
        let snippet = match from_body(row.get(4)?, row.get(5)?) {
            Some(Payload::Open(Content::Text { text, .. })) => Some(text.chars().take(80).collect()),
            _ => None,
        };
        let (messages, sealed, latest, seq) = (unsigned(1)?, unsigned(2)?, unsigned(3)?, unsigned(6)?);
        threads.push(Thread { with, messages, sealed, latest, seq, snippet });
    }
    Ok(Some(threads))
}

const MESSAGE: &str = "SELECT m.seq, s.name, r.name, m.at, m.sealed, m.size, m.body FROM messages m
                       JOIN users s ON s.n = m.sender JOIN users r ON r.n = m.recipient";

/// A user's messages in both directions, perhaps with one other, after a number, oldest first.
pub(in crate::relay) fn messages(
    db: &Connection,
    user: &UserId,
    with: Option<&UserId>,
    after: u64,
    limit: u32,
) -> SqlResult<Option<Vec<ArchivedMessage>>> {
    let Some(n) = number(db, user)? else { return Ok(None) };
    let peer = match with {
        None => None,
        Some(with) => match number(db, with)? {
            None => return Ok(Some(Vec::new())),
            peer => peer,
        },
    };
    let one = if peer.is_some() { "AND peer = ?4" } else { "AND ?4 IS NULL" };
    let sql = format!(
        "{MESSAGE} WHERE m.seq IN (SELECT seq FROM took_part WHERE user = ?1 AND seq > ?2 {one} ORDER BY seq LIMIT ?3)
         ORDER BY m.seq"
    );
    let mut query = db.prepare_cached(&sql)?;
    collect(query.query(params![n, signed(after), limit, peer])?).map(Some)
}

/// Whether an open text is among the latest messages of two.
pub(in crate::relay) fn said(db: &Connection, from: &UserId, to: &UserId, text: &str, latest: u32) -> SqlResult<bool> {
    let (Some(from), Some(to)) = (number(db, from)?, number(db, to)?) else { return Ok(false) };
    let sql = "SELECT 1 FROM messages WHERE seq IN (
                 SELECT seq FROM took_part WHERE user = ?1 AND peer = ?2 AND NOT sealed ORDER BY seq DESC LIMIT ?4)
               AND sender = ?1 AND body IS NOT NULL AND json_extract(CAST(body AS TEXT), '$.text') = ?3";
    db.prepare_cached(sql)?.exists(params![from, to, text, latest])
}

/// A user's open texts with all of these words, before a number, newest first.
pub(in crate::relay) fn search(
    db: &Connection,
    user: &UserId,
    words: &str,
    before: u64,
    limit: u32,
) -> SqlResult<Option<Vec<ArchivedMessage>>> {
    let Some(n) = number(db, user)? else { return Ok(None) };
    let Some(words) = question(n, words) else { return Ok(Some(Vec::new())) };
    let sql = format!(
        "{MESSAGE} WHERE m.seq IN (SELECT rowid FROM texts WHERE texts MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3)
         ORDER BY m.seq DESC"
    );
    let mut query = db.prepare_cached(&sql)?;
    collect(query.query(params![words, signed(before), limit])?).map(Some)
}

/// The question in FTS5's own language: each word a quoted string, so that nothing in it is an operator. None without a word.
fn question(user: i64, words: &str) -> Option<String> {
    let spaced = words.replace(|c: char| c.is_control() || c == '"', " ");
    let words: Vec<&str> = spaced.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).collect();
    let quoted: String = words.iter().map(|word| format!(" AND text : \"{word}\"")).collect();
    (!words.is_empty()).then(|| format!("who : \"u{user}\"{quoted}"))
}

fn collect(mut rows: rusqlite::Rows) -> SqlResult<Vec<ArchivedMessage>> {
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.extend(message(row)?);
    }
    Ok(messages)
}

fn message(row: &Row) -> SqlResult<Option<ArchivedMessage>> {
    let name = |column| Ok::<_, rusqlite::Error>(row.get::<_, String>(column)?.parse::<UserId>().ok());
    let unsigned = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let Some((from, to)) = name(1)?.zip(name(2)?) else { return Ok(None) };
    let sealed = row.get(4)?;
    let payload = from_body(sealed, row.get(6)?);
    let (seq, at, size) = (unsigned(0)?, unsigned(3)?, unsigned(5)?);
    Ok(Some(ArchivedMessage { seq, from, to, at, sealed, size, payload }))
}

/// Numbers beyond SQLite's are beyond every message.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
