//! Two people on the bare protocol: what each seals is what the relay gets to keep.

use std::convert::Infallible;

use blindrelay::protocol::session::Recipient;
use blindrelay::protocol::{IdentityKeyPair, PreKeyBundle, PreKeyStore, Sessions, VerifiedBundle, content};
use blindrelay::wire::Content;
use rand::{Rng, SeedableRng, TryCryptoRng, TryRng, rngs::ChaCha20Rng};

pub const ALICE: usize = 0;
pub const BOB: usize = 1;

/// Randomness of a fixed seed, which can get stuck: the weakness that a control needs.
pub struct Dice {
    rng: ChaCha20Rng,
    pub stuck: bool,
}

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), stuck: false }
    }
}

pub struct Pair {
    pub dice: Dice,
    now: u64,
    counter: u64,
    people: [(IdentityKeyPair, PreKeyStore); 2],
    sessions: [Sessions; 2],
}

impl Pair {
    /// Alice has Bob's keys and has not written yet: her blobs are first contacts.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::seeded(seed);
        let now = 1_700_000_000_000;
        let people = ["alice", "bob"].map(|name| {
            let mut prekeys = PreKeyStore::default();
            prekeys.renew(now, &mut dice);
            (IdentityKeyPair::generate(name.parse().unwrap(), &mut dice), prekeys)
        });
        let mut pair = Self { dice, now, counter: 0, people, sessions: Default::default() };
        pair.begin_anew(&pair.bundle());
        pair
    }

    /// Both have written: every blob from here on is one of a conversation under way.
    pub fn under_way(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        for who in [ALICE, BOB, ALICE] {
            pair.say(who, "hello");
        }
        pair
    }

    /// Bob's keys, as the relay hands them out.
    pub fn bundle(&self) -> VerifiedBundle {
        let (bob, prekeys) = &self.people[BOB];
        let identities = vec![bob.statement().to_bytes().into()];
        let prekey = prekeys.newest().map(|key| key.statement(bob).into());
        let bundle = PreKeyBundle { user: bob.id().clone(), identities, prekey, one_time: None };
        bundle.verify(self.people[ALICE].0.statement(), self.now).unwrap()
    }

    /// Alice forgets her session and starts another.
    pub fn begin_anew(&mut self, bundle: &VerifiedBundle) {
        self.sessions[ALICE] = Sessions::default();
        self.sessions[ALICE].initiate(&self.people[ALICE].0, bundle, &mut self.dice).unwrap();
    }

    /// What `who` says next: one more on the counter, a second later.
    pub fn text(&mut self, text: &str) -> Content {
        self.now += 1000;
        self.counter += 1;
        Content::Text { sent_at: self.now, counter: self.counter, text: text.to_owned(), via: None }
    }

    pub fn seal(&mut self, who: usize, content: &Content) -> Vec<u8> {
        let padded = content::encode(content).unwrap();
        self.sessions[who].encrypt(&padded, &mut self.dice).unwrap()
    }

    /// The same text so many times in a row; nobody answers.
    pub fn repeat(&mut self, who: usize, text: &str, times: usize) -> Vec<Vec<u8>> {
        let blobs = (0..times).map(|_| {
            let content = self.text(text);
            self.seal(who, &content)
        });
        blobs.collect()
    }

    pub fn open(&mut self, who: usize, blob: &[u8]) -> Content {
        let (me, prekeys) = &self.people[who];
        let from = self.people[1 - who].0.id();
        let recipient = Recipient { me, prekeys, from, pinned: None, remembered: &|_| false };
        let opened = self.sessions[who].decrypt(recipient, blob, self.now, &mut self.dice).unwrap();
        content::decode(&opened.text).unwrap()
    }

    /// One says something, the other's client confirms it: the two blobs that the relay gets.
    pub fn say(&mut self, who: usize, text: &str) -> [Vec<u8>; 2] {
        let content = self.text(text);
        let blob = self.seal(who, &content);
        assert_eq!(self.open(1 - who, &blob), content);
        let receipt =
            self.seal(1 - who, &Content::Receipt { sent_at: self.now, of: self.counter, of_sent_at: self.now });
        self.open(who, &receipt);
        [blob, receipt]
    }
}

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(if self.stuck { 7 } else { self.rng.next_u32() })
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(if self.stuck { 7 } else { self.rng.next_u64() })
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if self.stuck {
            bytes.fill(7);
        } else {
            self.rng.fill_bytes(bytes);
        }
        Ok(())
    }
}

impl TryCryptoRng for Dice {}
