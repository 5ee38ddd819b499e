//! Two people of this protocol, without a network: bundles and blobs pass from hand to hand.

use std::hint::black_box;
use std::time::{Duration, Instant};

use blindrelay::client::vault::Vault;
use blindrelay::protocol::session::Recipient;
use blindrelay::protocol::{
    IdentityKeyPair, PreKeyBundle, PreKeyStore, SafetyNumber, SessionId, Sessions, VerifiedBundle,
};
use blindrelay::wire::{Bytes, UserId};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

use super::Pair;

const NOW: u64 = 1_700_000_000_000;

struct Person {
    me: IdentityKeyPair,
    prekeys: PreKeyStore,
    one_time: Bytes,
}

impl Person {
    fn new(name: &str) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(name.len() as u64);
        let id: UserId = name.parse().expect("a good name");
        let me = IdentityKeyPair::generate(id, &mut rng);
        let mut prekeys = PreKeyStore::default();
        prekeys.renew(NOW, &mut rng);
        let one_time = prekeys.refill(99, &mut rng).remove(0);
        Self { me, prekeys, one_time }
    }

    fn bundle(&self) -> PreKeyBundle {
        PreKeyBundle {
            user: self.me.id().clone(),
            identities: vec![self.me.statement().to_bytes().into()],
            prekey: self.prekeys.newest().map(|key| key.statement(&self.me).into()),
            one_time: Some(self.one_time.clone()),
        }
    }

    fn verify(&self, theirs: PreKeyBundle) -> VerifiedBundle {
        theirs.verify(self.me.statement(), NOW).expect("an honest bundle")
    }

    fn open(&self, from: &Self, sessions: &mut Sessions, blob: &[u8], rng: &mut ChaCha20Rng) {
        let remembered = |_: &SessionId| false;
        let (me, prekeys, from) = (&self.me, &self.prekeys, from.me.id());
        let recipient = Recipient { me, prekeys, from, pinned: None, remembered: &remembered };
        black_box(sessions.decrypt(recipient, blob, NOW, rng).expect("an honest message"));
    }
}

/// Alice, Bob, and both ends of their conversation.
pub struct Ours {
    people: [Person; 2],
    sessions: [Sessions; 2],
    rng: ChaCha20Rng,
    turn: usize,
    held: Vec<Sessions>,
}

impl Ours {
    /// Both have sessions, and both have answered.
    pub fn new() -> Self {
        let people = [Person::new("alice"), Person::new("bob")];
        let rng = ChaCha20Rng::seed_from_u64(7);
        let mut ours = Self { people, sessions: Default::default(), rng, turn: 0, held: Vec::new() };
        ours.begin(&[0x42; 1024]);
        (0..4).for_each(|_| ours.ping_pong(&[0x42; 1024]));
        ours
    }

    /// A session of their own, and its first message.
    fn begin(&mut self, text: &[u8]) {
        let [alice, bob] = &self.people;
        self.sessions = Default::default();
        self.sessions[0].initiate(&alice.me, &alice.verify(bob.bundle()), &mut self.rng).expect("honest keys");
        self.turn = 0;
        self.ping_pong(text);
    }

    /// Both identities become digits.
    pub fn safety_number(&self) {
        let [alice, bob] = &self.people;
        black_box(SafetyNumber::between(black_box(alice.me.statement()), bob.me.statement()).digits());
    }
}

impl Pair for Ours {
    fn name(&self) -> &'static str {
        "blindrelay"
    }

    fn say(&mut self, from: usize, text: &[u8]) {
        let to = 1 - from;
        let blob = self.sessions[from].encrypt(text, &mut self.rng).expect("a session");
        self.people[to].open(&self.people[from], &mut self.sessions[to], &blob, &mut self.rng);
    }

    fn turn(&mut self) -> &mut usize {
        &mut self.turn
    }

    fn set_up(&mut self, text: &[u8], times: u32) -> Duration {
        let start = Instant::now();
        (0..times).for_each(|_| self.begin(text));
        start.elapsed()
    }

    fn skip(&mut self, missing: u32, text: &[u8]) -> Duration {
        let [hers, his] = &mut self.sessions;
        let blobs: Vec<_> = (0..=missing).map(|_| hers.encrypt(text, &mut self.rng).expect("a session")).collect();
        let [alice, bob] = &self.people;
        let (late, came) = blobs.split_at(blobs.len() - 1);
        let start = Instant::now();
        bob.open(alice, his, &came[0], &mut self.rng);
        let took = start.elapsed();
        // Else they would pile up from batch to batch.
        for blob in late {
            bob.open(alice, his, blob, &mut self.rng);
        }
        took
    }

    fn hold(&mut self, sessions: usize) {
        for _ in 0..sessions / 2 {
            self.begin(&[0x42; 64]);
            (0..2).for_each(|_| self.ping_pong(&[0x42; 64]));
            self.held.extend(std::mem::take(&mut self.sessions));
        }
        self.begin(&[0x42; 64]);
    }

    fn stored(&mut self) -> f64 {
        (0..2).for_each(|_| self.ping_pong(&[0x42; 64]));
        let dir = tempfile::tempdir().expect("a directory");
        let (path, [alice, bob]) = (dir.path().join("alice.vault"), &self.people);
        let vault = Vault::open(&path, alice.me.id(), None, &mut self.rng).expect("a vault");
        vault.rows().save_sessions(bob.me.id(), &self.sessions[0], &mut self.rng).expect("room on the disk");
        let db = rusqlite::Connection::open(&path).expect("a database");
        db.query_row("SELECT length(secret) FROM sessions", [], |row| row.get(0)).expect("one session")
    }
}
