//! The sealed blob: what one message looks like to everybody without the keys.
//!
//! Question: how is a text sealed so that it can be opened once, in one place, by one key?
//! A random salt goes into every derivation, so no two texts ever share a key and nonce, even when a
//! copied vault repeats a ratchet step. The commitment ties the blob to one message key: ChaCha20-Poly1305
//! alone would let a cheat make one blob that two keys open to two texts. Associated data is all that stands before.
//!
//! ```text
//! blob = kind (1) || [handshake (1269 + id)] || salt (24) || header (41 + 16) || commitment (32) || body (text + 16)
//!
//! Expand(hk, "…header"  || 0 || salt)               → header key 32, nonce 12
//! Expand(mk, "…message" || 0 || salt || session_ad) → body key 32, nonce 12, commitment 32
//! header = seal(header key, ad = session_ad || everything before, 0x07 || ratchet key || u32 pn || u32 n)
//! body   = seal(body key,   ad = session_ad || everything before, padded text)
//! ```
//!
//! Sources: Double Ratchet rev. 4, "Double Ratchet with header encryption" and "Recommended cryptographic
//! algorithms"; commitment by derivation: Albertini et al., "How to Abuse and Fix Authenticated Encryption
//! Without Key Commitment" (USENIX Security 2022).

use rand::CryptoRng;
use subtle::ConstantTimeEq;

use super::params::{HEADER, KIND_FIRST, KIND_MESSAGE, MESSAGE, TYPE_RATCHET};
use super::pqxdh::Handshake;
use super::reader::{Malformed, Reader, put_key};
use crate::crypto::{
    Secret,
    aead::{SealKey, TAG},
    kdf,
    x25519::PublicKey,
};

/// Bytes of a salt.
pub const SALT: usize = 24;
/// Bytes of a header in clear.
pub const HEADER_LEN: usize = 41;
/// Bytes that a blob adds to its padded text, handshake aside.
pub const OVERHEAD: usize = 1 + SALT + HEADER_LEN + TAG + 32 + TAG;
/// Bytes of a handshake, the initiator's id aside.
pub const HANDSHAKE_LEN: usize = 1269;

/// The ratchet's header: which key pair, which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The sender's current ratchet public key.
    pub dh: PublicKey,
    /// Length of the sender's previous chain.
    pub pn: u32,
    /// Number of this message in its chain.
    pub n: u32,
}

/// Encrypts the headers of one chain.
#[derive(Debug)]
pub struct HeaderKey(pub(crate) Secret<32>);

/// Seals or opens one message, and is gone.
#[derive(Debug)]
pub struct MessageKey(pub(crate) Secret<32>);

/// A blob taken apart; nothing of it is verified yet.
#[derive(Debug)]
pub struct Blob<'a> {
    handshake: Option<&'a [u8]>,
    salt: &'a [u8],
    header: &'a [u8],
    commitment: &'a [u8],
    body: &'a [u8],
    before_header: &'a [u8],
    before_body: &'a [u8],
}

/// Seals one padded text. `handshake` is the encoded [`Handshake`] that an initiator repeats until answered.
pub fn seal(
    session_ad: &[u8; 32],
    handshake: Option<&[u8]>,
    (hk, header): (&HeaderKey, &Header),
    mk: MessageKey,
    text: &[u8],
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let handshake_len = handshake.map_or(0, <[u8]>::len);
    let mut out = Vec::with_capacity(32 + OVERHEAD + handshake_len + text.len());
    // The associated data is the session's hash and then the blob so far: built in one buffer, the hash cut off last.
    out.extend_from_slice(session_ad);
    out.push(if handshake.is_some() { KIND_FIRST } else { KIND_MESSAGE });
    out.extend_from_slice(handshake.unwrap_or_default());
    let mut salt = [0; SALT];
    rng.fill_bytes(&mut salt);
    out.extend_from_slice(&salt);

    let sealed_header = hk.seal_key(&salt).seal(&out, &header.to_bytes());
    out.extend_from_slice(&sealed_header);
    let (key, commitment) = mk.derive(&salt, session_ad);
    out.extend_from_slice(commitment.expose());
    let body = key.seal(&out, text);
    out.extend_from_slice(&body);
    out.drain(..32);
    out
}

impl<'a> Blob<'a> {
    /// Takes a blob apart. It is malformed if it is too short or of an unknown kind.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        let handshake = match reader.u8()? {
            KIND_MESSAGE => None,
            KIND_FIRST => {
                let id_len = usize::from(*reader.0.first().ok_or(Malformed)?);
                Some(reader.take(HANDSHAKE_LEN + id_len)?)
            }
            _ => return Err(Malformed),
        };
        let so_far = |reader: &Reader| &bytes[..bytes.len() - reader.0.len()];
        let salt = reader.take(SALT)?;
        let before_header = so_far(&reader);
        let header = reader.take(HEADER_LEN + TAG)?;
        let commitment = reader.take(32)?;
        let before_body = so_far(&reader);
        let body = reader.0;
        if body.len() < TAG {
            return Err(Malformed);
        }
        Ok(Self { handshake, salt, header, commitment, body, before_header, before_body })
    }

    /// The handshake of a first contact, if the blob carries one; its identity's signature is verified here.
    pub(crate) fn handshake(&self) -> Option<Result<Handshake, Malformed>> {
        self.handshake.map(|bytes| {
            let mut reader = Reader(bytes);
            let handshake = Handshake::parse(&mut reader)?;
            reader.end()?;
            Ok(handshake)
        })
    }
}

impl HeaderKey {
    /// `HDECRYPT`: the header, if this is its key. That is how a message finds its chain.
    #[must_use]
    pub fn open(&self, session_ad: &[u8; 32], blob: &Blob) -> Option<Header> {
        let ad = [session_ad, blob.before_header].concat();
        let header = self.seal_key(blob.salt).open(&ad, blob.header).ok()?;
        Header::from_bytes(&header).ok()
    }

    fn seal_key(&self, salt: &[u8]) -> SealKey {
        SealKey::from_okm(&kdf::expand(&self.0, &[HEADER.as_bytes(), &[0], salt]))
    }
}

impl MessageKey {
    /// Opens the body. A blob that does not open gives the key back: nothing is consumed, and the genuine
    /// blob still opens.
    ///
    /// # Errors
    /// The key, if the commitment or the tag is wrong.
    pub fn open(self, session_ad: &[u8; 32], blob: &Blob) -> Result<Vec<u8>, Self> {
        let (key, commitment) = self.derive(blob.salt, session_ad);
        if !bool::from(commitment.expose()[..].ct_eq(blob.commitment)) {
            return Err(self);
        }
        let ad = [session_ad, blob.before_body].concat();
        key.open(&ad, blob.body).map_err(|_| self)
    }

    fn derive(&self, salt: &[u8], session_ad: &[u8; 32]) -> (SealKey, Secret<32>) {
        let okm: Secret<76> = kdf::expand(&self.0, &[MESSAGE.as_bytes(), &[0], salt, session_ad]);
        let (mut seal, mut commitment) = (zeroize::Zeroizing::new([0; 44]), [0; 32]);
        seal.copy_from_slice(&okm.expose()[..44]);
        commitment.copy_from_slice(&okm.expose()[44..]);
        (SealKey::from_okm(&Secret::new(*seal)), Secret::new(commitment))
    }
}

impl Header {
    fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        put_key(&mut out, TYPE_RATCHET, &self.dh.0);
        out.extend_from_slice(&self.pn.to_be_bytes());
        out.extend_from_slice(&self.n.to_be_bytes());
        out
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(bytes);
        let header = Self { dh: PublicKey(reader.key(TYPE_RATCHET)?), pn: reader.u32()?, n: reader.u32()? };
        reader.end()?;
        Ok(header)
    }
}
