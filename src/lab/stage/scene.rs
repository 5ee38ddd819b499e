//! The scene: one relay process, two devices, one partner, and what passes between them, one thing after another.
//!
//! Question: acts are asked for faster than messages travel; in which order does the audience see them?
//! In the order of asking. The next act waits until what was said before has arrived, or two seconds, so a tour can say "send, then
//! steal the keys, then send" and mean it. While the relay is down nothing waits for it: the devices keep what was written.
//!
//! ```text
//! act ──► scene ──► Alice's device ──► relay process ──► Bob's device        after each step the board shows what has changed
//!                                          ├── operator's endpoint ──► the relay's pane
//!                                          └── Inbox API ──► StreamCo's pane
//! ```

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::act::{Act, Way, Who};
use super::board::Board;
use super::business::{Ads, Business};
use super::end::{End, called};
use super::middle::{Partner, Seen};
use super::process::RelayProcess;
use super::swap::swap;
use super::thief::Thief;
use crate::client::messenger::Event;
use crate::clock::Clock;
use crate::home::Home;
use crate::lab::agreement;
use crate::relay::Sighting;
use crate::streamco::{InboxMessage, StreamcoError};
use crate::wire::{Payload, UserId};

/// An act waits at most this long for what was said before.
const SETTLE: Duration = Duration::from_secs(2);
/// Two who have no keys of each other ask the relay again after this long.
const ASK_AGAIN: Duration = Duration::from_millis(150);
/// A relay that has ended is started again after this long: time to see that it is gone.
const PAUSE: Duration = Duration::from_millis(1500);

/// An act, and where its outcome goes.
pub(super) type Asked = (Act, oneshot::Sender<Result<(), String>>);

type Inbox = Result<Vec<InboxMessage>, String>;

/// Everything that a reset throws away. The relay comes first: it is killed before its home is removed.
pub(super) struct Scene {
    relay: RelayProcess,
    /// When a relay that is down is started again.
    down: Option<Instant>,
    alice: End,
    bob: End,
    mode: Way,
    seen: Seen,
    partner: Partner,
    /// StreamCo is reading, and must read again after that.
    reading: Option<JoinHandle<Inbox>>,
    stale: bool,
    thief: Option<Thief>,
    swapped: bool,
    business: Business,
    /// What the audience should be told: whether it is an alarm, and the text.
    pub(super) news: Vec<(bool, String)>,
    program: PathBuf,
    home: Home,
    _dir: TempDir,
}

/// What the scene woke up for.
pub(super) enum Woken {
    Act(Option<Asked>),
    Alice(Result<Option<Event>>),
    Bob(Result<Option<Event>>),
    Seen(Option<Sighting>),
    Read(Inbox),
    Ads(Result<Ads, String>),
    RelayEnded,
    RelayDue,
    /// One of the two has no key of the other on record.
    Strangers,
    /// An act has waited long enough.
    Late,
}

impl Scene {
    /// Fresh homes, a fresh relay, two people who have never met.
    pub(super) async fn set(program: PathBuf) -> Result<Self> {
        let dir = TempDir::with_prefix("blindrelay-stage-")?;
        let home = Home::resolve(Some(dir.path().to_owned()))?;
        let relay = RelayProcess::start(&program, &home, 0, 0).await?;
        agreement::make(&home, &relay.url).await?;
        let mode = Way::Open;
        let end = |me: &str, peer: &str| -> Result<End> {
            let me: UserId = me.parse()?;
            End::open(home.vault(&me), me, peer.parse()?, mode.into(), &relay.url)
        };
        let (alice, bob) = (end("alice", "bob")?, end("bob", "alice")?);
        let business = Business::set(&home, &alice.id, &bob.id).await?;
        Ok(Self {
            relay,
            down: None,
            alice,
            bob,
            mode,
            seen: Seen::default(),
            partner: Partner::default(),
            reading: None,
            stale: true,
            thief: None,
            swapped: false,
            business,
            news: Vec::new(),
            program,
            home,
            _dir: dir,
        })
    }

    /// Waits for the next thing; acts wait for what was said before them, `since` then at most [`SETTLE`]. Cancel safe.
    pub(super) async fn next(&mut self, acts: &mut mpsc::Receiver<Asked>, since: Instant) -> Woken {
        let late = since + SETTLE;
        let waits = self.busy() && late > Instant::now();
        let (up, due) = (self.down.is_none(), self.down.unwrap_or(since));
        let strangers = up && (self.alice.lacks_key() || self.bob.lacks_key());
        tokio::select! {
            event = self.alice.next() => Woken::Alice(event),
            event = self.bob.next() => Woken::Bob(event),
            sighting = self.relay.sightings.recv(), if up => Woken::Seen(sighting),
            _ = self.relay.child.wait(), if up => Woken::RelayEnded,
            () = sleep_until(due), if !up => Woken::RelayDue,
            inbox = read(&mut self.reading) => Woken::Read(inbox),
            ads = self.business.chosen() => Woken::Ads(ads),
            asked = acts.recv(), if !waits => Woken::Act(asked),
            () = sleep(ASK_AGAIN), if strangers => Woken::Strangers,
            () = sleep_until(late), if waits => Woken::Late,
        }
    }

    /// Whether something that was said is still on its way to a device that is on.
    fn busy(&mut self) -> bool {
        let all_up = self.down.is_none() && self.alice.client.is_some() && self.bob.client.is_some();
        all_up
            && (self.business.busy(&mut self.bob)
                || [&mut self.alice, &mut self.bob].into_iter().any(|end| end.busy().unwrap_or(false)))
    }

    /// Takes note of anything but an act.
    pub(super) async fn happened(&mut self, woken: Woken) -> Result<()> {
        match woken {
            Woken::Alice(event) => self.alice.happened(event?)?,
            Woken::Bob(event) => self.bob.happened(event?)?,
            Woken::Seen(Some(sighting)) => self.saw(&sighting),
            Woken::Read(inbox) => {
                self.reading = None;
                self.partner = Partner::new(self.bob.id.as_str(), inbox);
            }
            Woken::Ads(ads) => self.business.choose(ads),
            Woken::RelayEnded => {
                self.down = Some(Instant::now() + PAUSE);
                let text = "The relay's process has ended. The devices keep what is written; the relay starts again on the same home.";
                self.news.push((true, text.to_owned()));
            }
            Woken::RelayDue => self.restart().await?,
            Woken::Strangers => {
                self.alice.meet()?;
                self.bob.meet()?;
            }
            Woken::Act(_) | Woken::Seen(None) | Woken::Late => {}
        }
        Ok(())
    }

    fn saw(&mut self, sighting: &Sighting) {
        self.stale = true;
        self.seen.add(sighting);
        if let (Some(thief), Payload::Sealed(blob)) = (&mut self.thief, &sighting.payload)
            && sighting.to == self.bob.id
            && sighting.n > thief.since
        {
            thief.try_new(sighting.n, &blob.0, Clock::system().now());
        }
    }

    /// The same home, and the same port unless somebody has taken it meanwhile; then the devices are told the new one.
    async fn restart(&mut self) -> Result<()> {
        let port = self.relay.url.authority().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0);
        self.down = Some(Instant::now() + 4 * PAUSE); // for the next try, should this one fail
        match RelayProcess::start(&self.program, &self.home, port, self.seen.last).await {
            Ok(relay) => self.relay = relay,
            Err(_) => {
                self.relay = RelayProcess::start(&self.program, &self.home, 0, self.seen.last).await?;
                for end in [&mut self.alice, &mut self.bob].into_iter().filter(|end| end.client.is_some()) {
                    end.switch_off().await?;
                    end.switch_on(self.mode.into(), &self.relay.url)?;
                }
            }
        }
        (self.down, self.stale) = (None, true);
        self.news.push((false, "The relay is back on the same home. Nothing that was sent is lost.".to_owned()));
        Ok(())
    }

    /// Does what was asked for.
    pub(super) async fn perform(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Send { r#as, text } => {
                let end = self.end(r#as);
                end.say(&text)?;
                // What a device holds is not said.
                if !end.holds()? {
                    let (from, to) = (end.id.clone(), end.peer.clone());
                    self.business.said(&from, &to, &text)?;
                }
            }
            Act::Recommend => {
                self.business.recommend(&mut self.alice, self.mode, &self.home, &self.relay.url).await?;
            }
            Act::OpenLink => self.business.open(&mut self.bob).await?,
            Act::Mode { mode } => {
                for end in [&mut self.alice, &mut self.bob] {
                    let peer = end.peer.clone();
                    end.on()?.set_mode(&peer, mode.into())?;
                }
                self.mode = mode;
            }
            Act::Compare => self.compare()?,
            Act::Power { r#as, on: false } => self.end(r#as).switch_off().await?,
            Act::Power { r#as, on: true } => {
                let (mode, url) = (self.mode.into(), self.relay.url.clone());
                let end = self.end(r#as);
                if end.client.is_none() {
                    end.switch_on(mode, &url)?;
                }
            }
            Act::Steal => self.steal().await?,
            Act::Forget => self.thief = None,
            Act::Swap => {
                let alice = self.alice.on()?;
                swap(&self.home, &self.bob.id, Clock::system().now())?;
                alice.reset(&self.bob.id)?;
                self.swapped = true;
            }
            Act::Accept => self.alice.on()?.accept_key(&self.bob.id)?,
            Act::Keep => self.alice.on()?.reject_key(&self.bob.id)?,
            Act::Kill if self.down.is_some() => bail!("the relay is down already; it starts again in a moment"),
            Act::Kill => self.relay.child.start_kill()?,
            Act::Reset | Act::Step { .. } | Act::Attack { .. } => bail!("that is for the stage, not for the scene"),
        }
        self.alice.look()?;
        self.bob.look()
    }

    fn end(&mut self, who: Who) -> &mut End {
        match who {
            Who::Alice => &mut self.alice,
            Who::Bob => &mut self.bob,
        }
    }

    /// As if by phone: each reads out the number on their own screen.
    fn compare(&mut self) -> Result<()> {
        let mut numbers = Vec::new();
        for end in [&mut self.alice, &mut self.bob] {
            let peer = end.peer.clone();
            let number = end.on()?.messenger().safety_number(&peer)?;
            numbers.push(
                number
                    .with_context(|| format!("no key of {} is on record yet; try again in a moment", called(&peer)))?,
            );
        }
        let equal = numbers[0] == numbers[1];
        for end in [&mut self.alice, &mut self.bob] {
            let peer = end.peer.clone();
            end.on()?.set_verified(&peer, equal)?;
            let text = if equal {
                format!("Compared with {} by phone: the same.", called(&peer))
            } else {
                format!("Compared with {} by phone: they differ. Somebody stands between.", called(&peer))
            };
            end.note(!equal, text)?;
        }
        Ok(())
    }

    /// Bob's keys are copied, and tried on every blob for him that the relay has kept.
    async fn steal(&mut self) -> Result<()> {
        let device = self.bob.on()?.messenger();
        let mut thief = Thief::copy(device, &self.alice.id)?;
        let kept = self.ask_streamco()?.await?.map_err(anyhow::Error::msg)?;
        for message in kept {
            thief.since = message.seq;
            if let Some(blob) = message.sealed.filter(|_| message.to == self.bob.id) {
                thief.try_old(&blob, Clock::system().now())?;
            }
        }
        self.thief = Some(thief);
        Ok(())
    }

    /// StreamCo's own client reads Bob's inbox. The platform asks nobody.
    fn ask_streamco(&self) -> Result<JoinHandle<Inbox>> {
        let mut streamco = agreement::partner(&self.home, &self.relay.url)?;
        let user = self.bob.id.clone();
        let why = |error| match error {
            StreamcoError::NoPlatform(_) => "the relay does not answer right now; try again in a moment".to_owned(),
            other => other.to_string(),
        };
        Ok(tokio::spawn(async move { streamco.inbox(&user).await.map_err(why) }))
    }

    /// Puts everything on the board, and sends StreamCo to read if there is something new.
    pub(super) fn show(&mut self, board: &Board) -> Result<()> {
        if self.stale && self.reading.is_none() && self.down.is_none() {
            self.reading = Some(self.ask_streamco()?);
            self.stale = false;
        }
        board.put("alice", self.alice.pane()?);
        board.put("bob", self.bob.pane()?);
        board.put("relay", &self.seen);
        board.put("partner", &self.partner);
        self.business.show(board)?;
        board.put("thief", &self.thief.as_ref().map(Thief::loot));
        let mode = self.mode;
        board.put("scene", &json!({ "mode": mode, "relay_up": self.down.is_none(), "swapped": self.swapped }));
        Ok(())
    }
}

/// StreamCo's answer, when it comes; a read that fell over counts as an answer.
async fn read(reading: &mut Option<JoinHandle<Inbox>>) -> Inbox {
    match reading {
        Some(reading) => reading.await.unwrap_or_else(|error| Err(error.to_string())),
        None => std::future::pending().await,
    }
}
