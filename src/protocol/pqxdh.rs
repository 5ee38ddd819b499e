//! PQXDH: agree on a secret with somebody who is offline, so that neither the relay nor a later
//! quantum computer finds it.
//!
//! Four Diffie-Hellman results and one KEM secret are hashed together; whoever lacks any one
//! private key lacks the sum. Everything public goes into `session_ad`, so both sides agree on
//! what they agreed on: names, identities and every key that was used.
//!
//! ```text
//!           IK_B      SPK_B     OPK_B     KEM_B
//! IK_A                 dh1
//! EK_A      dh2        dh3       dh4
//! ─                                        ss
//! session_ad = SHA-256(label, ids, identities, EK, time, SPK, OPK, KEM key, KEM ciphertext)   each with its length
//! SK || hka || nhkb = HKDF(salt 0*32, FF*32 || dh1 || dh2 || dh3 [|| dh4] || ss, suite || session_ad)
//! ```
//!
//! Source: PQXDH rev. 3, "Sending the initial message", "Receiving the initial message".

use rand::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::identity::{IdentityKeyPair, IdentityStatement};
use super::params::{SESSION, SUITE, TYPE_EPHEMERAL, TYPE_KEM, TYPE_ONE_TIME_PREKEY, TYPE_SIGNED_PREKEY};
use super::prekeys::{PreKeyStore, VerifiedBundle};
use super::reader::{Malformed, Reader, put_key};
use crate::crypto::{
    CryptoError, Secret, kdf, kem,
    x25519::{KeyPair, PublicKey},
};

/// What the initiator sends along until it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The initiator's identity, verified.
    pub identity: IdentityStatement,
    /// EK_A.
    pub ephemeral: PublicKey,
    /// When the initiator began, in milliseconds since 1970: of two sessions the later one sends.
    pub started: u64,
    /// Which signed prekey (and KEM key) was used.
    pub prekey_id: u32,
    /// Which one-time prekey was used, if one was left.
    pub one_time_id: Option<u32>,
    /// 1,088 bytes.
    pub kem_ciphertext: Vec<u8>,
}

/// What both sides now have.
#[derive(Debug)]
pub struct Agreement {
    /// Hash of the public transcript: the session's id, and associated data of each of its messages. 32 bytes.
    pub session_ad: [u8; 32],
    /// The first root key.
    pub sk: Secret<32>,
    /// The initiator's first header key.
    pub hka: Secret<32>,
    /// The responder's first header key.
    pub nhkb: Secret<32>,
}

/// Why a handshake was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeRefused {
    /// It names a prekey that is gone: too old, or used already.
    #[error("the handshake uses a prekey that no longer exists")]
    UnknownPrekey,
    /// A key in it is unusable.
    #[error("the handshake holds an unusable key")]
    BadKey,
}

impl From<CryptoError> for HandshakeRefused {
    fn from(_: CryptoError) -> Self {
        Self::BadKey
    }
}

/// Alice's side: `dh1..dh4` and the encapsulation, from my keys and Bob's verified bundle.
///
/// # Errors
/// [`CryptoError::NonContributory`] if one of Bob's keys is of small order.
pub fn initiate(
    me: &IdentityKeyPair,
    bundle: &VerifiedBundle,
    started: u64,
    rng: &mut impl CryptoRng,
) -> Result<(Handshake, Agreement), CryptoError> {
    let ephemeral = KeyPair::generate(rng);
    let (kem_ciphertext, ss) = bundle.kem.encapsulate(rng);
    let dh1 = me.agreement().diffie_hellman(&bundle.prekey)?;
    let dh2 = ephemeral.diffie_hellman(bundle.identity.x25519())?;
    let dh3 = ephemeral.diffie_hellman(&bundle.prekey)?;
    let dh4 = bundle.one_time.map(|(_, key)| ephemeral.diffie_hellman(&key)).transpose()?;

    let handshake = Handshake {
        identity: me.statement().clone(),
        ephemeral: ephemeral.public(),
        started,
        prekey_id: bundle.prekey_id,
        one_time_id: bundle.one_time.map(|(id, _)| id),
        kem_ciphertext,
    };
    let session_ad = session_ad(&handshake, &bundle.identity, &bundle.prekey, bundle.one_time, &bundle.kem);
    Ok((handshake, agree(session_ad, [&dh1, &dh2, &dh3], dh4.as_ref(), &ss)))
}

/// Bob's side: the same secrets from the other halves. Also returns the signed prekey, which is Bob's
/// first ratchet key.
///
/// # Errors
/// [`HandshakeRefused`]; nothing is consumed in any case, the caller does that when the message authenticates.
pub fn respond(
    me: &IdentityKeyPair,
    prekeys: &PreKeyStore,
    handshake: &Handshake,
) -> Result<(Agreement, KeyPair), HandshakeRefused> {
    let prekey = prekeys.signed(handshake.prekey_id).ok_or(HandshakeRefused::UnknownPrekey)?;
    let one_time =
        handshake.one_time_id.map(|id| prekeys.one_time(id).ok_or(HandshakeRefused::UnknownPrekey)).transpose()?;
    let ss = prekey.kem.decapsulate(&handshake.kem_ciphertext)?;
    let dh1 = prekey.pair.diffie_hellman(handshake.identity.x25519())?;
    let dh2 = me.agreement().diffie_hellman(&handshake.ephemeral)?;
    let dh3 = prekey.pair.diffie_hellman(&handshake.ephemeral)?;
    let dh4 = one_time.map(|key| key.pair.diffie_hellman(&handshake.ephemeral)).transpose()?;

    let session_ad = session_ad(
        handshake,
        me.statement(),
        &prekey.pair.public(),
        one_time.map(|key| (key.id, key.pair.public())),
        &prekey.kem.encapsulation_key(),
    );
    Ok((agree(session_ad, [&dh1, &dh2, &dh3], dh4.as_ref(), &ss), prekey.pair.candidate()))
}

impl Handshake {
    /// `identity statement || 0x06 || EK (32) || u64 started || u32 prekey id || u8 flag || u32 one-time id ||
    /// KEM ciphertext (1088)`: 1,269 bytes and the id.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.identity.to_bytes();
        put_key(&mut out, TYPE_EPHEMERAL, &self.ephemeral.0);
        out.extend_from_slice(&self.started.to_be_bytes());
        out.extend_from_slice(&self.prekey_id.to_be_bytes());
        out.push(u8::from(self.one_time_id.is_some()));
        out.extend_from_slice(&self.one_time_id.unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&self.kem_ciphertext);
        out
    }

    /// Reads a handshake from the start of something longer; its identity's signature is verified.
    pub(crate) fn parse(reader: &mut Reader) -> Result<Self, Malformed> {
        let identity = IdentityStatement::parse(reader).map_err(|_| Malformed)?;
        let ephemeral = PublicKey(reader.key(TYPE_EPHEMERAL)?);
        let started = reader.u64()?;
        let prekey_id = reader.u32()?;
        let one_time_id = match (reader.u8()?, reader.u32()?) {
            (0, 0) => None,
            (1, id) => Some(id),
            _ => return Err(Malformed),
        };
        let kem_ciphertext = reader.take(kem::CIPHERTEXT)?.to_vec();
        Ok(Self { identity, ephemeral, started, prekey_id, one_time_id, kem_ciphertext })
    }
}

fn session_ad(
    handshake: &Handshake,
    responder: &IdentityStatement,
    prekey: &PublicKey,
    one_time: Option<(u32, PublicKey)>,
    kem: &kem::EncapsulationKey,
) -> [u8; 32] {
    let typed = |kind: u8, id: u32, key: &[u8]| [&id.to_be_bytes()[..], &[kind], key].concat();
    let one_time = one_time.map(|(id, key)| typed(TYPE_ONE_TIME_PREKEY, id, &key.0)).unwrap_or_default();
    let parts: [&[u8]; 9] = [
        SESSION.as_bytes(),
        &handshake.identity.body(),
        &responder.body(),
        &[&[TYPE_EPHEMERAL], &handshake.ephemeral.0[..], &handshake.started.to_be_bytes()].concat(),
        &typed(TYPE_SIGNED_PREKEY, handshake.prekey_id, &prekey.0),
        &[u8::from(handshake.one_time_id.is_some())],
        &one_time,
        &[&[TYPE_KEM], &kem.to_bytes()[..]].concat(),
        &handshake.kem_ciphertext,
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u32::try_from(part.len()).expect("each part is under 2 KiB").to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn agree(session_ad: [u8; 32], dh: [&Secret<32>; 3], dh4: Option<&Secret<32>>, ss: &Secret<32>) -> Agreement {
    let mut ikm = Zeroizing::new(Vec::with_capacity(6 * 32));
    ikm.extend_from_slice(&[0xff; 32]);
    for secret in dh.into_iter().chain(dh4).chain([ss]) {
        ikm.extend_from_slice(secret.expose());
    }
    let okm: Secret<96> = kdf::hkdf(&[0; 32], &ikm, &[SUITE.as_bytes(), &session_ad]);
    let [sk, hka, nhkb] = okm.thirds();
    Agreement { session_ad, sk, hka, nhkb }
}
