//! The naive twin: the encryption that everybody writes first. It is correct, and it is not enough.
//!
//! Question: Diffie-Hellman, a hash, an AEAD, all of them good; why is a protocol more than that?
//! Two people publish one public key each, mix the other's with their own private key into one secret, and seal every text under
//! it. Who only listens learns who, when and how long. Whoever carries the mail, or steals one key one day, gets much more.
//!
//! ```text
//! key  = HKDF(no salt, DH(my key, their key), "naive twin")    one for both directions, for ever
//! blob = nonce (12, random) || ciphertext (as long as the text) || tag (16)
//! ```
//!
//! | what is missing | what it costs | where it is done |
//! |---|---|---|
//! | identities in the data, and a number to compare | the relay hands out its own key and reads everything; it gives Alice her own text back as Bob's | `protocol::{pqxdh, safety_number}` |
//! | a ratchet | one stolen key opens every text, yesterday's and tomorrow's | `protocol::ratchet` |
//! | a replay check, a counter | a text delivered twice is read twice, one left out is not missed | `protocol::ratchet`, `client` |
//! | padding | the blob tells the length: 29 bytes are one letter | `protocol::padding` |
//! | a salt in every key | one repeated nonce (a copied disk, a bad generator) shows both texts' difference and lets anybody forge | `protocol::message` |
//! | a second kind of secret | a recording of today opens to a quantum computer later | `crypto::kem` |
//!
//! It speaks the relay's frames, so it runs over the same relay. It serves as the first fifteen minutes of the lesson, and as
//! the twin on which every check of the real protocol must fire. No command for people reaches it.
//! Source: the shape is that of NaCl's `crypto_box` (Bernstein, Lange and Schwabe).

use std::collections::BTreeMap;

use rand::CryptoRng;

use crate::crypto::x25519::{KeyPair, PublicKey};
use crate::crypto::{CryptoError, Secret, aead::SealKey, kdf};
use crate::wire::{Bytes, ClientFrame, Envelope, MessageId, Payload, RelayFrame, Token, UserId, VERSION};

/// Bytes of a nonce.
const NONCE: usize = 12;

/// `HKDF(no salt, DH(mine, theirs), "naive twin")`: the one key of two people.
///
/// # Errors
/// [`CryptoError::NonContributory`] if their key is of small order.
pub fn key(mine: &KeyPair, theirs: &PublicKey) -> Result<Secret<32>, CryptoError> {
    Ok(kdf::hkdf(&[], mine.diffie_hellman(theirs)?.expose(), &[b"naive twin"]))
}

/// `nonce || ciphertext || tag`: 28 bytes more than the text.
pub fn seal(key: &Secret<32>, text: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    [&nonce[..], &again(key, nonce).seal(&[], text)].concat()
}

/// Opens what [`seal`] made, however often it is asked.
///
/// # Errors
/// [`CryptoError::Forged`] for anything else.
pub fn open(key: &Secret<32>, blob: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (nonce, sealed) = blob.split_first_chunk::<NONCE>().ok_or(CryptoError::Forged)?;
    again(key, *nonce).open(&[], sealed)
}

/// The tools want a key for each text and take it away; here one key serves for all, so it has to be copied.
fn again(key: &Secret<32>, nonce: [u8; NONCE]) -> SealKey {
    SealKey::new(Secret::new(*key.expose()), nonce)
}

/// One naive user: a name, a key pair, and whatever keys the relay has given for others.
#[derive(Debug)]
pub struct Naive {
    id: UserId,
    token: Token,
    keys: KeyPair,
    peers: BTreeMap<UserId, PublicKey>,
}

impl Naive {
    /// A user with a fresh key pair.
    pub fn generate(id: UserId, rng: &mut impl CryptoRng) -> Self {
        Self { id, token: Token::random(rng), keys: KeyPair::generate(rng), peers: BTreeMap::new() }
    }

    /// The first frame of every connection.
    #[must_use]
    pub fn hello(&self) -> ClientFrame {
        ClientFrame::Hello { version: VERSION, id: self.id.clone(), token: self.token.clone() }
    }

    /// Puts the bare public key where others put a signed statement: to the relay both are opaque.
    #[must_use]
    pub fn publish(&self) -> ClientFrame {
        let identity = Bytes(self.keys.public().0.to_vec());
        ClientFrame::Publish { identity, prekey: Bytes::default(), one_time: Vec::new() }
    }

    /// Asks the relay for somebody's key.
    #[must_use]
    pub fn fetch(peer: &UserId) -> ClientFrame {
        ClientFrame::Fetch { user: peer.clone() }
    }

    /// Believes the relay about somebody's key. False if the frame gave none.
    pub fn learn(&mut self, frame: &RelayFrame) -> bool {
        let RelayFrame::Keys { user, identities, .. } = frame else { return false };
        let Some(key) = identities.first().and_then(|key| key.0.as_slice().try_into().ok()) else { return false };
        self.peers.insert(user.clone(), PublicKey(key));
        true
    }

    /// A text, sealed and ready to leave. None before the peer's key was learnt.
    pub fn send(&self, to: &UserId, text: &str, rng: &mut impl CryptoRng) -> Option<ClientFrame> {
        let blob = seal(&self.key(to)?, text.as_bytes(), rng);
        Some(ClientFrame::Send { id: MessageId::random(rng), to: to.clone(), payload: Payload::Sealed(blob.into()) })
    }

    /// The text of a delivered message, believing the envelope about its sender. None if it does not open.
    #[must_use]
    pub fn receive(&self, envelope: &Envelope) -> Option<String> {
        match &envelope.payload {
            Payload::Sealed(blob) => String::from_utf8(open(&self.key(&envelope.from)?, &blob.0).ok()?).ok(),
            Payload::Open(_) => None,
        }
    }

    /// The one key for a peer: what a thief of the device finds. None before the peer's key was learnt.
    #[must_use]
    pub fn key(&self, peer: &UserId) -> Option<Secret<32>> {
        key(&self.keys, self.peers.get(peer)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha20Rng};

    use super::*;

    struct Scene {
        rng: ChaCha20Rng,
        alice: Naive,
        bob: Naive,
    }

    /// Alice and Bob, each with the key that the relay gives for the other.
    fn scene(for_alice: Option<&Naive>, for_bob: Option<&Naive>) -> Scene {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [mut alice, mut bob] = ["alice", "bob"].map(|id| Naive::generate(id.parse().unwrap(), &mut rng));
        let (of_alice, of_bob) =
            (answer(&alice.id, for_bob.unwrap_or(&alice)), answer(&bob.id, for_alice.unwrap_or(&bob)));
        assert!(alice.learn(&of_bob) && bob.learn(&of_alice));
        Scene { rng, alice, bob }
    }

    fn answer(user: &UserId, shown: &Naive) -> RelayFrame {
        let identities = vec![Bytes(shown.keys.public().0.to_vec())];
        RelayFrame::Keys { user: user.clone(), identities, prekey: None, one_time: None }
    }

    fn carry(frame: ClientFrame, from: &UserId) -> Envelope {
        let ClientFrame::Send { id, to, payload } = frame else { panic!("only messages are carried") };
        Envelope { seq: 1, id, from: from.clone(), to, at: 0, payload }
    }

    fn blob(envelope: &Envelope) -> &[u8] {
        match &envelope.payload {
            Payload::Sealed(blob) => &blob.0,
            Payload::Open(_) => panic!("the twin seals"),
        }
    }

    #[test]
    fn it_works_and_an_altered_blob_does_not_open() {
        let Scene { mut rng, alice, bob } = scene(None, None);
        let mut sent = carry(alice.send(&bob.id, "hello", &mut rng).unwrap(), &alice.id);
        assert_eq!(bob.receive(&sent).as_deref(), Some("hello"));
        for place in 0..blob(&sent).len() {
            let Payload::Sealed(bytes) = &mut sent.payload else { panic!() };
            bytes.0[place] ^= 1;
            assert_eq!(bob.receive(&sent), None);
            let Payload::Sealed(bytes) = &mut sent.payload else { panic!() };
            bytes.0[place] ^= 1;
        }
        assert_eq!(open(&key(&bob.keys, &alice.keys.public()).unwrap(), b"short"), Err(CryptoError::Forged));
    }

    #[test]
    fn a_text_that_is_delivered_twice_is_read_twice_and_comes_back_as_the_others() {
        let Scene { mut rng, alice, bob } = scene(None, None);
        let sent = carry(alice.send(&bob.id, "pay him 100", &mut rng).unwrap(), &alice.id);
        assert_eq!((bob.receive(&sent), bob.receive(&sent)), (Some("pay him 100".into()), Some("pay him 100".into())));
        let reflected = Envelope { from: bob.id.clone(), to: alice.id.clone(), ..sent };
        assert_eq!(alice.receive(&reflected).as_deref(), Some("pay him 100"));
    }

    #[test]
    fn a_key_stolen_today_opens_yesterday_and_tomorrow_in_both_directions() {
        let Scene { mut rng, alice, bob } = scene(None, None);
        let yesterday = carry(alice.send(&bob.id, "yesterday", &mut rng).unwrap(), &alice.id);
        let stolen = alice.key(&bob.id).unwrap();
        let tomorrow = carry(bob.send(&alice.id, "tomorrow", &mut rng).unwrap(), &bob.id);
        assert_eq!(open(&stolen, blob(&yesterday)).unwrap(), b"yesterday");
        assert_eq!(open(&stolen, blob(&tomorrow)).unwrap(), b"tomorrow");
    }

    #[test]
    fn a_relay_that_hands_out_its_own_key_reads_and_passes_on_and_nobody_notices() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mallory = Naive::generate("mallory".parse().unwrap(), &mut rng);
        let Scene { mut rng, alice, bob } = scene(Some(&mallory), Some(&mallory));
        let sent = carry(alice.send(&bob.id, "for bob only", &mut rng).unwrap(), &alice.id);
        let read = open(&key(&mallory.keys, &alice.keys.public()).unwrap(), blob(&sent)).unwrap();
        assert_eq!(read, b"for bob only");
        let altered = seal(&key(&mallory.keys, &bob.keys.public()).unwrap(), b"for everybody", &mut rng);
        let passed_on = Envelope { payload: Payload::Sealed(altered.into()), ..sent };
        assert_eq!(bob.receive(&passed_on).as_deref(), Some("for everybody"));
    }

    #[test]
    fn the_blob_tells_the_length_of_the_text() {
        let Scene { mut rng, alice, bob } = scene(None, None);
        for text in ["", "no", "yes"] {
            let sent = carry(alice.send(&bob.id, text, &mut rng).unwrap(), &alice.id);
            assert_eq!(blob(&sent).len(), text.len() + 28);
        }
    }
}
