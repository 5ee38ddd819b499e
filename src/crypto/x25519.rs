//! X25519: two people mix their own private key with the other's public key, and get the same secret.
//!
//! ```text
//! DH(a, B) = a·B = a·(b·G) = b·(a·G) = DH(b, A)
//! ```
//!
//! A public key of small order would make the result zero whatever the private key, so every
//! result is checked. Source: RFC 7748, section 6.1 (including its check for the all-zero value).

use rand::CryptoRng;
use x25519_dalek::StaticSecret;

use super::{CryptoError, Secret};

/// The public half: 32 bytes, a u-coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

/// A private key (32 bytes, wiped on drop) with its public key.
pub struct KeyPair {
    secret: StaticSecret,
    public: PublicKey,
}

impl PublicKey {
    /// Refuses a key of small order before anything is done with it. Private keys are multiples of 8, so such a key gives
    /// zero with every one of them: trying any one tells.
    ///
    /// # Errors
    /// [`CryptoError::NonContributory`].
    pub fn check(&self) -> Result<(), CryptoError> {
        KeyPair::from_secret(&Secret::new([1; 32])).diffie_hellman(self).map(drop)
    }
}

impl KeyPair {
    /// A fresh key pair.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from(StaticSecret::random_from_rng(rng))
    }

    /// The key pair of a private key that the vault kept.
    #[must_use]
    pub fn from_secret(secret: &Secret<32>) -> Self {
        Self::from(StaticSecret::from(*secret.expose()))
    }

    /// The private half, for the vault.
    #[must_use]
    pub fn secret(&self) -> Secret<32> {
        Secret::new(self.secret.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// `DH(self, their)`: 32 secret bytes, not yet a key (hash them first).
    ///
    /// # Errors
    /// [`CryptoError::NonContributory`] if their key is of small order.
    pub fn diffie_hellman(&self, their: &PublicKey) -> Result<Secret<32>, CryptoError> {
        let shared = self.secret.diffie_hellman(&their.0.into());
        if shared.was_contributory() { Ok(Secret::new(shared.to_bytes())) } else { Err(CryptoError::NonContributory) }
    }

    /// A second copy, for the ratchet's candidate (see [`Secret`]).
    #[must_use]
    pub(crate) fn candidate(&self) -> Self {
        Self { secret: self.secret.clone(), public: self.public }
    }
}

impl From<StaticSecret> for KeyPair {
    fn from(secret: StaticSecret) -> Self {
        let public = PublicKey(x25519_dalek::PublicKey::from(&secret).to_bytes());
        Self { secret, public }
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}
