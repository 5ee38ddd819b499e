//! Post: what must still leave, what was put aside, and what came before.
//!
//! The outbox holds exactly the bytes that were encrypted once; quarantine is capped; of what arrived, a hash stays for ever, so that
//! the same bytes are never shown twice.

use rand::CryptoRng;
use rusqlite::params;

use super::rows::{Result, Rows, signed, unsigned, user};
use crate::wire::{MessageId, Payload, UserId};

/// The most messages in quarantine; the oldest go first.
const MAX_QUARANTINE: i64 = 100;

/// Something that must still reach the relay, exactly as it was first encrypted.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// The id to send it under.
    pub id: MessageId,
    /// To whom.
    pub peer: UserId,
    /// Content or blob.
    pub payload: Payload,
}

/// Something that arrived and could not be shown.
#[derive(Debug, Clone)]
pub struct QuarantineRow {
    /// Number in this vault.
    pub n: i64,
    /// Who the relay says sent it.
    pub peer: UserId,
    /// The sender's id for it.
    pub id: MessageId,
    /// The relay's clock, in milliseconds since 1970.
    pub at: u64,
    /// Why it waits.
    pub why: String,
    /// Content or blob.
    pub payload: Payload,
}

impl Rows<'_> {
    /// What must still reach the relay, oldest first.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn outbox(&self) -> Result<Vec<OutboxRow>> {
        let mut query = self.db.prepare_cached("SELECT id, peer, payload FROM outbox ORDER BY n")?;
        let mut found = query.query([])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            let payload = self.payload(&row.get::<_, Vec<u8>>(2)?)?;
            all.push(OutboxRow { id: MessageId(row.get(0)?), peer: user(&row.get::<_, String>(1)?)?, payload });
        }
        Ok(all)
    }

    /// What must reach the relay next for this peer.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn next_out(&self, peer: &UserId) -> Result<Option<OutboxRow>> {
        let sql = "SELECT id, payload FROM outbox WHERE peer = ?1 ORDER BY n LIMIT 1";
        let mut query = self.db.prepare_cached(sql)?;
        let mut found = query.query([peer.as_str()])?;
        let Some(row) = found.next()? else { return Ok(None) };
        let payload = self.payload(&row.get::<_, Vec<u8>>(1)?)?;
        Ok(Some(OutboxRow { id: MessageId(row.get(0)?), peer: peer.clone(), payload }))
    }

    /// For whom texts are held.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn held_for(&self) -> Result<Vec<UserId>> {
        let mut query = self.db.prepare_cached("SELECT DISTINCT peer FROM messages WHERE state = 'held'")?;
        let names = query.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        names.iter().map(|name| user(name)).collect()
    }

    /// Queues something for the relay.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn add_outbox(&self, row: &OutboxRow, rng: &mut impl CryptoRng) -> Result<()> {
        let payload = self.protect_payload(&row.payload, rng);
        let sql = "INSERT INTO outbox (id, peer, payload) VALUES (?1, ?2, ?3)";
        self.db.prepare_cached(sql)?.execute(params![row.id.0, row.peer.as_str(), payload])?;
        Ok(())
    }

    /// The relay has it.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn remove_outbox(&self, id: &MessageId) -> Result<()> {
        self.db.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id.0])?;
        Ok(())
    }

    /// Takes back what has not reached the relay yet: those texts are held again.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn hold_back(&self, peer: &UserId) -> Result<()> {
        let sql = "UPDATE messages SET state = 'held' WHERE peer = ?1 AND state = 'saved'
                   AND id IN (SELECT id FROM outbox WHERE peer = ?1)";
        self.db.execute(sql, [peer.as_str()])?;
        self.db.execute("DELETE FROM outbox WHERE peer = ?1", [peer.as_str()])?;
        Ok(())
    }

    /// Puts something that could not be shown aside. The oldest go when there are more than 100.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn add_quarantine(&self, row: &QuarantineRow, rng: &mut impl CryptoRng) -> Result<()> {
        let QuarantineRow { n: _, peer, id, at, why, payload } = row;
        let sql = "INSERT INTO quarantine (peer, id, at, why, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
        let payload = self.protect_payload(payload, rng);
        self.db.prepare_cached(sql)?.execute(params![peer.as_str(), id.0, signed(*at), why, payload])?;
        let sql = "DELETE FROM quarantine WHERE n <= (SELECT max(n) FROM quarantine) - ?1";
        self.db.prepare_cached(sql)?.execute([MAX_QUARANTINE])?;
        Ok(())
    }

    /// What was put aside, of one peer or of all, oldest first.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn quarantine(&self, peer: Option<&UserId>) -> Result<Vec<QuarantineRow>> {
        let sql = "SELECT * FROM quarantine WHERE ?1 IS NULL OR peer = ?1 ORDER BY n";
        let mut query = self.db.prepare_cached(sql)?;
        let mut found = query.query([peer.map(UserId::as_str)])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            all.push(QuarantineRow {
                n: row.get(0)?,
                peer: user(&row.get::<_, String>(1)?)?,
                id: MessageId(row.get(2)?),
                at: unsigned(row.get(3)?),
                why: row.get(4)?,
                payload: self.payload(&row.get::<_, Vec<u8>>(5)?)?,
            });
        }
        Ok(all)
    }

    /// It opened after all, or was thrown away.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn remove_quarantine(&self, n: i64) -> Result<()> {
        self.db.prepare_cached("DELETE FROM quarantine WHERE n = ?1")?.execute([n])?;
        Ok(())
    }

    /// Whether these bytes arrived before (32-byte hash).
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn was_seen(&self, hash: &[u8; 32]) -> Result<bool> {
        self.exists("SELECT 1 FROM seen WHERE hash = ?1", hash)
    }

    /// Remembers these bytes for ever.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn see(&self, hash: &[u8; 32]) -> Result<()> {
        self.db.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1)")?.execute([hash])?;
        Ok(())
    }
}
