//! Mail: what was said, by whom, and where each text stands.

use std::fmt;

use rand::CryptoRng;
use rusqlite::{OptionalExtension, params};

use super::VaultError;
use super::rows::{Result, Rows, signed, unsigned, user};
use crate::client::contacts::Arrival;
use crate::wire::{MessageId, UserId};

// What happens with every message looks at a few rows, however long the history is.
const ADVANCE: &str =
    "UPDATE messages SET state = ?3 WHERE id = ?1 AND state = ?2 AND outgoing RETURNING peer, counter, sealed";
const DELIVERED: &str = "UPDATE messages SET state = 'delivered' WHERE peer = ?1 AND outgoing = 1 AND counter = ?2
    AND at = ?3 AND sealed <= ?4 AND state IN ('saved', 'accepted', 'refused') RETURNING peer, counter, sealed";
const MARK_READ: &str =
    "UPDATE messages SET state = 'read' WHERE state = 'unread' AND n <= ?1 AND (?2 IS NULL OR peer = ?2)";

/// The state stands in the text, not in a parameter: only then does SQLite see that its index holds just the open ends.
fn select(state: Option<StoredState>) -> String {
    let state = state.map_or_else(String::new, |state| format!("AND state = '{}'", state.name()));
    format!(
        "SELECT * FROM (SELECT * FROM messages WHERE (?1 IS NULL OR peer = ?1) {state} ORDER BY n DESC LIMIT ?2) ORDER BY n"
    )
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredState {
    /// Mine: waits for keys, or for the user's decision.
    Held,
    /// Mine: ready in the outbox.
    Saved,
    /// Mine: the relay has it.
    Accepted,
    /// Mine: the peer's client has it.
    Delivered,
    /// Mine: the relay will not take it; it is not sent again.
    Refused,
    /// Theirs: not shown yet.
    Unread,
    /// Theirs: shown.
    Read,
}

/// A text of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Number in this vault, rising.
    pub n: i64,
    /// The other person.
    pub peer: UserId,
    /// Whether I wrote it.
    pub outgoing: bool,
    /// Whether it travelled sealed.
    pub sealed: bool,
    /// The sender's id for it.
    pub id: MessageId,
    /// The sender's counter.
    pub counter: u64,
    /// The sender's clock, in milliseconds since 1970; of theirs never later than its arrival.
    pub at: u64,
    /// Where it stands.
    pub state: StoredState,
    /// Theirs: where its counter stood among those that had arrived. Kept, so that a gap is marked whenever it is shown.
    pub arrival: Arrival,
    /// What it says.
    pub text: String,
    /// Who wrote it in the peer's name, as the platform says: open mode only.
    pub via: Option<String>,
}

/// A text of mine that moved on: to whom, its counter, and whether it travels sealed.
pub type Moved = (UserId, u64, bool);

impl Rows<'_> {
    /// Adds a text; its `n` is chosen here and returned.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn add_message(&self, message: &StoredMessage, rng: &mut impl CryptoRng) -> Result<i64> {
        let StoredMessage { n: _, peer, outgoing, sealed, id, counter, at, state, arrival, text, via } = message;
        let body = self.cipher.protect("text", text.as_bytes(), rng);
        let sql = "INSERT INTO messages (peer, outgoing, sealed, id, counter, at, state, body, arrival, via)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let (counter, at) = (signed(*counter), signed(*at));
        self.db.prepare_cached(sql)?.execute(params![
            peer.as_str(),
            outgoing,
            sealed,
            id.0,
            counter,
            at,
            state.name(),
            body.as_slice(),
            arrival_to_row(*arrival),
            via
        ])?;
        Ok(self.db.last_insert_rowid())
    }

    /// Texts in the order of this vault: of one peer or of all, in one state or in any, the last `limit` of them.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn messages(
        &self,
        peer: Option<&UserId>,
        state: Option<StoredState>,
        limit: u32,
    ) -> Result<Vec<StoredMessage>> {
        let mut query = self.db.prepare_cached(&select(state))?;
        let mut found = query.query(params![peer.map(UserId::as_str), limit])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            let body = self.reveal("text", row, 8)?;
            all.push(StoredMessage {
                n: row.get(0)?,
                peer: user(&row.get::<_, String>(1)?)?,
                outgoing: row.get(2)?,
                sealed: row.get(3)?,
                id: MessageId(row.get(4)?),
                counter: unsigned(row.get(5)?),
                at: unsigned(row.get(6)?),
                state: StoredState::from_name(&row.get::<_, String>(7)?)?,
                arrival: arrival_from_row(row.get(9)?),
                text: String::from_utf8(body.to_vec()).map_err(|_| VaultError::Row)?,
                via: row.get(10)?,
            });
        }
        Ok(all)
    }

    /// Moves a text of mine from one state to another; none if it is not there in that state.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn advance(&self, id: &MessageId, from: StoredState, to: StoredState) -> Result<Option<Moved>> {
        self.returning(ADVANCE, params![id.0, from.name(), to.name()])
    }

    /// A receipt arrived for my text to `peer` with this counter and time. None if there is no such text waiting for one: an open
    /// receipt, which the relay could have written, says nothing about a sealed text.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn delivered(&self, peer: &UserId, counter: u64, at: u64, sealed: bool) -> Result<Option<Moved>> {
        self.returning(DELIVERED, params![peer.as_str(), signed(counter), signed(at), sealed])
    }

    fn returning(&self, sql: &str, params: impl rusqlite::Params) -> Result<Option<Moved>> {
        let mut update = self.db.prepare_cached(sql)?;
        let found = update.query_row(params, |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)));
        found.optional()?.map(|(peer, counter, sealed)| Ok((user(&peer)?, unsigned(counter), sealed))).transpose()
    }

    /// For whom texts are held.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn held_for(&self) -> Result<Vec<UserId>> {
        self.names("SELECT DISTINCT peer FROM messages WHERE state = 'held'")
    }

    /// Marks texts as shown, up to number `n`, of one peer or of all.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn mark_read(&self, n: i64, peer: Option<&UserId>) -> Result<()> {
        self.db.prepare_cached(MARK_READ)?.execute(params![n, peer.map(UserId::as_str)])?;
        Ok(())
    }

    /// Deletes texts, and what waits in quarantine, from before `before` (milliseconds since 1970), except those that must still leave.
    /// Returns how many texts.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn forget(&self, before: u64) -> Result<usize> {
        self.db.execute("DELETE FROM quarantine WHERE at < ?1", [signed(before)])?;
        let sql = "DELETE FROM messages WHERE at < ?1 AND state NOT IN ('held', 'saved')";
        Ok(self.db.execute(sql, [signed(before)])?)
    }
}

/// 0 in order, a gap as its size, -1 late, -2 repeated.
fn arrival_to_row(arrival: Arrival) -> i64 {
    match arrival {
        Arrival::InOrder => 0,
        Arrival::Gap(missing) => i64::try_from(missing).unwrap_or(i64::MAX),
        Arrival::Late => -1,
        Arrival::Repeated => -2,
    }
}

fn arrival_from_row(number: i64) -> Arrival {
    match number {
        0 => Arrival::InOrder,
        -1 => Arrival::Late,
        gap if gap > 0 => Arrival::Gap(gap.cast_unsigned()),
        _ => Arrival::Repeated,
    }
}

/// Without what it says.
impl fmt::Debug for StoredMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n, peer, outgoing, sealed, id, counter, at, state, arrival, text, via } = self;
        let way = if *outgoing { "to" } else { "from" };
        write!(
            f,
            "{n} {way} {peer} (sealed: {sealed}) {id} {counter} at {at}: {state:?} {arrival:?} {via:?} {} bytes",
            text.len()
        )
    }
}

impl fmt::Display for StoredState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held => "held",
            Self::Saved => "on its way",
            Self::Accepted => "at the relay",
            Self::Delivered => "delivered",
            Self::Refused => "refused by the relay",
            Self::Unread => "unread",
            Self::Read => "read",
        })
    }
}

impl StoredState {
    fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Saved => "saved",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Unread => "unread",
            Self::Read => "read",
        }
    }

    fn from_name(name: &str) -> Result<Self> {
        let mine = [Self::Held, Self::Saved, Self::Accepted, Self::Delivered, Self::Refused];
        let mut all = mine.into_iter().chain([Self::Unread, Self::Read]);
        all.find(|state| state.name() == name).ok_or(VaultError::Row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_history_does_not_make_a_message_slower() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(super::super::rows::SCHEMA).unwrap();
        let reads_all = |sql: &str| {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let count = plan.parameter_count();
            let steps =
                plan.query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get::<_, String>(3)).unwrap();
            steps.map(std::result::Result::unwrap).any(|step| step.starts_with("SCAN messages"))
        };
        let [held, unread] = [StoredState::Held, StoredState::Unread].map(|state| select(Some(state)));
        for sql in [ADVANCE, DELIVERED, MARK_READ, &held, &unread] {
            assert!(!reads_all(sql), "{sql}");
        }
        assert!(reads_all("SELECT * FROM messages WHERE ?1 IS NULL OR state = ?1"));
    }
}
