//! PQXDH: who agrees on what, for whom a first message opens, and what it uses up.

use blindrelay::client::vault::Vault;
use blindrelay::protocol::message::HANDSHAKE_LEN;
use blindrelay::protocol::params::DAY;
use blindrelay::protocol::pqxdh::{self, Handshake};
use blindrelay::protocol::{DecryptError, IdentityKeyPair, PreKeyBundle, SafetyNumber, Sessions};
use blindrelay::wire::Bytes;

use super::people::{NOW, Person, acquainted, id};

fn agree(one_time: bool) -> [u8; 32] {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let bundle = if one_time { bob.bundle() } else { bob.bundle_without_one_time() };
    let bundle = bundle.verify(alice.me.statement(), NOW).unwrap();
    assert_eq!(bundle.has_one_time(), one_time);
    let (handshake, hers) = pqxdh::initiate(&alice.me, &bundle, NOW, &mut alice.rng).unwrap();
    let (his, prekey) = pqxdh::respond(&bob.me, &bob.prekeys, &handshake).unwrap();
    assert_eq!(hers.session_ad, his.session_ad);
    assert!(hers.sk == his.sk && hers.hka == his.hka && hers.nhkb == his.nhkb);
    assert!(hers.sk != hers.hka && hers.sk != hers.nhkb && hers.hka != hers.nhkb);
    assert_eq!(prekey.public(), bob.prekeys.newest().unwrap().pair.public());

    // The control: the same keys under another name, one bit of one key or of the ciphertext, and they no longer agree.
    let mut other = handshake.clone();
    let [ed25519, x25519] = alice.me.secrets();
    other.identity = IdentityKeyPair::from_secrets(id("mallory"), &ed25519, &x25519).statement().clone();
    let (his, _) = pqxdh::respond(&bob.me, &bob.prekeys, &other).unwrap();
    assert!(hers.session_ad != his.session_ad && hers.sk != his.sk);
    let mut other = handshake.clone();
    other.kem_ciphertext[0] ^= 1;
    let (his, _) = pqxdh::respond(&bob.me, &bob.prekeys, &other).unwrap();
    assert!(hers.session_ad != his.session_ad && hers.sk != his.sk);
    let mut other = handshake.clone();
    other.ephemeral.0[0] ^= 1;
    let (his, _) = pqxdh::respond(&bob.me, &bob.prekeys, &other).unwrap();
    assert!(hers.session_ad != his.session_ad && hers.sk != his.sk);
    let (his, _) = pqxdh::respond(&bob.me, &bob.prekeys, &Handshake { started: NOW + 1, ..handshake }).unwrap();
    assert!(hers.session_ad != his.session_ad && hers.sk != his.sk);
    hers.session_ad
}

#[test]
fn both_sides_agree_with_a_one_time_key_and_without() {
    assert_ne!(agree(true), agree(false));
}

#[test]
fn a_first_message_to_somebody_offline_opens_and_is_answered() {
    let (mut alice, mut bob) = acquainted();
    for turn in 0..3 {
        let question = alice.write(&format!("question {turn}"));
        assert_eq!(bob.read(&id("alice"), &question).unwrap(), format!("question {turn}"));
        let answer = bob.write(&format!("answer {turn}"));
        assert_eq!(alice.read(&id("bob"), &answer).unwrap(), format!("answer {turn}"));
    }
    assert_eq!(bob.pinned.as_ref(), Some(alice.me.statement()));
}

#[test]
fn a_key_registered_under_another_name_gives_another_session() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    // The control: under his own name it opens.
    alice.begin(bob.bundle_without_one_time());
    let to_bob = alice.write("for bob");
    assert!(bob.copy(3).read(&id("alice"), &to_bob).is_ok());

    // Bob's very keys, signed for the name mallory (worse than what a relay can do: it lacks his signature).
    let [ed25519, x25519] = bob.me.secrets();
    let mallory = IdentityKeyPair::from_secrets(id("mallory"), &ed25519, &x25519);
    let prekey = bob.prekeys.newest().map(|key| Bytes(key.statement(&mallory)));
    let identities = vec![mallory.statement().to_bytes().into()];
    alice.sessions = Sessions::default();
    alice.begin(PreKeyBundle { user: id("mallory"), identities, prekey, one_time: None });
    let to_mallory = alice.write("for mallory");
    assert_eq!(bob.read(&id("alice"), &to_mallory), Err(DecryptError::Unreadable));
    let number = |other| SafetyNumber::between(alice.me.statement(), other);
    assert_ne!(number(bob.me.statement()), number(mallory.statement()));
}

#[test]
fn a_first_message_under_another_envelope_name_is_refused() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let first = alice.write("it is me, alice");
    assert_eq!(bob.read(&id("mallory"), &first), Err(DecryptError::Unreadable));
    assert_eq!(bob.read(&id("alice"), &first).unwrap(), "it is me, alice");
}

#[test]
fn a_one_time_key_is_consumed_only_by_a_message_that_authenticates() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let first = alice.write("genuine");
    let had = bob.prekeys.one_time.len();
    let mut garbage = first.clone();
    let end = garbage.len() - 1;
    garbage[end] ^= 1;
    assert_eq!(bob.read(&id("alice"), &garbage), Err(DecryptError::Tampered));
    assert_eq!(bob.prekeys.one_time.len(), had);
    assert!(bob.read(&id("alice"), &first).is_ok());
    // The control: the genuine one did consume it.
    assert_eq!(bob.prekeys.one_time.len(), had - 1);
}

#[test]
fn a_replayed_first_message_is_refused_even_when_its_session_is_gone() {
    for one_time in [true, false] {
        let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
        alice.begin(if one_time { bob.bundle() } else { bob.bundle_without_one_time() });
        let first = alice.write("once");
        let mut forgetful = bob.copy(3);
        assert!(bob.read(&id("alice"), &first).is_ok());
        assert_eq!(bob.read(&id("alice"), &first), Err(DecryptError::UsedCounter));
        bob.sessions = Sessions::default();
        let refusal = if one_time { DecryptError::PrekeyGone } else { DecryptError::Replayed };
        assert_eq!(bob.read(&id("alice"), &first), Err(refusal));

        // The control: somebody who remembers and consumes nothing reads it twice.
        for _ in 0..2 {
            assert!(forgetful.open(&id("alice"), &first).is_ok());
            forgetful.sessions = Sessions::default();
        }
    }
}

#[test]
fn garbage_around_an_old_handshake_raises_no_alarm() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle_without_one_time());
    let first = alice.write("once");
    assert!(bob.read(&id("alice"), &first).is_ok());
    bob.sessions = Sessions::default();
    let salt = 1 + HANDSHAKE_LEN + "alice".len();
    let mut garbage = first.clone();
    garbage[salt] ^= 1;
    assert_eq!(bob.read(&id("alice"), &garbage), Err(DecryptError::Unreadable));
    assert_eq!(bob.read(&id("alice"), &first), Err(DecryptError::Replayed));
}

#[test]
fn a_changed_identity_is_reported_only_by_a_message_that_authenticates() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    bob.pinned = Some(Person::new("alice", 9).me.statement().clone());
    alice.begin(bob.bundle());
    let first = alice.write("a new alice");
    let mut garbage = first.clone();
    garbage[1 + HANDSHAKE_LEN + 5] ^= 1;
    assert_eq!(bob.read(&id("alice"), &garbage), Err(DecryptError::Unreadable));
    let changed = DecryptError::IdentityChanged(Box::new(alice.me.statement().clone()));
    assert_eq!(bob.read(&id("alice"), &first), Err(changed));
    assert!(!bob.sessions.can_send(NOW), "a session with a key that nobody accepted");
    bob.pinned = None;
    assert!(bob.read(&id("alice"), &first).is_ok());
}

#[test]
fn a_prekey_serves_for_sixty_days_and_is_then_gone() {
    let (mut alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle_without_one_time());
    let first = alice.write("read me late");
    let rotated = |day: u64| {
        let mut late = bob.copy(day);
        for day in (7..=day).step_by(7) {
            assert!(late.prekeys.due(NOW + day * DAY));
            late.prekeys.renew(NOW + day * DAY, &mut late.rng);
            assert!(!late.prekeys.due(NOW + day * DAY));
        }
        late.prekeys.forget_old(NOW + day * DAY);
        late
    };
    assert!(rotated(59).read(&id("alice"), &first).is_ok());
    assert_eq!(rotated(60).read(&id("alice"), &first), Err(DecryptError::PrekeyGone));
}

#[test]
fn a_prekey_id_is_never_used_twice_even_after_a_long_absence() {
    let mut bob = Person::new("bob", 2);
    let mut vault = Vault::in_memory(&id("bob"), &mut bob.rng).unwrap();
    vault.transaction(|rows| rows.save_prekeys(&bob.prekeys, &mut bob.rng)).unwrap();
    bob.prekeys.forget_old(NOW + 365 * DAY);
    bob.prekeys.renew(NOW + 365 * DAY, &mut bob.rng);
    assert_eq!(bob.prekeys.signed.iter().map(|key| key.id).collect::<Vec<_>>(), [2]);
    vault.transaction(|rows| rows.save_prekeys(&bob.prekeys, &mut bob.rng)).unwrap();
    let saved = vault.rows().prekeys().unwrap();
    let public = |store: &blindrelay::protocol::PreKeyStore| store.newest().unwrap().pair.public();
    assert_eq!(public(&saved), public(&bob.prekeys), "what is published must be what is kept");
}

#[test]
fn the_oldest_unused_one_time_keys_go_first() {
    let mut bob = Person::new("bob", 2);
    let (first, had) = (bob.prekeys.one_time[0].id, bob.prekeys.one_time.len());
    let handed_out_and_never_used = (0..10).map(|_| bob.prekeys.refill(0, &mut bob.rng).len()).sum::<usize>();
    assert_eq!((had, handed_out_and_never_used), (3, 1_000));
    assert_eq!(bob.prekeys.one_time.len(), 1_000);
    assert_eq!(bob.prekeys.one_time[0].id, first + 3);
}
