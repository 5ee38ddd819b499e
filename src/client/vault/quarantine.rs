//! Quarantine: what arrived and cannot be shown, why, and what may change that.
//!
//! Each row keeps the payload as it came. It is acknowledged, so that it does not block the mailbox.
//!
//! ```text
//! why                  tried again after                        ends by
//! unreadable           each message of that peer that opened    opening (its session, or a step of the ratchet, came later)
//! too far ahead        each message of that peer that opened    opening (what was missing came)
//! open, in a sealed    a decision of the user                   /mode open
//! another identity     a decision of the user                   /accept, or /reject of that identity
//! begun in the future  a decision of the user                   that time
//! altered, key gone    never                                    /forget, or making room
//! ```
//!
//! Only the first two are cheap to try: a stranger who fills the quarantine does not make every later message slow.

use rand::CryptoRng;
use rusqlite::params;

use super::VaultError;
use super::rows::{Result, Rows, signed, unsigned, user};
use crate::protocol::{DecryptError, IdentityStatement};
use crate::wire::{MessageId, Payload, UserId};

/// The most messages in quarantine.
const MAX_QUARANTINE: i64 = 100;

/// Who makes room: first those whom the user has never written to, then whoever has most; their oldest goes.
const MAKE_ROOM: &str = "DELETE FROM quarantine WHERE n = (SELECT min(n) FROM quarantine WHERE peer = (
    SELECT peer FROM quarantine GROUP BY peer ORDER BY
      EXISTS (SELECT 1 FROM contacts WHERE contacts.peer = quarantine.peer AND accepted), count(*) DESC LIMIT 1))";

/// Why a message is in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetAside {
    /// Open, in a sealed conversation.
    #[error("it came open into a sealed conversation: the relay could have written it")]
    Open,
    /// It did not open.
    #[error(transparent)]
    Unopened(#[from] DecryptError),
}

/// After what a message in quarantine is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A message of that peer that opened.
    Mail,
    /// A decision of the user about that peer.
    Decision,
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
    /// The relay's clock, in milliseconds since 1970; never later than its arrival.
    pub at: u64,
    /// Why it waits.
    pub why: SetAside,
    /// Content or blob.
    pub payload: Payload,
}

impl SetAside {
    /// After what it is tried again; none if nothing can change it.
    #[must_use]
    pub fn wake(&self) -> Option<Wake> {
        match self {
            Self::Unopened(DecryptError::Unreadable | DecryptError::TooFarAhead) => Some(Wake::Mail),
            Self::Open | Self::Unopened(DecryptError::IdentityChanged(_) | DecryptError::Future) => {
                Some(Wake::Decision)
            }
            Self::Unopened(_) => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Unopened(DecryptError::Unreadable) => "unreadable",
            Self::Unopened(DecryptError::Tampered) => "altered",
            Self::Unopened(DecryptError::TooFarAhead) => "too far ahead",
            Self::Unopened(DecryptError::UsedCounter) => "used counter",
            Self::Unopened(DecryptError::Replayed) => "replayed",
            Self::Unopened(DecryptError::Future) => "future",
            Self::Unopened(DecryptError::PrekeyGone) => "prekey gone",
            Self::Unopened(DecryptError::IdentityChanged(_)) => "another identity",
        }
    }

    fn identity(&self) -> Option<Vec<u8>> {
        match self {
            Self::Unopened(DecryptError::IdentityChanged(identity)) => Some(identity.to_bytes()),
            _ => None,
        }
    }

    fn from_row(name: &str, identity: Option<Vec<u8>>) -> Result<Self> {
        Ok(match (name, identity) {
            ("open", None) => Self::Open,
            ("unreadable", None) => DecryptError::Unreadable.into(),
            ("altered", None) => DecryptError::Tampered.into(),
            ("too far ahead", None) => DecryptError::TooFarAhead.into(),
            ("used counter", None) => DecryptError::UsedCounter.into(),
            ("replayed", None) => DecryptError::Replayed.into(),
            ("future", None) => DecryptError::Future.into(),
            ("prekey gone", None) => DecryptError::PrekeyGone.into(),
            ("another identity", Some(bytes)) => {
                let identity = IdentityStatement::from_bytes(&bytes).map_err(|_| VaultError::Row)?;
                DecryptError::IdentityChanged(Box::new(identity)).into()
            }
            _ => return Err(VaultError::Row),
        })
    }
}

impl Rows<'_> {
    /// Puts something that could not be shown aside. If there are more than 100, one makes room: a stranger's before a friend's.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn add_quarantine(&self, row: &QuarantineRow, rng: &mut impl CryptoRng) -> Result<()> {
        let QuarantineRow { n: _, peer, id, at, why, payload } = row;
        let sql = "INSERT INTO quarantine (peer, id, at, why, identity, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let payload = self.protect_payload(payload, rng);
        let (name, identity) = (why.name(), why.identity());
        self.db.prepare_cached(sql)?.execute(params![
            peer.as_str(),
            id.0,
            signed(*at),
            name,
            identity,
            payload.as_slice()
        ])?;
        let count: i64 = self.db.query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))?;
        for _ in MAX_QUARANTINE..count {
            self.db.prepare_cached(MAKE_ROOM)?.execute([])?;
        }
        Ok(())
    }

    /// What was put aside, of one peer or of all, oldest first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn quarantine(&self, peer: Option<&UserId>) -> Result<Vec<QuarantineRow>> {
        let sql =
            "SELECT n, peer, id, at, why, identity, payload FROM quarantine WHERE ?1 IS NULL OR peer = ?1 ORDER BY n";
        let mut query = self.db.prepare_cached(sql)?;
        let mut found = query.query([peer.map(UserId::as_str)])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            all.push(QuarantineRow {
                n: row.get(0)?,
                peer: user(&row.get::<_, String>(1)?)?,
                id: MessageId(row.get(2)?),
                at: unsigned(row.get(3)?),
                why: SetAside::from_row(&row.get::<_, String>(4)?, row.get(5)?)?,
                payload: self.payload(row, 6)?,
            });
        }
        Ok(all)
    }

    /// It was tried again, and another reason holds it now.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn set_why(&self, n: i64, why: &SetAside) -> Result<()> {
        let sql = "UPDATE quarantine SET why = ?2, identity = ?3 WHERE n = ?1";
        self.db.prepare_cached(sql)?.execute(params![n, why.name(), why.identity()])?;
        Ok(())
    }

    /// It opened after all, or was thrown away.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn remove_quarantine(&self, n: i64) -> Result<()> {
        self.db.prepare_cached("DELETE FROM quarantine WHERE n = ?1")?.execute([n])?;
        Ok(())
    }
}
