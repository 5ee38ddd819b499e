//! The key story of one device: which keys exist now, and which are gone.
//!
//! Question: how can a screen show keys turning without showing a key?
//! By number, and by the public half where there is one. A session is looked at before and after each step of its client; the
//! difference says which message keys were made and wiped, and whether the ratchet has turned. No secret byte is read here.
//!
//! ```text
//! before: ratchet key A, sent 1     step: an answer arrives, a receipt leaves
//! after:  ratchet key B, sent 1  →  ← 1 wiped · ratchet key A wiped · → 2 wiped
//! ```

use std::collections::VecDeque;

use serde::Serialize;

use crate::protocol::session::Session;
use crate::protocol::{SessionId, Sessions};

/// How many wiped keys stay on the screen.
const SHOWN: usize = 18;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Mixes every Diffie-Hellman result in.
    Root,
    /// This device's current ratchet key pair.
    Ratchet,
    /// Makes the keys of messages that this device seals.
    SendingChain,
    /// Makes the keys of messages that it opens.
    ReceivingChain,
    /// Sealed one message.
    Sent,
    /// Opened one message, or waits to.
    Received,
}

/// One key, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// What it is for.
    pub kind: Kind,
    /// Message keys and ratchet keys are counted from 1; a chain carries the number of the next key it makes, the root key how
    /// often it was mixed.
    pub n: u32,
    /// The first four bytes of the public half, if there is one.
    pub print: Option<String>,
}

/// What a pane shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// What this device has now.
    pub exist: Vec<Key>,
    /// What it had, the latest first.
    pub wiped: Vec<Key>,
    /// How many were wiped in all.
    pub gone: usize,
    /// What the last step did.
    pub just: Vec<String>,
}

/// Follows one device's sending session.
#[derive(Debug, Default)]
pub(super) struct KeyStory {
    last: Option<View>,
    /// Keys of earlier chains: the numbers on the screen go on where those ended.
    sent: u32,
    received: u32,
    ratchets: u32,
    mixed: u32,
    wiped: VecDeque<Key>,
    gone: usize,
    just: Vec<String>,
}

/// What is looked at: counters, and the public half.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    session: SessionId,
    ratchet: String,
    /// Message keys that the current sending chain has made; none if there is no such chain.
    sent: Option<u32>,
    received: Option<u32>,
    /// Numbers of the current receiving chain whose messages have not come.
    missing: Vec<u32>,
    previous: u32,
}

impl View {
    fn of(Session { id, started: _, pending: _, ratchet }: &Session) -> Self {
        let receiving = ratchet.receiving.as_ref();
        Self {
            session: *id,
            ratchet: print(&ratchet.dhs.public().0),
            sent: ratchet.sending.as_ref().map(|chain| chain.n),
            received: receiving.map(|chain| chain.n),
            missing: receiving.map_or_else(Vec::new, |chain| chain.skipped.iter().map(|key| key.n).collect()),
            previous: ratchet.pn,
        }
    }
}

impl KeyStory {
    /// Compares with the last look.
    pub(super) fn look(&mut self, sessions: &Sessions) {
        let now = sessions.list.first().map(View::of);
        if now == self.last {
            return;
        }
        self.just.clear();
        match (self.last.take(), &now) {
            (Some(before), Some(now)) if before.session == now.session => self.stepped(&before, now),
            (before, Some(now)) => self.began(before.is_some(), now),
            (_, None) => *self = Self::default(),
        }
        self.last = now;
    }

    fn began(&mut self, again: bool, now: &View) {
        *self = Self::default();
        let which = if again { "A fresh session" } else { "The first session" };
        self.just.push(format!("{which}: both devices now share a root key, which never crossed the wire."));
        // Who was written to has turned already: once to open the message, once to answer it.
        (self.ratchets, self.mixed) = (1, if now.received.is_some() { 2 } else { 1 });
        self.opened(0, now);
        self.sealed(0, now.sent.unwrap_or(0));
    }

    fn stepped(&mut self, before: &View, now: &View) {
        let (sent, received) = (before.sent.unwrap_or(0), before.received.unwrap_or(0));
        if before.ratchet == now.ratchet {
            self.opened(received, now);
            self.sealed(sent, now.sent.unwrap_or(0));
            return;
        }
        // The ratchet has turned: both chains begin anew, with a message of the peer's.
        self.sealed(sent, now.previous);
        self.sent += now.previous;
        self.received += received;
        self.opened(0, now);
        let (old, new) = (self.ratchets, self.ratchets + 1);
        self.just.push(format!("Ratchet key {old} wiped; {new} made. The root key is mixed anew."));
        self.wipe(Kind::Ratchet, old, Some(before.ratchet.clone()));
        (self.ratchets, self.mixed) = (new, self.mixed + 2);
        self.sealed(0, now.sent.unwrap_or(0));
    }

    /// Keys that the sending chain has made since: each sealed one message and is gone.
    fn sealed(&mut self, from: u32, to: u32) {
        for n in from..to {
            let n = self.sent + n + 1;
            self.just.push(format!("Key → {n} sealed one message: wiped."));
            self.wipe(Kind::Sent, n, None);
        }
    }

    /// The same for the receiving chain; keys of messages that have not come are kept.
    fn opened(&mut self, from: u32, now: &View) {
        for n in (from..now.received.unwrap_or(0)).filter(|n| !now.missing.contains(n)) {
            let n = self.received + n + 1;
            self.just.push(format!("Key ← {n} opened one message: wiped."));
            self.wipe(Kind::Received, n, None);
        }
    }

    fn wipe(&mut self, kind: Kind, n: u32, print: Option<String>) {
        self.wiped.push_front(Key { kind, n, print });
        self.wiped.truncate(SHOWN);
        self.gone += 1;
    }

    /// What to show.
    pub(super) fn keys(&self) -> Keys {
        let mut exist = Vec::new();
        if let Some(View { session: _, ratchet, sent, received, missing, previous: _ }) = &self.last {
            let mut add = |kind, n, print| exist.push(Key { kind, n, print });
            add(Kind::Root, self.mixed, None);
            add(Kind::Ratchet, self.ratchets, Some(ratchet.clone()));
            if let Some(n) = sent {
                add(Kind::SendingChain, self.sent + n + 1, None);
            }
            if let Some(n) = received {
                add(Kind::ReceivingChain, self.received + n + 1, None);
            }
            for n in missing {
                add(Kind::Received, self.received + n + 1, None);
            }
        }
        Keys { exist, wiped: self.wiped.iter().cloned().collect(), gone: self.gone, just: self.just.clone() }
    }
}

/// A public key, short enough to be recognised.
fn print(key: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = key;
    format!("{a:02x}{b:02x} {c:02x}{d:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::contacts::Mode;
    use crate::client::messenger::{Messenger, Step};
    use crate::client::vault::Vault;
    use crate::wire::{ClientFrame, Envelope, RelayFrame, UserId, Welcome};

    const NOW: u64 = 1_700_000_000_000;

    /// One device with its story; the frames it wants to send.
    struct Device(Messenger, KeyStory, UserId);

    impl Device {
        fn new(id: &str, peer: &str) -> (Self, Vec<ClientFrame>) {
            let mut rng = rand::rng();
            let vault = Vault::in_memory(&id.parse().unwrap(), &mut rng).unwrap();
            let mut messenger = Messenger::open(vault, NOW, &mut rng).unwrap();
            let welcome = Welcome { identity: None, prekey: None, one_time_left: 0, waiting: 0 };
            let step = messenger.receive(RelayFrame::Welcome(welcome), NOW, &mut rng).unwrap();
            let peer = peer.parse().unwrap();
            messenger.set_mode(&peer, Mode::Sealed, NOW, &mut rng).unwrap();
            (Self(messenger, KeyStory::default(), peer), step.frames)
        }

        fn step(&mut self, step: impl FnOnce(&mut Messenger, &UserId) -> Step) -> Vec<ClientFrame> {
            let frames = step(&mut self.0, &self.2).frames;
            self.1.look(&self.0.rows().sessions(&self.2).unwrap());
            frames
        }

        fn take(&mut self, frame: &ClientFrame) -> Vec<ClientFrame> {
            let ClientFrame::Send { id, to, payload } = frame else { panic!("{frame:?}") };
            let (from, to) = (self.2.clone(), to.clone());
            let envelope = Envelope { seq: 1, id: *id, from, to, at: NOW, payload: payload.clone() };
            self.step(|me, _| me.receive(RelayFrame::Deliver(envelope), NOW, &mut rand::rng()).unwrap())
        }

        fn say(&mut self, text: &str) -> Vec<ClientFrame> {
            self.step(|me, peer| me.send(peer, text, NOW, &mut rand::rng()).unwrap())
        }
    }

    fn sends(frames: Vec<ClientFrame>) -> Vec<ClientFrame> {
        frames.into_iter().filter(|frame| matches!(frame, ClientFrame::Send { .. })).collect()
    }

    #[test]
    fn every_message_key_is_wiped_and_an_answer_wipes_the_ratchet_key_too() {
        let (mut alice, _) = Device::new("alice", "bob");
        let (mut bob, published) = Device::new("bob", "alice");
        let [ClientFrame::Publish { identity, prekey, one_time }] = published.as_slice() else { panic!() };
        alice.say("one");
        let keys = RelayFrame::Keys {
            user: "bob".parse().unwrap(),
            identities: vec![identity.clone()],
            prekey: Some(prekey.clone()),
            one_time: one_time.first().cloned(),
        };
        let mut mail = sends(alice.step(|me, _| me.receive(keys, NOW, &mut rand::rng()).unwrap()));
        mail.extend(sends(alice.say("two")));
        let label = |key: &Key| (key.kind, key.n);
        let wiped = |device: &Device| device.1.keys().wiped.iter().map(label).collect::<Vec<_>>();
        assert_eq!(wiped(&alice), [(Kind::Sent, 2), (Kind::Sent, 1)]);
        let before = alice.1.keys();
        assert_eq!(
            before.exist.iter().map(label).collect::<Vec<_>>(),
            [(Kind::Root, 1), (Kind::Ratchet, 1), (Kind::SendingChain, 3)]
        );

        bob.take(&mail[0]);
        bob.take(&mail[1]);
        let answer = sends(bob.say("three"));
        assert_eq!(wiped(&bob), [(Kind::Sent, 1), (Kind::Received, 2), (Kind::Received, 1)]);

        alice.take(&answer[0]);
        let after = alice.1.keys();
        let turned = [(Kind::Ratchet, 1), (Kind::Received, 1), (Kind::Sent, 2), (Kind::Sent, 1)];
        assert_eq!(after.wiped.iter().map(label).filter(|key| *key != (Kind::Sent, 3)).collect::<Vec<_>>(), turned);
        assert_ne!(before.exist[1].print, after.exist[1].print);
        assert_eq!(after.wiped.iter().find(|key| key.kind == Kind::Ratchet).unwrap().print, before.exist[1].print);
        alice.1.look(&alice.0.rows().sessions(&alice.2).unwrap());
        assert!(!after.just.is_empty() && alice.1.keys().just == after.just, "nothing happened, nothing is told");
    }
}
