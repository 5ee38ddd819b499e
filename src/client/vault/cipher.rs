//! A passphrase for the vault: secret rows and message bodies are sealed under a key that it unlocks.
//!
//! ```text
//! KEK = Argon2id(passphrase, salt 16, 64 MiB, 3 passes)      wraps      vault key (32 random bytes)
//! row = salt (24) || seal(Expand(vault key, label || 0 || salt) → key, nonce; ad = label)
//! ```
//!
//! Without a passphrase rows lie in the file as they are, readable by whoever can read the file. Source:
//! RFC 9106, section 4 (parameters); the salted derivation is that of the sealed blob.

use argon2::{Algorithm, Argon2, Params, Version};
use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::{Secret, aead::SealKey, kdf};

const SALT: usize = 24;
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;

/// What the user typed, without the line's end. Wiped on drop, never printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes the text over, less a line ending.
    #[must_use]
    pub fn new(mut text: String) -> Self {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        Self(text)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// How this vault's rows are stored.
#[derive(Debug)]
pub(super) enum RowCipher {
    Plain,
    Sealed(Secret<32>),
}

/// A row that does not open: the file was damaged or altered.
#[derive(Debug)]
pub(super) struct Unsealable;

impl RowCipher {
    pub(super) fn protect(&self, label: &str, row: &[u8], rng: &mut impl CryptoRng) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Plain => Zeroizing::new(row.to_vec()),
            Self::Sealed(key) => Zeroizing::new(seal(key, label, row, rng)),
        }
    }

    pub(super) fn reveal(&self, label: &str, row: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        match self {
            Self::Plain => Ok(Zeroizing::new(row.to_vec())),
            Self::Sealed(key) => open(key, label, row).map(Zeroizing::new),
        }
    }
}

/// A fresh vault key and its wrapping: `Argon2 salt (16) || sealed key (24 + 32 + 16)`.
pub(super) fn wrap(passphrase: &Passphrase, rng: &mut impl CryptoRng) -> (RowCipher, Vec<u8>) {
    let key = Secret::random(rng);
    let mut wrapped = vec![0; 16];
    rng.fill_bytes(&mut wrapped);
    let sealed = seal(&kek(passphrase, &wrapped), "vault key", key.expose(), rng);
    wrapped.extend_from_slice(&sealed);
    (RowCipher::Sealed(key), wrapped)
}

/// The vault key, if this is the passphrase.
pub(super) fn unwrap(passphrase: &Passphrase, wrapped: &[u8]) -> Result<RowCipher, Unsealable> {
    let (salt, sealed) = wrapped.split_at_checked(16).ok_or(Unsealable)?;
    let key = Zeroizing::new(open(&kek(passphrase, salt), "vault key", sealed)?);
    let key: [u8; 32] = key.as_slice().try_into().map_err(|_| Unsealable)?;
    Ok(RowCipher::Sealed(Secret::new(key)))
}

fn kek(passphrase: &Passphrase, salt: &[u8]) -> Secret<32> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("these parameters are within Argon2's limits");
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), salt, &mut key[..])
        .expect("a 16-byte salt and a 32-byte output are within Argon2's limits");
    Secret::new(*key)
}

fn seal(key: &Secret<32>, label: &str, row: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut salt = [0; SALT];
    rng.fill_bytes(&mut salt);
    let mut out = salt.to_vec();
    out.extend(seal_key(key, label, &salt).seal(label.as_bytes(), row));
    out
}

fn open(key: &Secret<32>, label: &str, sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let (salt, sealed) = sealed.split_at_checked(SALT).ok_or(Unsealable)?;
    seal_key(key, label, salt).open(label.as_bytes(), sealed).map_err(|_| Unsealable)
}

fn seal_key(key: &Secret<32>, label: &str, salt: &[u8]) -> SealKey {
    SealKey::from_okm(&kdf::expand(key, &[b"blindrelay/1 vault ", label.as_bytes(), &[0], salt]))
}
