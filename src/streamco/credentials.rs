//! What StreamCo was given when the agreement was made: an id and a secret, in a file of its own.
//!
//! ```text
//! HOME/streamco/credentials   0600   {"client_id":"streamco","client_secret":"…"}
//! ```
//!
//! The secret goes nowhere but into the request for an access token (RFC 6749, "Client Credentials Grant"), and is not printed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;

/// An id and a secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Credentials {
    /// Who the platform takes StreamCo for.
    pub client_id: String,
    /// What shows that it is.
    pub client_secret: String,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// No agreement was made.
    #[error(
        "StreamCo has no credentials ({0} is not there): no agreement was made on this home; the operator makes one with `blindrelay platform agree streamco`, or name its home with --home DIR"
    )]
    None(PathBuf),
    /// The file system refused.
    #[error("cannot read StreamCo's credentials {0}: {1}; see that the file is readable")]
    Io(PathBuf, io::Error),
    /// Something else is in the file.
    #[error(
        "{0} does not hold credentials; delete it, and let the operator agree anew with `blindrelay platform agree streamco`"
    )]
    Bad(PathBuf),
}

impl Credentials {
    /// Reads them.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CredentialsError::None(path.to_owned()),
            _ => CredentialsError::Io(path.to_owned(), error),
        })?;
        serde_json::from_str(&text).map_err(|_| CredentialsError::Bad(path.to_owned()))
    }
}

/// The secret does not print.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials {{ client_id: {:?}, client_secret: … }}", self.client_id)
    }
}
