//! The board: what every open page shows, in a few sections that are replaced as a whole.
//!
//! Question: how do two pages, one of them slow or just opened, always show the same?
//! There is one board. A page is sent all of it when it connects, and after that each section that differs from what it was last
//! sent. A slow page skips what it was too late for; nothing queues up, so memory is bounded whatever happens.
//!
//! ```text
//! scene ──put("relay", …)──► board ──► page 1: event relay        page 2 (new): event state, with every section
//! ```

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::Event;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::watch;

use crate::wire::sanitise;

/// Characters of a text that a pane shows.
const SHOWN: usize = 280;

/// Section → its JSON.
type Sections = BTreeMap<&'static str, Arc<str>>;

/// The one board. Clones share it.
#[derive(Debug, Clone)]
pub struct Board {
    sections: watch::Sender<Sections>,
    pages: watch::Sender<usize>,
}

impl Default for Board {
    fn default() -> Self {
        let board = Self { sections: watch::Sender::default(), pages: watch::Sender::default() };
        board.put("pages", &0);
        board
    }
}

impl Board {
    /// Replaces a section; pages hear of it if it differs.
    pub fn put(&self, section: &'static str, what: &impl Serialize) {
        let json = serde_json::to_string(what).expect("a section is plain data with text keys");
        self.sections.send_if_modified(|sections| {
            let differs = sections.get(section).is_none_or(|old| **old != *json);
            if differs {
                sections.insert(section, json.into());
            }
            differs
        });
    }

    /// What one page is sent, for as long as it is open.
    pub fn events(&self) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
        let page = OpenPage::new(self);
        let mut feed = self.sections.subscribe();
        let sent = feed.borrow_and_update().clone();
        let all = Event::default().event("state").data(object(&sent));
        let changes = stream::unfold((feed, sent, page), |(mut feed, mut sent, page)| async {
            feed.changed().await.ok()?;
            let now = feed.borrow_and_update().clone();
            let changed: Vec<_> = now
                .iter()
                .filter(|(section, json)| sent.get(*section) != Some(*json))
                .map(|(section, json)| Event::default().event(section).data(&**json))
                .collect();
            sent = now;
            Some((stream::iter(changed), (feed, sent, page)))
        });
        stream::iter([all]).chain(changes.flatten()).map(Ok)
    }
}

fn object(sections: &Sections) -> String {
    let fields: Vec<String> = sections.iter().map(|(section, json)| format!("\"{section}\":{json}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// Counts a page while it is open.
struct OpenPage(Board);

impl OpenPage {
    fn new(board: &Board) -> Self {
        let page = Self(board.clone());
        page.count(usize::saturating_add);
        page
    }

    fn count(&self, change: fn(usize, usize) -> usize) {
        self.0.pages.send_modify(|pages| *pages = change(*pages, 1));
        self.0.put("pages", &*self.0.pages.borrow());
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.count(usize::saturating_sub);
    }
}

/// A text as a pane shows it: sanitised, and cut if it is long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// At most [`SHOWN`] characters of it.
    pub text: String,
    /// All its bytes.
    pub bytes: usize,
    /// Whether there is more.
    pub cut: bool,
}

impl Shown {
    /// The text of somebody else, safe to show.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(end, _)| end);
        Self { text: sanitise(&text[..end]), bytes: text.len(), cut: end < text.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pane_shows_is_short_and_inert_whatever_was_written() {
        let flood = "😀".repeat(16_384);
        let shown = Shown::of(&flood);
        assert_eq!((shown.text.chars().count(), shown.bytes, shown.cut), (SHOWN, 65_536, true));
        let short = Shown::of("a\u{202e}b\u{1b}[2J");
        assert_eq!(short, Shown { text: "a\\u{202e}b\\u{1b}[2J".to_owned(), bytes: 9, cut: false });
    }

    #[tokio::test]
    async fn a_page_gets_everything_first_and_then_only_what_differs() {
        let board = Board::default();
        board.put("relay", &1);
        let mut page = std::pin::pin!(board.events());
        let mut next = async || format!("{:?}", page.next().await.unwrap().unwrap());
        let all = next().await;
        assert!(all.contains("state") && all.contains(r#"\"relay\":1"#) && all.contains(r#"\"pages\":1"#), "{all}");
        board.put("relay", &1);
        board.put("alice", &"hello");
        board.put("relay", &2);
        let (first, second) = (next().await, next().await);
        assert!(first.contains("alice") && second.contains("relay") && second.contains("data: 2"), "{first} {second}");
    }

    #[tokio::test]
    async fn open_pages_are_counted_and_closed_ones_are_not() {
        let board = Board::default();
        let (one, two) = (board.events(), board.events());
        assert_eq!(*board.pages.borrow(), 2);
        drop(two);
        assert_eq!(*board.pages.borrow(), 1);
        drop(one);
        assert_eq!(*board.pages.borrow(), 0);
    }
}
