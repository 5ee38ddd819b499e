//! The relay's own rows: what it writes, and what it reads to deliver. What the archive asks is in `read` and `index`.
//!
//! ```text
//! users      name, hash of the mailbox token, published statements (opaque)
//! one_time   keys that are handed out once, oldest first
//! messages   appended by number; `pending` is the small index by mailbox; (sender, id) makes sends idempotent
//! ```
//!
//! A row of `messages` is never deleted, so a number is never given twice. Nor is one of `users`: nothing watches over references.

use std::path::Path;

use rusqlite::{Connection, ErrorCode as Sqlite, OptionalExtension, params};

use super::known::{Known, Load, Waiting};
use super::{Limits, StoreError, index};
use crate::wire::{Bytes, Content, Envelope, ErrorCode, MAX_ONE_TIME, MessageId, Payload, RelayFrame, UserId, Welcome};

const LAYOUT: i64 = 2;
const MARK: i64 = 0x626c_7232;
/// Messages in one page.
const PAGE: usize = 64;

const SCHEMA: &str = "
CREATE TABLE users (
  n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, token_hash BLOB NOT NULL, joined INTEGER NOT NULL,
  identity BLOB, prekey BLOB);
CREATE TABLE one_time (n INTEGER PRIMARY KEY, user INTEGER NOT NULL, key BLOB NOT NULL);
CREATE INDEX one_time_by_user ON one_time (user);
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY, sender INTEGER NOT NULL, recipient INTEGER NOT NULL, id BLOB NOT NULL,
  at INTEGER NOT NULL, sealed INTEGER NOT NULL, size INTEGER NOT NULL, acked INTEGER NOT NULL DEFAULT 0, body BLOB,
  UNIQUE (sender, id));
CREATE INDEX pending ON messages (recipient, seq) WHERE NOT acked;
";

/// Opens or makes the file. It survives a power cut from the moment a commit returns.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let db = Connection::open(path)?;
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(Sqlite::DatabaseCorrupt | Sqlite::NotADatabase) => StoreError::Damaged(error.to_string()),
        _ => StoreError::Db(error),
    };
    set_up(&db).map_err(|error| match error {
        StoreError::Db(error) => damaged(error),
        other => other,
    })?;
    Ok(db)
}

pub(super) fn in_memory() -> Result<Connection, StoreError> {
    let db = Connection::open_in_memory()?;
    set_up(&db)?;
    index::beside(&db, None)?;
    Ok(db)
}

fn set_up(db: &Connection) -> Result<(), StoreError> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (pragma("user_version")?, pragma("application_id")?, tables) {
        (0, 0, 0) | (LAYOUT, MARK, _) => {}
        (newer, MARK, _) if newer > LAYOUT => return Err(StoreError::Newer),
        (_, MARK, _) => return Err(StoreError::Damaged("an older blindrelay made it".to_owned())),
        _ => return Err(StoreError::Damaged("it is another kind of file".to_owned())),
    }
    // The cache is 32 MiB at most: an index by random ids touches another page for each message.
    // Zeroes what is deleted: without it a blob that was delivered is no longer in its row and still in the file. In the log it
    // stays until the writer empties that.
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;
         PRAGMA cache_size=-32768;",
    )?;
    if tables == 0 {
        let marks = format!("PRAGMA user_version={LAYOUT}; PRAGMA application_id={MARK};");
        db.execute_batch(&format!("BEGIN; {SCHEMA} {marks} COMMIT;"))?;
    }
    Ok(())
}

/// What a removal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The recipient had not confirmed it: it is not delivered any more.
    Undelivered,
    /// The recipient has it; the archive's copy is gone.
    Archived,
    /// Only names, time and size were left.
    Nothing,
}

/// The rows, inside the batch's transaction.
pub(super) struct Rows<'a> {
    pub(super) db: &'a Connection,
    pub(super) known: &'a mut Known,
    pub(super) hoard: bool,
}

type SqlResult<T> = rusqlite::Result<T>;

impl Rows<'_> {
    /// Registers a free name, or checks the token of a claimed one.
    pub(super) fn hello(
        &mut self,
        user: &UserId,
        token_hash: &[u8; 32],
        now: u64,
        newcomers: u32,
    ) -> SqlResult<RelayFrame> {
        if self.user(user)?.is_none() && self.crowded(now, newcomers)? {
            let detail = "too many new names in this minute; try again in a minute".to_owned();
            return Ok(refusal(ErrorCode::TooFast, detail, None, Some(user)));
        }
        let sql = "INSERT OR IGNORE INTO users (name, token_hash, joined) VALUES (?1, ?2, ?3)";
        self.db.prepare_cached(sql)?.execute(params![user.as_str(), token_hash, now.cast_signed()])?;
        let mut query = self.db.prepare_cached("SELECT n, token_hash, identity, prekey FROM users WHERE name = ?1")?;
        let (n, known, identity, prekey) = query.query_row([user.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, row.get(2)?, row.get(3)?))
        })?;
        if known != *token_hash {
            let detail = format!(
                "the name {user} is taken at this relay; choose another name, or use the home directory that registered it"
            );
            return Ok(refusal(ErrorCode::NameTaken, detail, None, Some(user)));
        }
        let waiting = self.waiting(n)?.all.messages;
        let bytes = |column: Option<Vec<u8>>| column.map(Bytes);
        Ok(RelayFrame::Welcome(Welcome {
            identity: bytes(identity),
            prekey: bytes(prekey),
            one_time_left: self.one_time_left(n)?,
            waiting,
        }))
    }

    pub(super) fn publish(
        &mut self,
        user: &UserId,
        identity: &Bytes,
        prekey: &Bytes,
        one_time: &[Bytes],
    ) -> SqlResult<RelayFrame> {
        let Some(n) = self.user(user)? else { return Ok(unknown(user, None)) };
        // One-time keys belong to the prekey statement that they came with: with another one they go.
        let sql = "DELETE FROM one_time WHERE user = (SELECT n FROM users WHERE n = ?1 AND prekey IS NOT ?2)";
        self.db.prepare_cached(sql)?.execute(params![n, prekey.0])?;
        let sql = "UPDATE users SET identity = ?2, prekey = ?3 WHERE n = ?1";
        self.db.prepare_cached(sql)?.execute(params![n, identity.0, prekey.0])?;
        let room = MAX_ONE_TIME.saturating_sub(self.one_time_left(n)?);
        let mut insert = self.db.prepare_cached("INSERT INTO one_time (user, key) VALUES (?1, ?2)")?;
        for key in one_time.iter().take(room) {
            insert.execute(params![n, key.0])?;
        }
        Ok(RelayFrame::Published { one_time_left: self.one_time_left(n)? })
    }

    /// Hands out the statements and one one-time key, which is gone with the same commit.
    pub(super) fn fetch(&mut self, user: &UserId) -> SqlResult<RelayFrame> {
        let mut query = self.db.prepare_cached("SELECT n, identity, prekey FROM users WHERE name = ?1")?;
        let found = query.query_row([user.as_str()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<Vec<u8>>>(1)?, row.get::<_, Option<Vec<u8>>>(2)?))
        });
        let Some((n, Some(identity), prekey)) = found.optional()? else { return Ok(unknown(user, None)) };
        let sql = "DELETE FROM one_time WHERE n = (SELECT min(n) FROM one_time WHERE user = ?1) RETURNING key";
        let one_time: Option<Vec<u8>> = self.db.prepare_cached(sql)?.query_row([n], |row| row.get(0)).optional()?;
        Ok(RelayFrame::Keys {
            user: user.clone(),
            identities: vec![Bytes(identity)],
            prekey: prekey.map(Bytes),
            one_time: one_time.map(Bytes),
        })
    }

    /// Stores a message. None if the same sender's id was stored before.
    pub(super) fn put(
        &mut self,
        from: &UserId,
        to: &UserId,
        id: MessageId,
        at: u64,
        payload: &Payload,
        limits: &Limits,
    ) -> SqlResult<Result<Option<Envelope>, RelayFrame>> {
        let (Some(sender), Some(recipient)) = (self.user(from)?, self.user(to)?) else {
            return Ok(Err(unknown(to, Some(id))));
        };
        let size = payload.size() as u64;
        if let Some(detail) = over_quota(self.waiting(recipient)?, sender, size, limits) {
            // A resend of something that was stored is no new load.
            let stored = self
                .db
                .prepare_cached("SELECT 1 FROM messages WHERE sender = ?1 AND id = ?2")?
                .exists(params![sender, id.0])?;
            return Ok(if stored {
                Ok(None)
            } else {
                Err(refusal(ErrorCode::MailboxFull, detail, Some(id), Some(to)))
            });
        }
        let sql = "INSERT OR IGNORE INTO messages (sender, recipient, id, at, sealed, size, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (sealed, body) = to_body(payload);
        let row = params![sender, recipient, id.0, at.cast_signed(), sealed, size.cast_signed(), body];
        if self.db.prepare_cached(sql)?.execute(row)? == 0 {
            return Ok(Ok(None));
        }
        let seq = self.db.last_insert_rowid().cast_unsigned();
        self.waiting(recipient)?.add(sender, Load { messages: 1, bytes: size });
        Ok(Ok(Some(Envelope { seq, id, from: from.clone(), to: to.clone(), at, payload: payload.clone() })))
    }

    /// Acknowledges a message of this user's own mailbox; another's number has no effect. A sealed body is deleted.
    pub(super) fn ack(&mut self, user: &UserId, seq: u64) -> SqlResult<()> {
        let Some(n) = self.user(user)? else { return Ok(()) };
        let sql = "SELECT sender, size FROM messages WHERE seq = ?1 AND recipient = ?2 AND NOT acked";
        let waits = self
            .db
            .prepare_cached(sql)?
            .query_row(params![seq.cast_signed(), n], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())));
        let Some((sender, size)) = waits.optional()? else { return Ok(()) };
        // Counted before it changes, in case it was never counted.
        self.waiting(n)?.take(sender, size);
        let sql = "UPDATE messages SET acked = 1, body = CASE WHEN sealed AND NOT ?2 THEN NULL ELSE body END
                   WHERE seq = ?1";
        self.db.prepare_cached(sql)?.execute(params![seq.cast_signed(), self.hoard])?;
        Ok(())
    }

    /// Removes what a message of this user's said; who wrote to whom, when and how much stays. None if there is no such message.
    pub(super) fn remove(&mut self, user: &UserId, seq: u64) -> SqlResult<Option<Removed>> {
        let sql = "SELECT r.name, m.acked, m.body IS NOT NULL FROM messages m
                   JOIN users s ON s.n = m.sender JOIN users r ON r.n = m.recipient
                   WHERE m.seq = ?1 AND (s.name = ?2 OR r.name = ?2)";
        let mut query = self.db.prepare_cached(sql)?;
        let found = query.query_row(params![seq.cast_signed(), user.as_str()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?))
        });
        let Some((to, acked, said)) = found.optional()? else { return Ok(None) };
        if !said {
            return Ok(Some(Removed::Nothing));
        }
        if !acked && let Ok(to) = to.parse() {
            self.ack(&to, seq)?;
        }
        self.db.prepare_cached("UPDATE messages SET body = NULL WHERE seq = ?1")?.execute([seq.cast_signed()])?;
        Ok(Some(if acked { Removed::Archived } else { Removed::Undelivered }))
    }

    /// Undelivered messages after a number, oldest first.
    pub(super) fn page(&mut self, user: &UserId, after: u64) -> SqlResult<(Vec<Envelope>, bool)> {
        let sql = "SELECT m.seq, m.id, s.name, m.at, m.sealed, m.body FROM messages m JOIN users s ON s.n = m.sender
                   WHERE m.recipient = (SELECT n FROM users WHERE name = ?1) AND NOT m.acked AND m.seq > ?2
                   ORDER BY m.seq LIMIT ?3";
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let mut query = self.db.prepare_cached(sql)?;
        let mut found = query.query(params![user.as_str(), after.cast_signed(), limit])?;
        let (mut envelopes, mut rows) = (Vec::new(), 0);
        while let Some(row) = found.next()? {
            rows += 1;
            let payload = from_body(row.get(4)?, row.get(5)?);
            let Some((from, payload)) = row.get::<_, String>(2)?.parse().ok().zip(payload) else { continue };
            let (seq, at) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(3)?.cast_unsigned());
            envelopes.push(Envelope { seq, id: MessageId(row.get(1)?), from, to: user.clone(), at, payload });
        }
        Ok((envelopes, rows == PAGE))
    }

    pub(super) fn look(&self) -> SqlResult<bool> {
        self.db.prepare_cached("SELECT 1 FROM messages")?.exists([])
    }

    fn user(&mut self, user: &UserId) -> SqlResult<Option<i64>> {
        self.known.user(user, || {
            let mut query = self.db.prepare_cached("SELECT n FROM users WHERE name = ?1")?;
            query.query_row([user.as_str()], |row| row.get(0)).optional()
        })
    }

    /// What waits for a user: the quotas.
    fn waiting(&mut self, recipient: i64) -> SqlResult<&mut Waiting> {
        self.known.waiting(recipient, || {
            let sql =
                "SELECT sender, count(*), sum(size) FROM messages WHERE recipient = ?1 AND NOT acked GROUP BY sender";
            let mut query = self.db.prepare_cached(sql)?;
            let (mut rows, mut waiting) = (query.query([recipient])?, Waiting::default());
            while let Some(row) = rows.next()? {
                let number = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.cast_unsigned());
                waiting.add(row.get(0)?, Load { messages: number(1)?, bytes: number(2)? });
            }
            Ok(waiting)
        })
    }

    /// Whether so many names were registered within the last minute. Names stay, so their numbers have no gaps.
    fn crowded(&self, now: u64, newcomers: u32) -> SqlResult<bool> {
        let sql = "SELECT joined BETWEEN ?1 AND ?2 FROM users WHERE n = (SELECT max(n) FROM users) - ?3 + 1";
        let row = params![now.saturating_sub(60_000).cast_signed(), now.cast_signed(), newcomers];
        Ok(self.db.prepare_cached(sql)?.query_row(row, |row| row.get(0)).optional()? == Some(true))
    }

    fn one_time_left(&self, n: i64) -> SqlResult<usize> {
        let mut query = self.db.prepare_cached("SELECT count(*) FROM one_time WHERE user = ?1")?;
        let left: i64 = query.query_row([n], |row| row.get(0))?;
        Ok(usize::try_from(left).unwrap_or(0))
    }
}

/// What is over, for people, or none.
fn over_quota(waiting: &Waiting, sender: i64, size: u64, limits: &Limits) -> Option<String> {
    let (all, own) = (waiting.all, waiting.of(sender));
    let over = all.messages >= limits.mailbox_messages
        || own.messages >= limits.sender_messages
        || all.bytes.saturating_add(size) > limits.mailbox_bytes
        || own.bytes.saturating_add(size) > limits.sender_bytes;
    over.then(|| "their mailbox is full until they read; this message is tried again later".to_owned())
}

fn to_body(payload: &Payload) -> (bool, Vec<u8>) {
    match payload {
        Payload::Sealed(blob) => (true, blob.0.clone()),
        Payload::Open(content) => (false, serde_json::to_vec(content).expect("content is plain data with text keys")),
    }
}

pub(super) fn from_body(sealed: bool, body: Option<Vec<u8>>) -> Option<Payload> {
    let body = body?;
    if sealed {
        return Some(Payload::Sealed(Bytes(body)));
    }
    serde_json::from_slice::<Content>(&body).ok().map(Payload::Open)
}

fn unknown(user: &UserId, id: Option<MessageId>) -> RelayFrame {
    refusal(ErrorCode::UnknownUser, format!("{user} has not joined this relay"), id, Some(user))
}

fn refusal(code: ErrorCode, detail: String, id: Option<MessageId>, user: Option<&UserId>) -> RelayFrame {
    RelayFrame::Error { code, detail, id, user: user.cloned() }
}

#[cfg(test)]
mod tests;
