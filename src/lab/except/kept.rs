//! What the relay really has of two people's conversation: what the operator could hand over this minute.

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags, params};
use serde::Serialize;

use crate::home::{Home, HomeError};
use crate::wire::UserId;

/// Between two people, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Messages.
    pub messages: u64,
    /// Sealed ones.
    pub sealed: u64,
    /// Sealed ones whose blob is still there.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
    /// Whether the latest is sealed.
    pub latest_sealed: bool,
}

/// Looks into the relay's database, as its operator can. None if the two have not written to each other.
///
/// # Errors
/// If there is no relay on this home.
pub fn kept(home: &Home, me: &UserId, peer: &UserId) -> Result<Option<Kept>> {
    let path = home.relay_file("relay.db");
    ensure!(path.exists(), HomeError::NoToken(path));
    let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Beside one max(), SQLite gives a bare column from the row of the maximum: whether the latest is sealed.
    let sql = "SELECT count(*), coalesce(sum(m.sealed), 0), coalesce(sum(m.sealed AND m.body IS NOT NULL), 0),
                 coalesce(sum(CASE WHEN m.sealed AND m.body IS NOT NULL THEN m.size END), 0),
                 m.sealed, max(m.seq)
               FROM messages m JOIN users s ON s.n = m.sender JOIN users r ON r.n = m.recipient
               WHERE (s.name = ?1 AND r.name = ?2) OR (s.name = ?2 AND r.name = ?1)";
    let found = db.query_row(sql, params![me.as_str(), peer.as_str()], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let latest_sealed = row.get::<_, Option<bool>>(4)?.unwrap_or(true);
        Ok(Kept { messages: number(0)?, sealed: number(1)?, blobs: number(2)?, bytes: number(3)?, latest_sealed })
    });
    let kept = found.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Some(kept).filter(|kept| kept.messages > 0))
}
