//! Each way, really gone: a town of two, a relay that does what its operator wants, and what the clients make of it.
//!
//! Every function takes a switch for its own control: without the operator's doing, or in an open conversation, the same steps must
//! come out the other way. The program passes what the operator wants.

use anyhow::{Context, Result, bail};

use super::{Attempt, Defence, Outcome};
use crate::client::messenger::{Event, Messenger, Step};
use crate::client::vault::Vault;
use crate::lab::town::{Happened, Town};
use crate::wire::{ClientFrame, Envelope, MessageId, Payload, RelayFrame, UserId, Welcome};

/// The line that StreamCo is to read.
pub(super) const LINE: &str = "the spare key is under the blue flower pot";

/// Whose conversation, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial<'a> {
    pub(super) me: &'a UserId,
    pub(super) peer: &'a UserId,
    pub(super) seed: u64,
    pub(super) now: u64,
}

impl Trial<'_> {
    /// The blob, as it is.
    pub(super) fn hand_over(&self, open: bool) -> Result<Attempt> {
        let mut town = self.acquainted(open)?;
        let payload = self.says(&mut town)?;
        let bytes = match &payload {
            Payload::Sealed(blob) => blob.0.clone(),
            Payload::Open(content) => serde_json::to_vec(content)?,
        };
        let found = bytes.windows(LINE.len()).any(|window| window == LINE.as_bytes());
        let mut seen = vec![
            format!(
                "{} writes {} bytes of text; the relay has {} bytes, the first are {}",
                self.me,
                LINE.len(),
                bytes.len(),
                hex(&bytes)
            ),
            format!("the text in them, searched for byte by byte: {}", if found { "found" } else { "not found" }),
        ];
        // StreamCo has the very same program. It lacks the keys.
        let mut streamco = self.stranger("streamco", &mut town)?;
        let read = self.tries(&mut streamco, payload, &mut town, &mut seen)?;
        let outcome = if found || read { Outcome::Works } else { Outcome::Noise };
        Ok(Attempt {
            way: "hand over the ciphertext",
            seen,
            outcome,
            defences: vec![
                defence("a message key that only the two ends have", "src/protocol/session.rs", "encrypt"),
                defence("the size says little: it is padded", "src/protocol/padding.rs", "pad"),
            ],
            helps: "nothing is needed; names, times and padded sizes StreamCo can have, sealed or not",
        })
    }

    /// Another key under the peer's name, for somebody who knows theirs.
    pub(super) fn swap(&self, swapped: bool) -> Result<Attempt> {
        let mut town = self.acquainted(false)?;
        let mut operator = self.stranger(self.peer.as_str(), &mut town)?;
        let mut seen = Vec::new();
        if swapped {
            self.publish_over(&mut town, &mut operator)?;
            seen.push(format!("the relay now hands out the operator's key as {}'s", self.peer));
        }
        let payload = self.says(&mut town)?;
        seen.push(format!(
            "{} writes: their session goes on with the keys it has, nobody asked the relay for any",
            self.me
        ));
        let read = self.tries(&mut operator, payload, &mut town, &mut seen)?;
        let mut happened = town.with(self.me, |messenger, _, _| Ok(messenger.reset(self.peer)?))?;
        seen.push(format!("{} begins a fresh session (/reset), so the keys are asked for", self.me));
        town.sent.clear();
        happened.extend(town.say(self.me, self.peer, LINE)?);
        seen.extend(said(&happened, self.me));
        let left = sends(&town).count();
        seen.push(format!("messages that left after that: {left}"));
        Ok(Attempt {
            way: "swap the keys of somebody they know",
            seen,
            outcome: if read || left > 0 { Outcome::Works } else { Outcome::Stopped },
            defences: vec![
                defence("the first key is pinned; another one stops sending", "src/client/contacts.rs", "meet"),
                defence(
                    "nothing is dispatched until the user has decided",
                    "src/client/messenger/outgoing.rs",
                    "dispatch",
                ),
            ],
            helps: "comparing the number before /accept: a new telephone looks exactly like this",
        })
    }

    /// The same before they have ever written to each other.
    pub(super) fn swap_at_first_contact(&self, swapped: bool) -> Result<Attempt> {
        let mut town = self.strangers()?;
        let mut operator = self.stranger(self.peer.as_str(), &mut town)?;
        let mut seen = Vec::new();
        if swapped {
            self.publish_over(&mut town, &mut operator)?;
            seen.push(format!(
                "before {} first writes, the relay hands out the operator's key as {}'s",
                self.me, self.peer
            ));
        }
        let payload = self.says(&mut town)?;
        let read = self.tries(&mut operator, payload, &mut town, &mut seen)?;
        town.with(self.peer, |messenger, now, rng| Ok(messenger.converse(self.me, false, now, rng)?.1))?;
        town.with(self.peer, |messenger, _, _| Ok(messenger.meet(self.me)?))?;
        let (mine, theirs) = (number(&town, self.me, self.peer)?, number(&town, self.peer, self.me)?);
        let same = if mine == theirs { "the same" } else { "NOT the same" };
        seen.push(format!("their safety numbers begin with {mine}… and {theirs}…: {same}"));
        let happened = town.with(self.peer, |messenger, _, _| {
            messenger.disconnected();
            Ok(Step { frames: vec![messenger.hello()], events: Vec::new() })
        })?;
        seen.push(format!("{} connects again, to a relay that does not trouble to lie to them about it:", self.peer));
        seen.extend(said(&happened, self.peer));
        Ok(Attempt {
            way: "swap the keys at first contact",
            seen,
            outcome: match (read, mine == theirs) {
                (true, false) => Outcome::UntilCompared,
                (true, true) => Outcome::Works,
                (false, _) => Outcome::Noise,
            },
            defences: vec![
                defence("a number of both keys, to compare in person", "src/protocol/safety_number.rs", "between"),
                defence(
                    "a client that finds another key under its own name says so",
                    "src/client/messenger/mod.rs",
                    "connected",
                ),
            ],
            helps: "comparing the number; a public log of keys that cannot show two people two things (key transparency)",
        })
    }

    /// One more device, which is the operator's.
    pub(super) fn ghost(&self, added: bool) -> Result<Attempt> {
        let mut town = self.strangers()?;
        let mut operator = self.stranger(self.peer.as_str(), &mut town)?;
        let (ghost, _, _) = keys(&mut operator, &mut town)?;
        let mut seen = Vec::new();
        if added {
            let peer = self.peer.clone();
            town.lie = Some(Box::new(move |_, frame| match frame {
                RelayFrame::Keys { user, mut identities, prekey, one_time } if user == peer => {
                    identities.push(ghost.clone());
                    RelayFrame::Keys { user, identities, prekey, one_time }
                }
                other => other,
            }));
            seen.push(format!(
                "asked for {}'s keys, the relay gives two identities: theirs, and the operator's",
                self.peer
            ));
        }
        let happened = town.say(self.me, self.peer, LINE)?;
        seen.extend(said(&happened, self.me));
        let left = sends(&town).count();
        seen.push(format!("messages that left: {left}"));
        Ok(Attempt {
            way: "add a ghost device",
            seen,
            outcome: if left == 0 { Outcome::Stopped } else { Outcome::Works },
            defences: vec![defence(
                "one person is one identity; with two, nothing is sent",
                "src/protocol/prekeys.rs",
                "verify",
            )],
            helps: "where a person may have many devices: a list of them that the person signs, and clients that show it",
        })
    }

    /// What `message.write` does: a text in the peer's name, in the clear, so that the answer may come in the clear.
    pub(super) fn write_in_the_clear(&self, open: bool) -> Result<Attempt> {
        let mut town = self.acquainted(open)?;
        let happened = town.post(self.peer, self.me, "let us go on without sealing", "StreamCo")?;
        let mut seen = vec![format!("the platform writes an open text in {}'s name", self.peer)];
        seen.extend(said(&happened, self.me));
        let payload = self.says(&mut town)?;
        seen.push(format!("what {} writes next leaves {}", self.me, payload.mode()));
        let shown = happened.iter().any(|(_, event)| matches!(event, Event::Message { .. }));
        let sealed = matches!(payload, Payload::Sealed(_));
        Ok(Attempt {
            way: "write into it in the clear, and hope for an answer",
            seen,
            outcome: if shown || !sealed { Outcome::Works } else { Outcome::Stopped },
            defences: vec![
                defence(
                    "an open text in a sealed conversation is put aside",
                    "src/client/messenger/incoming.rs",
                    "open_content",
                ),
                defence("only the user changes the mode", "src/client/messenger/trust.rs", "set_mode"),
            ],
            helps: "nothing is needed, as long as people do not type /mode open because somebody asks them to",
        })
    }

    /// A client that does all it should, and one thing more.
    pub(super) fn poisoned(&self, poisoned: bool) -> Result<Attempt> {
        let mut town = self.acquainted(false)?;
        let happened = town.say(self.me, self.peer, LINE)?;
        let mut seen =
            vec![format!("{} gets an update from the platform: the same client, and one line more", self.peer)];
        // The one line more: whatever is shown is handed on.
        let handed_on: Vec<String> = happened
            .iter()
            .filter(|(who, _)| poisoned && who == self.peer)
            .filter_map(|(_, event)| match event {
                Event::Message { message } => Some(message.text.clone()),
                _ => None,
            })
            .collect();
        seen.extend(handed_on.iter().map(|text| format!("StreamCo is handed: “{text}”")));
        let warned = said(&happened, self.me).len();
        let (mine, theirs) = (number(&town, self.me, self.peer)?, number(&town, self.peer, self.me)?);
        let same = if mine == theirs { "the same" } else { "NOT the same" };
        seen.push(format!("warnings on {}'s screen: {warned}; the safety numbers: {same}", self.me));
        Ok(Attempt {
            way: "ship another client",
            seen,
            outcome: if handed_on.is_empty() { Outcome::Noise } else { Outcome::Works },
            defences: Vec::new(),
            helps: "no protocol holds here: who writes the program at the end reads along. What makes it risky for them: open source, builds that \
                    anybody can repeat byte for byte, a public log of the programs that are shipped (binary transparency), and a client from \
                    somebody else than the platform",
        })
    }

    /// They have the text, and may do with it what they like.
    pub(super) fn ask(&self) -> Result<Attempt> {
        let mut town = self.acquainted(false)?;
        town.say(self.me, self.peer, LINE)?;
        let texts = town.messenger(self.peer)?.rows().messages(Some(self.me), None, u32::MAX)?;
        let read = texts.iter().any(|message| message.text == LINE);
        let mut seen = vec![format!(
            "{} is asked, and agrees; their vault has {} texts of the conversation",
            self.peer,
            texts.len()
        )];
        seen.extend(read.then(|| format!("StreamCo is shown: “{LINE}”")));
        seen.push(
            "what they show proves nothing: both ends have the same keys, so they could have made it up".to_owned(),
        );
        Ok(Attempt {
            way: "ask the other person",
            seen,
            outcome: if read { Outcome::Works } else { Outcome::Noise },
            defences: Vec::new(),
            helps: "nothing, and nothing should: it is their copy. (The real platform's statement says it too: unless you choose to report a message)",
        })
    }

    /// Two who have joined, and not met.
    fn strangers(&self) -> Result<Town> {
        let mut town = Town::new(self.seed, self.now, true)?;
        town.join(self.me, u64::MAX)?;
        town.join(self.peer, u64::MAX)?;
        town.watching = true;
        Ok(town)
    }

    /// Two who have written to each other.
    fn acquainted(&self, open: bool) -> Result<Town> {
        let mut town = self.strangers()?;
        town.introduce(self.me, self.peer, open)?;
        town.say(self.me, self.peer, "hello")?;
        town.say(self.peer, self.me, "hello yourself")?;
        town.sent.clear();
        Ok(town)
    }

    /// The line is written; what left.
    fn says(&self, town: &mut Town) -> Result<Payload> {
        town.sent.clear();
        town.say(self.me, self.peer, LINE)?;
        let left = sends(town).find(|(from, _)| *from == self.me).map(|(_, payload)| payload.clone());
        left.context("the line has not left")
    }

    /// Somebody with the same program, and keys of their own.
    fn stranger(&self, name: &str, town: &mut Town) -> Result<Messenger> {
        Ok(Messenger::open(Vault::in_memory(&name.parse()?, &mut town.rng)?, self.now, &mut town.rng)?)
    }

    /// Their client is handed the payload, as if it were for them. Whether they read the line.
    fn tries(&self, with: &mut Messenger, payload: Payload, town: &mut Town, seen: &mut Vec<String>) -> Result<bool> {
        let (from, to) = (self.me.clone(), with.id().clone());
        if let Payload::Open(_) = payload {
            with.converse(&from, true, self.now, &mut town.rng)?;
        }
        let envelope = Envelope { seq: 1, id: MessageId([0; 16]), from, to, at: self.now, payload };
        let step = with.receive(RelayFrame::Deliver(envelope), self.now, &mut town.rng)?;
        let read = step.events.iter().any(|event| matches!(event, Event::Message { message } if message.text == LINE));
        let told = step.events.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        seen.push(format!("a client with the operator's keys is handed it: {told}"));
        Ok(read)
    }

    /// The two rows that the operator changes.
    fn publish_over(&self, town: &mut Town, operator: &mut Messenger) -> Result<()> {
        let (identity, prekey, one_time) = keys(operator, town)?;
        let frame = ClientFrame::Publish { identity, prekey, one_time };
        town.relay.take(self.peer, frame, self.now)?;
        Ok(())
    }
}

type Published = (crate::wire::Bytes, crate::wire::Bytes, Vec<crate::wire::Bytes>);

/// The keys that a client would publish.
fn keys(of: &mut Messenger, town: &mut Town) -> Result<Published> {
    let nothing = Welcome { identity: None, prekey: None, one_time_left: 0, waiting: 0 };
    let step = of.receive(RelayFrame::Welcome(nothing), town.clock.now(), &mut town.rng)?;
    for frame in step.frames {
        if let ClientFrame::Publish { identity, prekey, one_time } = frame {
            return Ok((identity, prekey, one_time));
        }
    }
    bail!("a new client publishes keys")
}

/// How the number that somebody's client shows for the other begins.
fn number(town: &Town, who: &UserId, with: &UserId) -> Result<String> {
    let number = town.messenger(who)?.safety_number(with)?.context("they have no key of the other")?;
    Ok(number.digits().chars().take(10).collect())
}

/// Texts and receipts that left.
fn sends(town: &Town) -> impl Iterator<Item = (&UserId, &Payload)> {
    town.sent.iter().filter_map(|(from, frame)| match frame {
        ClientFrame::Send { payload, .. } => Some((from, payload)),
        _ => None,
    })
}

/// What somebody's client has to say about it, in its own words; the course of every message aside.
fn said(happened: &[Happened], who: &UserId) -> Vec<String> {
    let usual = |event: &Event| matches!(event, Event::State { .. } | Event::Online | Event::CaughtUp);
    let theirs = happened.iter().filter(|(whose, event)| whose == who && !usual(event));
    theirs.map(|(_, event)| format!("{who}'s screen: {event}")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn defence(what: &'static str, file: &'static str, function: &'static str) -> Defence {
    Defence { what, file, function }
}
