//! Two people and no network: what each of them holds, and what they hand each other.

use std::collections::BTreeSet;
use std::convert::Infallible;

use blindrelay::client::vault::{Vault, VaultError};
use blindrelay::protocol::prekeys::{OneTimePreKey, SignedPreKey};
use blindrelay::protocol::session::Recipient;
use blindrelay::protocol::{
    DecryptError, IdentityKeyPair, IdentityStatement, Opened, PreKeyBundle, PreKeyStore, SessionId, Sessions, padding,
    params,
};
use blindrelay::wire::{Bytes, UserId};
use rand::rngs::ChaCha20Rng;
use rand::{SeedableRng, TryCryptoRng, TryRng};

/// When everything happens unless a test says otherwise.
pub const NOW: u64 = 1_700_000_000_000;

/// Somebody with keys, prekeys and the sessions with one other person.
pub struct Person {
    pub me: IdentityKeyPair,
    pub prekeys: PreKeyStore,
    pub sessions: Sessions,
    pub pinned: Option<IdentityStatement>,
    pub remembered: BTreeSet<SessionId>,
    pub rng: ChaCha20Rng,
    pub now: u64,
    /// One-time keys that the relay still has.
    stock: Vec<Bytes>,
}

impl Person {
    pub fn new(name: &str, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let me = IdentityKeyPair::generate(id(name), &mut rng);
        let mut prekeys = PreKeyStore::default();
        assert!(prekeys.due(NOW));
        prekeys.renew(NOW, &mut rng);
        let stock = prekeys.refill(params::ONE_TIME_STOCK - 3, &mut rng);
        let (sessions, pinned, remembered) = (Sessions::default(), None, BTreeSet::new());
        Self { me, prekeys, sessions, pinned, remembered, rng, now: NOW, stock }
    }

    pub fn id(&self) -> &UserId {
        self.me.id()
    }

    /// What an honest relay answers; a one-time key goes with it.
    pub fn bundle(&mut self) -> PreKeyBundle {
        PreKeyBundle { one_time: self.stock.pop(), ..self.bundle_without_one_time() }
    }

    pub fn bundle_without_one_time(&self) -> PreKeyBundle {
        let prekey = self.prekeys.newest().map(|key| Bytes(key.statement(&self.me)));
        let identities = vec![Bytes(self.me.statement().to_bytes())];
        PreKeyBundle { user: self.id().clone(), identities, prekey, one_time: None }
    }

    /// Starts a session with whoever left this bundle.
    pub fn begin(&mut self, bundle: PreKeyBundle) {
        let bundle = bundle.verify(self.me.statement(), self.now).unwrap();
        self.sessions.initiate(&self.me, &bundle, &mut self.rng).unwrap();
    }

    pub fn write(&mut self, text: &str) -> Vec<u8> {
        let padded = padding::pad(text.as_bytes().to_vec()).unwrap();
        self.sessions.encrypt(&padded, &mut self.rng).unwrap()
    }

    /// Reads as a client does: what a first contact used up is consumed with it.
    pub fn read(&mut self, from: &UserId, blob: &[u8]) -> Result<String, DecryptError> {
        let opened = self.open(from, blob)?;
        if let Some(first) = opened.first {
            first.one_time_id.into_iter().for_each(|id| self.prekeys.consume(id));
            self.pinned.get_or_insert(first.identity);
            self.remembered.insert(opened.session);
        }
        Ok(String::from_utf8(padding::unpad(&opened.text).unwrap().to_vec()).unwrap())
    }

    /// Reads and consumes nothing.
    pub fn open(&mut self, from: &UserId, blob: &[u8]) -> Result<Opened, DecryptError> {
        let Self { me, prekeys, sessions, pinned, remembered, rng, now, .. } = self;
        let remembered = |id: &SessionId| remembered.contains(id);
        let recipient = Recipient { me, prekeys, from, pinned: pinned.as_ref(), remembered: &remembered };
        sessions.decrypt(recipient, blob, *now, rng)
    }

    /// A copy of everything, as a thief or a backup has it; from here on its dice fall differently.
    pub fn copy(&self, seed: u64) -> Self {
        let signed = self.prekeys.signed.iter().map(|key| {
            let (pair, kem) = (copy_of(&key.pair), blindrelay::crypto::kem::DecapsulationKey::from_seed(seed_of(key)));
            SignedPreKey { id: key.id, created: key.created, pair, kem }
        });
        let one_time =
            self.prekeys.one_time.iter().map(|key| OneTimePreKey { id: key.id, pair: copy_of(&key.pair) }).collect();
        let [ed25519, x25519] = self.me.secrets();
        Self {
            me: IdentityKeyPair::from_secrets(self.id().clone(), &ed25519, &x25519),
            prekeys: PreKeyStore { signed: signed.collect(), one_time, next_one_time: self.prekeys.next_one_time },
            sessions: through_a_vault(&self.sessions),
            pinned: self.pinned.clone(),
            remembered: self.remembered.clone(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            now: self.now,
            stock: self.stock.clone(),
        }
    }
}

/// Alice and Bob, who have written to each other once: both know that the session stands.
pub fn acquainted() -> (Person, Person) {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let first = alice.write("hello");
    assert_eq!(bob.read(&id("alice"), &first).unwrap(), "hello");
    let answer = bob.write("hello yourself");
    assert_eq!(alice.read(&id("bob"), &answer).unwrap(), "hello yourself");
    (alice, bob)
}

pub fn id(name: &str) -> UserId {
    name.parse().unwrap()
}

/// Cheap by default; `EFFORT=full` does more of the same.
pub fn effort(quick: usize, full: usize) -> usize {
    if std::env::var("EFFORT").is_ok_and(|effort| effort == "full") { full } else { quick }
}

/// A text of `docs/`.
pub fn document(name: &str) -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/").to_owned() + name).unwrap_or_default()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2));
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

pub fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    unhex(hex).try_into().unwrap()
}

/// Randomness that was written down before: what is drawn comes from this list, in order.
pub struct Script(pub Vec<u8>);

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let drawn: Vec<u8> = self.0.drain(..bytes.len()).collect();
        bytes.copy_from_slice(&drawn);
        Ok(())
    }
}

impl TryCryptoRng for Script {}

/// Sessions are copied by the one thing that can write them down: a vault.
fn through_a_vault(sessions: &Sessions) -> Sessions {
    let rng = &mut ChaCha20Rng::seed_from_u64(0);
    let mut vault = Vault::in_memory(&id("thief"), rng).unwrap();
    vault.transaction(|rows| rows.save_sessions(&id("peer"), sessions, rng)).unwrap();
    let copy: Result<Sessions, VaultError> = vault.rows().sessions(&id("peer"));
    copy.unwrap()
}

fn copy_of(pair: &blindrelay::crypto::x25519::KeyPair) -> blindrelay::crypto::x25519::KeyPair {
    blindrelay::crypto::x25519::KeyPair::from_secret(&pair.secret())
}

fn seed_of(key: &SignedPreKey) -> blindrelay::crypto::Secret<64> {
    blindrelay::crypto::Secret::new(*key.kem.seed().expose())
}
