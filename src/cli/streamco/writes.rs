//! `blindrelay streamco send|delete|recommend|signals`: what the company does at the platform.
//!
//! It is *conceded* that a few partners had write and delete capabilities (write: send; delete: deletions sync), after the user had logged
//! in. Granted is not used.

use std::fmt::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;

use super::super::button::Button;
use super::super::{complain, print, stdin};
use super::{At, events};
use crate::clock::Clock;
use crate::home::Home;
use crate::streamco::{Events, Label, Platform, Recommendation, Signal, StreamcoError, Title};
use crate::wire::{UserId, sanitise, sanitise_json};

/// Signals in one request.
const BATCH: u32 = 1_000;

#[derive(Debug, clap::Args)]
pub(super) struct Send {
    /// In whose name
    user: UserId,
    /// To whom
    to: UserId,
    /// What was sent, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// Whose
    user: UserId,
    /// The message's number, as `inbox --json` gives it
    seq: u64,
    /// The platform's answer, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Recommend {
    /// In whose name
    user: UserId,
    /// To whom
    to: UserId,
    #[command(flatten)]
    button: Button,
    /// What was sent, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Signals {
    /// Record one first: of whom
    #[arg(requires = "what")]
    user: Option<UserId>,
    #[command(flatten)]
    what: What,
    /// Of which genre
    #[arg(long, default_value = "unknown")]
    genre: Label,
    /// On which device
    #[arg(long, default_value = "web", value_parser = ["tv", "phone", "web"])]
    device: String,
    /// What was given, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", requires = "user")]
struct What {
    /// They watched this
    #[arg(long, value_name = "TITLE")]
    watched: Option<Title>,
    /// They searched for this
    #[arg(long, value_name = "TITLE")]
    searched: Option<Title>,
    /// They mean to watch this
    #[arg(long, value_name = "TITLE")]
    intent: Option<Title>,
}

impl Send {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let mut platform = self.at.platform(home)?;
        let text = stdin::text()?;
        let id = platform.send(&self.user, &self.to, &text).await.context("nothing was sent")?;
        report_sent(&self.user, &self.to, &text, &id, None, self.json)
    }
}

impl Delete {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let deleted = self.at.platform(home)?.delete(&self.user, self.seq).await;
        let answer = match deleted {
            Ok(deleted) => deleted.answer,
            Err(StreamcoError::Nobody(why)) => {
                let user = self.user;
                bail!("nothing was deleted: {why}; `blindrelay streamco inbox {user} --json` gives the numbers")
            }
            Err(error) => return Err(anyhow!(error).context("nothing was deleted")),
        };
        if self.json {
            return print(&(sanitise_json(&answer.to_string()) + "\n"));
        }
        let mut out = format!("deleted {}", sanitise(answer["deleted"].as_str().unwrap_or("at the platform")));
        for (name, value) in answer.as_object().into_iter().flatten().filter(|(name, _)| *name != "deleted") {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            write!(out, "\n{}: {}", sanitise(name), sanitise(&value))?;
        }
        print(&(out + "\n"))
    }
}

impl Recommend {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let Self { user, to, button, json, at } = self;
        let app = button.app()?;
        let recommendation = Recommendation {
            from: user.clone(),
            title: button.title.parse()?,
            interface: button.interface.parse()?,
            surface: button.surface.parse()?,
            variant: button.variant.parse()?,
        };
        let mut platform = at.platform(home)?;
        let events = events(home)?;
        let link = events.make_link(&recommendation, &mut rand::rng())?;
        let text = recommendation.message(&link.url(app));
        let id = platform.send(&user, &to, &text).await.context("nothing was sent, and nothing is counted")?;
        events.sent(&link, Clock::system().now()).context("it was sent, but is not counted")?;
        report_sent(&user, &to, &text, &id, Some(&link.url(app)), json)?;
        if !answers(app) {
            complain(&format!("nobody answers at {app} yet: the link opens once `blindrelay streamco serve` runs"));
        }
        Ok(())
    }
}

impl Signals {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let events = events(home)?;
        if let Some(user) = self.user {
            let What { watched, searched, intent } = self.what;
            let kinds = [("watched", watched), ("searched", searched), ("intent", intent)];
            for (kind, title) in kinds {
                let Some(title) = title else { continue };
                let (user, genre, device) = (user.clone(), self.genre.clone(), self.device.parse()?);
                let signal = Signal { user, kind: kind.to_owned(), title, genre, device, at: Clock::system().now() };
                events.keep_signal(&signal)?;
            }
        }
        let kept = "the signals are kept, and given the next time";
        let mut platform = self.at.platform(home).context(kept)?;
        let (mut after, mut any) = (0, false);
        loop {
            let signals = events.signals_to_give(after, BATCH)?;
            let Some((last, _)) = signals.last() else { break };
            (after, any) = (*last, true);
            let all = give(&mut platform, &events, &signals, self.json).await;
            if !refuses_somebody(&all) {
                all.context(kept)?;
                continue;
            }
            // One whom the platform will not hear of holds up nobody else's.
            for signal in signals.chunks(1) {
                let one = give(&mut platform, &events, signal, self.json).await;
                if refuses_somebody(&one) {
                    complain(&format!(
                        "{} is nobody to this platform, or has not connected StreamCo; the signal is kept",
                        signal[0].1.user
                    ));
                } else {
                    one.context(kept)?;
                }
            }
        }
        if !any {
            bail!("the platform has every signal; record one with --watched TITLE USER");
        }
        Ok(())
    }
}

async fn give(platform: &mut Platform, events: &Events, signals: &[(i64, Signal)], json: bool) -> Result<()> {
    platform.signals(signals.iter().map(|(_, signal)| signal)).await?;
    let mut out = String::new();
    for (n, signal) in signals {
        events.signal_given(*n)?;
        let Signal { user, kind, title, genre, device, at: _ } = signal;
        let line = if json {
            sanitise_json(&serde_json::to_string(signal)?)
        } else {
            format!("{user} {kind} “{}” ({genre}) on {device}", sanitise(title.as_str()))
        };
        out += &(line + "\n");
    }
    print(&out)
}

fn refuses_somebody(given: &Result<()>) -> bool {
    let problem = given.as_ref().err().and_then(|error| error.downcast_ref());
    matches!(problem, Some(StreamcoError::Nobody(_)))
}

fn report_sent(user: &UserId, to: &UserId, text: &str, id: &str, link: Option<&str>, json: bool) -> Result<()> {
    if json {
        let line = json!({"id": id, "from": user, "to": to, "text": text, "link": link});
        return print(&(sanitise_json(&line.to_string()) + "\n"));
    }
    print(&format!("sent in the name of {user} to {to}, through the platform, which reads it: {}\n", sanitise(text)))
}

fn answers(app: SocketAddr) -> bool {
    TcpStream::connect_timeout(&app, Duration::from_millis(300)).is_ok()
}
