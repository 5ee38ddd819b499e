//! The lexicon: which words, which genres and which habits stand for which ad.
//!
//! Question: what does it take to read an interest out of a message?
//! A list of words, and the knowledge that "flights" is "flight". No cleverness is needed; that the words can be read is enough. The
//! lists are those of `docs/ads-lexicon.md`, which is compiled in: what the document says is what is done.
//!
//! ```text
//! text → words → stems → interest
//! ```
//!
//! Source: M. Porter, Snowball, "The English (Porter2) stemming algorithm".

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

const DOCUMENT: &str = include_str!("../../../docs/ads-lexicon.md");

/// An interest, and what it is known by.
#[derive(Debug)]
pub(super) struct Interest {
    pub(super) name: &'static str,
    pub(super) ad: &'static str,
    genres: Vec<&'static str>,
}

/// Everything that the document says.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) interests: Vec<Interest>,
    /// The interest of a stem.
    stems: BTreeMap<String, usize>,
    /// The ad of a habit.
    habits: BTreeMap<&'static str, &'static str>,
}

/// The document's.
pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::read(DOCUMENT));

impl Lexicon {
    fn read(document: &'static str) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let (mut interests, mut stems) = (Vec::new(), BTreeMap::new());
        for row in rows(document, "interest") {
            let [name, words, genres, ad] = row[..] else { continue };
            for word in words.split(',') {
                stems.insert(stemmer.stem(word.trim()).into_owned(), interests.len());
            }
            interests.push(Interest { name, ad, genres: genres.split(',').map(str::trim).collect() });
        }
        let habits = rows(document, "habit").filter_map(|row| Some((*row.first()?, *row.get(2)?))).collect();
        Self { interests, stems, habits }
    }

    /// Words of a text that stand for something: as written, their stem, the interest.
    pub(super) fn words<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (&'a str, String, &'a Interest)> {
        let stemmer = Stemmer::create(Algorithm::English);
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).filter_map(move |word| {
            let stem = stemmer.stem(&word.to_lowercase()).into_owned();
            let interest = *self.stems.get(&stem)?;
            Some((word, stem, &self.interests[interest]))
        })
    }

    /// What somebody is interested in who watches this genre.
    pub(super) fn of_genre(&self, genre: &str) -> Option<&Interest> {
        self.interests.iter().find(|interest| interest.genres.iter().any(|known| known.eq_ignore_ascii_case(genre)))
    }

    /// The ad for a habit.
    pub(super) fn of_habit(&self, habit: &str) -> Option<&'static str> {
        self.habits.get(habit).copied()
    }
}

/// The rows below the heading of the table whose first column has this name.
fn rows(document: &'static str, first: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let heading = format!("| {first} |");
    let lines = document.lines().skip_while(move |line| !line.starts_with(&heading)).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::ads::traces::Habit;

    #[test]
    fn words_are_found_by_their_stem_and_others_are_not() {
        let found = |text| LEXICON.words(text).map(|(word, _, interest)| (word, interest.name)).collect::<Vec<_>>();
        assert_eq!(
            found("Two FLIGHTS, and a dog; running late!"),
            [("FLIGHTS", "travel"), ("dog", "pets"), ("running", "sports")]
        );
        assert_eq!(
            found("I am baking. Trips to the doctors…"),
            [("baking", "food"), ("Trips", "travel"), ("doctors", "health")]
        );
        assert_eq!(found("flightless, catalogue, 🎬 \u{202e}<b>ö</b>, q8Zx+/=="), []);
    }

    #[test]
    fn the_document_is_read_whole_and_no_word_stands_for_two_things() {
        assert_eq!(LEXICON.interests.len(), 10);
        let stemmer = Stemmer::create(Algorithm::English);
        let words: Vec<_> = rows(DOCUMENT, "interest").flat_map(|row| row[1].split(',').collect::<Vec<_>>()).collect();
        let mut stems: Vec<_> = words.iter().map(|word| stemmer.stem(word.trim()).into_owned()).collect();
        stems.sort();
        stems.dedup();
        assert_eq!(stems.len(), LEXICON.stems.len());
        assert!(
            words.len() - stems.len() < 4,
            "{} words, {} stems: one interest took another's word",
            words.len(),
            stems.len()
        );
        assert_eq!(LEXICON.of_genre("Cooking").map(|interest| interest.name), Some("food"));
        assert!(LEXICON.of_genre("unknown").is_none() && LEXICON.of_habit("none").is_none());
        assert!(Habit::ALL.iter().all(|habit| LEXICON.of_habit(habit.name()).is_some()), "every habit has an ad");
        assert_eq!(LEXICON.habits.len(), Habit::ALL.len());
    }
}
