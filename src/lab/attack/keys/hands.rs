//! What a lying relay answers when somebody asks for keys.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::ChaCha20Rng;

use crate::crypto::ed25519::SigningKey;
use crate::lab::attack::middle::Mask;
use crate::lab::hand::{Hand, Table};
use crate::protocol::params::{
    IDENTITY, PREKEY, TYPE_IDENTITY_ED25519, TYPE_IDENTITY_X25519, TYPE_KEM, TYPE_ONE_TIME_PREKEY, TYPE_SIGNED_PREKEY,
};
use crate::protocol::{IdentityKeyPair, IdentityStatement, PreKeyStore};
use crate::wire::{Bytes, ClientFrame, Content, Envelope, MessageId, Payload, RelayFrame, UserId};

/// Reads, and does nothing else.
#[derive(Debug)]
pub(super) struct Eavesdrop;

impl Hand for Eavesdrop {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        if let ClientFrame::Send { to, payload, .. } = &frame {
            match payload {
                Payload::Open(Content::Text { text, .. }) => table.got(format!("{who} to {to}: {text}")),
                other => table.did(format!("{who} to {to}: {} bytes, {}", other.size(), other.mode())),
            }
        }
        table.relay(who, frame);
    }
}

/// What is offered as somebody's keys.
#[derive(Debug, Clone)]
pub(super) struct Bundle {
    pub(super) user: UserId,
    pub(super) identities: Vec<Bytes>,
    pub(super) prekey: Option<Bytes>,
    pub(super) one_time: Option<Bytes>,
}

/// What the relay remembers of what people published: the first statements of each, and the first one-time key it gave out.
#[derive(Debug, Default)]
pub(super) struct Memory {
    first: BTreeMap<UserId, (Bytes, Bytes)>,
    one_time: BTreeMap<UserId, Option<Bytes>>,
}

/// What is done to a bundle for somebody at some time.
pub(super) type Alter = fn(&mut Memory, whom: &UserId, &mut Bundle, now: u64, rng: &mut ChaCha20Rng);

/// Alters what it hands out.
#[derive(Debug)]
pub(super) struct Offer {
    alter: Alter,
    memory: Memory,
    /// Mail for one goes to the other.
    redirect: BTreeMap<UserId, UserId>,
}

impl Offer {
    pub(super) fn new(alter: Alter) -> Self {
        Self { alter, memory: Memory::default(), redirect: BTreeMap::new() }
    }
}

impl Hand for Offer {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        match frame {
            ClientFrame::Publish { identity, prekey, one_time } => {
                self.memory.first.entry(who.clone()).or_insert_with(|| (identity.clone(), prekey.clone()));
                table.relay(who, ClientFrame::Publish { identity, prekey, one_time });
            }
            ClientFrame::Send { id, to, payload } => {
                let to = self.redirect.get(&to).cloned().unwrap_or(to);
                table.relay(who, ClientFrame::Send { id, to, payload });
            }
            other => table.relay(who, other),
        }
    }

    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        let RelayFrame::Keys { user, identities, prekey, one_time } = frame else { return table.client(who, frame) };
        let mut bundle = Bundle { user, identities, prekey, one_time };
        let now = table.now();
        (self.alter)(&mut self.memory, who, &mut bundle, now, &mut table.rng);
        table.did(format!("{who} asked for the keys of {}, and was given what I made of them", bundle.user));
        let Bundle { user, identities, prekey, one_time } = bundle;
        // Whoever is shown another's keys writes to that other one.
        let agreement = |bytes: &Bytes| IdentityStatement::from_bytes(&bytes.0).ok().map(|keys| *keys.x25519());
        let same = |one: &Bytes, other: &Bytes| {
            one == other || agreement(one).is_some_and(|key| agreement(other) == Some(key))
        };
        let owner = self.memory.first.iter().find(|(name, (identity, _))| {
            **name != user && *name != who && identities.iter().any(|shown| same(shown, identity))
        });
        self.redirect.extend(owner.map(|(owner, _)| (user.clone(), owner.clone())));
        table.client(who, RelayFrame::Keys { user, identities, prekey, one_time });
    }
}

/// Keys of the relay's own, for Alice alone.
pub(super) fn swap_for_alice(_: &mut Memory, whom: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    if whom.as_str() == "alice" {
        swap(bundle, now, rng);
    }
}

/// Keys of the relay's own, for Bob alone.
pub(super) fn swap_for_bob(_: &mut Memory, whom: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    if whom.as_str() == "bob" {
        swap(bundle, now, rng);
    }
}

fn swap(bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    if let Some(mut mask) = Mask::new(&bundle.user, now, rng)
        && let RelayFrame::Keys { user, identities, prekey, one_time } = mask.keys()
    {
        *bundle = Bundle { user, identities, prekey, one_time };
    }
}

/// A second identity under the same name.
pub(super) fn ghost(_: &mut Memory, _: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    if let Some(RelayFrame::Keys { identities, .. }) = Mask::new(&bundle.user, now, rng).map(|mut mask| mask.keys()) {
        bundle.identities.extend(identities);
    }
}

/// Parts that do not belong together: one of four ways, by chance.
pub(super) fn mix(memory: &mut Memory, whom: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    let way = MIXES[rng.random_range(0..MIXES.len())];
    way(memory, whom, bundle, now, rng);
}

/// The ways.
pub(super) const MIXES: [Alter; 4] = [prekey_of_another, named_otherwise, key_of_the_asker, agreement_key_exchanged];

/// A prekey of another identity under the same name.
fn prekey_of_another(_: &mut Memory, _: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    if let Some(RelayFrame::Keys { prekey, .. }) = Mask::new(&bundle.user, now, rng).map(|mut mask| mask.keys()) {
        bundle.prekey = prekey;
    }
}

/// An identity of the relay's own under its own name, which has signed a prekey in the other's.
fn named_otherwise(_: &mut Memory, _: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    if let Ok(name) = "mallory".parse() {
        let mallory = IdentityKeyPair::generate(name, rng);
        let signing = SigningKey::from_secret(&mallory.secrets()[0]);
        bundle.identities = vec![mallory.statement().to_bytes().into()];
        bundle.prekey = prekey(&bundle.user, now, rng, |body| signing.sign(PREKEY, body));
        bundle.one_time = None;
    }
}

/// The asker's own agreement key, signed as the other's by a key of the relay's.
fn key_of_the_asker(memory: &mut Memory, whom: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    let asker = memory.first.get(whom).and_then(|(identity, _)| IdentityStatement::from_bytes(&identity.0).ok());
    if let Some(asker) = asker {
        let signing = SigningKey::generate(rng);
        let keys = identity_body(&bundle.user, &signing.verifying_key().0, &asker.x25519().0);
        let signature = signing.sign(IDENTITY, &keys);
        bundle.identities = vec![[&keys[..], &signature].concat().into()];
        bundle.prekey = prekey(&bundle.user, now, rng, |body| signing.sign(PREKEY, body));
        bundle.one_time = None;
    }
}

/// The genuine statement with the relay's own agreement key in it, and the genuine signature.
fn agreement_key_exchanged(_: &mut Memory, _: &UserId, bundle: &mut Bundle, _: u64, rng: &mut ChaCha20Rng) {
    let own = crate::crypto::x25519::KeyPair::generate(rng).public().0;
    if let Some(Bytes(identity)) = bundle.identities.first_mut()
        && let Some(at) = identity.len().checked_sub(64 + 32)
    {
        identity[at..at + 32].copy_from_slice(&own);
    }
}

/// The first prekey that was ever published.
pub(super) fn stale(memory: &mut Memory, _: &UserId, bundle: &mut Bundle, _: u64, _: &mut ChaCha20Rng) {
    bundle.prekey = memory.first.get(&bundle.user).map(|(_, prekey)| prekey.clone());
    bundle.one_time = None;
}

/// An identity of the relay's own under that name, whose prekey it has signed as if it were an identity.
pub(super) fn wrong_purpose(_: &mut Memory, _: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    let mallory = IdentityKeyPair::generate(bundle.user.clone(), rng);
    let signing = SigningKey::from_secret(&mallory.secrets()[0]);
    bundle.identities = vec![mallory.statement().to_bytes().into()];
    bundle.prekey = prekey(&bundle.user, now, rng, |body| signing.sign(IDENTITY, body));
    bundle.one_time = None;
}

/// The one-time key that was given to somebody before.
pub(super) fn same_one_time(memory: &mut Memory, _: &UserId, bundle: &mut Bundle, _: u64, _: &mut ChaCha20Rng) {
    let first = memory.one_time.entry(bundle.user.clone()).or_insert_with(|| bundle.one_time.take());
    bundle.one_time.clone_from(first);
}

/// No one-time key.
pub(super) fn withhold(_: &mut Memory, _: &UserId, bundle: &mut Bundle, _: u64, _: &mut ChaCha20Rng) {
    bundle.one_time = None;
}

/// The keys of a third person, under the name that was asked for.
pub(super) fn key_share(memory: &mut Memory, whom: &UserId, bundle: &mut Bundle, _: u64, _: &mut ChaCha20Rng) {
    // The first one by name stays who they are: somebody must be there to be mistaken for.
    let other = memory.first.iter().find(|(name, _)| *name != whom && **name < bundle.user);
    if let Some((_, (identity, prekey))) = other {
        (bundle.identities, bundle.prekey) = (vec![identity.clone()], Some(prekey.clone()));
        bundle.one_time = None;
    }
}

/// The agreement keys of a third person, under the name that was asked for, signed by a key of the relay's.
pub(super) fn keys_signed_anew(memory: &mut Memory, whom: &UserId, bundle: &mut Bundle, _: u64, rng: &mut ChaCha20Rng) {
    let other = memory.first.iter().find(|(name, _)| *name != whom && **name < bundle.user);
    let Some((_, (identity, prekey))) = other else { return };
    let signing = SigningKey::generate(rng);
    let Ok(statement) = IdentityStatement::from_bytes(&identity.0) else { return };
    let keys = identity_body(&bundle.user, &signing.verifying_key().0, &statement.x25519().0);
    bundle.identities = vec![[&keys[..], &signing.sign(IDENTITY, &keys)].concat().into()];
    // A statement is a name, the keys, and a signature of 64 bytes.
    let theirs = 1 + statement.id().as_str().len()..prekey.0.len() - 64;
    let body = [&name(&bundle.user)[..], &prekey.0[theirs]].concat();
    bundle.prekey = Some([&body[..], &signing.sign(PREKEY, &body)].concat().into());
    bundle.one_time = None;
}

/// A one-time key that is zero.
pub(super) fn low_order(_: &mut Memory, _: &UserId, bundle: &mut Bundle, _: u64, _: &mut ChaCha20Rng) {
    bundle.one_time = Some([&7_u32.to_be_bytes()[..], &[TYPE_ONE_TIME_PREKEY], &[0; 32]].concat().into());
}

/// An identity whose signing key is the neutral point, under which one signature fits everything.
pub(super) fn weak_signature(_: &mut Memory, _: &UserId, bundle: &mut Bundle, now: u64, rng: &mut ChaCha20Rng) {
    let (mut point, mut signature) = ([0; 32], [0; 64]);
    (point[0], signature[0]) = (1, 1);
    let agreement = *IdentityKeyPair::generate(bundle.user.clone(), rng).statement().x25519();
    let keys = identity_body(&bundle.user, &point, &agreement.0);
    bundle.identities = vec![[&keys[..], &signature].concat().into()];
    bundle.prekey = prekey(&bundle.user, now, rng, |_| signature);
    bundle.one_time = None;
}

/// What an identity statement signs.
fn identity_body(user: &UserId, ed25519: &[u8; 32], x25519: &[u8; 32]) -> Vec<u8> {
    [&name(user)[..], &[TYPE_IDENTITY_ED25519], ed25519, &[TYPE_IDENTITY_X25519], x25519].concat()
}

/// A name with its length before it.
fn name(user: &UserId) -> Vec<u8> {
    let name = user.as_str().as_bytes();
    [&[u8::try_from(name.len()).unwrap_or(0)], name].concat()
}

/// A prekey statement over keys of the relay's own, signed somehow.
fn prekey(user: &UserId, now: u64, rng: &mut ChaCha20Rng, sign: impl Fn(&[u8]) -> [u8; 64]) -> Option<Bytes> {
    let mut store = PreKeyStore::default();
    store.renew(now, rng);
    let key = store.newest()?;
    let (public, kem) = (key.pair.public().0, key.kem.encapsulation_key().to_bytes());
    let head = [&name(user)[..], &key.id.to_be_bytes(), &key.created.to_be_bytes()].concat();
    let body = [&head[..], &[TYPE_SIGNED_PREKEY], &public, &[TYPE_KEM], &kem].concat();
    Some([&body[..], &sign(&body)].concat().into())
}

/// Asks for somebody's keys until there are none left.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// Answers of its own that are awaited: from here on they are kept.
    awaited: usize,
    taken: usize,
    done: bool,
}

/// How often.
const GREED: usize = 150;

impl Hand for Drain {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        table.relay(who, frame.clone());
        if let ClientFrame::Fetch { .. } = frame
            && !self.done
        {
            (self.done, self.awaited) = (true, GREED + 1);
            for _ in 0..GREED {
                table.relay(who, frame.clone());
            }
        }
    }

    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        let refused = matches!(&frame, RelayFrame::Error { user: Some(_), id: None, .. });
        if !refused && !matches!(frame, RelayFrame::Keys { .. }) || self.awaited == 0 {
            return table.client(who, frame);
        }
        self.awaited -= 1;
        self.taken += usize::from(matches!(&frame, RelayFrame::Keys { one_time: Some(_), .. }));
        if self.awaited == GREED {
            table.client(who, frame); // the one that was asked for by the client
        } else if self.awaited == 0 {
            table.got(format!("{} one-time keys", self.taken));
        }
    }
}

/// Says that nobody has keys, and asks for plain text in their name.
#[derive(Debug)]
pub(super) struct Strip;

impl Hand for Strip {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        let ClientFrame::Fetch { user } = frame else { return table.relay(who, frame) };
        let keys = RelayFrame::Keys { user: user.clone(), identities: Vec::new(), prekey: None, one_time: None };
        table.client(who, keys);
        let text = "My app cannot do encryption any more. Please write in the open.".to_owned();
        let (seq, at, id) = (table.number(), table.now(), MessageId::random(&mut table.rng));
        let payload = Payload::Open(Content::Text { sent_at: at, counter: 1, text, via: None });
        table.did(format!("{who} asked for {user}'s keys: I said there are none, and wrote in {user}'s name"));
        table.client(who, RelayFrame::Deliver(Envelope { seq, id, from: user, to: who.clone(), at, payload }));
    }
}
