//! The safety number: 60 digits that two people compare over another channel.
//!
//! It covers both names and both identities. If the relay swapped a key, the two numbers differ;
//! if they are equal, nobody stands between. 60 digits are 199 bits: far beyond making two that
//! agree by chance or by search.
//!
//! ```text
//! SHA-512(label || smaller identity body || larger identity body), 12 groups: each 5 bytes mod 100,000
//! ```

use std::fmt;

use sha2::{Digest, Sha512};

use super::identity::IdentityStatement;
use super::params::SAFETY_NUMBER;

/// 60 decimal digits, printed in groups of five, four groups a line (or all in one with `{:#}`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SafetyNumber([u32; 12]);

impl SafetyNumber {
    /// The same for (a, b) and (b, a).
    #[must_use]
    pub fn between(a: &IdentityStatement, b: &IdentityStatement) -> Self {
        let (mut first, mut second) = (a.body(), b.body());
        if second < first {
            std::mem::swap(&mut first, &mut second);
        }
        // A body starts with its id's length and has fixed fields after it, so the two need no separator.
        let hash = Sha512::new().chain_update(SAFETY_NUMBER).chain_update([0]).chain_update(first);
        let hash = hash.chain_update(second).finalize();
        let mut groups = [0; 12];
        for (group, bytes) in groups.iter_mut().zip(hash.chunks_exact(5)) {
            let number = bytes.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
            *group = u32::try_from(number % 100_000).expect("less than 100,000");
        }
        Self(groups)
    }

    /// The 60 digits without spaces.
    #[must_use]
    pub fn digits(&self) -> String {
        self.0.iter().map(|group| format!("{group:05}")).collect()
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.0.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index % 4 == 0 && !f.alternate() => "\n",
                _ => " ",
            };
            write!(f, "{separator}{group:05}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafetyNumber({self:#})")
    }
}
