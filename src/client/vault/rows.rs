//! What the vault's rows have in common: the tables, reading and protecting a value.
//!
//! ```text
//! keys        me · prekeys · one_time · contacts · numbers · sessions · remembered     who I am, whom I trust, what turns
//! mail        messages                                                                   what was said
//! post        outbox · seen                                                              what must leave, what came
//! quarantine  quarantine                                                                 what was put aside
//! ```

use rand::CryptoRng;
use rusqlite::{Connection, Row};
use zeroize::Zeroizing;

use super::VaultError;
use super::cipher::RowCipher;
use super::verified::Verified;
use crate::wire::{Payload, UserId};

pub(super) type Result<T> = std::result::Result<T, VaultError>;

pub(super) const SCHEMA: &str = "
CREATE TABLE me (what TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE prekeys (id INTEGER PRIMARY KEY, created INTEGER NOT NULL, secret BLOB NOT NULL);
CREATE TABLE one_time (id INTEGER PRIMARY KEY, secret BLOB NOT NULL);
CREATE TABLE contacts (
  peer TEXT PRIMARY KEY, sealed INTEGER NOT NULL, identity BLOB, changed BLOB, verified INTEGER NOT NULL,
  accepted INTEGER NOT NULL, resetting INTEGER NOT NULL);
CREATE TABLE numbers (
  peer TEXT NOT NULL, sealed INTEGER NOT NULL, next_out INTEGER NOT NULL, next_in INTEGER NOT NULL, missing BLOB NOT NULL,
  PRIMARY KEY (peer, sealed)) WITHOUT ROWID;
CREATE TABLE sessions (peer TEXT NOT NULL, place INTEGER NOT NULL, secret BLOB NOT NULL, PRIMARY KEY (peer, place));
CREATE TABLE remembered (session BLOB PRIMARY KEY, prekey INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
  n INTEGER PRIMARY KEY AUTOINCREMENT, peer TEXT NOT NULL, outgoing INTEGER NOT NULL, sealed INTEGER NOT NULL,
  id BLOB NOT NULL, counter INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, body BLOB NOT NULL,
  arrival INTEGER NOT NULL, via TEXT);
CREATE INDEX messages_by_peer ON messages (peer, outgoing, counter);
CREATE INDEX messages_by_id ON messages (id);
CREATE INDEX messages_open_ends ON messages (state) WHERE state = 'held' OR state = 'unread';
CREATE TABLE outbox (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, peer TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE quarantine (n INTEGER PRIMARY KEY, peer TEXT NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL,
  why TEXT NOT NULL, identity BLOB, payload BLOB NOT NULL);
CREATE INDEX quarantine_by_peer ON quarantine (peer);
CREATE TABLE seen (hash BLOB PRIMARY KEY) WITHOUT ROWID;
";

/// The rows, inside a transaction or just for reading.
#[derive(Debug)]
pub struct Rows<'a> {
    pub(super) db: &'a Connection,
    pub(super) cipher: &'a RowCipher,
    pub(super) verified: &'a Verified,
}

impl Rows<'_> {
    pub(super) fn exists(&self, sql: &str, key: impl rusqlite::ToSql) -> Result<bool> {
        Ok(self.db.prepare_cached(sql)?.exists([key])?)
    }

    pub(super) fn names(&self, sql: &str) -> Result<Vec<UserId>> {
        let mut query = self.db.prepare_cached(sql)?;
        let names = query.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        names.iter().map(|name| user(name)).collect()
    }

    /// What a column protects; SQLite's own copy of it stays in its page cache.
    pub(super) fn reveal(&self, label: &str, row: &Row, column: usize) -> Result<Zeroizing<Vec<u8>>> {
        let stored = row.get_ref(column)?.as_blob().map_err(|_| VaultError::Row)?;
        self.cipher.reveal(label, stored).map_err(|_| VaultError::Row)
    }

    pub(super) fn payload(&self, row: &Row, column: usize) -> Result<Payload> {
        serde_json::from_slice(&self.reveal("payload", row, column)?).map_err(|_| VaultError::Row)
    }

    pub(super) fn protect_payload(&self, payload: &Payload, rng: &mut impl CryptoRng) -> Zeroizing<Vec<u8>> {
        let json = serde_json::to_vec(payload).expect("a payload is plain data with text keys");
        self.cipher.protect("payload", &json, rng)
    }
}

pub(super) fn user(name: &str) -> Result<UserId> {
    name.parse().map_err(|_| VaultError::Row)
}

/// SQLite's integers are signed: what a peer counts beyond the sign bit comes back as it was, and is never compared in SQL.
pub(super) fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}
