//! StreamCo on the stage: its app, its event database, and the report that it would file.
//!
//! Question: what does the disputed feature need?
//! A link. In the open StreamCo writes the message itself, through the platform (`message.write`); sealed, its app hands the link to
//! Alice's own client, which seals it. StreamCo counts the send and, when Bob opens the link, the click; the report is made of these.
//!
//! ```text
//! Alice presses ─► app: link ─┬ open   ─► StreamCo ─► platform ─► Bob
//!                             └ sealed ─► Alice's client ═════════► Bob ─► opens the link ─► app: a click
//! ```
//!
//! The thirteen days before today are made up, so that there is something to see. The app is the one of `streamco serve`.

use anyhow::{Context, Result, bail};
use axum::http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::home::Home;
use crate::http::{self, As, Say};
use crate::streamco::report::{LENGTH, Period, Report};
use crate::streamco::{DAY_MS, Day, Events, LinkId, Recommendation, Signal, app};
use crate::wire::{RelayUrl, UserId};

/// What is recommended. One of its words is in the platform's lexicon.
const TITLE: &str = "The Last Train North";
const BUTTON: [&str; 3] = ["tv", "post-play", "B"];

/// StreamCo's own side. Dropping it ends the app.
#[derive(Debug)]
pub(super) struct Company {
    app: RelayUrl,
    serving: JoinHandle<std::io::Result<()>>,
    /// The app writes; this one reads.
    events: Events,
    /// The latest link that was sent.
    pub(super) latest: Option<Made>,
}

/// A link, and what it is for.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) what: Recommendation,
    pub(super) id: LinkId,
    pub(super) link: String,
}

/// The report as a pane shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Filed {
    /// Each day of the period, sends and clicks.
    days: Vec<(String, u64, u64)>,
    sends: u64,
    clicks: u64,
    /// How many of them today: those that were seen on this stage.
    pub(super) today: (u64, u64),
    /// The report of the open twin and of the sealed one, in bytes as filed.
    bytes: [usize; 2],
    /// Whether they are equal to the last byte.
    pub(super) equal: bool,
}

impl Company {
    pub(super) async fn set(home: &Home) -> Result<Self> {
        let path = home.make_streamco_db()?;
        let events = Events::open(&path)?;
        history(&events, Clock::system().now())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let app = format!("ws://{}", listener.local_addr()?).parse()?;
        let its_events = Events::open(&path)?;
        let serving = tokio::spawn(app::serve(listener, its_events, Clock::system(), std::future::pending()));
        Ok(Self { app, serving, events, latest: None })
    }

    /// Asks the app for a link to recommend something with.
    pub(super) async fn make(&self, from: &UserId) -> Result<Made> {
        let [interface, surface, variant] = BUTTON;
        let body =
            json!({"from": from, "title": TITLE, "interface": interface, "surface": surface, "variant": variant});
        let answer = self.ask(Method::POST, "/links", Say::Json(&body.to_string())).await?;
        let text = |name: &str| answer[name].as_str().context("StreamCo's app gave no link");
        Ok(Made {
            what: serde_json::from_value(body.clone())?,
            id: text("id")?.parse()?,
            link: text("link")?.to_owned(),
        })
    }

    /// Tells the app that the link is on its way.
    pub(super) async fn sent(&mut self, made: &Made) -> Result<()> {
        self.ask(Method::POST, &format!("/links/{}/sent", made.id.as_str()), Say::Nothing).await?;
        self.latest = Some(made.clone());
        Ok(())
    }

    /// Opens a link as whoever got it does: the title that it leads to. From here on StreamCo knows.
    pub(super) async fn open(&self) -> Result<String> {
        let Some(made) = &self.latest else { bail!("nobody has recommended anything yet; let Alice do it first") };
        let answer = self.ask(Method::GET, &format!("/r/{}", made.id.as_str()), Say::Nothing).await?;
        Ok(answer["title"].as_str().context("the link leads to nothing")?.to_owned())
    }

    /// The report of the fortnight that ends today, and whether it is that of both twins.
    pub(super) fn report(&self, open: &Report, sealed: &Report, now: u64) -> Result<Filed> {
        let today = Day::of(now);
        let report = Report::make(&self.events, fortnight(today)?)?;
        let count = |day: Option<Day>| {
            let rows = report.rows.iter().filter(|row| day.is_none_or(|day| row.day == day));
            rows.fold((0, 0), |(sends, clicks), row| (sends + row.sends, clicks + row.clicks))
        };
        let days = report.period.days().map(|day| (day.to_string(), count(Some(day)).0, count(Some(day)).1));
        let (sends, clicks) = count(None);
        let (open, sealed) = (open.json(), sealed.json());
        Ok(Filed {
            days: days.collect(),
            sends,
            clicks,
            today: count(Some(today)),
            bytes: [open.len(), sealed.len()],
            equal: open == sealed && open == report.json(),
        })
    }

    async fn ask(&self, method: Method, path: &str, say: Say<'_>) -> Result<Value> {
        let (_, answer) = http::call(&self.app, method, path, As::Nobody, say).await.context("StreamCo's app")?;
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The fourteen days up to this one.
pub(super) fn fortnight(today: Day) -> Result<Period> {
    Ok(Period::new(today.plus(1 - i64::from(LENGTH)), today)?)
}

/// Thirteen made-up days of other customers: more at the weekend, and variant B does better.
pub(super) fn history(events: &Events, now: u64) -> Result<()> {
    let (today, customer) = (now / DAY_MS, "somebody".parse::<UserId>()?);
    let mut rng = rand::rng();
    events.at_once(|events| {
        for back in 1..u64::from(LENGTH) {
            let day = today.saturating_sub(back);
            let sends = 6 + day * 5 % 4 + if matches!((day + 4) % 7, 0 | 6) { 5 } else { 0 };
            for n in 0..sends {
                let [interface, surface] = [["tv", "post-play"], ["phone", "details"]][usize::from(n % 3 == 2)];
                let (variant, every) = if n % 2 == 0 { ("A", 3) } else { ("B", 2) };
                let what = Recommendation {
                    from: customer.clone(),
                    title: TITLE.parse()?,
                    interface: interface.parse()?,
                    surface: surface.parse()?,
                    variant: variant.parse()?,
                };
                let (link, at) = (events.make_link(&what, &mut rng)?, day * DAY_MS + n);
                events.sent(&link, at)?;
                if (n / 2 + day) % every == 0 {
                    events.opened(&link, at)?;
                }
            }
        }
        Ok(())
    })
}

/// What StreamCo tells the platform of the two: made up. (It is *alleged* that such signals were given.)
pub(super) fn signals([alice, bob]: [&UserId; 2], at: u64) -> Result<Vec<Signal>> {
    let known = [
        (alice, "watched", "Harbour Lights", "documentary", "tv"),
        (alice, "searched", "Oslo", "documentary", "phone"),
        (bob, "watched", "Salt, Smoke, Time", "cooking", "tv"),
        (bob, "searched", "The Noodle War", "cooking", "phone"),
    ];
    let signals = known.into_iter().map(|(user, kind, title, genre, device)| {
        let (user, kind) = (user.clone(), kind.to_owned());
        Ok(Signal { user, kind, title: title.parse()?, genre: genre.parse()?, device: device.parse()?, at })
    });
    signals.collect()
}
