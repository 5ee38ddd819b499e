//! The vault: everything one user keeps, in one file that one process opens at a time.
//!
//! Question: the power fails between two steps; what is lost, and what is found twice?
//! Every step that belongs together (keys turned, text shown, id remembered, answer queued) is one SQLite transaction, which
//! is on the disk before anything is sent or acknowledged. And a thief who takes the file must not find
//! keys of messages that were read: rows that hold keys have constant length and are overwritten in place, freed pages are
//! zeroed (`secure_delete`), and no write-ahead log keeps old pages.
//!
//! Limits: an SSD, a snapshot, a copy-on-write file system or swap may keep what was overwritten. Texts stay until
//! `/forget`; without a passphrase whoever reads the file reads them.

mod cipher;
mod codec;
mod keys;
mod mail;
mod post;
mod quarantine;
mod rows;
mod verified;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use rusqlite::{Connection, ErrorCode};

pub use cipher::Passphrase;
use cipher::RowCipher;
pub use mail::{Moved, StoredMessage, StoredState};
pub use post::OutboxRow;
pub use quarantine::{QuarantineRow, SetAside, Wake};
pub use rows::Rows;
use verified::Verified;

use crate::crypto::Secret;
use crate::protocol::IdentityKeyPair;
use crate::wire::{Token, UserId};

/// The layout's number in `user_version`; a vault with a higher one is from a newer program.
const LAYOUT: i64 = 3;
/// `application_id`: tells a vault from another SQLite file.
const MARK: i64 = 0x626c_7231;

/// One user's open vault. Closing it (dropping it) releases the lock.
#[derive(Debug)]
pub struct Vault {
    db: Connection,
    cipher: RowCipher,
    verified: Verified,
    path: Option<PathBuf>,
    _lock: Option<File>,
}

/// Why a vault did not open, or a step was not saved.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Another process has it open.
    #[error("{0} is open in another blindrelay; close that one first (one vault, one process)")]
    Busy(PathBuf),
    /// It has a passphrase and none was given.
    #[error(
        "the vault of {0} has a passphrase: give it at the prompt, or with --passphrase-file FILE or --passphrase-fd N"
    )]
    NeedsPassphrase(UserId),
    /// Not its passphrase.
    #[error("wrong passphrase for the vault of {0}; nothing was changed, try again")]
    WrongPassphrase(UserId),
    /// A passphrase was given to a vault made without one.
    #[error("the vault of {0} was made without a passphrase; leave the passphrase option out")]
    NoPassphrase(UserId),
    /// Made by a later version of this program.
    #[error("{0} was written by a newer blindrelay; use that version, nothing was changed")]
    Newer(PathBuf),
    /// Made by an earlier version of this program, which kept it differently.
    #[error(
        "{0} was written by an older blindrelay; move it away and begin anew: your contacts will see a changed key"
    )]
    Older(PathBuf),
    /// Not a vault, or not readable as one any more.
    #[error(
        "{0} is damaged or not a vault ({1}); restore it from a backup, or move it away and begin anew: your contacts will see a changed key"
    )]
    Damaged(PathBuf, String),
    /// It belongs to somebody else.
    #[error(
        "the vault holds the keys of {found}, not of {wanted}; it was moved or renamed: give it its name back, {found}.vault"
    )]
    OtherUser {
        /// Whose it is.
        found: UserId,
        /// Whose was asked for.
        wanted: UserId,
    },
    /// The disk is full. Nothing of the step was kept.
    #[error("the disk is full: nothing was changed; free some space and try again")]
    Full,
    /// The file cannot be read or written.
    #[error("cannot use {0}: {1}; give another directory with --home DIR")]
    Io(PathBuf, std::io::Error),
    /// Its directory is gone or may not be written, or the disk fails. Nothing of the step was kept.
    #[error(
        "the vault cannot be written ({0}), nothing was changed: see that its directory is there and writable, and try again"
    )]
    Unwritable(rusqlite::Error),
    /// The database refused a step. Nothing of it was kept.
    #[error(
        "the vault refused a step, nothing was changed: {0}; try again, and if it stays so, restore it from a backup"
    )]
    Db(rusqlite::Error),
    /// A row does not read as what it should be.
    #[error("a row of the vault is damaged: restore it from a backup, or move it away and begin anew")]
    Row,
}

impl Vault {
    /// Opens the user's vault, or makes it with fresh keys if there is none. A new file has mode 0600, its
    /// directory 0700. With a passphrase a new vault is sealed.
    ///
    /// # Errors
    /// [`VaultError`]; an existing file is left as it was.
    pub fn open(
        path: &Path,
        id: &UserId,
        passphrase: Option<&Passphrase>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, VaultError> {
        let unusable = |error| VaultError::Io(path.to_owned(), error);
        if let Some(dir) = path.parent() {
            private_dir(dir).map_err(unusable)?;
        }
        let lock = private_file(&path.with_extension("lock")).map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => VaultError::Busy(path.to_owned()),
            TryLockError::Error(error) => VaultError::Io(path.to_owned(), error),
        })?;
        private_file(path).map_err(unusable)?;
        let vault = Self {
            db: Connection::open(path)?,
            cipher: RowCipher::Plain,
            verified: Verified::default(),
            path: Some(path.to_owned()),
            _lock: Some(lock),
        };
        vault.set_up(id, passphrase, rng).map_err(|error| match error {
            VaultError::Row => VaultError::Damaged(path.to_owned(), "it does not read as one".to_owned()),
            other => other,
        })
    }

    /// A vault in memory, for simulations.
    ///
    /// # Errors
    /// [`VaultError::Db`] if SQLite cannot start.
    pub fn in_memory(id: &UserId, rng: &mut impl CryptoRng) -> Result<Self, VaultError> {
        let db = Connection::open_in_memory()?;
        Self { db, cipher: RowCipher::Plain, verified: Verified::default(), path: None, _lock: None }
            .set_up(id, None, rng)
    }

    /// Runs a step: either all of it is on the disk when this returns, or nothing.
    ///
    /// # Errors
    /// The step's own, or that of saving it.
    pub fn transaction<R, E: From<VaultError>>(&mut self, step: impl FnOnce(&Rows) -> Result<R, E>) -> Result<R, E> {
        let transaction = self.db.transaction().map_err(VaultError::from)?;
        let result = step(&Rows { db: &transaction, cipher: &self.cipher, verified: &self.verified })?;
        transaction.commit().map_err(VaultError::from)?;
        Ok(result)
    }

    /// Reads outside of a step.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        Rows { db: &self.db, cipher: &self.cipher, verified: &self.verified }
    }

    /// Rewrites the file so that nothing deleted is left in it.
    ///
    /// # Errors
    /// [`VaultError`]; the file is then as it was.
    pub fn vacuum(&self) -> Result<(), VaultError> {
        Ok(self.db.execute_batch("VACUUM")?)
    }

    /// Closes cleanly: rewrites the file and says so in it.
    ///
    /// # Errors
    /// [`VaultError`]; the vault is closed all the same, and tidied at the next start.
    pub fn close(self) -> Result<(), VaultError> {
        self.vacuum()?;
        self.rows().set_clean(true)
    }

    /// Writes all of it to a new file (0600), closed cleanly: for a vault in memory whose owner goes on with a real one.
    ///
    /// # Errors
    /// [`VaultError`], also if the file holds something.
    pub fn save(&self, path: &Path) -> Result<(), VaultError> {
        let unusable = |error| VaultError::Io(path.to_owned(), error);
        path.parent().map_or(Ok(()), private_dir).and_then(|()| private_file(path)).map_err(unusable)?;
        self.rows().set_clean(true)?;
        // A path is bytes, not always UTF-8.
        self.db.execute("VACUUM INTO CAST(?1 AS TEXT)", [path.as_os_str().as_encoded_bytes()])?;
        Ok(())
    }

    /// Where it lies; none for one in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn set_up(
        mut self,
        id: &UserId,
        passphrase: Option<&Passphrase>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, VaultError> {
        // Journal and page zeroing as measured: with a write-ahead log retired keys stayed on the disk.
        self.db.execute_batch(
            "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;
             PRAGMA temp_store=MEMORY;",
        )?;
        let pragma = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (layout, mark) = (pragma("user_version")?, pragma("application_id")?);
        let tables: i64 = self.db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let path = self.path.clone().unwrap_or_default();
        match (layout, mark, tables) {
            (0, 0, 0) => self.create(id, passphrase, rng)?,
            (LAYOUT, MARK, _) => self.unlock(id, passphrase)?,
            (older, MARK, _) if older < LAYOUT => return Err(VaultError::Older(path)),
            (newer, MARK, _) if newer > LAYOUT => return Err(VaultError::Newer(path)),
            _ => return Err(VaultError::Damaged(path, "it is another kind of file".to_owned())),
        }
        if !self.rows().is_clean()? {
            self.vacuum()?;
        }
        self.rows().set_clean(false)?;
        Ok(self)
    }

    fn create(
        &mut self,
        id: &UserId,
        passphrase: Option<&Passphrase>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let wrapped = passphrase.map(|passphrase| {
            let (cipher, wrapped) = cipher::wrap(passphrase, rng);
            self.cipher = cipher;
            wrapped
        });
        let me = IdentityKeyPair::generate(id.clone(), rng);
        let token = Token::random(rng);
        self.transaction(|rows| rows.create(LAYOUT, MARK, &me, &token, wrapped.as_deref(), rng))
    }

    fn unlock(&mut self, id: &UserId, passphrase: Option<&Passphrase>) -> Result<(), VaultError> {
        let found = self.rows().owner()?;
        if found != *id {
            return Err(VaultError::OtherUser { found, wanted: id.clone() });
        }
        let wrapped = self.rows().wrapped_key()?;
        self.cipher = match (wrapped, passphrase) {
            (None, None) => RowCipher::Plain,
            (None, Some(_)) => return Err(VaultError::NoPassphrase(found)),
            (Some(_), None) => return Err(VaultError::NeedsPassphrase(found)),
            (Some(wrapped), Some(passphrase)) => {
                cipher::unwrap(passphrase, &wrapped).map_err(|_| VaultError::WrongPassphrase(found))?
            }
        };
        Ok(())
    }
}

/// A directory that only its owner enters, made with its parents.
fn private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// A file that only its owner reads, made if missing.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Row,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => Self::Unwritable(error),
            None if matches!(
                error,
                FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..)
            ) =>
            {
                Self::Row
            }
            _ => Self::Db(error),
        }
    }
}

/// 32 secret bytes out of a row.
fn secret32(row: &[u8]) -> Result<Secret<32>, VaultError> {
    row.try_into().map(Secret::new).map_err(|_| VaultError::Row)
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha20Rng};

    use super::*;

    #[test]
    fn a_step_waits_for_the_disk() {
        let vault = Vault::in_memory(&"alice".parse().unwrap(), &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        let waits = || vault.db.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap() >= 2;
        assert!(waits());
        vault.db.execute_batch("PRAGMA synchronous=OFF").unwrap();
        assert!(!waits(), "the control");
    }
}
