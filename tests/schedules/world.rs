//! The world: people, a relay, a clock, and an oracle that looks at every step.

use std::collections::BTreeMap;
use std::path::Path;

use blindrelay::client::contacts::Arrival;
use blindrelay::client::messenger::{Event, Messenger, MessengerError, Step};
use blindrelay::client::vault::{StoredMessage, StoredState};
use blindrelay::protocol::params::DAY;
use rand::{RngExt, SeedableRng, rngs::ChaCha20Rng};
use tempfile::TempDir;

use super::person::Person;
use blindrelay::lab::model::oracle::{Check, Ledger, Oracle, Rule, broken};
use blindrelay::lab::model::relay::Relay;

/// How bad it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weather {
    /// An honest relay, a bad network, programs that crash, days that pass. Everything must arrive, in order, without alarm.
    Honest,
    /// The relay lies as well: it drops, repeats, reorders, delays, alters, forges, and loses its disk.
    Lies,
    /// And people restore old copies of their vaults.
    Copies,
}

/// A world that is broken on purpose: the oracle must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    ForgetsSeen,
    BelievesForgedTexts,
    BelievesForgedReceipts,
    ForgetsCounters,
    RewoundDice,
    CallsOpenSealed,
    SavesAfterSending,
    RelayNeverMends,
    ForgetsOutbox,
    CallsLiesHonest,
}

impl Weakness {
    /// What the keys would hold off in a sealed conversation shows in an open one. (A duplicate is held off twice, by memory and by
    /// the ratchet: in open mode memory is all there is.)
    fn is_of_open_mode(self) -> bool {
        use Weakness::{BelievesForgedReceipts, BelievesForgedTexts, CallsOpenSealed, ForgetsSeen};
        matches!(self, ForgetsSeen | BelievesForgedTexts | BelievesForgedReceipts | CallsOpenSealed)
    }
}

pub struct World {
    pub weather: Weather,
    pub weak: Option<Weakness>,
    pub rng: ChaCha20Rng,
    pub now: u64,
    pub people: Vec<Person>,
    pub relay: Relay,
    pub oracle: Oracle,
    pub log: Vec<String>,
    /// How often each thing happened.
    pub tally: BTreeMap<&'static str, u64>,
    /// The faults are over.
    pub calm: bool,
    /// Copies of vaults: whose, the file, what the oracle knew, the dice.
    pub copies: Vec<(usize, Vec<u8>, Ledger, u64)>,
    _home: TempDir,
}

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const START: u64 = 1_700_000_000_000;

impl World {
    pub fn new(seed: u64, weather: Weather, weak: Option<Weakness>) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        // In memory where that is to be had: thousands of transactions, each of which waits for its disk.
        let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let count = 2 + usize::from(rng.random_ratio(1, 2));
        let people = NAMES[..count].iter().map(|name| Person::new(name, home.path(), rng.random(), START)).collect();
        let mut world = Self {
            weather,
            weak,
            rng,
            now: START,
            people,
            relay: Relay::default(),
            oracle: Oracle::default(),
            log: Vec::new(),
            tally: BTreeMap::new(),
            calm: false,
            copies: Vec::new(),
            _home: home,
        };
        for (who, peer) in world.pairs() {
            let peer = world.people[peer].id.clone();
            let (messenger, dice) = world.people[who].messenger();
            messenger.converse(&peer, weak.is_some_and(Weakness::is_of_open_mode), START, dice).unwrap();
        }
        world
    }

    /// Everybody with everybody else.
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        let count = self.people.len();
        (0..count).flat_map(|a| (0..count).map(move |b| (a, b))).filter(|(a, b)| a != b).collect()
    }

    pub fn somebody(&mut self) -> usize {
        self.rng.random_range(0..self.people.len())
    }

    /// Days since the beginning.
    pub fn day(&self) -> u64 {
        (self.now - START) / DAY
    }

    pub fn note(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }

    pub fn name(&self, who: usize) -> String {
        self.people[who].id.to_string()
    }

    // ---- a step of somebody's messenger ----

    /// Lets a messenger take one step. Now and then the program is killed right after it: what it saved is saved, nothing else
    /// happens. (A kill within the step is one before or after it: it is one transaction.)
    pub fn act(
        &mut self,
        who: usize,
        act: impl FnOnce(&mut Messenger, u64, &mut ChaCha20Rng) -> Result<Step, MessengerError>,
    ) -> Check {
        let before = (self.weak == Some(Weakness::SavesAfterSending)).then(|| self.people[who].copy());
        let (messenger, dice) = self.people[who].messenger();
        let step = act(messenger, self.now, dice);
        let Ok(Step { frames, events }) = step else {
            return broken(Rule::Recovers, format!("{}: {}", self.name(who), step.unwrap_err()));
        };
        let killed = !self.calm && self.rng.random_ratio(1, 60);
        if killed && before.is_none() {
            self.note(format!("  killed: {} saved that, {} frames never left", self.name(who), frames.len()));
            self.count("killed after saving");
            return self.restart(who, false);
        }
        for frame in frames {
            self.oracle.leaves(&self.people[who].id, &frame)?;
            if let Some(line) = &mut self.people[who].line {
                line.up.push_back(frame);
            }
        }
        for event in events {
            self.event(who, event)?;
        }
        if let Some(before) = before.filter(|_| killed) {
            self.people[who].restart(false, |path| std::fs::write(path, before).unwrap(), self.now);
        }
        Ok(())
    }

    fn event(&mut self, who: usize, event: Event) -> Check {
        let alarming = match &event {
            Event::Message { message } => return self.show(who, message),
            Event::State { peer, counter, sealed, state: StoredState::Delivered } => {
                self.count("delivered");
                let me = self.people[who].id.clone();
                return self.oracle.delivered(&me, peer, (*counter, *sealed));
            }
            Event::Alarm { alarm, .. } => Some(("alarm", alarm.to_string())),
            Event::SetAside { why, .. } => Some(("set aside", why.to_string())),
            Event::KeyChanged(_) | Event::Blocked { .. } | Event::Refused(_) => Some(("blocked", format!("{event:?}"))),
            Event::NoOneTimeKey(_) => return Ok(self.count("no one-time key")),
            _ => None,
        };
        if let Event::SetAside { .. } = event {
            *self.oracle.set_aside.entry(self.people[who].id.clone()).or_default() += 1;
        }
        if let Some((kind, what)) = alarming {
            self.count(kind);
            self.note(format!("  {}: {kind}: {what}", self.name(who)));
            if self.weather == Weather::Honest {
                return broken(Rule::NoFalseAlarm, what);
            }
        }
        Ok(())
    }

    /// A text appears on the screen, and is marked as read in the same moment.
    fn show(&mut self, who: usize, message: &StoredMessage) -> Check {
        let arrival = message.arrival;
        self.count(match arrival {
            Arrival::InOrder => "shown in order",
            Arrival::Gap(_) => "shown after a gap",
            Arrival::Late => "shown late",
            Arrival::Repeated => "shown as repeated",
        });
        // What a busy relay refuses for now comes after what it takes.
        let in_order = self.weather == Weather::Honest && !self.tally.contains_key("relay busy");
        if in_order && arrival != Arrival::InOrder {
            return broken(Rule::NoFalseAlarm, format!("{arrival:?} with an honest relay"));
        }
        let me = self.people[who].id.clone();
        let (messenger, _) = self.people[who].messenger();
        messenger.mark_read(message.n, Some(&message.peer)).unwrap();
        let mode = messenger.rows().contact(&message.peer).unwrap().unwrap().mode;
        self.oracle.shown(&me, message, mode)
    }

    /// Ends and starts a program; what it finds unread it shows.
    pub fn restart(&mut self, who: usize, clean: bool) -> Check {
        let weak = self.weak;
        self.people[who].restart(clean, |path| weaken(path, weak), self.now);
        self.show_unread(who)
    }

    pub fn show_unread(&mut self, who: usize) -> Check {
        let (messenger, _) = self.people[who].messenger();
        for message in messenger.rows().messages(None, Some(StoredState::Unread), u32::MAX).unwrap() {
            self.show(who, &message)?;
        }
        Ok(())
    }

    // ---- what moves frames ----

    pub fn say(&mut self, who: usize, to: usize) -> Check {
        let n = self.oracle.said.len();
        let tail = ["", "ok", "Käthe 🎬 \"quoted\"\n", "\u{1b}[31m \u{202e}", "x"];
        let length = if self.rng.random_ratio(1, 10) { self.rng.random_range(1..1500) } else { 1 };
        let text = format!("{n}: {}", tail[self.rng.random_range(0..tail.len())].repeat(length));
        let peer = self.people[to].id.clone();
        self.note(format!("{} says {n} to {peer}", self.name(who)));
        let mut said = None;
        let done = self.act(who, |messenger, now, dice| {
            let step = messenger.send(&peer, &text, now, dice)?;
            said = messenger.rows().messages(Some(&peer), None, 1)?.pop();
            Ok(step)
        });
        let me = self.people[who].id.clone();
        self.oracle.said(&me, &said.unwrap());
        self.count("said");
        done
    }

    pub fn tick(&mut self, who: usize) -> Check {
        self.act(who, Messenger::tick)
    }

    /// The relay takes frames from somebody.
    pub fn up(&mut self, who: usize, most: usize) -> Check {
        let Person { id, line: Some(line), .. } = &mut self.people[who] else { return Ok(()) };
        for frame in line.up.drain(..most.min(line.up.len())) {
            line.welcomed = true;
            line.down.extend(self.relay.take(id, frame, self.now));
        }
        Ok(())
    }

    /// The relay delivers, and somebody takes frames from it.
    pub fn down(&mut self, who: usize, most: usize) -> Check {
        for _ in 0..most {
            let Person { id, line: Some(line), .. } = &mut self.people[who] else { return Ok(()) };
            if line.welcomed {
                line.down.extend(self.relay.deliver(id, &mut line.handed));
            }
            let Some(frame) = line.down.pop_front() else { return Ok(()) };
            self.act(who, |messenger, now, dice| messenger.receive(frame, now, dice))?;
        }
        Ok(())
    }

    /// Somebody connects, and everything that waits either way is carried.
    pub fn visit(&mut self, who: usize) -> Check {
        self.people[who].connect();
        self.up(who, usize::MAX)?;
        self.down(who, usize::MAX)?;
        self.up(who, usize::MAX)
    }

    /// Lets everything that is under way arrive, until nothing moves any more.
    pub fn settle(&mut self) -> Check {
        for _ in 0..5_000 {
            let mut rest = true;
            for who in 0..self.people.len() {
                if self.people[who].line.is_none() {
                    self.people[who].connect();
                }
                self.tick(who)?;
                self.up(who, usize::MAX)?;
                if self.weak == Some(Weakness::RelayNeverMends) {
                    let to = self.people[who].id.clone();
                    self.people.iter().for_each(|from| drop(self.relay.drop_all(&from.id, &to)));
                }
                self.down(who, usize::MAX)?;
                let line = self.people[who].line.as_ref();
                rest &= line.is_some_and(|line| line.up.is_empty() && line.down.is_empty());
            }
            self.now += 1000;
            if rest {
                return Ok(());
            }
        }
        broken(Rule::Recovers, "it does not come to rest")
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }
}

/// What is done to a vault between two runs of a client that is broken on purpose.
fn weaken(vault: &Path, weak: Option<Weakness>) {
    let sql = match weak {
        Some(Weakness::ForgetsSeen) => "DELETE FROM seen",
        Some(Weakness::ForgetsCounters) => "UPDATE numbers SET next_in = 1, missing = x''",
        Some(Weakness::ForgetsOutbox) => "DELETE FROM outbox",
        Some(Weakness::CallsOpenSealed) => "UPDATE messages SET sealed = 1",
        _ => return,
    };
    rusqlite::Connection::open(vault).unwrap().execute_batch(sql).unwrap();
}
