//! Post: what must still leave, and what came before.
//!
//! The outbox holds exactly the bytes that were encrypted once; of what arrived, a hash stays for ever, so that the same bytes are
//! never shown twice.

use rand::CryptoRng;
use rusqlite::params;

use super::rows::{Result, Rows, user};
use crate::wire::{MessageId, Payload, UserId};

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
            let payload = self.payload(row, 2)?;
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
        let payload = self.payload(row, 1)?;
        Ok(Some(OutboxRow { id: MessageId(row.get(0)?), peer: peer.clone(), payload }))
    }

    /// Queues something for the relay.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn add_outbox(&self, row: &OutboxRow, rng: &mut impl CryptoRng) -> Result<()> {
        let payload = self.protect_payload(&row.payload, rng);
        let sql = "INSERT INTO outbox (id, peer, payload) VALUES (?1, ?2, ?3)";
        self.db.prepare_cached(sql)?.execute(params![row.id.0, row.peer.as_str(), payload.as_slice()])?;
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

    /// Takes back what has not reached the relay yet, because its key is not trusted any more: those texts are held again, and will be
    /// encrypted anew.
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
