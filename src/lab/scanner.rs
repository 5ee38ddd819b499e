//! The scanner: is this text in there, in whatever disguise a program is likely to give it?
//!
//! Question: "not found" proves little if one looked in one way only; so in how many ways must one look?
//! Each needle is looked for raw, in hex, in base64 and base64url at all three alignments (only the characters that the needle
//! alone decides), in UTF-16 of both byte orders, and backwards. And each use has a control: the same scanner must find what is there.
//!
//! ```text
//! base64 of "..abc..": the needle may begin at byte 0, 1 or 2 of a group of three → three different texts
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read};

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Shorter needles turn up by chance.
pub const SHORTEST: usize = 8;

/// A disguise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As it is.
    Raw,
    /// Hexadecimal, either case.
    Hex,
    /// RFC 4648, section 4, at any alignment.
    Base64,
    /// RFC 4648, section 5, at any alignment.
    Base64Url,
    /// Two bytes a unit, either order.
    Utf16,
    /// Backwards.
    Reversed,
}

/// Looks for many needles in one pass.
#[derive(Debug)]
pub struct Scanner {
    automaton: AhoCorasick,
    /// Which needle and form each pattern stands for.
    patterns: Vec<(usize, Form)>,
}

/// What was found: needle (by its place in the list) → forms.
pub type Found = BTreeMap<usize, Vec<Form>>;

/// The needle at this place is shorter than [`SHORTEST`] bytes: finding it would mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("needle {0} is shorter than {SHORTEST} bytes; finding it would mean nothing")]
pub struct TooShort(pub usize);

impl Scanner {
    /// Prepares the disguises of every needle.
    ///
    /// # Errors
    /// [`TooShort`].
    pub fn new(needles: &[Vec<u8>]) -> Result<Self, TooShort> {
        let mut patterns = Vec::new();
        let mut texts = Vec::new();
        for (place, needle) in needles.iter().enumerate() {
            if needle.len() < SHORTEST {
                return Err(TooShort(place));
            }
            for (form, text) in disguises(needle) {
                patterns.push((place, form));
                texts.push(text);
            }
        }
        let automaton = AhoCorasick::new(texts).expect("a few thousand short patterns fit an automaton");
        Ok(Self { automaton, patterns })
    }

    /// Reads to the end and adds what it finds; memory use does not depend on the length.
    ///
    /// # Errors
    /// The reader's; what was found before is in `found`.
    pub fn scan(&self, haystack: impl Read, found: &mut Found) -> io::Result<()> {
        for hit in self.automaton.stream_find_iter(haystack) {
            let (needle, form) = self.patterns[hit?.pattern().as_usize()];
            let forms = found.entry(needle).or_default();
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        Ok(())
    }
}

fn disguises(needle: &[u8]) -> Vec<(Form, Vec<u8>)> {
    let hex: String = needle.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        (Form::Raw, needle.to_vec()),
        (Form::Hex, hex.to_uppercase().into_bytes()),
        (Form::Hex, hex.into_bytes()),
        (Form::Reversed, needle.iter().rev().copied().collect()),
    ];
    for offset in 0..3 {
        all.push((Form::Base64, aligned(&STANDARD, offset, needle)));
        all.push((Form::Base64Url, aligned(&URL_SAFE, offset, needle)));
    }
    if let Ok(text) = std::str::from_utf8(needle) {
        all.push((Form::Utf16, text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        all.push((Form::Utf16, text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    }
    all
}

/// The base64 of the needle when `offset` unknown bytes stand before it in its group: without the characters at either end
/// that a neighbour has a part in.
fn aligned(engine: &impl Engine, offset: usize, needle: &[u8]) -> Vec<u8> {
    let text = engine.encode([&[0; 2][..offset], needle].concat());
    let first = (offset * 8).div_ceil(6);
    let end = (offset + needle.len()) * 8 / 6;
    text.as_bytes()[first..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(scanner: &Scanner, haystack: &[u8]) -> Found {
        let mut found = Found::new();
        scanner.scan(haystack, &mut found).unwrap();
        found
    }

    #[test]
    fn every_disguise_is_found_wherever_it_stands_and_nothing_is_found_in_noise() {
        let needle = "see you at nine, Käthe".as_bytes().to_vec();
        let scanner = Scanner::new(std::slice::from_ref(&needle)).unwrap();
        for offset in [0, 1, 2, 3, 4095, 65_535, 65_536 - 7] {
            let noise: Vec<u8> = (0..251).cycle().step_by(31).take(offset).collect();
            let plain = [&noise[..], &needle, b"tail"].concat();
            assert_eq!(found(&scanner, &plain)[&0], [Form::Raw], "{offset}");
            assert_eq!(found(&scanner, STANDARD.encode(&plain).as_bytes())[&0][0], Form::Base64, "{offset}");
            assert!(found(&scanner, URL_SAFE.encode(&plain).as_bytes()).contains_key(&0), "{offset}");
            for (form, text) in disguises(&needle) {
                let forms = &found(&scanner, &[&noise[..], &text].concat())[&0];
                assert!(forms.contains(&form) || matches!(form, Form::Base64Url), "{offset} {form:?}");
            }
            assert!(found(&scanner, &noise).is_empty());
        }
    }

    #[test]
    fn a_needle_that_would_turn_up_by_chance_is_refused() {
        assert_eq!(Scanner::new(&[b"long enough".to_vec(), b"ok".to_vec()]).unwrap_err(), TooShort(1));
    }
}
