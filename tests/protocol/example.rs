//! The worked example of `docs/protocol.md`: one conversation from fixed randomness, byte for byte.
//!
//! It is made here anew and compared with the document's block. When the protocol changes on purpose, the failing test prints
//! the block to put there.

use std::fmt::Write;

use blindrelay::protocol::prekeys::PreKeyStore;
use blindrelay::protocol::session::Recipient;
use blindrelay::protocol::{IdentityKeyPair, PreKeyBundle, SafetyNumber, Sessions, content, padding, params, pqxdh};
use blindrelay::wire::{Bytes, Content};
use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::people::{NOW, Script, document, id, unhex};

const DICE: &[u8; 32] = b"blindrelay the worked example 01";

/// Everything that is drawn, in order.
const DRAWN: [(&str, usize); 16] = [
    ("alice: Ed25519 seed", 32),
    ("alice: X25519", 32),
    ("bob: Ed25519 seed", 32),
    ("bob: X25519", 32),
    ("bob: signed prekey 1", 32),
    ("bob: KEM seed d, z", 64),
    ("bob: one-time prekey 0", 32),
    ("alice: ephemeral", 32),
    ("alice: KEM m", 32),
    ("alice: ratchet key", 32),
    ("alice: salt of blob 1", 24),
    ("bob: ratchet key", 32),
    ("bob: salt of blob 2", 24),
    ("alice: 2nd ratchet key", 32),
    ("alice: salt of blob 3", 24),
    ("bob: 2nd ratchet key", 32),
];

/// Lines of name and hexadecimal; what is longer than 32 bytes goes below its name.
#[derive(Default)]
struct Block(String);

impl Block {
    fn line(&mut self, name: &str, bytes: &[u8]) {
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        if bytes.len() <= 32 {
            writeln!(self.0, "{name:<24} {}", digits(bytes)).unwrap();
        } else {
            writeln!(self.0, "{name} ({} bytes)", bytes.len()).unwrap();
            bytes.chunks(48).for_each(|row| writeln!(self.0, "    {}", digits(row)).unwrap());
        }
    }
}

struct End {
    me: IdentityKeyPair,
    prekeys: PreKeyStore,
    sessions: Sessions,
}

impl End {
    fn read(&mut self, from: &str, blob: &[u8], dice: &mut ChaCha20Rng) -> Vec<u8> {
        let from = id(from);
        let (me, prekeys) = (&self.me, &self.prekeys);
        let recipient = Recipient { me, prekeys, from: &from, pinned: None, remembered: &|_| false };
        self.sessions.decrypt(recipient, blob, NOW, dice).unwrap().text.to_vec()
    }
}

fn worked_example() -> String {
    let mut block = Block::default();
    let mut drawn = ChaCha20Rng::from_seed(*DICE);
    let mut draws = Vec::new();
    block.line("key of the dice", DICE);
    for (name, length) in DRAWN {
        let mut bytes = vec![0; length];
        drawn.fill_bytes(&mut bytes);
        block.line(name, &bytes);
        draws.push(bytes);
    }

    let dice = &mut ChaCha20Rng::from_seed(*DICE);
    let mut alice = End {
        me: IdentityKeyPair::generate(id("alice"), dice),
        prekeys: PreKeyStore::default(),
        sessions: Sessions::default(),
    };
    let me = IdentityKeyPair::generate(id("bob"), dice);
    let mut bob = End { me, prekeys: PreKeyStore::default(), sessions: Sessions::default() };
    bob.prekeys.renew(NOW, dice);
    let one_time = bob.prekeys.refill(params::ONE_TIME_STOCK - 1, dice).remove(0);
    let prekey = bob.prekeys.newest().unwrap().statement(&bob.me);
    block.line("identity statement of alice", &alice.me.statement().to_bytes());
    block.line("identity statement of bob", &bob.me.statement().to_bytes());
    block.line("prekey statement of bob", &prekey);
    block.line("one-time prekey of bob", &one_time.0);

    let bundle = || {
        let identities = vec![Bytes(bob.me.statement().to_bytes())];
        let (prekey, one_time) = (Some(Bytes(prekey.clone())), Some(one_time.clone()));
        PreKeyBundle { user: id("bob"), identities, prekey, one_time }.verify(alice.me.statement(), NOW).unwrap()
    };
    // The agreement is inside the session; here it is made once more, from the same two draws.
    let script = &mut Script(draws[7..9].concat());
    let (_, agreement) = pqxdh::initiate(&alice.me, &bundle(), NOW, script).unwrap();
    block.line("session_ad", &agreement.session_ad);
    block.line("SK", agreement.sk.expose());
    block.line("hka", agreement.hka.expose());
    block.line("nhkb", agreement.nhkb.expose());

    alice.sessions.initiate(&alice.me, &bundle(), dice).unwrap();
    for (n, (sender, text)) in
        [("alice", "Meet me at noon."), ("bob", "Where?"), ("alice", "By the fountain.")].into_iter().enumerate()
    {
        let counter = if n == 2 { 2 } else { 1 };
        let content = Content::Text { sent_at: NOW + 1_000 * n as u64, counter, text: text.to_owned(), via: None };
        let padded = content::encode(&content).unwrap();
        block.line(&format!("inside blob {}", n + 1), padding::unpad(&padded).unwrap());
        let (from, to) = if sender == "alice" { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
        let blob = from.sessions.encrypt(&padded, dice).unwrap();
        block.line(&format!("blob {}, {sender}", n + 1), &blob);
        assert_eq!(content::decode(&to.read(sender, &blob, dice)).unwrap(), content);
    }
    let number = SafetyNumber::between(alice.me.statement(), bob.me.statement());
    writeln!(block.0, "safety number\n    {number:#}").unwrap();
    let next = |dice: &mut ChaCha20Rng| dice.next_u64();
    assert_eq!(next(dice), next(&mut drawn), "more or less was drawn than the block lists");
    block.0
}

/// The bytes under a name of the block.
fn bytes_of(block: &str, name: &str) -> Vec<u8> {
    let (_, rest) = block.split_once(&format!("\n{name} (")).unwrap();
    let rows = rest.lines().skip(1).take_while(|line| line.starts_with("    "));
    unhex(&rows.collect::<String>())
}

#[test]
fn the_worked_example_is_what_the_code_does() {
    let document = document("protocol.md");
    let block =
        document.split_once("```vector\n").and_then(|(_, rest)| rest.split_once("```")).map_or("", |found| found.0);
    let made = worked_example();
    assert!(block == made, "docs/protocol.md must hold this block:\n```vector\n{made}```");
}

#[test]
fn the_handout_by_hand_makes_the_first_blob_of_the_worked_example() {
    let blob = bytes_of(&worked_example(), "blob 1, alice");
    let hash: String = Sha256::digest(&blob).iter().map(|byte| format!("{byte:02x}")).collect();
    let short = super::examples::run("by_hand", &[]);
    assert!(short.contains(&hash) && short.ends_with(&format!("seals the same {} bytes.\n", blob.len())));
    // In full, every byte of the blob is on the page.
    let full = super::examples::run("by_hand", &["--full"]);
    let (_, rest) = full.split_once("\n  blob · ").unwrap();
    let rows = rest.lines().skip(1).take_while(|line| line.starts_with("      "));
    assert_eq!(unhex(&rows.collect::<String>()), blob);
    assert!(short.lines().all(|line| line.chars().count() <= 80));
}
