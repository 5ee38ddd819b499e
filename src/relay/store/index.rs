//! What can be searched: the words of open texts, and who took part. Of a sealed message there are none.
//!
//! Question: how does a search over a million messages find one user's in milliseconds?
//! By an inverted index (SQLite's FTS5): for each word the numbers of the messages it is in, ascending. The participants
//! are words of a column of their own, so "Alice's, with this word" is the intersection of two lists, and nobody else's mail is looked at.
//! The index keeps no second copy of the texts.
//!
//! ```text
//! who    u17 → 3 9 12 40 …      u42 → 9 10 …         texts in the index: written in the same transaction as the message
//! text   harbour → 9 31 …       search(u17, harbour) = 9
//! ```

use rusqlite::{Connection, OptionalExtension, params};

use super::sql::Rows;
use crate::wire::{Content, Payload, UserId};

const INDEX: &str = "
CREATE INDEX sent ON messages (sender, seq, recipient, sealed);
CREATE INDEX received ON messages (recipient, seq, sender, sealed);
CREATE VIRTUAL TABLE texts USING fts5 (who, text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2');
INSERT INTO texts (texts, rank) VALUES ('secure-delete', 1);
";

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

/// Makes the index if it is not there, of what is kept.
pub(super) fn set_up(db: &Connection) -> rusqlite::Result<()> {
    if db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'texts'")?.exists([])? {
        return Ok(());
    }
    let transaction = db.unchecked_transaction()?;
    db.execute_batch(INDEX)?;
    let mut kept =
        db.prepare("SELECT seq, sender, recipient, body FROM messages WHERE NOT sealed AND body IS NOT NULL")?;
    let mut rows = kept.query([])?;
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(3)?;
        if let Ok(content) = serde_json::from_slice(&body) {
            add(db, row.get(0)?, row.get(1)?, row.get(2)?, &Payload::Open(content))?;
        }
    }
    drop(rows);
    drop(kept);
    transaction.commit()
}

/// A message was stored.
pub(super) fn add(db: &Connection, seq: i64, sender: i64, recipient: i64, payload: &Payload) -> rusqlite::Result<()> {
    let Payload::Open(Content::Text { text, .. }) = payload else { return Ok(()) };
    let mut insert = db.prepare_cached("INSERT INTO texts (rowid, who, text) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![seq, who(sender, recipient), text]).map(|_| ())
}

/// Removes what a message of this user's said; who wrote to whom, when and how much stays. None if there is no such message.
pub(super) fn remove(rows: &mut Rows, user: &UserId, seq: u64) -> rusqlite::Result<Option<Removed>> {
    let sql = "SELECT m.sender, m.recipient, r.name, m.acked, m.sealed, m.body FROM messages m
               JOIN users s ON s.n = m.sender JOIN users r ON r.n = m.recipient
               WHERE m.seq = ?1 AND (s.name = ?2 OR r.name = ?2)";
    let mut query = rows.db.prepare_cached(sql)?;
    let found = query.query_row(params![seq.cast_signed(), user.as_str()], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, bool>(3)?,
            row.get::<_, bool>(4)?,
            row.get::<_, Option<Vec<u8>>>(5)?,
        ))
    });
    let Some((sender, recipient, to, acked, sealed, body)) = found.optional()? else { return Ok(None) };
    let Some(body) = body else { return Ok(Some(Removed::Nothing)) };
    if !acked && let Ok(to) = to.parse() {
        rows.ack(&to, seq)?;
    }
    if !sealed && let Ok(Content::Text { text, .. }) = serde_json::from_slice(&body) {
        let sql = "INSERT INTO texts (texts, rowid, who, text) VALUES ('delete', ?1, ?2, ?3)";
        rows.db.prepare_cached(sql)?.execute(params![seq.cast_signed(), who(sender, recipient), text])?;
    }
    rows.db.prepare_cached("UPDATE messages SET body = NULL WHERE seq = ?1")?.execute([seq.cast_signed()])?;
    Ok(Some(if acked { Removed::Archived } else { Removed::Undelivered }))
}

fn who(sender: i64, recipient: i64) -> String {
    format!("u{sender} u{recipient}")
}
