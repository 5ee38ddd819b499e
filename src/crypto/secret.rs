//! A secret that is hard to leak by accident.
//!
//! Wiped when dropped, printed as `Secret(…)`, compared in constant time, never cloned, never
//! serialised by derive. The wipe reaches this copy only: the compiler may have left others in
//! registers or on the stack, and the operating system may have swapped a page out.

use std::fmt;

use rand::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes `N` bytes over; the caller's copy is the caller's to wipe.
    #[must_use]
    pub fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// `N` fresh random bytes.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Self([0; N]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The bytes themselves: for the tools, the vault, and lessons that show them on purpose.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// A second copy, for the one place that needs it: a ratchet tries a message on a copy of its
    /// chain, and keeps the copy only if the tag verifies.
    #[must_use]
    pub(crate) fn candidate(&self) -> Self {
        Self(self.0)
    }

    /// Cuts the secret in three: `N` must be `3 * M`.
    pub(crate) fn thirds<const M: usize>(&self) -> [Secret<M>; 3] {
        const { assert!(N == 3 * M) };
        [0, 1, 2].map(|part| {
            let mut third = Secret([0; M]);
            third.0.copy_from_slice(&self.0[part * M..(part + 1) * M]);
            third
        })
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
