//! Who somebody is: one name, one pair of keys, one signature that ties them together.
//!
//! Question: what keeps the relay from mixing Alice's signing key with its own agreement key?
//! The pair is one object, signed as one, sent as one: in bundles and in first messages. There are
//! no devices, so a second identity for a name is always an alarm.
//!
//! ```text
//! statement = u8 length || id || 0x01 || Ed25519 (32) || 0x02 || X25519 (32) || signature (64)
//! ```
//!
//! Source: PQXDH rev. 3, "Elliptic Curve Keys" (there one key pair serves both uses; here there are two).

use rand::CryptoRng;

use super::params::{IDENTITY, TYPE_IDENTITY_ED25519, TYPE_IDENTITY_X25519};
use super::reader::{Malformed, Reader, put_key, put_short};
use crate::crypto::{Secret, ed25519, x25519};
use crate::wire::UserId;

/// Somebody's name and public keys, with a signature that was verified: no other can be constructed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityStatement {
    id: UserId,
    ed25519: ed25519::VerifyingKey,
    x25519: x25519::PublicKey,
    signature: ed25519::Signature,
}

/// My own name and private keys.
#[derive(Debug)]
pub struct IdentityKeyPair {
    statement: IdentityStatement,
    ed25519: ed25519::SigningKey,
    x25519: x25519::KeyPair,
}

/// The bytes are not a statement that its own key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identity statement is malformed or not signed by its own key")]
pub struct BadStatement;

impl IdentityStatement {
    /// Reads and verifies a statement that must fill `bytes`.
    ///
    /// # Errors
    /// [`BadStatement`] for another layout or a signature that is not this key's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadStatement> {
        let mut reader = Reader(bytes);
        let statement = Self::read(&mut reader).map_err(|_| BadStatement)?;
        reader.end().map_err(|_| BadStatement)?;
        statement.verified()
    }

    /// Reads and verifies a statement at the start of something longer.
    pub(crate) fn parse(reader: &mut Reader) -> Result<Self, BadStatement> {
        Self::read(reader).map_err(|_| BadStatement)?.verified()
    }

    /// The statement's bytes: 131 and the id.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.body();
        out.extend_from_slice(&self.signature);
        out
    }

    /// The name.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// The key that signs prekeys.
    #[must_use]
    pub fn ed25519(&self) -> &ed25519::VerifyingKey {
        &self.ed25519
    }

    /// The key that agreements mix in.
    #[must_use]
    pub fn x25519(&self) -> &x25519::PublicKey {
        &self.x25519
    }

    /// What is signed, and what the session and the safety number cover: name and both keys.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        put_short(&mut out, self.id.as_str().as_bytes());
        put_key(&mut out, TYPE_IDENTITY_ED25519, &self.ed25519.0);
        put_key(&mut out, TYPE_IDENTITY_X25519, &self.x25519.0);
        out
    }

    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let id = std::str::from_utf8(reader.short()?).map_err(|_| Malformed)?;
        Ok(Self {
            id: id.parse().map_err(|_| Malformed)?,
            ed25519: ed25519::VerifyingKey(reader.key(TYPE_IDENTITY_ED25519)?),
            x25519: x25519::PublicKey(reader.key(TYPE_IDENTITY_X25519)?),
            signature: reader.array()?,
        })
    }

    fn verified(self) -> Result<Self, BadStatement> {
        self.ed25519.verify(IDENTITY, &self.body(), &self.signature).map_err(|_| BadStatement)?;
        Ok(self)
    }
}

impl IdentityKeyPair {
    /// A fresh identity for a name.
    pub fn generate(id: UserId, rng: &mut impl CryptoRng) -> Self {
        Self::from_secrets(id, &Secret::random(rng), &Secret::random(rng))
    }

    /// The identity of two private keys that the vault kept: an Ed25519 seed and an X25519 scalar.
    #[must_use]
    pub fn from_secrets(id: UserId, ed25519: &Secret<32>, x25519: &Secret<32>) -> Self {
        let ed25519 = ed25519::SigningKey::from_secret(ed25519);
        let x25519 = x25519::KeyPair::from_secret(x25519);
        let mut statement =
            IdentityStatement { id, ed25519: ed25519.verifying_key(), x25519: x25519.public(), signature: [0; 64] };
        statement.signature = ed25519.sign(IDENTITY, &statement.body());
        Self { statement, ed25519, x25519 }
    }

    /// The two private keys, for the vault: Ed25519 seed, X25519 scalar.
    #[must_use]
    pub fn secrets(&self) -> [Secret<32>; 2] {
        [self.ed25519.secret(), self.x25519.secret()]
    }

    /// What the world may know.
    #[must_use]
    pub fn statement(&self) -> &IdentityStatement {
        &self.statement
    }

    /// My name.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.statement.id
    }

    pub(crate) fn sign_prekey(&self, body: &[u8]) -> ed25519::Signature {
        self.ed25519.sign(super::params::PREKEY, body)
    }

    pub(crate) fn agreement(&self) -> &x25519::KeyPair {
        &self.x25519
    }
}
