//! What the relay may offer as somebody's keys, and what is refused before anything is encrypted to it.

use std::sync::LazyLock;

use blindrelay::crypto::{ed25519, x25519::PublicKey};
use blindrelay::protocol::params::{
    DAY, IDENTITY, PREKEY, TYPE_IDENTITY_ED25519, TYPE_IDENTITY_X25519, TYPE_KEM, TYPE_ONE_TIME_PREKEY,
    TYPE_SIGNED_PREKEY,
};
use blindrelay::protocol::pqxdh::{self, Handshake, HandshakeRefused};
use blindrelay::protocol::{BundleRefused, IdentityKeyPair, IdentityStatement, PreKeyBundle};
use blindrelay::wire::Bytes;

use super::people::{NOW, Person, bytes, id};

/// Points whose multiple by any private key is zero.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn low_order() -> impl Iterator<Item = [u8; 32]> {
    LOW_ORDER.into_iter().map(bytes)
}

/// A signed identity statement over any keys at all.
fn identity(name: &str, ed25519: [u8; 32], x25519: [u8; 32], sign: impl Fn(&[u8]) -> [u8; 64]) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    let body = [&[length], name.as_bytes(), &[TYPE_IDENTITY_ED25519], &ed25519, &[TYPE_IDENTITY_X25519], &x25519];
    let body = body.concat();
    [&body[..], &sign(&body)].concat()
}

/// A prekey statement as its owner could sign it, with any content at all.
struct Prekey {
    label: &'static str,
    name: &'static str,
    created: u64,
    types: [u8; 2],
    key: [u8; 32],
    kem: Vec<u8>,
}

impl Prekey {
    fn of(person: &Person) -> Self {
        let key = person.prekeys.newest().unwrap();
        let (types, name) = ([TYPE_SIGNED_PREKEY, TYPE_KEM], "bob");
        let kem = key.kem.encapsulation_key().to_bytes();
        Self { label: PREKEY, name, created: key.created, types, key: key.pair.public().0, kem }
    }

    fn signed_by(&self, person: &Person) -> Bytes {
        let length = u8::try_from(self.name.len()).unwrap();
        let (created, [first, second]) = (self.created.to_be_bytes(), self.types);
        let name = self.name.as_bytes();
        let body = [&[length], name, &1_u32.to_be_bytes(), &created, &[first], &self.key, &[second], &self.kem];
        let body = body.concat();
        let signature = signing_key(person).sign(self.label, &body);
        Bytes([&body[..], &signature].concat())
    }
}

fn signing_key(person: &Person) -> ed25519::SigningKey {
    ed25519::SigningKey::from_secret(&person.me.secrets()[0])
}

fn refused(bundle: PreKeyBundle) -> Option<BundleRefused> {
    refused_at(bundle, NOW)
}

fn refused_at(bundle: PreKeyBundle, now: u64) -> Option<BundleRefused> {
    static ALICE: LazyLock<IdentityStatement> = LazyLock::new(|| Person::new("alice", 1).me.statement().clone());
    bundle.verify(&ALICE, now).err()
}

#[test]
fn a_genuine_bundle_is_accepted_and_so_is_one_written_by_hand() {
    // The control of every refusal below: the same tools make bundles that pass.
    let mut bob = Person::new("bob", 2);
    assert_eq!(refused(bob.bundle()), None);
    let prekey = Some(Prekey::of(&bob).signed_by(&bob));
    assert_eq!(prekey, bob.bundle().prekey);
    let key = signing_key(&bob);
    let by_hand =
        identity("bob", key.verifying_key().0, bob.me.statement().x25519().0, |body| key.sign(IDENTITY, body));
    assert_eq!(by_hand, bob.me.statement().to_bytes());
}

#[test]
fn none_or_two_identities_are_refused() {
    let mut bob = Person::new("bob", 2);
    let ghost = Person::new("bob", 3).me.statement().to_bytes().into();
    let none = PreKeyBundle { identities: Vec::new(), ..bob.bundle() };
    assert_eq!(refused(none), Some(BundleRefused::Identities(0)));
    let mut two = bob.bundle();
    two.identities.push(ghost);
    assert_eq!(refused(two), Some(BundleRefused::Identities(2)));
    let mut twice = bob.bundle();
    twice.identities.push(twice.identities[0].clone());
    assert_eq!(refused(twice), Some(BundleRefused::Identities(2)));
    let no_prekey = PreKeyBundle { prekey: None, ..bob.bundle() };
    assert_eq!(refused(no_prekey), Some(BundleRefused::NoPrekey));
}

#[test]
fn one_persons_identity_with_anothers_prekey_is_refused() {
    let (mut bob, mut mallory) = (Person::new("bob", 2), Person::new("mallory", 3));
    let mixed = PreKeyBundle { prekey: mallory.bundle().prekey, ..bob.bundle() };
    assert_eq!(refused(mixed), Some(BundleRefused::Forged));
    let mixed = PreKeyBundle { identities: mallory.bundle().identities, ..bob.bundle() };
    assert_eq!(refused(mixed), Some(BundleRefused::Forged));
    let renamed = PreKeyBundle { user: id("bob"), ..mallory.bundle() };
    assert_eq!(refused(renamed), Some(BundleRefused::Forged));
    // Mallory signs a prekey for Bob's name: his by name, not by identity.
    let prekey = Some(Prekey::of(&mallory).signed_by(&mallory));
    assert_eq!(refused(PreKeyBundle { user: id("bob"), prekey, ..mallory.bundle() }), Some(BundleRefused::Forged));
    // Mallory signs Bob's prekeys: hers by signature, not by name.
    let prekey = Some(Prekey::of(&bob).signed_by(&mallory));
    assert_eq!(refused(PreKeyBundle { prekey, ..mallory.bundle() }), Some(BundleRefused::Forged));
    let prekey = Some(Prekey { name: "mallory", ..Prekey::of(&bob) }.signed_by(&mallory));
    assert_eq!(refused(PreKeyBundle { prekey, ..mallory.bundle() }), None);
}

#[test]
fn my_own_keys_under_any_name_are_refused() {
    let mut alice = Person::new("alice", 1);
    assert_eq!(refused(alice.bundle()), Some(BundleRefused::Mine));
    // One of the two keys is enough.
    for [mine, other] in [[0, 1], [1, 0]] {
        let (hers, his) = (alice.me.secrets(), Person::new("bob", 2).me.secrets());
        let mut keys = [&his[0], &his[1]];
        keys[mine] = &hers[mine];
        assert!(keys[other] == &his[other]);
        let half = IdentityKeyPair::from_secrets(id("bob"), keys[0], keys[1]);
        let prekey = alice.prekeys.newest().map(|key| Bytes(key.statement(&half)));
        let identities = vec![half.statement().to_bytes().into()];
        let bundle = PreKeyBundle { user: id("bob"), identities, prekey, one_time: None };
        assert_eq!(refused(bundle), Some(BundleRefused::Mine));
    }
}

#[test]
fn a_prekey_is_good_for_thirty_days_and_from_a_day_before() {
    let mut bob = Person::new("bob", 2);
    for (now, refusal) in [
        (NOW, None),
        (NOW + 30 * DAY, None),
        (NOW + 30 * DAY + 1, Some(BundleRefused::Stale)),
        (u64::MAX, Some(BundleRefused::Stale)),
        (NOW - DAY, None),
        (NOW - DAY - 1, Some(BundleRefused::Future)),
        (0, Some(BundleRefused::Future)),
    ] {
        assert_eq!(refused_at(bob.bundle(), now), refusal);
    }
    let prekey = Some(Prekey { created: u64::MAX, ..Prekey::of(&bob) }.signed_by(&bob));
    assert_eq!(refused(PreKeyBundle { prekey, ..bob.bundle() }), Some(BundleRefused::Future));
}

#[test]
fn another_purpose_another_type_byte_or_another_kem_length_is_refused() {
    let bob = Person::new("bob", 2);
    let with = |prekey: Prekey| {
        refused(PreKeyBundle { prekey: Some(prekey.signed_by(&bob)), ..bob.bundle_without_one_time() })
    };
    assert_eq!(with(Prekey::of(&bob)), None);
    let forged = Some(BundleRefused::Forged);
    assert_eq!(with(Prekey { label: IDENTITY, ..Prekey::of(&bob) }), forged);
    assert_eq!(with(Prekey { label: "", ..Prekey::of(&bob) }), forged);
    assert_eq!(with(Prekey { types: [TYPE_KEM, TYPE_SIGNED_PREKEY], ..Prekey::of(&bob) }), forged);
    assert_eq!(with(Prekey { types: [TYPE_ONE_TIME_PREKEY, TYPE_KEM], ..Prekey::of(&bob) }), forged);
    for length in [0, 800, 1183, 1185, 1568] {
        assert_eq!(with(Prekey { kem: vec![0; length], ..Prekey::of(&bob) }), forged, "{length}");
    }
    // 1,184 bytes, and a coefficient beyond the modulus.
    assert_eq!(with(Prekey { kem: vec![0xff; 1184], ..Prekey::of(&bob) }), forged);

    // An identity whose signature serves another purpose.
    let key = signing_key(&bob);
    let sign = |body: &[u8]| key.sign(PREKEY, body);
    let other = identity("bob", key.verifying_key().0, bob.me.statement().x25519().0, sign);
    let bundle = PreKeyBundle { identities: vec![other.into()], ..bob.bundle_without_one_time() };
    assert_eq!(refused(bundle), forged);
    // A one-time key of another type, too short, too long.
    let stock = Person::new("bob", 2).bundle().one_time.unwrap().0;
    let one_time =
        |bytes: Vec<u8>| refused(PreKeyBundle { one_time: Some(bytes.into()), ..bob.bundle_without_one_time() });
    assert_eq!(one_time(stock.clone()), None);
    let mut typed = stock.clone();
    typed[4] = TYPE_SIGNED_PREKEY;
    assert_eq!(one_time(typed), forged);
    assert_eq!(one_time(stock[..36].to_vec()), forged);
    assert_eq!(one_time([&stock[..], &[0]].concat()), forged);
}

#[test]
fn a_statement_with_any_byte_changed_cut_or_added_is_refused() {
    let bob = Person::new("bob", 2);
    let whole = bob.bundle_without_one_time();
    let statements = [whole.identities[0].0.clone(), whole.prekey.clone().unwrap().0];
    for (which, genuine) in statements.iter().enumerate() {
        let with = |bytes: Vec<u8>| {
            let mut bundle = whole.clone();
            match which {
                0 => bundle.identities[0] = bytes.into(),
                _ => bundle.prekey = Some(bytes.into()),
            }
            refused(bundle)
        };
        assert_eq!(with(genuine.clone()), None);
        for at in (0..genuine.len()).step_by(if which == 0 { 1 } else { 13 }) {
            let mut changed = genuine.clone();
            changed[at] ^= 0x20;
            assert_eq!(with(changed), Some(BundleRefused::Forged), "byte {at}");
            assert_eq!(with(genuine[..at].to_vec()), Some(BundleRefused::Forged), "cut at {at}");
        }
        assert_eq!(with([&genuine[..], &[0]].concat()), Some(BundleRefused::Forged));
    }
}

#[test]
fn a_key_of_small_order_is_refused_wherever_it_stands() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let forged = Some(BundleRefused::Forged);
    let genuine = bob.bundle().verify(alice.me.statement(), NOW).unwrap();
    let (handshake, _) = pqxdh::initiate(&alice.me, &genuine, NOW, &mut alice.rng).unwrap();
    let respond = |handshake: Handshake| pqxdh::respond(&bob.me, &bob.prekeys, &handshake).map(drop);
    assert_eq!(respond(handshake.clone()), Ok(()));
    let key = signing_key(&bob);
    for low in low_order() {
        // In a bundle: signed prekey, one-time prekey, identity.
        let prekey = Some(Prekey { key: low, ..Prekey::of(&bob) }.signed_by(&bob));
        assert_eq!(refused(PreKeyBundle { prekey, ..bob.bundle_without_one_time() }), forged);
        let one_time = [&7_u32.to_be_bytes(), &[TYPE_ONE_TIME_PREKEY][..], &low].concat();
        let bundle = PreKeyBundle { one_time: Some(one_time.into()), ..bob.bundle_without_one_time() };
        assert_eq!(refused(bundle), forged);
        let statement = identity("bob", key.verifying_key().0, low, |body| key.sign(IDENTITY, body));
        let bundle = PreKeyBundle { identities: vec![statement.clone().into()], ..bob.bundle_without_one_time() };
        assert_eq!(refused(bundle), forged);
        // In a first message: ephemeral key, identity. (The ratchet key in a header: `protocol::ratchet`.)
        let ephemeral = Handshake { ephemeral: PublicKey(low), ..handshake.clone() };
        assert_eq!(respond(ephemeral), Err(HandshakeRefused::BadKey));
        let statement = IdentityStatement::from_bytes(&statement).unwrap();
        assert_eq!(respond(Handshake { identity: statement, ..handshake.clone() }), Err(HandshakeRefused::BadKey));
    }
}

#[test]
fn a_signing_key_of_small_order_is_refused_though_its_signature_fits_everything() {
    let mut bob = Person::new("bob", 2);
    let mut point = [0; 32];
    point[0] = 1; // the neutral element: 0·B = R + k·A for R = A = 0 whatever k is
    let mut signature = [0; 64];
    signature[0] = 1;
    let statement = identity("bob", point, bob.me.statement().x25519().0, |_| signature);
    // The control: verification that is not strict takes it, for any message.
    let lenient = ed25519_dalek::VerifyingKey::from_bytes(&point).unwrap();
    let any = ed25519_dalek::Signature::from_bytes(&signature);
    assert!(ed25519_dalek::Verifier::verify(&lenient, b"anything", &any).is_ok());
    assert!(IdentityStatement::from_bytes(&statement).is_err());
    let bundle = PreKeyBundle { identities: vec![statement.into()], ..bob.bundle() };
    assert_eq!(refused(bundle), Some(BundleRefused::Forged));
}
