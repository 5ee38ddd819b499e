//! How fast is the protocol, and how much of that is the protocol's own doing?
//!
//! Each row times an operation and, in turn with it, the bare sum of the primitives that it must call. The ratio is what the
//! code around the primitives costs. Batches alternate, so that a machine that slows down slows both; the medians are printed.
//!
//! `cargo bench --bench protocol`

use std::hint::black_box;
use std::time::{Duration, Instant};

use blindrelay::crypto::aead::SealKey;
use blindrelay::crypto::{Secret, ed25519, kdf, kem, x25519};
use blindrelay::protocol::session::Recipient;
use blindrelay::protocol::{IdentityKeyPair, PreKeyBundle, PreKeyStore, SessionId, Sessions, VerifiedBundle};
use blindrelay::wire::{Bytes, UserId};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

const NOW: u64 = 1_700_000_000_000;
/// A padded text of 1 KiB.
const TEXT: [u8; 1024] = [0x42; 1024];
/// Bytes of an encrypted header before its tag.
const HEADER: [u8; 41] = [7; 41];
const BATCHES: usize = 31;

fn main() {
    println!("{:<44}{:>12}{:>14}{:>8}", "seal + open, 1 KiB", "protocol", "primitives", "ratio");
    let mut chat = Chat::new();
    row("one way", 200, || chat.one_way(), one_way_primitives);
    let mut chat = Chat::new();
    row("ping-pong (every message turns the ratchet)", 20, || chat.ping_pong(), ping_pong_primitives);
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    row("session set-up with the first message", 5, || set_up(&alice, &bob), set_up_primitives);
}

/// Times two things in turn and prints the medians for one of each.
fn row(name: &str, size: u32, mut ours: impl FnMut(), mut bare: impl FnMut()) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..=BATCHES {
        a.push(batch(size, &mut ours));
        b.push(batch(size, &mut bare));
    }
    let (a, b) = (median(a), median(b));
    let ratio = a.as_secs_f64() / b.as_secs_f64();
    println!("{name:<44}{:>9.1} µs{:>11.1} µs{ratio:>7.2}×", micros(a), micros(b));
}

fn batch(size: u32, work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..size {
        work();
    }
    start.elapsed() / size
}

/// The first batch warms up and does not count.
fn median(mut batches: Vec<Duration>) -> Duration {
    batches.remove(0);
    batches.sort_unstable();
    batches[batches.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

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

    fn open(&self, from: &Self, sessions: &mut Sessions, blob: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
        let remembered = |_: &SessionId| false;
        let (me, prekeys, from) = (&self.me, &self.prekeys, from.me.id());
        let recipient = Recipient { me, prekeys, from, pinned: None, remembered: &remembered };
        std::mem::take(&mut sessions.decrypt(recipient, blob, NOW, rng).expect("an honest message").text)
    }
}

struct Chat {
    people: [Person; 2],
    sessions: [Sessions; 2],
    rng: ChaCha20Rng,
    turn: usize,
}

impl Chat {
    /// Both have sessions, and both have answered.
    fn new() -> Self {
        let people = [Person::new("alice"), Person::new("bob")];
        let mut sessions = [Sessions::default(), Sessions::default()];
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let bundle = people[0].verify(people[1].bundle());
        sessions[0].initiate(&people[0].me, &bundle, &mut rng).expect("honest keys");
        let mut chat = Self { people, sessions, rng, turn: 0 };
        (0..4).for_each(|_| chat.ping_pong());
        chat
    }

    fn one_way(&mut self) {
        self.say(0);
    }

    fn ping_pong(&mut self) {
        self.say(self.turn);
        self.turn = 1 - self.turn;
    }

    fn say(&mut self, from: usize) {
        let to = 1 - from;
        let blob = self.sessions[from].encrypt(&TEXT, &mut self.rng).expect("a session");
        black_box(self.people[to].open(&self.people[from], &mut self.sessions[to], &blob, &mut self.rng));
    }
}

fn set_up(alice: &Person, bob: &Person) {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let (mut hers, mut his) = (Sessions::default(), Sessions::default());
    hers.initiate(&alice.me, &alice.verify(bob.bundle()), &mut rng).expect("honest keys");
    let blob = hers.encrypt(&TEXT, &mut rng).expect("a session");
    black_box(bob.open(alice, &mut his, &blob, &mut rng));
}

/// Either end: two chain steps, two derivations; one seals header and body, the other opens them.
fn one_way_primitives() {
    let key = Secret::new([1; 32]);
    for _ in 0..2 {
        // The inputs are hidden from the optimiser, or it would do the work once and use it twice.
        let key = black_box(&key);
        black_box((kdf::hmac(key, &[1]), kdf::hmac(key, &[2])));
        black_box(kdf::expand::<44>(key, &[black_box(&[0; 44])]));
        black_box(kdf::expand::<76>(key, &[black_box(&[0; 77])]));
    }
    let (header, body) = (seal_key().seal(black_box(&[0; 57]), &HEADER), seal_key().seal(black_box(&[0; 146]), &TEXT));
    black_box((seal_key().open(&[0; 57], &header), seal_key().open(&[0; 146], &body)).0.is_ok());
}

/// The receiver also tries the old header key, agrees twice, makes a key pair, and steps the root twice.
fn ping_pong_primitives() {
    one_way_primitives();
    let key = Secret::new([1; 32]);
    let header = seal_key().seal(&[0; 57], &HEADER);
    black_box(kdf::expand::<44>(&key, &[&[0; 44]]));
    black_box(seal_key().open(&[1; 57], &header).is_err());
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let pair = x25519::KeyPair::generate(&mut rng);
    let theirs = pair.public();
    for _ in 0..2 {
        let shared = black_box(&pair).diffie_hellman(black_box(&theirs)).expect("an honest key");
        black_box(kdf::hkdf::<96>(black_box(&[1; 32]), shared.expose(), &[b"ratchet"]));
    }
}

/// Three signatures checked, a KEM both ways, two key pairs and nine agreements for the session, then a turn of the ratchet.
fn set_up_primitives() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (signer, bob) = (signing_key(), kem_key());
    let signature = signer.sign("bench", &TEXT);
    for _ in 0..3 {
        black_box(signer.verifying_key().verify("bench", black_box(&TEXT), &signature).is_ok());
    }
    let offered = kem::EncapsulationKey::from_bytes(&bob.encapsulation_key().to_bytes()).expect("an honest key");
    let (ciphertext, _) = offered.encapsulate(&mut rng);
    black_box(bob.decapsulate(&ciphertext).is_ok());
    let (ephemeral, ratchet) = (x25519::KeyPair::generate(&mut rng), x25519::KeyPair::generate(&mut rng));
    for _ in 0..9 {
        black_box(black_box(&ephemeral).diffie_hellman(&ratchet.public()).is_ok());
    }
    ping_pong_primitives();
}

fn seal_key() -> SealKey {
    SealKey::from_okm(black_box(&Secret::new([1; 44])))
}

fn signing_key() -> &'static ed25519::SigningKey {
    static KEY: std::sync::OnceLock<ed25519::SigningKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| ed25519::SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(2)))
}

fn kem_key() -> &'static kem::DecapsulationKey {
    static KEY: std::sync::OnceLock<kem::DecapsulationKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| kem::DecapsulationKey::generate(&mut ChaCha20Rng::seed_from_u64(3)))
}
