//! Somebody copies the keys: what of yesterday, what of tomorrow, what of a backup that is used again.

use blindrelay::crypto::{Secret, kdf, x25519::KeyPair};
use blindrelay::protocol::message::OVERHEAD;
use blindrelay::protocol::params::SUITE;
use blindrelay::protocol::{padding, pqxdh};
use rand::Rng;

use super::people::{NOW, Person, Script, acquainted, id};

#[test]
fn a_stolen_chain_key_does_not_open_yesterday() {
    let (mut alice, mut bob) = acquainted();
    let yesterday: Vec<_> = (0..5).map(|n| alice.write(&format!("secret {n}"))).collect();
    let mut before = bob.copy(3);
    for blob in &yesterday {
        bob.read(&id("alice"), blob).unwrap();
    }
    let mut thief = bob.copy(4);
    for blob in &yesterday {
        assert!(thief.read(&id("alice"), blob).is_err());
    }
    // The controls: yesterday's keys do open yesterday, and today's open today.
    for (n, blob) in yesterday.iter().enumerate() {
        assert_eq!(before.read(&id("alice"), blob).unwrap(), format!("secret {n}"));
    }
    let today = alice.write("today");
    assert_eq!(thief.read(&id("alice"), &today).unwrap(), "today");
}

#[test]
fn a_first_message_is_closed_by_its_one_time_key_and_not_by_less() {
    for one_time in [true, false] {
        let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
        alice.begin(if one_time { bob.bundle() } else { bob.bundle_without_one_time() });
        let first = alice.write("the very first");
        bob.read(&id("alice"), &first).unwrap();
        // The thief has all keys, and none of Bob's scruples about what he has read before.
        let mut thief = bob.copy(3);
        (thief.sessions, thief.remembered) = Default::default();
        assert_eq!(thief.read(&id("alice"), &first).is_ok(), !one_time);
    }
}

#[test]
fn after_a_round_trip_a_stolen_state_reads_no_further() {
    let (mut alice, mut bob) = acquainted();
    let (mut bobs_thief, mut alices_thief) = (bob.copy(3), alice.copy(4));
    let (question, answer) = (alice.write("question"), bob.write("answer"));
    // The control: what was stolen does open what comes next, on either side.
    assert!(bobs_thief.read(&id("alice"), &question).is_ok());
    assert!(alices_thief.read(&id("bob"), &answer).is_ok());
    bob.read(&id("alice"), &question).unwrap();
    alice.read(&id("bob"), &answer).unwrap();
    // Bob has turned since: he made a key that his thief lacks. Alice answers to it, with one that hers lacks.
    let answer = bob.write("answer again");
    alice.read(&id("bob"), &answer).unwrap();
    let healed = alice.write("nobody else reads this");
    assert!(bobs_thief.read(&id("alice"), &healed).is_err());
    bob.read(&id("alice"), &healed).unwrap();
    let healed = bob.write("nor this");
    assert!(bobs_thief.read(&id("alice"), &healed).is_err());
    assert!(alices_thief.read(&id("bob"), &healed).is_err());
    assert_eq!(alice.read(&id("bob"), &healed).unwrap(), "nor this");
}

#[test]
fn the_same_text_twice_is_never_the_same_bytes() {
    let (mut alice, _) = acquainted();
    // The control: the same state with the same dice gives the same bytes.
    assert_eq!(alice.copy(7).write("yes"), alice.copy(7).write("yes"));
    let blobs: Vec<_> = (0..50).map(|_| alice.write("yes")).collect();
    for (n, blob) in blobs.iter().enumerate() {
        assert!(blobs[..n].iter().all(|other| other[1..25] != blob[1..25] && other[25..] != blob[25..]));
    }
}

/// Whether two blobs were sealed under one key and nonce: then what differs is what was said.
fn share_a_keystream(one: (&[u8], &str), two: (&[u8], &str)) -> bool {
    let xor = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
    let body = |blob: &[u8]| blob[OVERHEAD - 16..blob.len() - 16].to_vec();
    let padded = |text: &str| padding::pad(text.as_bytes().to_vec()).unwrap();
    xor(&body(one.0), &body(two.0)) == xor(&padded(one.1), &padded(two.1))
}

#[test]
fn a_restored_copy_never_repeats_a_key_and_nonce() {
    let (alice, _) = acquainted();
    let (yes, no) = ("we attack at dawn", "we do not attack");
    let written = |seed, text| alice.copy(seed).write(text);
    // The control: with the same dice, hence the same salt, the two texts do share a key and nonce.
    assert!(share_a_keystream((&written(1, yes), yes), (&written(1, no), no)));
    for seed in 2..10 {
        assert!(!share_a_keystream((&written(1, yes), yes), (&written(seed, no), no)));
    }
}

#[test]
fn whoever_breaks_every_curve_still_lacks_the_kem_secret() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let bundle = bob.bundle().verify(alice.me.statement(), NOW).unwrap();
    let mut dice = vec![0; 64];
    alice.rng.fill_bytes(&mut dice);
    let (handshake, agreement) = pqxdh::initiate(&alice.me, &bundle, NOW, &mut Script(dice.clone())).unwrap();

    // Everything that a quantum computer finds in a recording: all private halves of X25519 keys.
    let pair = |secret: &[u8]| KeyPair::from_secret(&Secret::new(secret.try_into().unwrap()));
    let ephemeral = pair(&dice[..32]);
    assert_eq!(ephemeral.public(), handshake.ephemeral);
    let prekey = bob.prekeys.newest().unwrap();
    let one_time = bob.prekeys.one_time.iter().find(|key| Some(key.id) == handshake.one_time_id).unwrap();
    let dh = |mine: &KeyPair, theirs: &KeyPair| *mine.diffie_hellman(&theirs.public()).unwrap().expose();
    let alice_identity = pair(alice.me.secrets()[1].expose());
    let bob_identity = pair(bob.me.secrets()[1].expose());
    let dhs = [
        dh(&alice_identity, &prekey.pair),
        dh(&ephemeral, &bob_identity),
        dh(&ephemeral, &prekey.pair),
        dh(&ephemeral, &one_time.pair),
    ];
    let derive = |ss: &[u8; 32]| {
        let ikm = [&[0xff; 32][..], &dhs.concat(), ss].concat();
        let okm: Secret<96> = kdf::hkdf(&[0; 32], &ikm, &[SUITE.as_bytes(), &agreement.session_ad]);
        okm.expose()[..32] == *agreement.sk.expose()
    };
    // The control: with the secret that the KEM carries, this is the very derivation.
    let ss = prekey.kem.decapsulate(&handshake.kem_ciphertext).unwrap();
    assert!(derive(ss.expose()));
    assert!(!derive(&[0; 32]));
    // Another person's KEM key finds another secret in the same ciphertext.
    let other = alice.prekeys.newest().unwrap().kem.decapsulate(&handshake.kem_ciphertext).unwrap();
    assert!(!derive(other.expose()));
}
