//! The Double Ratchet: keys that turn with every message, and are gone when they have been used.
//!
//! Question: someone steals the keys today; what of yesterday, and what of tomorrow?
//! Within a chain each key is hashed from the last and then dropped: yesterday stays closed. With every
//! answer a fresh Diffie-Hellman is mixed into the root: tomorrow closes again. Headers are encrypted too,
//! so the relay sees neither ratchet keys nor counters.
//!
//! ```text
//! root   rk ──DH──► rk' ──DH──► rk''          KDF_RK_HE(rk, dh) = HKDF(salt rk, ikm dh) → rk, ck, nhk
//!              │           │
//! chain        ck → ck → ck …                 KDF_CK(ck) = HMAC(ck, 2) → ck   HMAC(ck, 1) → mk
//!               mk   mk   mk
//! ```
//!
//! Nothing here changes until a message's tag has verified: decryption works on candidates. Source:
//! Double Ratchet rev. 4, "Double Ratchet with header encryption".

use std::collections::VecDeque;

use rand::CryptoRng;

use super::message::{self, Blob, Header, HeaderKey, MessageKey};
use super::params::{MAX_CHAINS, MAX_FORWARD, MAX_SKIP, MAX_SKIP_SESSION, RATCHET, SKIPPED_DELETE};
use super::pqxdh::Agreement;
use crate::crypto::{
    CryptoError, Secret, kdf,
    x25519::{KeyPair, PublicKey},
};

/// One side's state. Fields carry the specification's names; the vault reads and writes them.
#[derive(Debug)]
pub struct Ratchet {
    /// `DHs`: my current ratchet key pair.
    pub(crate) dhs: KeyPair,
    /// `RK`.
    pub(crate) rk: RootKey,
    /// `CKs, HKs, Ns`: none until the responder has received.
    pub(crate) sending: Option<SendingChain>,
    /// `CKr, HKr, Nr`: none until the first message has arrived.
    pub(crate) receiving: Option<ReceivingChain>,
    /// `NHKs`.
    pub(crate) nhks: HeaderKey,
    /// `NHKr`.
    pub(crate) nhkr: HeaderKey,
    /// `PN`: length of my previous sending chain.
    pub(crate) pn: u32,
    /// Past receiving chains, newest first, at most [`MAX_CHAINS`]: with the current chain's, these are `MKSKIPPED`.
    pub(crate) past: VecDeque<PastChain>,
}

/// Mixes Diffie-Hellman results in, one after another.
#[derive(Debug)]
pub struct RootKey(pub(crate) Secret<32>);

/// Hashed forward once a message.
#[derive(Debug)]
pub struct ChainKey(pub(crate) Secret<32>);

/// My messages since I last received a new ratchet key.
#[derive(Debug)]
pub(crate) struct SendingChain {
    pub(crate) ck: ChainKey,
    pub(crate) hk: HeaderKey,
    pub(crate) n: u32,
}

/// The peer's messages under its current ratchet key.
#[derive(Debug)]
pub(crate) struct ReceivingChain {
    pub(crate) ck: ChainKey,
    pub(crate) hk: HeaderKey,
    pub(crate) n: u32,
    pub(crate) skipped: Vec<SkippedKey>,
}

/// A chain that the peer has left: only its header key and the keys of messages still missing.
#[derive(Debug)]
pub(crate) struct PastChain {
    pub(crate) hk: HeaderKey,
    pub(crate) skipped: Vec<SkippedKey>,
}

/// The key of a message that has not arrived yet.
#[derive(Debug)]
pub(crate) struct SkippedKey {
    pub(crate) n: u32,
    pub(crate) mk: MessageKey,
    /// When it was skipped, in milliseconds since 1970.
    pub(crate) at: u64,
}

/// Why a blob did not open. State is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RatchetError {
    /// No header key of this session opens it: it belongs to another session, or it is forged.
    #[error("the message does not belong to this session")]
    NotMine,
    /// Its key is gone: it was read before, or its chain aged out.
    #[error("the message's key was used already")]
    UsedCounter,
    /// Its number is more than 1,000 ahead (25,000 in a new chain): refused before anything is derived.
    #[error("the message is too far ahead of the last one")]
    TooFarAhead,
    /// The header is genuine, the body is not.
    #[error("the message was altered on its way")]
    Tampered,
}

impl Ratchet {
    /// `RatchetInitAliceHE(state, SK, bob_dh_public_key, shared_hka, shared_nhkb)`.
    ///
    /// # Errors
    /// [`CryptoError::NonContributory`] if Bob's key is of small order.
    pub fn initiate(agreement: Agreement, bob: &PublicKey, rng: &mut impl CryptoRng) -> Result<Self, CryptoError> {
        let Agreement { session_ad: _, sk, hka, nhkb } = agreement;
        let dhs = KeyPair::generate(rng);
        let (rk, ck, nhks) = RootKey(sk).step(&dhs.diffie_hellman(bob)?);
        Ok(Self {
            dhs,
            rk,
            sending: Some(SendingChain { ck, hk: HeaderKey(hka), n: 0 }),
            receiving: None,
            nhks,
            nhkr: HeaderKey(nhkb),
            pn: 0,
            past: VecDeque::new(),
        })
    }

    /// `RatchetInitBobHE(state, SK, bob_dh_key_pair, shared_hka, shared_nhkb)`.
    #[must_use]
    pub fn respond(agreement: Agreement, prekey: KeyPair) -> Self {
        let Agreement { session_ad: _, sk, hka, nhkb } = agreement;
        Self {
            dhs: prekey,
            rk: RootKey(sk),
            sending: None,
            receiving: None,
            nhks: HeaderKey(nhkb),
            nhkr: HeaderKey(hka),
            pn: 0,
            past: VecDeque::new(),
        }
    }

    /// `RatchetEncryptHE(state, plaintext, AD)`: a blob, or none if nothing was received yet by a responder.
    pub fn encrypt(
        &mut self,
        session_ad: &[u8; 32],
        handshake: Option<&[u8]>,
        text: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        let SendingChain { ck, hk, n } = self.sending.take()?;
        let header = Header { dh: self.dhs.public(), pn: self.pn, n };
        let (ck, mk) = ck.step();
        let blob = message::seal(session_ad, handshake, (&hk, &header), mk, text, rng);
        self.sending = Some(SendingChain { ck, hk, n: n.saturating_add(1) });
        Some(blob)
    }

    /// `RatchetDecryptHE(state, enc_header, ciphertext, AD)`: the padded text.
    ///
    /// # Errors
    /// [`RatchetError`]; then nothing has changed, and the genuine message still opens.
    pub fn decrypt(
        &mut self,
        session_ad: &[u8; 32],
        blob: &Blob,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, RatchetError> {
        if let Some(chain) = &mut self.receiving
            && let Some(header) = chain.hk.open(session_ad, blob)
        {
            let text = chain.decrypt(&header, session_ad, blob, now)?;
            self.forget_old(now);
            return Ok(text);
        }
        if let Some(header) = self.nhkr.open(session_ad, blob) {
            return self.turn(&header, session_ad, blob, now, rng);
        }
        for chain in &mut self.past {
            if let Some(header) = chain.hk.open(session_ad, blob) {
                return open_skipped(&mut chain.skipped, header.n, session_ad, blob, now);
            }
        }
        Err(RatchetError::NotMine)
    }

    /// `SkipMessageKeysHE(state, header.pn); DHRatchetHE(state, header); SkipMessageKeysHE(state, header.n)`.
    fn turn(
        &mut self,
        header: &Header,
        session_ad: &[u8; 32],
        blob: &Blob,
        now: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, RatchetError> {
        if header.n > MAX_FORWARD {
            return Err(RatchetError::TooFarAhead);
        }
        let given_up = header.n.saturating_sub(MAX_SKIP);
        // Everything below is a candidate until the tag verifies.
        let dh = self.dhs.diffie_hellman(&header.dh).map_err(|_| RatchetError::Tampered)?;
        let (rk, ckr, nhkr) = RootKey(self.rk.0.candidate()).step(&dh);
        let (ckr, skipped) = ckr.forward(given_up).skip(given_up, header.n, now);
        let (ckr, mk) = ckr.step();
        let text = mk.open(session_ad, blob).map_err(|_| RatchetError::Tampered)?;
        let dhs = KeyPair::generate(rng);
        let dh = dhs.diffie_hellman(&header.dh).map_err(|_| RatchetError::Tampered)?;
        let (rk, cks, nhks) = rk.step(&dh);

        // It did: the candidates become the state.
        let hkr = std::mem::replace(&mut self.nhkr, nhkr);
        let hks = std::mem::replace(&mut self.nhks, nhks);
        if let Some(left) = self.receiving.take() {
            self.past.push_front(left.close(header.pn, now));
            self.past.truncate(MAX_CHAINS);
        }
        self.pn = self.sending.take().map_or(0, |chain| chain.n);
        self.sending = Some(SendingChain { ck: cks, hk: hks, n: 0 });
        self.receiving = Some(ReceivingChain { ck: ckr, hk: hkr, n: header.n.saturating_add(1), skipped });
        (self.rk, self.dhs) = (rk, dhs);
        self.forget_old(now);
        Ok(text)
    }

    /// Bounds what is kept of missing messages: 30 days, and 2,000 keys of which the oldest go first. True if any had to go.
    pub(crate) fn forget_old(&mut self, now: u64) -> bool {
        let (mut room, mut gone) = (MAX_SKIP_SESSION, false);
        let current = self.receiving.as_mut().map(|chain| &mut chain.skipped);
        for skipped in current.into_iter().chain(self.past.iter_mut().map(|chain| &mut chain.skipped)) {
            let before = skipped.len();
            skipped.retain(|key| key.is_fresh(now));
            skipped.drain(..skipped.len().saturating_sub(room));
            room -= skipped.len();
            gone |= skipped.len() < before;
        }
        gone
    }
}

impl ReceivingChain {
    /// A message of the current chain: either one that was skipped, or one further on.
    fn decrypt(
        &mut self,
        header: &Header,
        session_ad: &[u8; 32],
        blob: &Blob,
        now: u64,
    ) -> Result<Vec<u8>, RatchetError> {
        if header.n < self.n {
            return open_skipped(&mut self.skipped, header.n, session_ad, blob, now);
        }
        if header.n - self.n > MAX_SKIP {
            return Err(RatchetError::TooFarAhead);
        }
        let (ck, skipped) = ChainKey(self.ck.0.candidate()).skip(self.n, header.n, now);
        let (ck, mk) = ck.step();
        let text = mk.open(session_ad, blob).map_err(|_| RatchetError::Tampered)?;
        self.ck = ck;
        self.skipped.extend(skipped);
        self.n = header.n.saturating_add(1);
        Ok(text)
    }

    /// The peer has left this chain after `pn` messages. Keys of missing ones are kept, unless there are more than
    /// the bound: then the tail is given up, and the counters in the texts show the gap.
    fn close(mut self, pn: u32, now: u64) -> PastChain {
        if (self.n..=self.n.saturating_add(MAX_SKIP)).contains(&pn) {
            self.skipped.extend(self.ck.skip(self.n, pn, now).1);
        }
        PastChain { hk: self.hk, skipped: self.skipped }
    }
}

impl SkippedKey {
    fn is_fresh(&self, now: u64) -> bool {
        now < self.at.saturating_add(SKIPPED_DELETE)
    }
}

impl ChainKey {
    /// `KDF_CK(ck)`: the next chain key and this message's key. The old chain key is gone.
    #[must_use]
    pub fn step(self) -> (Self, MessageKey) {
        let mk = kdf::hmac(&self.0, &[0x01]);
        (Self(kdf::hmac(&self.0, &[0x02])), MessageKey(mk))
    }

    /// Steps without keeping anything.
    fn forward(self, steps: u32) -> Self {
        (0..steps).fold(self, |ck, _| ck.step().0)
    }

    /// Steps from `n` to `until`, keeping the keys in between.
    fn skip(self, n: u32, until: u32, now: u64) -> (Self, Vec<SkippedKey>) {
        let mut ck = self;
        let mut skipped = Vec::new();
        for n in n..until {
            let (next, mk) = ck.step();
            skipped.push(SkippedKey { n, mk, at: now });
            ck = next;
        }
        (ck, skipped)
    }
}

impl RootKey {
    /// `KDF_RK_HE(rk, dh_out)`: the next root key, a chain key, and the next header key.
    #[must_use]
    pub fn step(self, dh: &Secret<32>) -> (Self, ChainKey, HeaderKey) {
        let okm: Secret<96> = kdf::hkdf(self.0.expose(), dh.expose(), &[RATCHET.as_bytes()]);
        let [rk, ck, nhk] = okm.thirds();
        (Self(rk), ChainKey(ck), HeaderKey(nhk))
    }
}

/// `TrySkippedMessageKeysHE`: the key is taken out, and put back if the blob does not open.
fn open_skipped(
    skipped: &mut Vec<SkippedKey>,
    n: u32,
    session_ad: &[u8; 32],
    blob: &Blob,
    now: u64,
) -> Result<Vec<u8>, RatchetError> {
    let place = skipped.iter().position(|key| key.n == n && key.is_fresh(now)).ok_or(RatchetError::UsedCounter)?;
    let SkippedKey { n, mk, at } = skipped.remove(place);
    mk.open(session_ad, blob).map_err(|mk| {
        skipped.insert(place, SkippedKey { n, mk, at });
        RatchetError::Tampered
    })
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha20Rng};

    use super::*;

    const AD: [u8; 32] = [7; 32];

    fn both_ends(rng: &mut ChaCha20Rng) -> (Ratchet, Ratchet) {
        let secret = |byte| Secret::new([byte; 32]);
        let agreement = || Agreement { session_ad: AD, sk: secret(1), hka: secret(2), nhkb: secret(3) };
        let prekey = KeyPair::generate(rng);
        let alice = Ratchet::initiate(agreement(), &prekey.public(), rng).unwrap();
        (alice, Ratchet::respond(agreement(), prekey))
    }

    /// What only a cheating peer can send: any header, with a body that is sealed as number `n`. Is it taken?
    fn sent(dh: Option<PublicKey>, n: u32, sealed_as: u32) -> Result<(), RatchetError> {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let (alice, mut bob) = both_ends(rng);
        let header = Header { dh: dh.unwrap_or(alice.dhs.public()), pn: 0, n };
        let SendingChain { ck, hk, n: _ } = alice.sending.unwrap();
        let blob = message::seal(&AD, None, (&hk, &header), ck.forward(sealed_as).step().1, b"text", rng);
        bob.decrypt(&AD, &Blob::parse(&blob).unwrap(), 0, rng).map(drop)
    }

    #[test]
    fn a_new_chain_may_have_lost_so_many_and_not_one_more() {
        assert_eq!(sent(None, MAX_FORWARD, MAX_FORWARD), Ok(()));
        assert_eq!(sent(None, MAX_FORWARD + 1, MAX_FORWARD + 1), Err(RatchetError::TooFarAhead));
        // Refused before anything is derived, else this would take an hour.
        assert_eq!(sent(None, u32::MAX, 0), Err(RatchetError::TooFarAhead));
    }

    #[test]
    fn a_stolen_chain_key_does_not_open_yesterday_whatever_the_thief_does_with_the_counter() {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let (mut alice, mut bob) = both_ends(rng);
        let [first, second] = [(); 2].map(|()| alice.encrypt(&AD, None, b"text", rng).unwrap());
        let mut read = |bob: &mut Ratchet, blob: &[u8]| bob.decrypt(&AD, &Blob::parse(blob).unwrap(), 0, rng).is_ok();
        assert!(read(&mut bob, &first));
        let before = bob.receiving.as_ref().unwrap().ck.0.candidate();
        assert!(read(&mut bob, &second));
        bob.receiving.as_mut().unwrap().n = 1;
        assert!(!read(&mut bob, &second));
        // The control: with the key from before, the same counter opens it.
        bob.receiving.as_mut().unwrap().ck = ChainKey(before);
        assert!(read(&mut bob, &second));
    }

    #[test]
    fn a_ratchet_key_of_small_order_is_refused() {
        assert_eq!(sent(None, 0, 0), Ok(()));
        assert_eq!(sent(Some(PublicKey([0; 32])), 0, 0), Err(RatchetError::Tampered));
    }
}
