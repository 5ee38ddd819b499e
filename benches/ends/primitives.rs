//! What must be paid in any case: the primitives that an operation cannot do without, and nothing around them.
//!
//! Inputs are hidden from the optimiser, or it would do the work once and use it twice.

use std::hint::black_box;
use std::sync::OnceLock;

use blindrelay::crypto::aead::SealKey;
use blindrelay::crypto::{Secret, ed25519, kdf, kem, x25519};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;
use sha2::{Digest, Sha512};

/// Bytes of an encrypted header before its tag.
const HEADER: [u8; 41] = [7; 41];

/// Either end: two chain steps, two derivations; one seals header and body, the other opens them.
pub fn one_way(text: &[u8]) {
    let key = Secret::new([1; 32]);
    for _ in 0..2 {
        let key = black_box(&key);
        black_box((kdf::hmac(key, &[1]), kdf::hmac(key, &[2])));
        black_box(kdf::expand::<44>(key, &[black_box(&[0; 44])]));
        black_box(kdf::expand::<76>(key, &[black_box(&[0; 77])]));
    }
    let (header, body) = (seal_key().seal(black_box(&[0; 57]), &HEADER), seal_key().seal(black_box(&[0; 146]), text));
    black_box((seal_key().open(&[0; 57], &header), seal_key().open(&[0; 146], &body)).0.is_ok());
}

/// The receiver also tries the old header key, agrees twice, makes a key pair, and steps the root twice.
pub fn ping_pong(text: &[u8]) {
    one_way(text);
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
pub fn set_up(text: &[u8]) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (signer, bob) = (signing_key(), kem_key());
    let signature = signature();
    for _ in 0..3 {
        black_box(signer.verifying_key().verify("bench", black_box(&[0x42; 1024]), signature).is_ok());
    }
    let offered = kem::EncapsulationKey::from_bytes(&bob.encapsulation_key().to_bytes()).expect("an honest key");
    let (ciphertext, _) = offered.encapsulate(&mut rng);
    black_box(bob.decapsulate(&ciphertext).is_ok());
    let (ephemeral, ratchet) = (x25519::KeyPair::generate(&mut rng), x25519::KeyPair::generate(&mut rng));
    for _ in 0..9 {
        black_box(black_box(&ephemeral).diffie_hellman(&ratchet.public()).is_ok());
    }
    ping_pong(text);
}

/// A key for each message that is late, and the one that came.
pub fn skip(missing: u32, text: &[u8]) {
    let key = Secret::new([1; 32]);
    for _ in 0..missing {
        let key = black_box(&key);
        black_box((kdf::hmac(key, &[1]), kdf::hmac(key, &[2])));
    }
    one_way(text); // half of it too much, which is a thousandth
}

/// One hash over two identities.
pub fn safety_number() {
    black_box(Sha512::digest(black_box([0x42; 160])));
}

fn seal_key() -> SealKey {
    SealKey::from_okm(black_box(&Secret::new([1; 44])))
}

fn signing_key() -> &'static ed25519::SigningKey {
    static KEY: OnceLock<ed25519::SigningKey> = OnceLock::new();
    KEY.get_or_init(|| ed25519::SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(2)))
}

fn signature() -> &'static [u8; 64] {
    static SIGNATURE: OnceLock<[u8; 64]> = OnceLock::new();
    SIGNATURE.get_or_init(|| signing_key().sign("bench", &[0x42; 1024]))
}

fn kem_key() -> &'static kem::DecapsulationKey {
    static KEY: OnceLock<kem::DecapsulationKey> = OnceLock::new();
    KEY.get_or_init(|| kem::DecapsulationKey::generate(&mut ChaCha20Rng::seed_from_u64(3)))
}
