//! Traces: what the platform's archive says of one user, in words and without them.
//!
//! Question: which of it is left when the words are sealed?
//! Every envelope has two names and a time. Those are counted here for open and sealed messages alike, receipts among them, because
//! of sealed ones nobody can tell. Texts are taken from open ones only: there is nothing else to take.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::relay::ArchivedMessage;
use crate::wire::{Content, Payload, UserId};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// How many contacts count as close.
const CLOSE: usize = 3;
/// Bytes of text that are looked at; more of it says nothing new.
const TEXTS: usize = 8 * 1024 * 1024;

/// What is left of somebody's conversations.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// The latest texts that can be read, oldest first, [`TEXTS`] bytes at most.
    pub(super) texts: VecDeque<Text>,
    bytes: usize,
    /// Open messages, and sealed ones.
    pub(super) open: u64,
    pub(super) sealed: u64,
    contacts: BTreeMap<UserId, u64>,
    hours: [u64; 24],
    days: BTreeSet<u64>,
}

/// A text that the platform can read.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) seq: u64,
    pub(super) from: UserId,
    pub(super) at: u64,
    pub(super) said: String,
}

/// Something that names and times give away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    NightOwl,
    OneCloseContact,
    WideCircle,
    AlwaysWriting,
}

impl Traces {
    /// Takes note of a message of this user's.
    pub(super) fn add(&mut self, user: &UserId, message: ArchivedMessage) {
        let ArchivedMessage { seq, from, to, at, sealed, payload, .. } = message;
        let with = if from == *user { to } else { from.clone() };
        *self.contacts.entry(with).or_default() += 1;
        self.hours[usize::try_from(at / HOUR % 24).unwrap_or(0)] += 1;
        self.days.insert(at / DAY);
        *(if sealed { &mut self.sealed } else { &mut self.open }) += 1;
        if let Some(Payload::Open(Content::Text { text, .. })) = payload {
            self.bytes += text.len();
            self.texts.push_back(Text { seq, from, at, said: text });
            while self.bytes > TEXTS
                && let Some(oldest) = self.texts.pop_front()
            {
                self.bytes -= oldest.said.len();
            }
        }
    }

    /// Messages in all.
    pub(super) fn messages(&self) -> u64 {
        self.open + self.sealed
    }

    /// How many people.
    pub(super) fn contacts(&self) -> usize {
        self.contacts.len()
    }

    /// Those with whom the most messages were exchanged, and how many.
    pub(super) fn closest(&self) -> Vec<(UserId, u64)> {
        let mut all: Vec<_> = self.contacts.iter().map(|(contact, messages)| (contact.clone(), *messages)).collect();
        all.sort_by_key(|(_, messages)| std::cmp::Reverse(*messages));
        all.truncate(CLOSE);
        all
    }

    /// What can be said without a word, and the numbers for it.
    pub(super) fn habits(&self) -> Vec<(Habit, String)> {
        let messages = self.messages();
        if messages == 0 {
            return Vec::new();
        }
        let night: u64 = (22..24).chain(0..6).map(|hour| self.hours[hour]).sum();
        let (closest, most) =
            self.closest().into_iter().next().map_or((String::new(), 0), |(id, n)| (id.to_string(), n));
        let days = self.days.len() as u64;
        let seen = [
            (night * 3 >= messages, Habit::NightOwl, format!("{night} of {messages} messages between 22 and 6 UTC")),
            (
                most * 2 >= messages && self.contacts() > 1,
                Habit::OneCloseContact,
                format!("{most} of {messages} messages with {closest}"),
            ),
            (self.contacts() >= 8, Habit::WideCircle, format!("{} contacts", self.contacts())),
            (messages >= 100 * days, Habit::AlwaysWriting, format!("{messages} messages on {days} days")),
        ];
        seen.into_iter().filter_map(|(is, habit, what)| is.then_some((habit, what))).collect()
    }
}

impl Habit {
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [Self::NightOwl, Self::OneCloseContact, Self::WideCircle, Self::AlwaysWriting];

    /// As the lexicon has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NightOwl => "night owl",
            Self::OneCloseContact => "one close contact",
            Self::WideCircle => "wide circle",
            Self::AlwaysWriting => "always writing",
        }
    }
}
