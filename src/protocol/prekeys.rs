//! Keys left at the relay, so that people can write to somebody who is offline.
//!
//! Question: the relay hands these keys out, so what if it hands out others?
//! The prekey statement is signed by the identity; [`PreKeyBundle::verify`] checks who, what and how old,
//! and only its result can start a session. One-time prekeys are unsigned, as in PQXDH: a wrong one
//! merely makes a session that does not open, because the whole transcript is hashed into its keys.
//!
//! ```text
//! statement = u8 length || id || u32 key id || u64 created (ms) || 0x03 || X25519 (32)
//!             || 0x05 || ML-KEM-768 (1184) || signature (64)
//! one-time  = u32 key id || 0x04 || X25519 (32)                         37 bytes
//! ```
//!
//! Source: PQXDH rev. 3, "Publishing keys" and "Sending the initial message".

use rand::CryptoRng;

use super::identity::{IdentityKeyPair, IdentityStatement};
use super::params::{
    ONE_TIME_STOCK, PREKEY, PREKEY_DELETE, PREKEY_FUTURE, PREKEY_REFUSE, PREKEY_ROTATE, TYPE_KEM, TYPE_ONE_TIME_PREKEY,
    TYPE_SIGNED_PREKEY,
};
use super::reader::{Malformed, Reader, put_key, put_short};
use crate::crypto::{
    ed25519, kem,
    x25519::{KeyPair, PublicKey},
};
use crate::wire::{Bytes, UserId};

/// A signed prekey and its KEM key: private halves.
#[derive(Debug)]
pub struct SignedPreKey {
    /// Counts this user's prekeys.
    pub id: u32,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// The X25519 half.
    pub pair: KeyPair,
    /// The ML-KEM-768 half.
    pub kem: kem::DecapsulationKey,
}

/// A one-time prekey: private half.
#[derive(Debug)]
pub struct OneTimePreKey {
    /// Counts this user's one-time prekeys.
    pub id: u32,
    /// X25519.
    pub pair: KeyPair,
}

/// My private prekeys. Changes are in memory; the vault writes them in the same transaction as their cause.
#[derive(Debug, Default)]
pub struct PreKeyStore {
    /// Newest last.
    pub signed: Vec<SignedPreKey>,
    /// Not yet used, oldest first.
    pub one_time: Vec<OneTimePreKey>,
    /// The next one-time key's id. Ids are never used twice.
    pub next_one_time: u32,
}

impl PreKeyStore {
    /// Whether a new signed prekey is due: the newest is a week old, or from the future, or missing.
    #[must_use]
    pub fn due(&self, now: u64) -> bool {
        !self.newest().is_some_and(|key| {
            now < key.created.saturating_add(PREKEY_ROTATE) && key.created < now.saturating_add(PREKEY_FUTURE)
        })
    }

    /// Makes a new signed prekey, whatever the age of the newest, and drops what [`Self::forget_old`] drops. Private halves are
    /// bounded: of more than 100 the oldest go.
    pub fn renew(&mut self, now: u64, rng: &mut impl CryptoRng) {
        // Counted before old ones are dropped: an id is never used twice, not even after a long absence.
        let id = self.newest().map_or(1, |key| key.id.wrapping_add(1));
        let (pair, kem) = (KeyPair::generate(rng), kem::DecapsulationKey::generate(rng));
        self.signed.push(SignedPreKey { id, created: now, pair, kem });
        let excess = self.signed.len().saturating_sub(ONE_TIME_STOCK);
        self.signed.drain(..excess);
        self.forget_old(now);
    }

    /// Drops signed prekeys that are 60 days old, all but the newest: the next one counts on from it.
    pub fn forget_old(&mut self, now: u64) {
        let newest = self.newest().map(|key| key.id);
        self.signed.retain(|key| Some(key.id) == newest || now < key.created.saturating_add(PREKEY_DELETE));
    }

    /// Makes as many one-time prekeys as the relay lacks, given how many it has left. Returns the new ones' public halves.
    /// Private halves are bounded too: of keys handed out and never used, the oldest go.
    pub fn refill(&mut self, left_at_relay: usize, rng: &mut impl CryptoRng) -> Vec<Bytes> {
        let lacking = ONE_TIME_STOCK.saturating_sub(left_at_relay);
        let made = (0..lacking).map(|_| {
            let key = OneTimePreKey { id: self.next_one_time, pair: KeyPair::generate(rng) };
            self.next_one_time = self.next_one_time.wrapping_add(1);
            let public = key.to_bytes();
            self.one_time.push(key);
            Bytes(public)
        });
        let made = made.collect();
        let excess = self.one_time.len().saturating_sub(10 * ONE_TIME_STOCK);
        self.one_time.drain(..excess);
        made
    }

    /// The newest signed prekey.
    #[must_use]
    pub fn newest(&self) -> Option<&SignedPreKey> {
        self.signed.last()
    }

    /// Deletes a one-time prekey that a message has used.
    pub fn consume(&mut self, id: u32) {
        self.one_time.retain(|key| key.id != id);
    }

    pub(crate) fn signed(&self, id: u32) -> Option<&SignedPreKey> {
        self.signed.iter().find(|key| key.id == id)
    }

    pub(crate) fn one_time(&self, id: u32) -> Option<&OneTimePreKey> {
        self.one_time.iter().find(|key| key.id == id)
    }
}

impl SignedPreKey {
    /// The statement to publish: 1,295 bytes and the id.
    #[must_use]
    pub fn statement(&self, me: &IdentityKeyPair) -> Vec<u8> {
        let mut out = Vec::with_capacity(1340);
        put_short(&mut out, me.id().as_str().as_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.created.to_be_bytes());
        put_key(&mut out, TYPE_SIGNED_PREKEY, &self.pair.public().0);
        put_key(&mut out, TYPE_KEM, &self.kem.encapsulation_key().to_bytes());
        let signature = me.sign_prekey(&out);
        out.extend_from_slice(&signature);
        out
    }
}

impl OneTimePreKey {
    /// The public half to publish: 37 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(37);
        out.extend_from_slice(&self.id.to_be_bytes());
        put_key(&mut out, TYPE_ONE_TIME_PREKEY, &self.pair.public().0);
        out
    }
}

/// What the relay answered when asked for somebody's keys: nothing of it is believed yet.
#[derive(Debug, Clone)]
pub struct PreKeyBundle {
    /// Whose keys were asked for.
    pub user: UserId,
    /// Identity statements: there must be exactly one.
    pub identities: Vec<Bytes>,
    /// The prekey statement.
    pub prekey: Option<Bytes>,
    /// A one-time key, if one was left.
    pub one_time: Option<Bytes>,
}

/// Keys that may start a session: made by [`PreKeyBundle::verify`] only.
#[derive(Debug)]
pub struct VerifiedBundle {
    pub(crate) identity: IdentityStatement,
    pub(crate) prekey_id: u32,
    pub(crate) prekey: PublicKey,
    pub(crate) kem: kem::EncapsulationKey,
    pub(crate) one_time: Option<(u32, PublicKey)>,
    /// When it was found fresh, in milliseconds since 1970.
    pub(crate) verified: u64,
}

/// Why keys were refused. Each is the relay's doing, or its user's clock's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleRefused {
    /// None published, or more than one: a ghost device.
    #[error("the relay offers {0} identities; a person has exactly one, so nothing is sent")]
    Identities(usize),
    /// There is no prekey statement.
    #[error("no prekey is published")]
    NoPrekey,
    /// Not laid out or signed as it must be, or for somebody else.
    #[error("the keys are forged, damaged or somebody else's, so nothing is sent")]
    Forged,
    /// More than 30 days old.
    #[error(
        "the prekey is over 30 days old: its owner has not been online, the relay holds back a newer one, or a clock is wrong"
    )]
    Stale,
    /// More than a day in the future.
    #[error("the prekey is dated in the future: check this machine's clock")]
    Future,
    /// My own keys under another name.
    #[error("the relay offers your own keys as somebody else's, so nothing is sent")]
    Mine,
}

impl PreKeyBundle {
    /// Believes the bundle if one identity signed all of it, for this name, recently.
    ///
    /// # Errors
    /// [`BundleRefused`], before anything is encrypted to these keys.
    pub fn verify(self, me: &IdentityStatement, now: u64) -> Result<VerifiedBundle, BundleRefused> {
        let [identity] = self.identities.as_slice() else {
            return Err(BundleRefused::Identities(self.identities.len()));
        };
        let identity = IdentityStatement::from_bytes(&identity.0).map_err(|_| BundleRefused::Forged)?;
        if *identity.id() != self.user {
            return Err(BundleRefused::Forged);
        }
        if identity.x25519() == me.x25519() || identity.ed25519() == me.ed25519() {
            return Err(BundleRefused::Mine);
        }
        let statement = self.prekey.ok_or(BundleRefused::NoPrekey)?;
        let prekey = PrekeyStatement::read(&statement.0).map_err(|Malformed| BundleRefused::Forged)?;
        if prekey.id != self.user.as_str().as_bytes()
            || identity.ed25519().verify(PREKEY, prekey.body, &prekey.signature).is_err()
        {
            return Err(BundleRefused::Forged);
        }
        if now > prekey.created.saturating_add(PREKEY_REFUSE) {
            return Err(BundleRefused::Stale);
        }
        if prekey.created > now.saturating_add(PREKEY_FUTURE) {
            return Err(BundleRefused::Future);
        }
        let kem = kem::EncapsulationKey::from_bytes(prekey.kem).map_err(|_| BundleRefused::Forged)?;
        let one_time = self.one_time.map(|key| read_one_time(&key.0)).transpose();
        let one_time = one_time.map_err(|Malformed| BundleRefused::Forged)?;
        for key in [identity.x25519(), &prekey.key].into_iter().chain(one_time.as_ref().map(|(_, key)| key)) {
            key.check().map_err(|_| BundleRefused::Forged)?;
        }
        Ok(VerifiedBundle { identity, prekey_id: prekey.key_id, prekey: prekey.key, kem, one_time, verified: now })
    }
}

impl VerifiedBundle {
    /// Whose keys these are.
    #[must_use]
    pub fn identity(&self) -> &IdentityStatement {
        &self.identity
    }

    /// Whether a one-time prekey was left. Without one, a replayed first message is held off by memory alone.
    #[must_use]
    pub fn has_one_time(&self) -> bool {
        self.one_time.is_some()
    }
}

struct PrekeyStatement<'a> {
    id: &'a [u8],
    key_id: u32,
    created: u64,
    key: PublicKey,
    kem: &'a [u8],
    body: &'a [u8],
    signature: ed25519::Signature,
}

impl<'a> PrekeyStatement<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        let id = reader.short()?;
        let (key_id, created) = (reader.u32()?, reader.u64()?);
        let key = PublicKey(reader.key(TYPE_SIGNED_PREKEY)?);
        let kem = if reader.u8()? == TYPE_KEM { reader.take(kem::ENCAPSULATION_KEY)? } else { return Err(Malformed) };
        let body = &bytes[..bytes.len() - reader.0.len()];
        let signature = reader.array()?;
        reader.end()?;
        Ok(Self { id, key_id, created, key, kem, body, signature })
    }
}

fn read_one_time(bytes: &[u8]) -> Result<(u32, PublicKey), Malformed> {
    let mut reader = Reader(bytes);
    let key = (reader.u32()?, PublicKey(reader.key(TYPE_ONE_TIME_PREKEY)?));
    reader.end()?;
    Ok(key)
}
