//! The salamander: one ciphertext and tag that two keys open, each to a text of the cheat's choice.
//!
//! Question: is a ciphertext bound to its key?
//! Not with ChaCha20-Poly1305 (or AES-GCM) alone. The tag is a polynomial in a number that the key decides. Two blocks are left
//! free; for a tag T both polynomials must come out right, which is two linear equations. Facebook's message franking was cheated
//! this way in 2018: an attachment that its reader saw and that a moderator did not. Here a commitment to the key stands in front.
//!
//! Source: Dodis, Grubbs, Ristenpart and Woodage, "Fast Message Franking: From Invisible Salamanders to Encryptment" (CRYPTO 2018).

use rand::{Rng, SeedableRng, rngs::ChaCha20Rng};

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
        (0..130).rev().map(move |bit| if bit < 128 { self.1 >> bit & 1 == 1 } else { self.0 >> (bit - 128) & 1 == 1 })
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

/// A key (32 bytes) and nonce (12), and the associated data that goes with them.
pub(super) type Lock<'a> = (&'a [u8; 44], &'a [u8]);

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u128::from(byte))
}

/// What a key and nonce make of ChaCha20: Poly1305's r and s, and the keystream.
fn stream(key: &[u8; 44], length: usize) -> (F, u128, Vec<u8>) {
    let word = |at: usize| key[at..at + 4].iter().rev().fold(0_u64, |word, &byte| word << 8 | u64::from(byte));
    let mut seed = [0; 32];
    seed.copy_from_slice(&key[..32]);
    let mut chacha = ChaCha20Rng::from_seed(seed);
    chacha.set_stream(word(40) << 32 | word(36));
    chacha.set_block_pos(word(32) << 32);
    let mut bytes = vec![0; 64 + length];
    chacha.fill_bytes(&mut bytes);
    let r = number(&bytes[..16]) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
    (F(0, r), number(&bytes[16..32]), bytes.split_off(64))
}

/// One ciphertext with its tag, which the first lock opens to the first text and the second to the second. The texts are equally
/// long, in whole blocks of 16 bytes: the first one stands at the start, the second one after it, and what the other lock makes of
/// either is noise.
pub(super) fn salamander(locks: [Lock; 2], texts: [&[u8]; 2]) -> Vec<u8> {
    let half = texts[0].len();
    let [(r1, s1, stream1), (r2, s2, stream2)] = locks.map(|(key, _)| stream(key, 2 * half));
    let xor = |text: &[u8], stream: &[u8]| text.iter().zip(stream).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
    let mut out = [xor(texts[0], &stream1), xor(texts[1], &stream2[half..]), vec![0; 32]].concat();
    let end = out.len();
    let fixed = |r: F, ad: &[u8]| {
        let lengths = [(ad.len() as u64).to_le_bytes(), (end as u64).to_le_bytes()].concat();
        let padded_ad = [ad, &vec![0; ad.len().next_multiple_of(16) - ad.len()]].concat();
        let blocks = padded_ad.chunks(16).chain(out[..end - 32].chunks(16));
        let blocks = blocks.map(|block| F(1, number(block)));
        blocks.chain([F(0, 0), F(0, 0), F(1, number(&lengths))]).fold(F(0, 0), |sum, block| sum.add(block).mul(r))
    };
    let (fixed1, fixed2) = (fixed(r1, locks[0].1), fixed(r2, locks[1].1));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aead::{SealKey, TAG};
    use crate::crypto::{Secret, kdf, x25519::PublicKey};
    use crate::protocol::message::{Blob, Header, HeaderKey, MessageKey, SALT, seal};
    use crate::protocol::params::MESSAGE;

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
        let lock: [[u8; 44]; 2] = [0, 1].map(|of| {
            let okm: Secret<76> = kdf::expand(&keys[of]().0, &[MESSAGE.as_bytes(), &[0], salt, &session_ad]);
            okm.expose()[..44].try_into().unwrap()
        });
        let body = salamander([(&lock[0], &ad), (&lock[1], &ad)], texts);
        let genuine = whole.clone();
        whole.extend_from_slice(&body);

        // The control: ChaCha20-Poly1305 alone opens it with either key, to the text chosen for that key.
        for of in [0, 1] {
            let key = SealKey::from_okm(&Secret::new(lock[of]));
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
