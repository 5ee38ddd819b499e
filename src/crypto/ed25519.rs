//! Ed25519: proof that the owner of a key said something, for this purpose and no other.
//!
//! ```text
//! signed bytes = label || 0x00 || u32 length || body
//! ```
//!
//! The label separates purposes: a prekey signature can never pass as an identity signature.
//! Only strict verification is offered: it refuses small-order keys and non-canonical encodings,
//! with which one signature would fit several messages. Source: RFC 8032, section 5.1.

use ed25519_dalek::Signer;
use rand::CryptoRng;

use super::{CryptoError, Secret};

/// A signature: 64 bytes, R || S.
pub type Signature = [u8; 64];

/// The public half: 32 bytes, a compressed point. Checked when used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerifyingKey(pub [u8; 32]);

/// The private half: a 32-byte seed, wiped on drop.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_secret(&Secret::random(rng))
    }

    /// The key of a seed that the vault kept.
    #[must_use]
    pub fn from_secret(seed: &Secret<32>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// The seed, for the vault.
    #[must_use]
    pub fn secret(&self) -> Secret<32> {
        Secret::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `body` for the purpose that `label` names.
    #[must_use]
    pub fn sign(&self, label: &str, body: &[u8]) -> Signature {
        self.0.sign(&framed(label, body)).to_bytes()
    }
}

impl VerifyingKey {
    /// Checks that the owner of this key signed `body` for the purpose that `label` names.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] or [`CryptoError::BadSignature`].
    pub fn verify(&self, label: &str, body: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        self.verify_raw(&framed(label, body), signature)
    }

    /// Strict verification of unframed bytes: the tool itself, for published test vectors.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] or [`CryptoError::BadSignature`].
    pub fn verify_raw(&self, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_err(|_| CryptoError::BadKey)?;
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
            .map_err(|_| CryptoError::BadSignature)
    }
}

fn framed(label: &str, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("statements are far below 4 GiB");
    [label.as_bytes(), &[0], &length.to_be_bytes(), body].concat()
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.verifying_key()).finish()
    }
}
