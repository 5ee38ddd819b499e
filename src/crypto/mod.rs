//! # Five tools and a box for secrets
//!
//! Question: what does the protocol stand on, and what can each tool promise?
//!
//! | tool | gives | crate |
//! |---|---|---|
//! | [`x25519`] | a secret that two key pairs share | x25519-dalek |
//! | [`ed25519`] | proof that a key's owner said so | ed25519-dalek |
//! | [`kdf`] | many independent keys out of one secret | hkdf, hmac, sha2 |
//! | [`aead`] | a text that only the key opens, and nobody can alter | chacha20poly1305 |
//! | [`kem`] | a secret that a quantum computer does not find | ml-kem |
//!
//! Each is a thin typed layer: a key cannot be passed where a salt belongs, a key that has done
//! its work is moved away, and [`Secret`] wipes itself. No tool is ours; the protocol above is.

pub mod aead;
pub mod ed25519;
pub mod kdf;
pub mod kem;
mod secret;
pub mod x25519;

pub use secret::Secret;

/// What a tool can refuse. Coarse on purpose: an attacker learns nothing from the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// A public key of small order: the shared secret would be the same for everybody.
    #[error("a public key is of small order: refuse whoever offered it")]
    NonContributory,
    /// The bytes are not a public key of this kind.
    #[error("bytes that are not a public key: refuse whoever offered them")]
    BadKey,
    /// The signature does not belong to this key, label and body.
    #[error("a signature does not verify: the statement is forged or damaged")]
    BadSignature,
    /// The tag does not belong to this key, associated data and ciphertext.
    #[error("a ciphertext is forged, altered or for another key")]
    Forged,
}
