//! Identities whose signatures were verified since the vault was opened: not verified again with every message.
//!
//! A contact is read several times for each text. Its statement is the same bytes each time, and verifying them takes longer than
//! all the rest of the row. What is kept here is keyed by all of the bytes: others are verified anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::protocol::IdentityStatement;
use crate::protocol::identity::BadStatement;

/// The most that are kept; then it is begun anew.
const MOST: usize = 1_000;

/// Statements by their bytes.
#[derive(Debug, Default)]
pub(super) struct Verified(Mutex<BTreeMap<Vec<u8>, IdentityStatement>>);

impl Verified {
    /// Reads a statement, and verifies it unless these very bytes were verified before.
    pub(super) fn read(&self, bytes: Vec<u8>) -> Result<IdentityStatement, BadStatement> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = known.get(&bytes) {
            return Ok(statement.clone());
        }
        let statement = IdentityStatement::from_bytes(&bytes)?;
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(bytes, statement.clone());
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha20Rng};

    use super::*;
    use crate::protocol::IdentityKeyPair;

    #[test]
    fn a_statement_with_one_bit_changed_is_verified_and_refused_though_the_genuine_one_is_known() {
        let verified = Verified::default();
        let alice = IdentityKeyPair::generate("alice".parse().unwrap(), &mut ChaCha20Rng::seed_from_u64(1));
        let genuine = alice.statement().to_bytes();
        for _ in 0..2 {
            assert_eq!(verified.read(genuine.clone()).as_ref(), Ok(alice.statement()), "the control");
        }
        for bit in 0..8 * genuine.len() {
            let mut changed = genuine.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verified.read(changed).is_err(), "bit {bit}");
        }
        assert_eq!(verified.0.lock().unwrap().len(), 1);
    }
}
