//! The twins: the same conversation twice, once all open and once all sealed, and what two companies make of each.
//!
//! Question: what would have been different if every message had been sealed?
//! Whatever is said on the stage is said in two small towns in memory too, by real clients around the relay's own rows: in one all
//! of it travels open, in the other all of it is sealed. Then the platform's own targeting looks at each, and StreamCo writes its report
//! for each. Nothing is worked out here: the columns differ where the platform and StreamCo make a difference.
//!
//! ```text
//! said on the stage ─┬─► town, all open   ─► platform ─► ads     StreamCo's events ─► report ─┐
//!                    └─► town, all sealed ─► platform ─► ads     StreamCo's events ─► report ─┴─ the same bytes?
//! ```
//!
//! The towns' clocks begin at a noon, so that the hour of the lecture is nobody's habit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;

use super::board::Shown;
use super::company::{Made, history, signals};
use crate::clock::Clock;
use crate::lab::town::Town;
use crate::partner::ads::{AdChoice, Reason};
use crate::partner::{self, Book};
use crate::relay::{Limits, Relay, Store};
use crate::streamco::report::Report;
use crate::streamco::{DAY_MS, Day, Events, LinkId};
use crate::wire::{Content, Payload, UserId};

/// From one message to the next on the towns' clocks.
const MINUTE: u64 = 60_000;
/// Reasons of a kind that are shown, the latest first.
const NAMED: usize = 2;

/// One of the two.
pub(super) struct Twin {
    sealed: bool,
    town: Town,
    book: Book,
    events: Events,
    link: Option<LinkId>,
}

/// Which ad somebody would be shown, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Why {
    /// The ad with the most points; none if nothing is known.
    ad: Option<String>,
    interest: Option<String>,
    /// (a) Words of open messages. How many messages had one, and the latest few.
    words: Group,
    /// (b) What StreamCo tells of this person.
    signals: Group,
    /// (c) Who writes to whom, how often, and what StreamCo tells of the other.
    metadata: Group,
    /// Texts that the platform could read, of so many messages.
    texts: u64,
    messages: u64,
}

/// Evidence of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    count: u64,
    shown: Vec<Evidence>,
}

/// One piece: what, the interest that it stands for, and the message that a word came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Evidence {
    what: String,
    interest: String,
    message: Option<(String, Shown)>,
}

impl Twin {
    /// Two people who have just met, at the noon before `now`.
    pub(super) fn new(sealed: bool, people: [&UserId; 2], now: u64) -> Result<Self> {
        let noon = (now / DAY_MS).saturating_sub(1) * DAY_MS + DAY_MS / 2;
        let mut town = Town::new(1, noon, false)?;
        for person in people {
            town.join(person, u64::MAX)?;
        }
        town.introduce(people[0], people[1], !sealed)?;
        let (book, events) = (Book::in_memory()?, Events::in_memory()?);
        history(&events, now)?;
        let signals = signals(people, noon)?;
        let known: Vec<partner::Signal> = serde_json::from_value(serde_json::to_value(signals)?)?;
        book.take(&"streamco".parse()?, &known)?;
        Ok(Self { sealed, town, book, events, link: None })
    }

    /// Somebody says something.
    pub(super) fn say(&mut self, from: &UserId, to: &UserId, text: &str) -> Result<()> {
        self.town.clock.set(self.town.clock.now() + MINUTE);
        self.town.say(from, to, text).map(drop)
    }

    /// A recommendation: in the open StreamCo writes it, through the platform; sealed, the person's own client does.
    pub(super) fn recommend(&mut self, made: &Made, to: &UserId, now: u64) -> Result<()> {
        let (from, text) = (&made.what.from, made.what.message(&made.link));
        if self.sealed {
            self.say(from, to, &text)?;
        } else {
            self.town.clock.set(self.town.clock.now() + MINUTE);
            self.town.post(from, to, &text, "StreamCo")?;
        }
        let link = self.events.make_link(&made.what, &mut self.town.rng)?;
        self.events.sent(&link, now)?;
        self.link = Some(link);
        Ok(())
    }

    /// The other person opens the latest link.
    pub(super) fn open(&self, now: u64) -> Result<()> {
        if let Some(link) = &self.link {
            self.events.opened(link, now)?;
        }
        Ok(())
    }

    /// StreamCo's report, as it would be filed.
    pub(super) fn report(&self, now: u64) -> Result<Report> {
        Ok(Report::make(&self.events, super::company::fortnight(Day::of(now))?)?)
    }

    /// A copy of what the platform has by now, for [`Copied::ads`].
    pub(super) fn copied(&self, to: PathBuf) -> Result<Copied> {
        self.town.relay.save(&to)?;
        Ok(Copied { path: to, book: self.book.clone(), at: self.town.clock.now() })
    }
}

/// What one twin's platform has: a relay's database, and its book.
pub(super) struct Copied {
    path: PathBuf,
    book: Book,
    at: u64,
}

impl Copied {
    /// What the platform's own targeting makes of it, for each person.
    pub(super) async fn ads(self, people: [UserId; 2]) -> Result<BTreeMap<String, Why>> {
        let store = Store::open(&self.path, false)?;
        let relay = Relay::start(store.clone(), Clock::manual(self.at), Limits::default(), [0; 32]);
        let platform = partner::Platform::new(&relay, self.book);
        let mut ads = BTreeMap::new();
        for person in people {
            let mail = platform.archive.messages(&person, None, 0, 1_000).await?.unwrap_or_default();
            let texts = mail.into_iter().filter_map(|message| match message.payload {
                Some(Payload::Open(Content::Text { text, .. })) => Some((message.seq, text)),
                _ => None,
            });
            let texts: BTreeMap<u64, String> = texts.collect();
            let choice = platform.ads(&person, self.at).await.ok().flatten();
            let choice = choice.with_context(|| format!("the platform knows nobody called {person}"))?;
            ads.insert(person.to_string(), Why::of(choice, &texts));
        }
        drop((platform, relay));
        tokio::task::spawn_blocking(move || store.stop()).await?;
        for suffix in ["", "-wal", "-shm"] {
            let _gone = std::fs::remove_file(format!("{}{suffix}", self.path.display()));
        }
        Ok(ads)
    }
}

impl Why {
    fn of(choice: AdChoice, texts: &BTreeMap<u64, String>) -> Self {
        let best = choice.ads.first().map(|ad| (ad.ad.clone(), ad.interest.clone())).unzip();
        let mut why = Self {
            ad: best.0,
            interest: best.1,
            words: Group::default(),
            signals: Group::default(),
            metadata: Group::default(),
            texts: choice.texts,
            messages: choice.open + choice.sealed,
        };
        for ad in choice.ads {
            why.words.count += ad.words;
            why.signals.count += ad.signals;
            why.metadata.count += ad.metadata;
            for reason in ad.why {
                let (group, what, message) = match reason {
                    Reason::Word { word, seq, writer, .. } => {
                        let said = texts.get(&seq).map(|text| (super::end::called(&writer), Shown::of(text)));
                        (&mut why.words, word, said)
                    }
                    Reason::Signal(signal) => (&mut why.signals, did(&signal), None),
                    Reason::Contact { contact, signal, .. } => {
                        let who = super::end::called(&contact);
                        (&mut why.metadata, format!("with {who}, who {}", did(&signal)), None)
                    }
                    Reason::Habit { seen } => (&mut why.metadata, seen, None),
                };
                if group.shown.len() < NAMED {
                    group.shown.push(Evidence { what, interest: ad.interest.clone(), message });
                }
            }
        }
        why
    }
}

fn did(signal: &partner::ads::Signal) -> String {
    let verb = match signal.kind.as_str() {
        "searched" => "searched for",
        "intent" => "means to watch",
        _ => "watched",
    };
    format!("{verb} “{}”", signal.title)
}
