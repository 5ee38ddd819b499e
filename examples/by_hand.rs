//! One message by hand: every value between the keystroke and the blob, and back, with nothing but the five tools.
//!
//! ```text
//! cargo run --example by_hand              # long values are cut
//! cargo run --example by_hand -- --full    # every byte
//! ```
//!
//! The randomness is fixed, so that the page is the same for everybody; it is that of the worked example in `docs/protocol.md`.
//! At the end the library writes the same message from the same randomness, and both are the same bytes.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use blindrelay::crypto::aead::SealKey;
use blindrelay::crypto::x25519::{KeyPair, PublicKey};
use blindrelay::crypto::{Secret, ed25519, kdf, kem};
use blindrelay::protocol::params::{self, HEADER, IDENTITY, MESSAGE, PREKEY, RATCHET, SESSION, SUITE};
use blindrelay::protocol::{IdentityKeyPair, PreKeyBundle, PreKeyStore, Sessions, content, padding};
use blindrelay::wire::{Bytes, Content, UserId};
use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Whoever knows this knows everything below. A real client asks the operating system.
const DICE: &[u8; 32] = b"blindrelay the worked example 01";
const NOW: u64 = 1_700_000_000_000;
const TEXT: &str = "Meet me at noon.";

// One page, read from top to bottom.
#[allow(clippy::too_many_lines)]
fn main() -> Result<()> {
    let full = std::env::args().any(|arg| arg == "--full");
    let mut out = vec!["One message by hand. Each value: label · length · purpose, then the bytes.".to_owned()];
    let mut page = |title: &str, lines: &[(&str, &[u8], &str)]| {
        out.push(format!("\n{title}"));
        for (label, bytes, why) in lines {
            out.push(format!("  {label} · {} · {why}", bytes.len()));
            out.extend(hex(bytes, full).into_iter().map(|line| format!("      {line}")));
        }
    };
    let mut dice = ChaCha20Rng::from_seed(*DICE);

    // ---- long before ----
    let alice_signs = ed25519::SigningKey::from_secret(&Secret::random(&mut dice));
    let alice = KeyPair::generate(&mut dice);
    let bob_signs = ed25519::SigningKey::from_secret(&Secret::random(&mut dice));
    let bob = KeyPair::generate(&mut dice);
    let body_a = identity("alice", &alice_signs, &alice);
    let body_b = identity("bob", &bob_signs, &bob);
    let statement_a = [&body_a[..], &alice_signs.sign(IDENTITY, &body_a)].concat();
    page(
        "1 · Alice and Bob make their identities, once.",
        &[
            ("alice ed25519 seed", alice_signs.secret().expose(), "her signing key: only she can sign as alice"),
            ("alice x25519", alice.secret().expose(), "her agreement key, private half"),
            ("alice body", &body_a, "length of the name, name, 01, Ed25519 key, 02, X25519 key"),
            ("alice statement", &statement_a, "the body, her signature over label, 00, length, body"),
            ("bob x25519", bob.secret().expose(), "his agreement key; his statement is made alike"),
        ],
    );

    let prekey = KeyPair::generate(&mut dice);
    let kem_key = kem::DecapsulationKey::from_seed(Secret::random(&mut dice));
    let one_time = KeyPair::generate(&mut dice);
    let (prekey_id, one_time_id) = (1_u32.to_be_bytes(), 0_u32.to_be_bytes());
    let ek = kem_key.encapsulation_key();
    let signed = typed(params::TYPE_SIGNED_PREKEY, &prekey);
    let offered =
        [b"\x03bob", &prekey_id[..], &NOW.to_be_bytes(), &signed, &[params::TYPE_KEM], &ek.to_bytes()].concat();
    let offered = [&offered[..], &bob_signs.sign(PREKEY, &offered)].concat();
    page(
        "2 · Bob leaves keys at the relay and goes offline.",
        &[
            ("signed prekey", prekey.secret().expose(), "X25519, private half: for a week of first messages"),
            ("kem seed", kem_key.seed().expose(), "ML-KEM-768, private half: against quantum computers"),
            ("prekey statement", &offered, "name, id, time, 03, X25519, 05, ML-KEM, signature"),
            ("one-time prekey", one_time.secret().expose(), "X25519, private half: deleted once it was used"),
        ],
    );

    // ---- PQXDH ----
    let ephemeral = KeyPair::generate(&mut dice);
    let (kem_ciphertext, ss) = ek.encapsulate(&mut dice);
    let dh1 = alice.diffie_hellman(&prekey.public())?;
    let dh2 = ephemeral.diffie_hellman(&bob.public())?;
    let dh3 = ephemeral.diffie_hellman(&prekey.public())?;
    let dh4 = ephemeral.diffie_hellman(&one_time.public())?;
    let opk = [&one_time_id[..], &typed(params::TYPE_ONE_TIME_PREKEY, &one_time)].concat();
    let begun = [&typed(params::TYPE_EPHEMERAL, &ephemeral)[..], &NOW.to_be_bytes()].concat();
    let parts: [&[u8]; 9] = [
        SESSION.as_bytes(),
        &body_a,
        &body_b,
        &begun,
        &[&prekey_id[..], &signed].concat(),
        &[1],
        &opk,
        &[&[params::TYPE_KEM], &ek.to_bytes()[..]].concat(),
        &kem_ciphertext,
    ];
    let transcript: Vec<u8> = parts.iter().flat_map(|part| [&length(part), *part].concat()).collect();
    let session_ad: [u8; 32] = Sha256::digest(&transcript).into();
    let ikm = [[0xff; 32], *dh1.expose(), *dh2.expose(), *dh3.expose(), *dh4.expose(), *ss.expose()].concat();
    let okm: Secret<96> = kdf::hkdf(&[0; 32], &ikm, &[SUITE.as_bytes(), &session_ad]);
    let [sk, hka, nhkb] = thirds(&okm);
    page(
        "3 · Alice agrees with the absent Bob (PQXDH).",
        &[
            ("ephemeral", ephemeral.secret().expose(), "X25519, private half: for this session only"),
            ("dh1", dh1.expose(), "her identity with his signed prekey: it is alice"),
            ("dh2", dh2.expose(), "her ephemeral with his identity: it is bob"),
            ("dh3", dh3.expose(), "her ephemeral with his signed prekey: fresh on both sides"),
            ("dh4", dh4.expose(), "her ephemeral with his one-time prekey: never again"),
            ("kem ciphertext", &kem_ciphertext, "carries the next value to Bob"),
            ("ss", ss.expose(), "the KEM's secret: whoever breaks every curve still lacks it"),
            ("session_ad", &session_ad, "hash of names and public keys: what both agreed on"),
            ("SK", sk.expose(), "HKDF(FF*32, dh1..dh4, ss; suite, session_ad): the first root key"),
            ("hka", hka.expose(), "her first header key"),
            ("nhkb", nhkb.expose(), "his first header key"),
        ],
    );

    // ---- Double Ratchet ----
    let dhs = KeyPair::generate(&mut dice);
    let dh = dhs.diffie_hellman(&prekey.public())?;
    let [rk, ck, nhks] = thirds(&kdf::hkdf(sk.expose(), dh.expose(), &[RATCHET.as_bytes()]));
    let mk = kdf::hmac(&ck, &[0x01]);
    let next_ck = kdf::hmac(&ck, &[0x02]);
    page(
        "4 · The ratchet turns once, and its chain gives a key for this message alone.",
        &[
            ("ratchet key", dhs.secret().expose(), "X25519, private half: its public half is in the header"),
            ("dh", dh.expose(), "mixed into the root: with each answer a fresh one"),
            ("rk", rk.expose(), "the next root key"),
            ("ck", ck.expose(), "the chain key"),
            ("nhks", nhks.expose(), "the header key after the next turn"),
            ("mk", mk.expose(), "HMAC(ck, 01): this message's key"),
            ("ck, next", next_ck.expose(), "HMAC(ck, 02): ck is gone now, and with it the way to mk"),
        ],
    );

    // ---- inside the seal ----
    let head = format!(r#"{{"kind":"text","sent_at":"{NOW:020}","counter":"{:020}"}}"#, 1);
    let inside = [&u16::try_from(head.len())?.to_be_bytes()[..], head.as_bytes(), TEXT.as_bytes()].concat();
    let padded = padding::pad(inside.clone()).context("the text is short")?;
    let mut salt = [0; 24];
    dice.fill_bytes(&mut salt);
    page(
        "5 · The text is packed and padded.",
        &[
            ("text", TEXT.as_bytes(), TEXT),
            ("inside", &inside, "length of the head, head with numbers of constant length, text"),
            ("padded", &padded, "80 and zeros up to 512 bytes: all short texts look alike"),
            ("salt", &salt, "random, in clear: no two texts ever share a key"),
        ],
    );

    // ---- the blob ----
    let handshake = [&statement_a[..], &begun, &prekey_id, &[1], &one_time_id, &kem_ciphertext].concat();
    let before_header = [&session_ad[..], &[params::KIND_FIRST], &handshake, &salt].concat();
    let header_okm: Secret<44> = kdf::expand(&hka, &[HEADER.as_bytes(), &[0], &salt]);
    let header = [&typed(params::TYPE_RATCHET, &dhs)[..], &[0; 8]].concat();
    let sealed_header = SealKey::from_okm(&header_okm).seal(&before_header, &header);
    let message_okm: Secret<76> = kdf::expand(&mk, &[MESSAGE.as_bytes(), &[0], &salt, &session_ad]);
    let (body_okm, commitment) = message_okm.expose().split_at(44);
    let before_body = [&before_header, &sealed_header[..], commitment].concat();
    let sealed_body = SealKey::from_okm(&Secret::new(body_okm.try_into()?)).seal(&before_body, &padded);
    let blob = [&before_body[32..], &sealed_body].concat();
    page(
        "6 · The blob is sealed.",
        &[
            ("kind", &[params::KIND_FIRST], "a first message; later ones begin with 02 and have no handshake"),
            ("handshake", &handshake, "statement, 06, EK, time, prekey id, 01, one-time id, KEM"),
            ("header key, nonce", header_okm.expose(), "Expand(hka, label, 00, salt)"),
            ("header", &header, "07, ratchet key, length of last chain, number in this one"),
            ("sealed header", &sealed_header, "hides key and number; bound to all before it"),
            ("body key, nonce", body_okm, "Expand(mk, label, 00, salt, session_ad), bytes 0 to 43"),
            ("commitment", commitment, "the other 32: this blob is for this key and no other"),
            ("sealed body", &sealed_body, "the padded text, sealed; bound to all before it"),
            ("blob", &blob, "all of this, one after another: what the relay gets"),
            ("SHA-256 of the blob", &Sha256::digest(&blob), "the same in every run"),
        ],
    );

    // ---- Bob ----
    let bobs = [
        prekey.diffie_hellman(&alice.public())?,
        bob.diffie_hellman(&ephemeral.public())?,
        prekey.diffie_hellman(&ephemeral.public())?,
        one_time.diffie_hellman(&ephemeral.public())?,
        kem_key.decapsulate(&kem_ciphertext)?,
    ];
    ensure!(bobs == [dh1, dh2, dh3, dh4, ss], "Bob has the same five secrets from the other halves");
    let header = SealKey::from_okm(&header_okm).open(&before_header, &sealed_header)?;
    let ratchet_key = PublicKey(header[1..33].try_into()?);
    ensure!(prekey.diffie_hellman(&ratchet_key)? == dh, "Bob's ratchet turns to the same place");
    let opened = SealKey::from_okm(&Secret::new(body_okm.try_into()?)).open(&before_body, &sealed_body)?;
    let unpadded = padding::unpad(&opened).context("padded")?;
    page(
        "7 · Bob comes back: his private halves and her public ones give the same.",
        &[
            ("header", &header, "opens with hka: this session's, and it turns the ratchet"),
            ("commitment", commitment, "derived again and equal: it is this key's blob"),
            ("text", &unpadded[2 + head.len()..], std::str::from_utf8(&unpadded[2 + head.len()..])?),
        ],
    );

    ensure!(blob == library()?, "the library seals otherwise");
    out.push(format!("\nThe library, given the same randomness, seals the same {} bytes.\n", blob.len()));
    let _reader_left = std::io::stdout().write_all(out.join("\n").as_bytes());
    Ok(())
}

/// The same message as a client sends it.
fn library() -> Result<Vec<u8>> {
    let mut dice = ChaCha20Rng::from_seed(*DICE);
    let (alice, bob): (UserId, UserId) = ("alice".parse()?, "bob".parse()?);
    let alice = IdentityKeyPair::generate(alice, &mut dice);
    let bob = IdentityKeyPair::generate(bob, &mut dice);
    let mut prekeys = PreKeyStore::default();
    prekeys.renew(NOW, &mut dice);
    let one_time = prekeys.refill(params::ONE_TIME_STOCK - 1, &mut dice).pop();
    let prekey = prekeys.newest().map(|key| Bytes(key.statement(&bob)));
    let identities = vec![Bytes(bob.statement().to_bytes())];
    let bundle = PreKeyBundle { user: bob.id().clone(), identities, prekey, one_time };
    let mut sessions = Sessions::default();
    sessions.initiate(&alice, &bundle.verify(alice.statement(), NOW)?, &mut dice)?;
    let text = Content::Text { sent_at: NOW, counter: 1, text: TEXT.to_owned(), via: None };
    sessions.encrypt(&content::encode(&text)?, &mut dice).context("there is a session")
}

/// What an identity statement signs.
fn identity(name: &str, signs: &ed25519::SigningKey, agrees: &KeyPair) -> Vec<u8> {
    let signs = [&[params::TYPE_IDENTITY_ED25519], &signs.verifying_key().0[..]].concat();
    let length = u8::try_from(name.len()).expect("a name has at most 32 bytes");
    [&[length], name.as_bytes(), &signs, &typed(params::TYPE_IDENTITY_X25519, agrees)].concat()
}

fn typed(kind: u8, pair: &KeyPair) -> Vec<u8> {
    [&[kind], &pair.public().0[..]].concat()
}

fn length(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).expect("each part is under 2 KiB").to_be_bytes()
}

fn thirds(okm: &Secret<96>) -> [Secret<32>; 3] {
    [0, 32, 64].map(|at| {
        let mut third = [0; 32];
        third.copy_from_slice(&okm.expose()[at..at + 32]);
        Secret::new(third)
    })
}

/// Lines of 32 bytes in hexadecimal; of a long value only the beginning and the end.
fn hex(bytes: &[u8], full: bool) -> Vec<String> {
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match bytes {
        [first @ .., _, _, _, _] if bytes.len() > 32 && !full => {
            vec![format!("{}…{}", digits(&first[..27]), digits(&bytes[bytes.len() - 4..]))]
        }
        _ => bytes.chunks(32).map(digits).collect(),
    }
}
