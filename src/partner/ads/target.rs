//! Targeting: from what is known to an ad, and exactly why.
//!
//! Question: which ad would this person be shown, and which word, signal or contact is to blame?
//! Each piece of evidence gives points to one interest and is kept with it. The most points win. Nothing else is decided
//! here, so the reasons that are given are the reasons that there were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lexicon::LEXICON;
use super::traces::Traces;
use crate::wire::UserId;

const PER_TEXT: u64 = 3;
const PER_SIGNAL: u64 = 2;
const PER_SIGNAL_OF_A_CONTACT: u64 = 1;
const PER_HABIT: u64 = 10;

/// How many reasons of a kind are named, the latest first. All of them count.
const NAMED: usize = 5;

/// Something that the partner has told of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Which partner.
    pub partner: String,
    /// `watched`, `searched` or `intent`.
    pub kind: String,
    /// What.
    pub title: String,
    /// Of which genre.
    pub genre: String,
    /// On which device.
    pub device: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Reason {
    /// (a) A word of an open message.
    Word {
        /// As it was written.
        word: String,
        /// What it was looked up as.
        stem: String,
        /// The relay's number of the message.
        seq: u64,
        /// Who wrote it.
        writer: UserId,
        /// When, in milliseconds since 1970.
        at: u64,
    },
    /// (b) A signal of the partner's about this user.
    Signal(Signal),
    /// (c) A signal about somebody whom this user writes to often.
    Contact {
        /// Whom.
        contact: UserId,
        /// Messages between the two.
        messages: u64,
        /// What the partner says of them.
        signal: Signal,
    },
    /// (c) A habit that names and times give away.
    Habit {
        /// The numbers.
        seen: String,
    },
}

/// An ad that could be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ad {
    /// What it says.
    pub ad: String,
    /// For whom: the interest or habit.
    pub interest: String,
    /// How strongly.
    pub points: u64,
    /// Open messages with a word of it.
    pub words: u64,
    /// Signals of its genres.
    pub signals: u64,
    /// Signals of close contacts, and habits.
    pub metadata: u64,
    /// Where it came from; of each kind the latest few.
    pub why: Vec<Reason>,
}

/// Ads for one user, the strongest first, from what is known of them and of their closest contacts.
pub(super) fn target(traces: &Traces, signals: &[Signal], contacts: &[(UserId, u64, Vec<Signal>)]) -> Vec<Ad> {
    let mut ads: BTreeMap<&str, Ad> = BTreeMap::new();
    for text in traces.texts.iter().rev() {
        let mut counted: Vec<&str> = Vec::new(); // a message counts once for an interest
        for (word, stem, interest) in LEXICON.words(&text.said) {
            if counted.contains(&interest.name) {
                continue;
            }
            counted.push(interest.name);
            let ad = ads.entry(interest.name).or_insert_with(|| Ad::new(interest.name, interest.ad));
            let (word, writer) = (word.to_owned(), text.from.clone());
            ad.add(Reason::Word { word, stem, seq: text.seq, writer, at: text.at });
        }
    }
    for signal in signals {
        if let Some(interest) = LEXICON.of_genre(&signal.genre) {
            let ad = ads.entry(interest.name).or_insert_with(|| Ad::new(interest.name, interest.ad));
            ad.add(Reason::Signal(signal.clone()));
        }
    }
    for (contact, messages, signals) in contacts {
        for signal in signals {
            if let Some(interest) = LEXICON.of_genre(&signal.genre) {
                let ad = ads.entry(interest.name).or_insert_with(|| Ad::new(interest.name, interest.ad));
                let (contact, messages, signal) = (contact.clone(), *messages, signal.clone());
                ad.add(Reason::Contact { contact, messages, signal });
            }
        }
    }
    for (habit, seen) in traces.habits() {
        if let Some(text) = LEXICON.of_habit(habit.name()) {
            let ad = ads.entry(habit.name()).or_insert_with(|| Ad::new(habit.name(), text));
            ad.add(Reason::Habit { seen });
        }
    }
    let mut ads: Vec<Ad> = ads.into_values().collect();
    ads.sort_by_key(|ad| std::cmp::Reverse(ad.points)); // stable: a tie goes by the alphabet
    ads
}

impl Ad {
    fn new(interest: &str, ad: &str) -> Self {
        let (ad, interest) = (ad.to_owned(), interest.to_owned());
        Self { ad, interest, points: 0, words: 0, signals: 0, metadata: 0, why: Vec::new() }
    }

    fn add(&mut self, reason: Reason) {
        let (points, count) = match reason {
            Reason::Word { .. } => (PER_TEXT, &mut self.words),
            Reason::Signal(_) => (PER_SIGNAL, &mut self.signals),
            Reason::Contact { .. } => (PER_SIGNAL_OF_A_CONTACT, &mut self.metadata),
            Reason::Habit { .. } => (PER_HABIT, &mut self.metadata),
        };
        self.points += points;
        *count += 1;
        let kind = std::mem::discriminant(&reason);
        if self.why.iter().filter(|known| std::mem::discriminant(*known) == kind).count() < NAMED {
            self.why.push(reason);
        }
    }
}

#[cfg(test)]
mod tests;
