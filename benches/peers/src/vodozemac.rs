//! vodozemac's Olm, as two people use it: 3DH, the Double Ratchet, no KEM, no signature over the keys.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ::vodozemac::Curve25519PublicKey;
use ::vodozemac::olm::{Account, InboundCreationResult, OlmMessage, Session, SessionConfig};

use crate::ends::Pair;

/// Alice, Bob, and both ends of their conversation.
pub struct Olm {
    alice: Account,
    bob: Account,
    sessions: [Session; 2],
    turn: usize,
    held: Vec<Session>,
}

impl Olm {
    /// Both have sessions, and both have answered.
    pub fn new() -> Self {
        let (alice, mut bob) = (Account::new(), Account::new());
        let key = one_time_key(&mut bob);
        let sessions = begin(&alice, &mut bob, key, &[0x42; 1024]);
        let mut olm = Self { alice, bob, sessions, turn: 1, held: Vec::new() };
        (0..4).for_each(|_| olm.ping_pong(&[0x42; 1024]));
        olm
    }

    fn fresh(&mut self, text: &[u8]) {
        let key = one_time_key(&mut self.bob);
        self.sessions = begin(&self.alice, &mut self.bob, key, text);
        self.turn = 1;
    }
}

impl Pair for Olm {
    fn name(&self) -> &'static str {
        "vodozemac"
    }

    fn say(&mut self, from: usize, text: &[u8]) {
        let message = write(&mut self.sessions[from], text);
        read(&mut self.sessions[1 - from], &message);
    }

    fn turn(&mut self) -> &mut usize {
        &mut self.turn
    }

    fn set_up(&mut self, text: &[u8], times: u32) -> Duration {
        let keys: Vec<_> = (0..times).map(|_| one_time_key(&mut self.bob)).collect();
        let start = Instant::now();
        for key in keys {
            self.sessions = begin(&self.alice, &mut self.bob, key, text);
        }
        let took = start.elapsed();
        self.turn = 1;
        took
    }

    fn skip(&mut self, missing: u32, text: &[u8]) -> Duration {
        let [hers, his] = &mut self.sessions;
        let came = (0..=missing).map(|_| write(hers, text)).last().expect("one at least");
        let start = Instant::now();
        read(his, &came);
        start.elapsed()
    }

    fn hold(&mut self, sessions: usize) {
        for _ in 0..sessions / 2 {
            self.fresh(&[0x42; 64]);
            (0..2).for_each(|_| self.ping_pong(&[0x42; 64]));
            let key = one_time_key(&mut self.bob);
            let next = begin(&self.alice, &mut self.bob, key, &[0x42; 64]);
            self.held.extend(std::mem::replace(&mut self.sessions, next));
        }
        self.turn = 1;
    }

    #[allow(clippy::cast_precision_loss)]
    fn stored(&mut self) -> f64 {
        (0..2).for_each(|_| self.ping_pong(&[0x42; 64]));
        self.sessions[0].pickle().encrypt(&[7; 32]).len() as f64
    }
}

fn one_time_key(bob: &mut Account) -> Curve25519PublicKey {
    bob.generate_one_time_keys(1);
    let key = bob.one_time_keys().into_values().next().expect("just made");
    bob.mark_keys_as_published();
    key
}

/// A session made by Alice, and by Bob out of its first message.
fn begin(alice: &Account, bob: &mut Account, key: Curve25519PublicKey, text: &[u8]) -> [Session; 2] {
    let config = SessionConfig::version_1();
    let mut hers = alice.create_outbound_session(config, bob.curve25519_key(), key).expect("honest keys");
    let (kind, bytes) = write(&mut hers, text);
    let OlmMessage::PreKey(first) = OlmMessage::from_parts(kind, &bytes).expect("a message") else {
        unreachable!("a first message carries the handshake")
    };
    let made = bob.create_inbound_session(config, alice.curve25519_key(), &first).expect("an honest message");
    let InboundCreationResult { session, plaintext } = made;
    black_box(plaintext);
    [hers, session]
}

fn write(session: &mut Session, text: &[u8]) -> (usize, Vec<u8>) {
    session.encrypt(text).expect("a session").to_parts()
}

fn read(session: &mut Session, (kind, bytes): &(usize, Vec<u8>)) {
    let message = OlmMessage::from_parts(*kind, bytes).expect("a message");
    black_box(session.decrypt(&message).expect("an honest message"));
}
