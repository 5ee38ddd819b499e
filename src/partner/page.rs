//! Pages: so many at a time, and an opaque word that says where the next one begins.
//!
//! The word holds the number of the last message and a hash of the question that it came with, so that it cannot be taken to
//! another question by mistake. It is no secret and guards nothing: the gate is asked again for every page.

use axum::extract::rejection::QueryRejection;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::problem::Problem;

/// The most in one answer.
pub(super) const PAGE: u32 = 200;

/// Where a page begins and how long it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageOf {
    /// `next` of the page before; none for the first.
    #[param(nullable = false)]
    pub(super) cursor: Option<String>,
    /// At most so many.
    #[serde(default = "page")]
    #[param(required = false, minimum = 1, maximum = 200, default = 200)]
    pub(super) limit: u32,
}

fn page() -> u32 {
    PAGE
}

impl PageOf {
    /// The limit, and the number where the page begins; none for the first page.
    pub(super) fn place(&self, question: &[&str]) -> Result<(u32, Option<u64>), Problem> {
        if !(1..=PAGE).contains(&self.limit) {
            return Err(Problem::bad(format!("limit is 1 to {PAGE}")));
        }
        let malformed = || Problem::bad("this cursor is not from an answer to this question; begin without one");
        let at = self.cursor.as_ref().map(|cursor| number(cursor, question).ok_or_else(malformed)).transpose()?;
        Ok((self.limit, at))
    }
}

/// Where the page after number `at` begins.
pub(super) fn cursor(at: u64, question: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode([at.to_be_bytes(), check(at, question)].concat())
}

fn number(cursor: &str, question: &[&str]) -> Option<u64> {
    let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
    let (at, checked) = bytes.split_first_chunk::<8>()?;
    let at = u64::from_be_bytes(*at);
    (check(at, question) == *checked).then_some(at)
}

fn check(at: u64, question: &[&str]) -> [u8; 8] {
    let hash = question.iter().fold(Sha256::new().chain_update(at.to_be_bytes()), |hash, part| {
        hash.chain_update(u64::try_from(part.len()).unwrap_or(0).to_be_bytes()).chain_update(part)
    });
    let hash: [u8; 32] = hash.finalize().into();
    *hash.first_chunk().expect("a hash is longer than that")
}

/// A query that cannot be read is a problem like any other.
pub(super) fn query<T>(query: Result<axum::extract::Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|axum::extract::Query(query)| query).map_err(|error| Problem::bad(error.body_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_with_its_own_question_only() {
        let page = |cursor: &str| PageOf { cursor: Some(cursor.to_owned()), limit: 1 };
        let made = cursor(7, &["messages", "alice", ""]);
        assert_eq!(page(&made).place(&["messages", "alice", ""]), Ok((1, Some(7))));
        for other in [&["messages", "alice", "bob"], &["search", "alice", ""], &["messages", "alic", "e"]] {
            assert!(page(&made).place(other).is_err(), "{other:?}");
        }
        for bad in ["", "7", "AAAA", &made[1..], "é", &"A".repeat(5000)] {
            assert!(page(bad).place(&["messages", "alice", ""]).is_err(), "{bad}");
        }
    }
}
