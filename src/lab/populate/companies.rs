//! What the two companies write down meanwhile: StreamCo its own events, the platform an agreement and a ledger.
//!
//! Each has a database of its own, in the home. The agreement that is made here opens every inbox (`whitelisted`): the broadest reading
//! of what is *alleged*; the quoted text does not say whether users were asked. Nobody reads an inbox in the made-up weeks: granted is
//! not used, and the ledger counts both. What StreamCo does use is `message.write`, to send recommendations into open
//! conversations; into sealed ones people's own clients send them.

use std::fmt;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;
use serde_json::json;

use super::plan::Place;
use super::texts::Title;
use crate::home::Home;
use crate::partner::{self, Access, Book, Scope, Terms};
use crate::streamco::{Events, LinkId, Recommendation, Signal};
use crate::wire::{Token, UserId};

/// What users see StreamCo called.
pub(super) const TITLE: &str = "StreamCo";

/// Where StreamCo's app listens unless it is told otherwise.
const APP: &str = "127.0.0.1:4848";
/// How long the agreement lasts, in days.
const TERM: u32 = 730;
/// Made up, in US dollars a year.
const SPEND: u64 = 1_000_000;

/// Both companies' books.
pub(super) struct Companies<'a> {
    events: &'a Events,
    book: Book,
    partner: UserId,
    links: Vec<Option<LinkId>>,
    rng: ChaCha20Rng,
}

impl<'a> Companies<'a> {
    /// They agree. StreamCo has opened its database, the platform opens its own.
    pub(super) fn begin(home: &Home, events: &'a Events, seed: u64, now: u64) -> Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x5743);
        let partner: UserId = "streamco".parse()?;
        let dir = home.make_relay_dir()?;
        drop(home.open_relay_file("platform.db")?); // made 0600
        let book = Book::open(&dir.join("platform.db"))?;
        let terms = Terms {
            partner: partner.clone(),
            title: TITLE.to_owned(),
            scopes: Scope::ALL.to_vec(),
            access: Access::Whitelisted,
            days: TERM,
            spend_usd_per_year: SPEND,
            disclosed: true,
        };
        let secret = Token::random(&mut rng);
        book.agree(&terms, &secret, now)?.context("there is an agreement already")?;
        let credentials = json!({"client_id": partner, "client_secret": secret.expose()});
        home.keep_credentials(&partner, &credentials.to_string())?;
        Ok(Self { events, book, partner, links: Vec::new(), rng })
    }

    /// A button was pressed: StreamCo makes a link. The text of the message that goes with it.
    pub(super) fn make_link(&mut self, n: usize, from: &UserId, title: Title, place: Place) -> Result<String> {
        let recommendation = Recommendation {
            from: from.clone(),
            title: title.name.parse()?,
            interface: place.interface.parse()?,
            surface: place.surface.parse()?,
            variant: place.variant.parse()?,
        };
        let link = self.events.make_link(&recommendation, &mut self.rng)?;
        let text = recommendation.message(&link.url(APP));
        if self.links.len() <= n {
            self.links.resize(n + 1, None);
        }
        self.links[n] = Some(link);
        Ok(text)
    }

    /// It was sent: by the person's own client, or by StreamCo in the name of `written_for`.
    pub(super) fn sent(&self, n: usize, written_for: Option<&UserId>, now: u64) -> Result<()> {
        if let Some(link) = self.link(n) {
            self.events.sent(link, now)?;
        }
        if let Some(user) = written_for {
            self.book.used(&self.partner, Scope::MessageWrite, Some(user), now)?;
        }
        Ok(())
    }

    /// The other person opened it.
    pub(super) fn opened(&self, n: usize, now: u64) -> Result<()> {
        if let Some(link) = self.link(n) {
            self.events.opened(link, now)?;
        }
        Ok(())
    }

    /// StreamCo takes note of what somebody watches.
    pub(super) fn noticed(&self, user: &UserId, kind: &str, title: Title, device: &str, at: u64) -> Result<()> {
        let (kind, user) = (kind.to_owned(), user.clone());
        let (title, genre, device) = (title.name.parse()?, title.genre.parse()?, device.parse()?);
        Ok(self.events.keep_signal(&Signal { user, kind, title, genre, device, at })?)
    }

    /// StreamCo hands over what it noticed, in the shape in which its API takes it.
    pub(super) fn close(&self, now: u64) -> Result<()> {
        let mut after = 0;
        loop {
            let found = self.events.signals_to_give(after, 1_000)?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = *last;
            let (numbers, signals): (Vec<_>, Vec<_>) = found.into_iter().unzip();
            let signals: Vec<partner::Signal> = serde_json::from_value(serde_json::to_value(signals)?)?;
            self.book.take(&self.partner, &signals)?;
            self.book.used(&self.partner, Scope::Signals, None, now)?;
            numbers.into_iter().try_for_each(|n| self.events.signal_given(n))?;
        }
    }

    fn link(&self, n: usize) -> Option<&LinkId> {
        self.links.get(n)?.as_ref()
    }
}

impl fmt::Debug for Companies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Companies").field("links", &self.links.len()).finish_non_exhaustive()
    }
}
