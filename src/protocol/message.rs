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

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::ChaCha20Rng};

    use super::*;

    /// A number modulo 2^130 - 5, as `(hi, lo)`: hi·2^128 + lo. Poly1305 is a polynomial over these.
    #[derive(Clone, Copy, PartialEq, PartialOrd)]
    struct F(u8, u128);

    impl F {
        const P: Self = Self(3, u128::MAX - 4);

        fn add(self, other: Self) -> Self {
            let (lo, carry) = self.1.overflowing_add(other.1);
            let sum = Self(self.0 + other.0 + u8::from(carry), lo);
            if sum >= Self::P { Self::minus(sum, Self::P) } else { sum }
        }

        /// `self - other`, if that is not negative.
        fn minus(self, other: Self) -> Self {
            let (lo, borrow) = self.1.overflowing_sub(other.1);
            Self(self.0 - other.0 - u8::from(borrow), lo)
        }

        fn sub(self, other: Self) -> Self {
            self.add(Self::P.minus(other))
        }

        fn bits(self) -> impl Iterator<Item = bool> {
            (0..130)
                .rev()
                .map(move |bit| if bit < 128 { self.1 >> bit & 1 == 1 } else { self.0 >> (bit - 128) & 1 == 1 })
        }

        fn mul(self, other: Self) -> Self {
            other.bits().fold(Self(0, 0), |sum, bit| if bit { sum.add(sum).add(self) } else { sum.add(sum) })
        }

        /// `1 / self`, which is `self^(p - 2)`.
        fn inverse(self) -> Self {
            let one = Self(0, 1);
            Self::P.minus(Self(0, 2)).bits().fold(one, |power, bit| {
                let square = power.mul(power);
                if bit { square.mul(self) } else { square }
            })
        }
    }

    /// What a key and nonce (44 bytes) make of ChaCha20: Poly1305's r and s, and the keystream.
    fn stream(okm: &[u8], length: usize) -> (F, u128, Vec<u8>) {
        let word = |at: usize| u32::from_le_bytes(okm[at..at + 4].try_into().unwrap());
        let mut chacha = ChaCha20Rng::from_seed(okm[..32].try_into().unwrap());
        chacha.set_stream(u64::from(word(40)) << 32 | u64::from(word(36)));
        chacha.set_block_pos(u64::from(word(32)) << 32);
        let mut bytes = vec![0; 64 + length];
        chacha.fill_bytes(&mut bytes);
        let number = |at: usize| u128::from_le_bytes(bytes[at..at + 16].try_into().unwrap());
        let r = number(0) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
        (F(0, r), number(16), bytes.split_off(64))
    }

    /// The salamander: one ciphertext and tag that two keys open, each to a text of the cheat's choice. Two blocks are left
    /// free; for a tag T both polynomials must come out right, which is two linear equations.
    fn salamander(okm: [&[u8]; 2], ad: &[u8], texts: [&[u8]; 2]) -> Vec<u8> {
        let half = texts[0].len();
        let [(r1, s1, stream1), (r2, s2, stream2)] = okm.map(|okm| stream(okm, 2 * half));
        let xor = |text: &[u8], stream: &[u8]| text.iter().zip(stream).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
        let mut out = [xor(texts[0], &stream1), xor(texts[1], &stream2[half..]), vec![0; 32]].concat();
        let end = out.len();
        let lengths = [(ad.len() as u64).to_le_bytes(), (end as u64).to_le_bytes()].concat();
        let padded_ad = [ad, &vec![0; ad.len().next_multiple_of(16) - ad.len()]].concat();
        let fixed = |r: F| {
            let blocks = padded_ad.chunks(16).chain(out[..end - 32].chunks(16));
            let blocks = blocks.map(|block| F(1, u128::from_le_bytes(block.try_into().unwrap())));
            let length = F(1, u128::from_le_bytes(lengths[..].try_into().unwrap()));
            blocks.chain([F(0, 0), F(0, 0), length]).fold(F(0, 0), |sum, block| sum.add(block).mul(r))
        };
        let (fixed1, fixed2) = (fixed(r1), fixed(r2));
        let (sq1, sq2) = (r1.mul(r1), r2.mul(r2));
        let scale = sq1.mul(sq2).mul(r1.sub(r2)).inverse();
        for tag in 0_u128.. {
            let want1 = F(0, tag.wrapping_sub(s1)).sub(fixed1);
            let want2 = F(0, tag.wrapping_sub(s2)).sub(fixed2);
            let x = want1.mul(sq2).sub(want2.mul(sq1)).mul(scale);
            let y = want2.mul(sq1.mul(r1)).sub(want1.mul(sq2.mul(r2))).mul(scale);
            // A whole block stands for a number from 2^128 up to twice that: one tag in 16 gives two such.
            if let (F(1, x), F(1, y)) = (x, y) {
                out.truncate(end - 32);
                for number in [x, y, tag] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
                break;
            }
        }
        out
    }

    #[test]
    fn a_salamander_opens_for_the_bare_cipher_and_not_for_a_message_key() {
        let (session_ad, rng) = ([9; 32], &mut ChaCha20Rng::seed_from_u64(1));
        let keys = [1, 2].map(|byte| move || MessageKey(Secret::new([byte; 32])));
        let header = Header { dh: PublicKey([3; 32]), pn: 0, n: 0 };
        let texts = [b"to be shown to the judge........".as_slice(), b"to be shown to the victim......."];
        let hk = HeaderKey(Secret::new([4; 32]));
        let mut whole = seal(&session_ad, None, (&hk, &header), keys[0](), &[], rng);
        whole.truncate(whole.len() - TAG);
        let ad = [&session_ad, &whole[..]].concat();
        let salt = &whole[1..=SALT];
        let okm: [Secret<76>; 2] =
            [0, 1].map(|of| kdf::expand(&keys[of]().0, &[MESSAGE.as_bytes(), &[0], salt, &session_ad]));
        let body = salamander([0, 1].map(|of| &okm[of].expose()[..44]), &ad, texts);
        let genuine = whole.clone();
        whole.extend_from_slice(&body);

        // The control: ChaCha20-Poly1305 alone opens it with either key, to the text chosen for that key.
        for of in [0, 1] {
            let key = SealKey::from_okm(&Secret::new(okm[of].expose()[..44].try_into().unwrap()));
            assert_eq!(&key.open(&ad, &body).unwrap()[32 * of..][..32], texts[of]);
        }
        // The commitment is to the first key, so the second refuses.
        assert!(keys[0]().open(&session_ad, &Blob::parse(&whole).unwrap()).is_ok());
        assert!(keys[1]().open(&session_ad, &Blob::parse(&whole).unwrap()).is_err());
        // And with any other commitment nobody takes it.
        for at in genuine.len() - 32..genuine.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(keys.iter().all(|key| key().open(&session_ad, &Blob::parse(&changed).unwrap()).is_err()));
        }
    }
}
