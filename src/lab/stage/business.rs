//! The business between the two companies: recommendations, the report that counts them, and the ads.
//!
//! What is done here happens three times: once on the stage, with StreamCo's app and the real relay, and once with each of the twins.
//! The report of all three is made of StreamCo's own events; the ads are the platform's, of the twins.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::act::Way;
use super::board::Board;
use super::company::{Company, Filed};
use super::end::{End, called};
use super::twins::{Twin, Why};
use crate::clock::Clock;
use crate::home::Home;
use crate::lab::agreement;
use crate::streamco::StreamcoError;
use crate::wire::{RelayUrl, UserId};

/// The ads of everybody, in each twin.
pub(super) type Ads = [BTreeMap<String, Why>; 2];

/// Both companies' business with the two people.
pub(super) struct Business {
    company: Company,
    twins: [Twin; 2],
    people: [UserId; 2],
    dir: PathBuf,
    /// Something was said or counted since the ads were chosen.
    stale: bool,
    choosing: Option<JoinHandle<Result<Ads, String>>>,
    shown: Shown,
    /// The link that was sent, until Bob's device has it.
    under_way: Option<String>,
    copies: u64,
}

/// The section of the board.
#[derive(Debug, Default, Serialize)]
struct Shown {
    report: Option<Filed>,
    open: BTreeMap<String, Why>,
    sealed: BTreeMap<String, Why>,
    error: Option<String>,
}

impl Business {
    pub(super) async fn set(home: &Home, alice: &UserId, bob: &UserId) -> Result<Self> {
        let (now, people) = (Clock::system().now(), [alice, bob]);
        Ok(Self {
            company: Company::set(home).await?,
            twins: [Twin::new(false, people, now)?, Twin::new(true, people, now)?],
            people: people.map(Clone::clone),
            dir: home.path().to_owned(),
            stale: true,
            choosing: None,
            shown: Shown::default(),
            under_way: None,
            copies: 0,
        })
    }

    /// Something was said on the stage: the twins say it too.
    pub(super) fn said(&mut self, from: &UserId, to: &UserId, text: &str) -> Result<()> {
        self.stale = true;
        self.twins.iter_mut().try_for_each(|twin| twin.say(from, to, text))
    }

    /// Alice presses StreamCo's button.
    pub(super) async fn recommend(&mut self, alice: &mut End, way: Way, home: &Home, relay: &RelayUrl) -> Result<()> {
        let bob = alice.peer.clone();
        let made = self.company.make(&alice.id).await?;
        let text = made.what.message(&made.link);
        match way {
            Way::Open => match agreement::partner(home, relay)?.send(&alice.id, &bob, &text).await {
                Ok(_) => alice.note(
                    false,
                    format!("StreamCo wrote to {} in your name: {}", called(&bob), made.what.title.as_str()),
                )?,
                Err(StreamcoError::Problem { detail, .. }) => {
                    bail!("StreamCo cannot write here: {detail}. Say something in the open first")
                }
                Err(error) => return Err(error.into()),
            },
            Way::Sealed if alice.holds()? => {
                bail!("{}'s device sends nothing until the changed key is accepted or refused", called(&alice.id))
            }
            Way::Sealed => alice.say(&text)?,
        }
        self.company.sent(&made).await?;
        let now = Clock::system().now();
        self.twins.iter_mut().try_for_each(|twin| twin.recommend(&made, &bob, now))?;
        (self.under_way, self.stale) = (Some(made.link), true);
        Ok(())
    }

    /// Bob opens the link that he got last.
    pub(super) async fn open(&mut self, bob: &mut End) -> Result<()> {
        bob.on()?;
        if let Some(made) = &self.company.latest
            && !bob.got(&made.link)?
        {
            bail!("{} has not got the link yet", called(&bob.id));
        }
        let title = self.company.open().await?;
        bob.note(false, format!("StreamCo's page of “{title}”. StreamCo knows now that this link was opened."))?;
        let now = Clock::system().now();
        self.twins.iter().try_for_each(|twin| twin.open(now))?;
        self.stale = true;
        Ok(())
    }

    /// Whether a link is still on its way to Bob.
    pub(super) fn busy(&mut self, bob: &mut End) -> bool {
        if self.under_way.as_ref().is_some_and(|link| bob.got(link).unwrap_or(true)) {
            self.under_way = None;
        }
        self.under_way.is_some()
    }

    /// The ads, when they are chosen. Cancel safe.
    pub(super) async fn chosen(&mut self) -> Result<Ads, String> {
        match &mut self.choosing {
            Some(choosing) => choosing.await.unwrap_or_else(|error| Err(error.to_string())),
            None => std::future::pending().await,
        }
    }

    pub(super) fn choose(&mut self, ads: Result<Ads, String>) {
        self.choosing = None;
        match ads {
            Ok([open, sealed]) => (self.shown.open, self.shown.sealed, self.shown.error) = (open, sealed, None),
            Err(error) => self.shown.error = Some(error),
        }
    }

    /// Puts it on the board, and lets the platform choose anew if there is something new.
    pub(super) fn show(&mut self, board: &Board) -> Result<()> {
        if self.stale && self.choosing.is_none() {
            let now = Clock::system().now();
            let [open, sealed] = [self.twins[0].report(now)?, self.twins[1].report(now)?];
            self.shown.report = Some(self.company.report(&open, &sealed, now)?);
            self.copies += 1;
            let [open, sealed] = [0, 1].map(|n| {
                let file = format!("twin-{n}-{}.db", self.copies);
                self.twins[n].copied(self.dir.join(file))
            });
            let (open, sealed, people) = (open?, sealed?, self.people.clone());
            let ads =
                async move { Ok::<_, anyhow::Error>([open.ads(people.clone()).await?, sealed.ads(people).await?]) };
            self.choosing = Some(tokio::spawn(async move { ads.await.map_err(|error| format!("{error:#}")) }));
            self.stale = false;
        }
        board.put("business", &self.shown);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> UserId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn the_reports_are_equal_as_long_as_the_events_are_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::resolve(Some(dir.path().to_owned())).unwrap();
        let mut it = Business::set(&home, &id("alice"), &id("bob")).await.unwrap();
        let now = Clock::system().now();
        let report = |it: &Business| {
            let [open, sealed] = [0, 1].map(|n| it.twins[n].report(now).unwrap());
            it.company.report(&open, &sealed, now).unwrap()
        };
        let made = it.company.make(&id("alice")).await.unwrap();
        it.company.sent(&made).await.unwrap();
        it.twins.iter_mut().for_each(|twin| twin.recommend(&made, &id("bob"), now).unwrap());
        assert!(report(&it).equal && report(&it).today == (1, 0));
        it.company.open().await.unwrap();
        it.twins[0].open(now).unwrap();
        assert!(!report(&it).equal, "the control: one click is missing in the sealed twin");
        it.twins[1].open(now).unwrap();
        assert!(report(&it).equal && report(&it).today == (1, 1));
    }

    #[tokio::test]
    async fn the_sealed_twin_has_no_word_and_everything_else() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::resolve(Some(dir.path().to_owned())).unwrap();
        let mut it = Business::set(&home, &id("alice"), &id("bob")).await.unwrap();
        it.said(&id("alice"), &id("bob"), "The flights are cheap").unwrap();
        let board = Board::default();
        it.show(&board).unwrap();
        let chosen = it.chosen().await;
        it.choose(chosen);
        let parts = |ads: &BTreeMap<String, Why>| {
            let it = serde_json::to_value(&ads["bob"]).unwrap();
            (it["words"]["count"].as_u64().unwrap(), it["signals"].clone(), it["metadata"].clone())
        };
        let (open, sealed) = (parts(&it.shown.open), parts(&it.shown.sealed));
        assert_eq!((open.0, sealed.0), (1, 0));
        assert_eq!((&open.1, &open.2), (&sealed.1, &sealed.2));
        assert!(open.1["count"] == 2 && open.2["count"] == 2, "{open:?}");
    }
}
