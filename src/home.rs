//! Where things are kept: one directory for the relay, the users and the tokens. `rm -r` starts over.
//!
//! ```text
//! HOME/relay/relay.db      what the relay keeps          HOME/users/NAME.vault   what a user keeps
//! HOME/relay/platform.db   what the platform keeps        HOME/relay/operator.token   the operator's (0600)
//! HOME/streamco/           what the fictional partner keeps: its credentials, its event database
//! ```

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::wire::{Token, UserId};

/// The home directory of this program.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// Why there is no usable home, or a file in it is not usable.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither option nor environment say where.
    #[error("no place to keep things: HOME is not set; give --home DIR or set BLINDRELAY_HOME")]
    Nowhere,
    /// The file system refused.
    #[error("cannot use {0}: {1}; give another directory with --home DIR")]
    Io(PathBuf, io::Error),
    /// A token file does not hold a token.
    #[error("{0} does not hold a token; delete it, and restart the relay to make a new one")]
    BadToken(PathBuf),
    /// There is no token file.
    #[error(
        "{0} is not there: no relay has run on this home; start one with `blindrelay relay`, or name its home with --home DIR"
    )]
    NoToken(PathBuf),
}

impl Home {
    /// The given directory, else `BLINDRELAY_HOME`, else the XDG data directory.
    ///
    /// # Errors
    /// [`HomeError::Nowhere`].
    pub fn resolve(given: Option<PathBuf>) -> Result<Self, HomeError> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let data = || set("XDG_DATA_HOME").filter(|dir| dir.is_absolute()).map(|dir| dir.join("blindrelay"));
        let home = || set("HOME").map(|dir| dir.join(".local/share/blindrelay"));
        let given = given.filter(|dir| !dir.as_os_str().is_empty());
        given.or_else(|| set("BLINDRELAY_HOME")).or_else(data).or_else(home).map(Self).ok_or(HomeError::Nowhere)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The relay's directory.
    #[must_use]
    pub fn relay_dir(&self) -> PathBuf {
        self.0.join("relay")
    }

    /// A file of the relay.
    #[must_use]
    pub fn relay_file(&self, name: &str) -> PathBuf {
        self.relay_dir().join(name)
    }

    /// A file of StreamCo's.
    #[must_use]
    pub fn streamco_file(&self, name: &str) -> PathBuf {
        self.0.join("streamco").join(name)
    }

    /// StreamCo's event database: its directory is made, 0700, and a new file, 0600.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn make_streamco_db(&self) -> Result<PathBuf, HomeError> {
        let (dir, path) = (self.0.join("streamco"), self.streamco_file("streamco.db"));
        make_private_dir(&dir).map_err(|error| HomeError::Io(dir, error))?;
        let made = private().append(true).create(true).open(&path);
        made.map(|_| path.clone()).map_err(|error| HomeError::Io(path, error))
    }

    /// Keeps what a platform gave a partner (0600, in a directory of the partner's own); where.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn keep_credentials(&self, partner: &UserId, credentials: &str) -> Result<PathBuf, HomeError> {
        let path = match partner.as_str() {
            "streamco" => self.streamco_file("credentials"),
            other => self.0.join("partners").join(other).join("credentials"),
        };
        let kept =
            path.parent().map_or(Ok(()), make_private_dir).and_then(|()| make_whole(&path, credentials.as_bytes()));
        kept.map(|()| path.clone()).map_err(|error| HomeError::Io(path, error))
    }

    /// A user's vault.
    #[must_use]
    pub fn vault(&self, user: &UserId) -> PathBuf {
        self.0.join("users").join(format!("{user}.vault"))
    }

    /// Makes the relay's directory, 0700.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn make_relay_dir(&self) -> Result<PathBuf, HomeError> {
        let dir = self.relay_dir();
        make_private_dir(&dir).map_err(|error| HomeError::Io(dir.clone(), error))?;
        Ok(dir)
    }

    /// Opens a file of the relay for appending; a new one is made 0600.
    ///
    /// # Errors
    /// [`HomeError::Io`].
    pub fn open_relay_file(&self, name: &str) -> Result<File, HomeError> {
        let path = self.relay_file(name);
        private().append(true).create(true).open(&path).map_err(|error| HomeError::Io(path, error))
    }

    /// Reads a token of the relay: `"operator"`.
    ///
    /// # Errors
    /// [`HomeError`] if no relay has made one, or it is not readable.
    pub fn token(&self, name: &str) -> Result<Token, HomeError> {
        let path = self.relay_file(&format!("{name}.token"));
        match fs::read_to_string(&path) {
            Ok(text) => text.parse().map_err(|_| HomeError::BadToken(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(HomeError::NoToken(path)),
            Err(error) => Err(HomeError::Io(path, error)),
        }
    }

    /// Reads a token of the relay, or makes it (0600).
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn token_or_new(&self, name: &str) -> Result<Token, HomeError> {
        match self.token(name) {
            Err(HomeError::NoToken(path)) => {
                let token = Token::random(&mut rand::rng());
                let made = make_whole(&path, token.expose().as_bytes());
                made.map_err(|error| HomeError::Io(path.clone(), error))?;
                Ok(token)
            }
            other => other,
        }
    }
}

/// Makes a directory and its parents for the owner alone.
fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Makes a file that is there with all of this in it, or not there at all, whenever the power fails.
fn make_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = private().write(true).create(true).truncate(true).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, path)
}

/// A file that is made for the owner alone.
fn private() -> OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
