//! A town in memory: real clients around the relay's own rows, without sockets, files and waiting.
//!
//! Every text goes the whole way: numbered, perhaps sealed, kept, handed to the relay, delivered, opened, kept, confirmed. Time is a
//! clock that somebody sets, chance a seed; so a month passes in seconds, and the same seed gives the same bytes. The relay is honest
//! unless it is given a lie to tell.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

use crate::client::messenger::{Event, Messenger, Step};
use crate::client::vault::Vault;
use crate::clock::Clock;
use crate::relay::LocalRelay;
use crate::wire::{ClientFrame, Content, MessageId, Payload, RelayFrame, UserId};

/// What a dishonest relay makes of a frame for this user.
pub(super) type Lie = Box<dyn Fn(&UserId, RelayFrame) -> RelayFrame>;

/// Everybody, and the relay between them.
pub(super) struct Town {
    phones: Vec<Phone>,
    by_name: BTreeMap<UserId, usize>,
    pub(super) relay: LocalRelay,
    pub(super) clock: Clock,
    /// The dice of all clients: their keys come from here.
    pub(super) rng: ChaCha20Rng,
    /// None while the relay is honest.
    pub(super) lie: Option<Lie>,
    /// What left a phone since somebody looked.
    pub(super) sent: Vec<(UserId, ClientFrame)>,
    /// Whether `sent` is kept.
    pub(super) watching: bool,
}

struct Phone {
    messenger: Messenger,
    off_from: u64,
}

/// Something that happened on somebody's phone.
pub(super) type Happened = (UserId, Event);

impl Town {
    /// Nobody yet. With `hoard` the relay keeps sealed mail for ever.
    pub(super) fn new(seed: u64, now: u64, hoard: bool) -> Result<Self> {
        Ok(Self {
            phones: Vec::new(),
            by_name: BTreeMap::new(),
            relay: LocalRelay::new(hoard)?,
            clock: Clock::manual(now),
            rng: ChaCha20Rng::seed_from_u64(seed),
            lie: None,
            sent: Vec::new(),
            watching: false,
        })
    }

    /// Somebody gets a phone, which is off from a certain time on, and joins.
    pub(super) fn join(&mut self, name: &UserId, off_from: u64) -> Result<()> {
        let vault = Vault::in_memory(name, &mut self.rng)?;
        let messenger = Messenger::open(vault, self.clock.now(), &mut self.rng)?;
        let step = Step { frames: vec![messenger.hello()], events: Vec::new() };
        self.by_name.insert(name.clone(), self.phones.len());
        self.phones.push(Phone { messenger, off_from });
        self.carry(name, step).map(drop)
    }

    /// Two people open their conversation.
    pub(super) fn introduce(&mut self, one: &UserId, other: &UserId, open: bool) -> Result<()> {
        for (who, peer) in [(one, other), (other, one)] {
            self.with(who, |messenger, now, rng| Ok(messenger.converse(peer, open, now, rng)?.1))?;
        }
        Ok(())
    }

    /// Somebody writes a text.
    pub(super) fn say(&mut self, from: &UserId, to: &UserId, text: &str) -> Result<Vec<Happened>> {
        self.with(from, |messenger, now, rng| Ok(messenger.send(to, text, now, rng)?))
    }

    /// The platform writes an open text in somebody's name, for a partner.
    pub(super) fn post(&mut self, from: &UserId, to: &UserId, text: &str, via: &str) -> Result<Vec<Happened>> {
        let (sent_at, text, via) = (self.clock.now(), text.to_owned(), Some(via.to_owned()));
        let payload = Payload::Open(Content::Text { sent_at, counter: 0, text, via });
        let id = MessageId::random(&mut self.rng);
        self.carry(from, Step { frames: vec![ClientFrame::Send { id, to: to.clone(), payload }], events: Vec::new() })
    }

    /// Somebody does something, and what follows from it is carried through. Returns what happened to whom.
    pub(super) fn with(
        &mut self,
        who: &UserId,
        act: impl FnOnce(&mut Messenger, u64, &mut ChaCha20Rng) -> Result<Step>,
    ) -> Result<Vec<Happened>> {
        let n = self.number(who)?;
        let step = act(&mut self.phones[n].messenger, self.clock.now(), &mut self.rng)?;
        self.carry(who, step)
    }

    /// Everybody's client.
    pub(super) fn messengers(&self) -> impl Iterator<Item = &Messenger> {
        self.phones.iter().map(|phone| &phone.messenger)
    }

    /// Somebody's client.
    pub(super) fn messenger(&self, who: &UserId) -> Result<&Messenger> {
        Ok(&self.phones[self.number(who)?].messenger)
    }

    fn number(&self, who: &UserId) -> Result<usize> {
        self.by_name.get(who).copied().with_context(|| format!("{who} is not in town"))
    }

    /// Carries frames to the relay and back until nothing is under way.
    fn carry(&mut self, who: &UserId, Step { frames, events }: Step) -> Result<Vec<Happened>> {
        let mut happened: Vec<Happened> = events.into_iter().map(|event| (who.clone(), event)).collect();
        let mut up: VecDeque<(UserId, ClientFrame)> = frames.into_iter().map(|frame| (who.clone(), frame)).collect();
        while let Some((from, frame)) = up.pop_front() {
            if self.watching {
                self.sent.push((from.clone(), frame.clone()));
            }
            let now = self.clock.now();
            let handled = self.relay.take(&from, frame, now)?;
            let mail = handled.mail.filter(|mail| self.number(&mail.to).is_ok_and(|n| now < self.phones[n].off_from));
            let answer = handled.answer.map(|answer| (from, answer));
            let mail = mail.map(|mail| (mail.to.clone(), RelayFrame::Deliver((*mail).clone())));
            for (to, frame) in answer.into_iter().chain(mail) {
                let frame = match &self.lie {
                    Some(lie) => lie(&to, frame),
                    None => frame,
                };
                let n = self.number(&to)?;
                let Step { frames, events } = self.phones[n].messenger.receive(frame, now, &mut self.rng)?;
                up.extend(frames.into_iter().map(|frame| (to.clone(), frame)));
                happened.extend(events.into_iter().map(|event| (to.clone(), event)));
            }
        }
        Ok(happened)
    }
}

impl fmt::Debug for Town {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Town").field("people", &self.by_name).field("clock", &self.clock).finish_non_exhaustive()
    }
}
