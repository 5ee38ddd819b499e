//! What the vault's rows have in common: the tables, reading and protecting a value.
//!
//! ```text
//! keys   me · prekeys · one_time · contacts · sessions · remembered     who I am, whom I trust, what turns
//! mail   messages                                                         what was said
//! post   outbox · quarantine · seen                                       what must leave, waits, came
//! ```

use rand::CryptoRng;
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use super::VaultError;
use super::cipher::RowCipher;
use crate::wire::{Payload, UserId};

pub(super) type Result<T> = std::result::Result<T, VaultError>;

pub(super) const SCHEMA: &str = "
CREATE TABLE me (what TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE prekeys (id INTEGER PRIMARY KEY, created INTEGER NOT NULL, secret BLOB NOT NULL);
CREATE TABLE one_time (id INTEGER PRIMARY KEY, secret BLOB NOT NULL);
CREATE TABLE contacts (
  peer TEXT PRIMARY KEY, sealed INTEGER NOT NULL, identity BLOB, changed BLOB, verified INTEGER NOT NULL,
  accepted INTEGER NOT NULL, next_out INTEGER NOT NULL, next_in INTEGER NOT NULL, missing BLOB NOT NULL);
CREATE TABLE sessions (peer TEXT NOT NULL, place INTEGER NOT NULL, secret BLOB NOT NULL, PRIMARY KEY (peer, place));
CREATE TABLE remembered (session BLOB PRIMARY KEY, prekey INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
  n INTEGER PRIMARY KEY AUTOINCREMENT, peer TEXT NOT NULL, outgoing INTEGER NOT NULL, sealed INTEGER NOT NULL,
  id BLOB NOT NULL, counter INTEGER NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, body BLOB NOT NULL,
  arrival INTEGER NOT NULL);
CREATE INDEX messages_by_peer ON messages (peer, outgoing, counter);
CREATE INDEX messages_by_id ON messages (id);
CREATE INDEX messages_open_ends ON messages (state) WHERE state = 'held' OR state = 'unread';
CREATE TABLE outbox (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, peer TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE quarantine (n INTEGER PRIMARY KEY, peer TEXT NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL,
  why TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE seen (hash BLOB PRIMARY KEY) WITHOUT ROWID;
";

/// The rows, inside a transaction or just for reading.
#[derive(Debug)]
pub struct Rows<'a> {
    pub(super) db: &'a Connection,
    pub(super) cipher: &'a RowCipher,
}

impl Rows<'_> {
    pub(super) fn exists(&self, sql: &str, key: impl rusqlite::ToSql) -> Result<bool> {
        Ok(self.db.prepare_cached(sql)?.exists([key])?)
    }

    pub(super) fn returning(&self, sql: &str, params: impl rusqlite::Params) -> Result<Option<(UserId, u64)>> {
        let mut update = self.db.prepare_cached(sql)?;
        let found = update.query_row(params, |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).optional()?;
        found.map(|(peer, counter)| Ok((user(&peer)?, unsigned(counter)))).transpose()
    }

    pub(super) fn reveal(&self, label: &str, row: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.cipher.reveal(label, row).map_err(|_| VaultError::Row)
    }

    pub(super) fn payload(&self, row: &[u8]) -> Result<Payload> {
        serde_json::from_slice(&self.reveal("payload", row)?).map_err(|_| VaultError::Row)
    }

    pub(super) fn protect_payload(&self, payload: &Payload, rng: &mut impl CryptoRng) -> Vec<u8> {
        let json = serde_json::to_vec(payload).expect("a payload is plain data with text keys");
        self.cipher.protect("payload", &json, rng)
    }
}

pub(super) fn user(name: &str) -> Result<UserId> {
    name.parse().map_err(|_| VaultError::Row)
}

/// SQLite's integers are signed; counters and clocks here stay far below the sign bit, and beyond it would still round-trip.
pub(super) fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}
