//! The partner's act of the demo: a search, a recommendation, the report and the reasons for an ad, in one of the two runs.
//!
//! Question: which parts of the business need to read messages?
//! The same is done in the open run and in the sealed one, at the same relay processes. The search and the words need an open text; the
//! recommendation, its counts and StreamCo's signals do not, and the report is the same, byte for byte.

use anyhow::{Context, Result};
use axum::http::Method;
use serde::Serialize;

use super::Line;
use super::play::{Scene, arrive, wait};
use crate::client::Client;
use crate::client::contacts::Mode;
use crate::client::messenger::Event;
use crate::http::{self, As, Say};
use crate::lab::agreement;
use crate::partner::ads::AdChoice;
use crate::streamco::report::{Period, Report};
use crate::streamco::{Day, Events, Recommendation, Signal};

/// One of its words is in the platform's lexicon, so that in the open there is a word to find.
const TITLE: &str = "The Last Train North";

/// What became of the business.
#[derive(Debug, Clone, Serialize)]
pub struct Business {
    /// Messages that StreamCo found in Bob's inbox when it searched for the first line's tag.
    pub found: usize,
    /// The recommendation as Bob read it, without the link.
    pub recommended: String,
    /// The report before Bob opened the link, as it would be filed.
    pub before: String,
    /// And after it.
    pub report: String,
    /// What Bob could be sold, the strongest first, with its points.
    pub ads: Vec<(String, u64)>,
    /// Reasons for all of Bob's ads: words of messages, StreamCo's signals, metadata.
    pub reasons: [u64; 3],
    /// People whom the platform knows him to write with.
    pub contacts: u64,
}

/// Plays it. `now` is the same in both runs, so that midnight does not come between their reports.
pub(super) async fn act(
    scene: &Scene,
    (lines, mode, now): (&[Line], Mode, u64),
    [alice, bob]: [&mut Client; 2],
) -> Result<Business> {
    let mut streamco = agreement::partner(&scene.home, &scene.url)?;
    let tag = lines.first().context("a script has a line")?.tag.rsplit('-').next().unwrap_or_default();
    let found = streamco.search(&scene.bob, tag, None).await?.items.len();

    let events = Events::in_memory()?;
    let [interface, surface, variant] = ["tv", "post-play", "B"];
    let what = Recommendation {
        from: scene.alice.clone(),
        title: TITLE.parse()?,
        interface: interface.parse()?,
        surface: surface.parse()?,
        variant: variant.parse()?,
    };
    let link = events.make_link(&what, &mut rand::rng())?;
    let text = what.message(&link.url("127.0.0.1:4848"));
    let read = if mode == Mode::Open {
        // StreamCo writes it, with `message.write`; the platform takes it for Alice's.
        streamco.send(&scene.alice, &scene.bob, &text).await?;
        wait(bob, "recommendation", |event| matches!(event, Event::Message { .. })).await?;
        let last = bob.messenger().rows().messages(Some(&scene.alice), None, 1)?.pop();
        last.context("Bob has read it")?.text
    } else {
        alice.send(&scene.bob, &text)?;
        arrive(alice, bob).await?
    };
    events.sent(&link, now)?;
    let today = Period::new(Day::of(now), Day::of(now))?;
    let before = Report::make(&events, today)?.json();
    events.opened(&link, now)?;
    let report = Report::make(&events, today)?.json();

    let watched = Signal {
        user: scene.bob.clone(),
        kind: "watched".to_owned(),
        title: "Salt, Smoke, Time".parse()?,
        genre: "cooking".parse()?,
        device: "tv".parse()?,
        at: now,
    };
    streamco.signals(std::iter::once(&watched)).await?;
    let (_, token) = bob.messenger().rows().identity()?;
    let path = format!("/account/v1/{}/ads", scene.bob);
    let (_, answer) = http::call(&scene.url, Method::GET, &path, As::Bearer(&token), Say::Nothing).await?;
    let choice: AdChoice = serde_json::from_slice(&answer).context("the platform's answer cannot be read")?;
    let sum = |part: fn(&crate::partner::ads::Ad) -> u64| choice.ads.iter().map(part).sum();
    Ok(Business {
        found,
        recommended: read.split(" on StreamCo: ").next().unwrap_or_default().to_owned(),
        before,
        report,
        reasons: [sum(|ad| ad.words), sum(|ad| ad.signals), sum(|ad| ad.metadata)],
        ads: choice.ads.into_iter().map(|ad| (ad.interest, ad.points)).collect(),
        contacts: choice.contacts,
    })
}

/// Whether the open run had what needs reading, the sealed one did not, and the rest was the same in both.
pub(super) fn holds(open: &Business, sealed: &Business) -> bool {
    let reads = open.found > 0 && open.reasons[0] > 0;
    let blind = sealed.found == 0 && sealed.reasons[0] == 0;
    let told = open.reasons[1] > 0 && open.reasons[1] == sealed.reasons[1] && open.contacts == sealed.contacts;
    let sent = [open, sealed].iter().all(|one| one.recommended.ends_with(&format!("“{TITLE}”")));
    let counted = open.report == sealed.report && open.before == sealed.before && open.before != open.report;
    reads && blind && told && sent && counted
}

#[cfg(test)]
mod tests {
    use super::*;

    type Spoil = fn(&mut Business);

    #[test]
    fn the_check_notices_each_thing_that_could_be_otherwise() {
        let business = |words, found| Business {
            found,
            recommended: format!("alice recommends “{TITLE}”"),
            before: "1 0".to_owned(),
            report: "1 1".to_owned(),
            ads: Vec::new(),
            reasons: [words, 1, 0],
            contacts: 1,
        };
        let (open, sealed) = (business(1, 1), business(0, 0));
        assert!(holds(&open, &sealed));
        let wrong: [(&str, Spoil); 6] = [
            ("found", |it| it.found = 1),
            ("words", |it| it.reasons[0] = 1),
            ("signals", |it| it.reasons[1] = 2),
            ("contacts", |it| it.contacts = 2),
            ("recommended", |it| it.recommended.clear()),
            ("report", |it| it.report.push(' ')),
        ];
        for (what, spoil) in wrong {
            let mut sealed = sealed.clone();
            spoil(&mut sealed);
            assert!(!holds(&open, &sealed), "{what}");
        }
        assert!(!holds(&business(0, 1), &sealed) && !holds(&business(1, 0), &sealed), "an open run that finds nothing");
    }
}
