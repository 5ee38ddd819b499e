//! ML-KEM-768: a secret agreed in one direction, which a quantum computer does not find either.
//!
//! ```text
//! encapsulate(EK)  → ciphertext (1,088 bytes), secret (32 bytes)
//! decapsulate(DK, ciphertext) → the same secret
//! ```
//!
//! Bob publishes an encapsulation key (1,184 bytes); whoever wants to write to him encapsulates.
//! A damaged ciphertext yields another secret rather than an error, and the message then does not
//! open. Security category 3. The crate is unaudited. Source: FIPS 203, section 7.

use ml_kem::{
    Decapsulate, Encapsulate, KeyExport, MlKem768,
    kem::{Kem, Key},
};
use rand::CryptoRng;

use super::{CryptoError, Secret};

/// Bytes of an encapsulation key.
pub const ENCAPSULATION_KEY: usize = 1184;
/// Bytes of a ciphertext.
pub const CIPHERTEXT: usize = 1088;

type Ek = <MlKem768 as Kem>::EncapsulationKey;
type Dk = <MlKem768 as Kem>::DecapsulationKey;

/// The public half: 1,184 bytes that passed the modulus check.
#[derive(Clone, PartialEq, Eq)]
pub struct EncapsulationKey(Box<Ek>);

/// The private half, made from a 64-byte seed. Wiped on drop.
pub struct DecapsulationKey {
    seed: Secret<64>,
    key: Box<Dk>,
}

impl EncapsulationKey {
    /// Reads 1,184 bytes.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] for another length or a coefficient out of range (FIPS 203, section 7.2).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        let key = Key::<Ek>::try_from(bytes).map_err(|_| CryptoError::BadKey)?;
        Ek::new(&key).map(|key| Self(Box::new(key))).map_err(|_| CryptoError::BadKey)
    }

    /// The 1,184 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// A fresh secret (32 bytes) and the ciphertext (1,088 bytes) that carries it.
    pub fn encapsulate(&self, rng: &mut impl CryptoRng) -> (Vec<u8>, Secret<32>) {
        let (ciphertext, secret) = self.0.encapsulate_with_rng(rng);
        (ciphertext.to_vec(), Secret::new(secret.into()))
    }
}

impl DecapsulationKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(Secret::random(rng))
    }

    /// The key of a 64-byte seed (d || z) that the vault kept.
    #[must_use]
    pub fn from_seed(seed: Secret<64>) -> Self {
        let key = Box::new(Dk::from_seed((*seed.expose()).into()));
        Self { seed, key }
    }

    /// The seed, for the vault.
    #[must_use]
    pub fn seed(&self) -> &Secret<64> {
        &self.seed
    }

    /// The public half.
    #[must_use]
    pub fn encapsulation_key(&self) -> EncapsulationKey {
        EncapsulationKey(Box::new(self.key.encapsulation_key().clone()))
    }

    /// The secret in a ciphertext.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if it is not 1,088 bytes long.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret<32>, CryptoError> {
        let secret = self.key.decapsulate_slice(ciphertext).map_err(|_| CryptoError::BadKey)?;
        Ok(Secret::new(secret.into()))
    }
}

impl std::fmt::Debug for EncapsulationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncapsulationKey({ENCAPSULATION_KEY})")
    }
}

impl std::fmt::Debug for DecapsulationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DecapsulationKey(…)")
    }
}
