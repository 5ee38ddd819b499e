//! ChaCha20-Poly1305: a text that only the key opens, bound to data that it must not be moved from.
//!
//! ```text
//! seal(key, nonce, ad, text) = ciphertext (as long as the text) || tag (16 bytes)
//! ```
//!
//! A key and nonce must never seal twice. So [`SealKey`] is used by value: sealing consumes it.
//! Alone this AEAD is not key-committing (two keys can open one ciphertext to two texts); the
//! protocol adds the commitment. Source: RFC 8439, section 2.8.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};

use super::{CryptoError, Secret};

/// Bytes that sealing adds.
pub const TAG: usize = 16;

/// A key (32 bytes) and nonce (12 bytes) for exactly one text.
#[derive(Debug)]
pub struct SealKey {
    key: Secret<32>,
    nonce: [u8; 12],
}

impl SealKey {
    /// The caller vouches that this pair is derived freshly for one text.
    #[must_use]
    pub fn new(key: Secret<32>, nonce: [u8; 12]) -> Self {
        Self { key, nonce }
    }

    /// Key and nonce from 44 derived bytes.
    #[must_use]
    pub fn from_okm(okm: &Secret<44>) -> Self {
        let (mut key, mut nonce) = ([0; 32], [0; 12]);
        key.copy_from_slice(&okm.expose()[..32]);
        nonce.copy_from_slice(&okm.expose()[32..]);
        Self::new(Secret::new(key), nonce)
    }

    /// Seals: `text.len() + 16` bytes.
    #[must_use]
    pub fn seal(self, ad: &[u8], text: &[u8]) -> Vec<u8> {
        self.cipher()
            .encrypt(&self.nonce.into(), Payload { msg: text, aad: ad })
            .expect("texts are far below ChaCha20's 256 GiB")
    }

    /// Opens what the same pair sealed over the same `ad`.
    ///
    /// # Errors
    /// [`CryptoError::Forged`] for anything else, and nothing more is said.
    pub fn open(self, ad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.cipher().decrypt(&self.nonce.into(), Payload { msg: sealed, aad: ad }).map_err(|_| CryptoError::Forged)
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(self.key.expose().into())
    }
}
