//! Key derivation: out of one secret many, none of which tells anything about another.
//!
//! ```text
//! HMAC(key, data)      = a 32-byte fingerprint that only the key's holder can compute
//! Extract(salt, ikm)   = HMAC(salt, ikm)                         evens out an uneven secret
//! Expand(prk, info, N) = T(1) || T(2) || …, T(i) = HMAC(prk, T(i-1) || info || i)
//! ```
//!
//! Source: RFC 5869, section 2; HMAC is RFC 2104. Always with SHA-256.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;

/// `HMAC-SHA256(key, data)`: 32 bytes.
#[must_use]
pub fn hmac(key: &Secret<32>, data: &[u8]) -> Secret<32> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
    mac.update(data);
    Secret::new(mac.finalize().into_bytes().into())
}

/// `HKDF-Expand(prk, info)`: `N` bytes, at most 8,160. `info` is the parts one after another.
#[must_use]
pub fn expand<const N: usize>(prk: &Secret<32>, info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32) };
    let hkdf = Hkdf::<Sha256>::from_prk(prk.expose()).expect("32 bytes are a whole PRK");
    expand_into(&hkdf, info)
}

/// `HKDF(salt, ikm, info)`, extract then expand: `N` bytes.
#[must_use]
pub fn hkdf<const N: usize>(salt: &[u8], ikm: &[u8], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N <= 255 * 32) };
    expand_into(&Hkdf::<Sha256>::new(Some(salt), ikm), info)
}

fn expand_into<const N: usize>(hkdf: &Hkdf<Sha256>, info: &[&[u8]]) -> Secret<N> {
    let mut okm = [0; N];
    hkdf.expand_multi_info(info, &mut okm).expect("N is within HKDF's limit, asserted at compile time");
    let secret = Secret::new(okm);
    zeroize::Zeroize::zeroize(&mut okm);
    secret
}
