//! Power cuts, at every flush and after every frame that left: what was promised to somebody else is still on the disk.
//!
//! ```text
//! the relay says   accepted           →  the message is stored
//!                  keys, a one-time   →  this key is not handed out again
//! a client says    ack               →  the text is in its vault
//!                  send              →  text and turned keys are in its vault: these bytes and no others go under this key
//!                  publish           →  the private halves are in its vault
//! ```
//!
//! The processes are real and run once; the cuts are made afterwards, in a record of what they did to their files (`disk`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use blindrelay::client::vault::{Vault, VaultError};
use blindrelay::home::Home;
use blindrelay::relay::Store;
use blindrelay::wire::{Bytes, ClientFrame, MessageId, RelayFrame};
use tempfile::TempDir;

use super::disk::{Disk, Left};
use super::harness::{Relay, Talk, blindrelay, effort, home_in_memory, run, run_command};
use super::tracer::{Deed, deeds, recorded, strace, strace_of_a_client};

/// The texts of the WebSocket frames in what was said: masked if a client said it, bare if a relay did.
fn frames(mut said: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let [0x81, length, rest @ ..] = said {
        let (masked, mut length) = (length & 0x80 != 0, u64::from(length & 0x7f));
        let (extended, rest) = rest.split_at(match length {
            126 => 2,
            127 => 8,
            _ => 0,
        });
        if !extended.is_empty() {
            length = extended.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        }
        let (mask, rest) = rest.split_at(if masked { 4 } else { 0 });
        let (text, rest) = rest.split_at(usize::try_from(length).unwrap());
        let bare = |(n, byte): (usize, &u8)| byte ^ mask.get(n % 4).unwrap_or(&0);
        frames.push(text.iter().enumerate().map(bare).collect());
        said = rest;
    }
    frames
}

/// What somebody has promised by saying it.
trait Promises {
    /// Notes what a frame promises.
    fn hear(&mut self, frame: &[u8]);
    /// Which promises the files below a directory break.
    fn broken(&self, dir: &Path) -> Vec<String>;
}

/// Cuts the power at so many moments, each before a flush or after something said, and lists what is broken then.
fn cut_often(mut disk: Disk, deeds: &[Deed], cuts: usize, promises: &mut impl Promises) -> Vec<String> {
    let moments = deeds.iter().filter(|deed| matches!(deed, Deed::Say(_) | Deed::Flush(..))).count();
    assert!(moments > 10, "there is something to cut");
    let (mut broken, mut moment) = (Vec::new(), 0);
    for deed in deeds {
        if let Deed::Say(said) = deed {
            for frame in frames(said) {
                promises.hear(&frame);
            }
        }
        if let Deed::Say(_) | Deed::Flush(..) = deed {
            moment += 1;
            let cut = moment % moments.div_ceil(cuts) == 0;
            for left in [Left::Nothing, Left::Part(moment as u64)].into_iter().filter(|_| cut) {
                let after = home_in_memory();
                disk.cut(left, after.path());
                let found = promises.broken(after.path());
                broken.extend(found.into_iter().map(|what| format!("moment {moment}, {left:?} left: {what}")));
            }
        }
        disk.take(deed);
    }
    broken
}

#[derive(Default)]
struct OfARelay {
    accepted: BTreeSet<MessageId>,
    handed_out: Vec<Bytes>,
}

impl Promises for OfARelay {
    fn hear(&mut self, frame: &[u8]) {
        match serde_json::from_slice(frame) {
            Ok(RelayFrame::Accepted { id }) => drop(self.accepted.insert(id)),
            Ok(RelayFrame::Keys { one_time, .. }) => self.handed_out.extend(one_time),
            _ => {}
        }
    }

    fn broken(&self, dir: &Path) -> Vec<String> {
        let path = dir.join("relay/relay.db");
        fs::create_dir_all(dir.join("relay")).unwrap();
        match Store::open(&path, false) {
            Ok(store) => store.stop(),
            Err(error) => return vec![format!("it does not open: {error}")],
        }
        let db = rusqlite::Connection::open(&path).unwrap();
        let check: rusqlite::Result<String> = db.query_row("PRAGMA integrity_check", [], |row| row.get(0));
        if check.as_deref() != Ok("ok") {
            return vec![format!("it is corrupt: {check:?}")];
        }
        let exists = |sql, key: &[u8]| db.prepare(sql).unwrap().exists([key]).unwrap();
        let lost = self.accepted.iter().filter(|id| !exists("SELECT 1 FROM messages WHERE id = ?1", &id.0));
        let twice = self.handed_out.iter().filter(|key| exists("SELECT 1 FROM one_time WHERE key = ?1", &key.0));
        let mut broken: Vec<String> = lost.map(|id| format!("{id:?} was accepted and is lost")).collect();
        broken.extend(twice.map(|key| format!("{key:?} was handed out and will be again")));
        let token = Home::resolve(Some(dir.to_owned())).unwrap().token_or_new("operator");
        broken.extend(token.err().map(|error| error.to_string()));
        broken
    }
}

/// A relay's life under a tracer: two people talk, until it has moved some of it from the log into the database. Then it is killed.
fn life_of_a_relay(more: &[&str]) -> (TempDir, Vec<Deed>) {
    let (home, log) = (home_in_memory(), home_in_memory());
    let log = log.path().join("deeds");
    let mut relay = Relay::start_as(home.path(), |command| recorded(&command, &log, more));
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    let length = || fs::metadata(home.path().join("relay/relay.db")).unwrap().len();
    let (before, mut said) = (length(), 0);
    while said < effort(6, 40) || length() == before {
        alice.say(&format!("alice {said}"));
        bob.wait(&format!("alice: alice {said}"));
        bob.say(&format!("bob {said}"));
        alice.wait(&format!("bob: bob {said}"));
        said += 1;
    }
    relay.kill();
    let deeds = deeds(&log);
    (home, deeds)
}

#[test]
fn what_a_relay_has_acknowledged_survives_a_power_cut_at_any_moment() {
    if !strace() {
        return;
    }
    let (home, deeds) = life_of_a_relay(&[]);
    let disk = Disk::empty(home.path());
    let mut promises = OfARelay::default();
    let broken = cut_often(disk.clone(), &deeds, effort(50, 400), &mut promises);
    assert!(promises.accepted.len() > effort(6, 40) && !promises.handed_out.is_empty(), "much was promised");
    assert_eq!(broken, [""; 0]);
    println!("tried: {} power cuts of a relay, {} promises", effort(50, 400), promises.accepted.len());
    // The control: on a disk that flushes nothing, though it says so, all of it is lost.
    let broken = cut_often(disk.lying(), &deeds, 10, &mut OfARelay::default());
    assert!(broken.iter().any(|what| what.contains("was accepted and is lost")), "{broken:?}");
}

#[test]
fn a_relay_acknowledges_nothing_whose_flush_was_refused() {
    if !strace() {
        return;
    }
    // Each of its threads is refused some flushes, once it has started (that takes fewer than 18): whoever waits for an answer is
    // told, and tries again.
    let refusals = format!("inject=fsync:error=EIO:when=18..{}+5", effort(23, 73));
    let (home, deeds) = life_of_a_relay(&["-e", &refusals]);
    assert!(deeds.iter().any(|deed| matches!(deed, Deed::Flush(_, false))), "it was refused some");
    let mut promises = OfARelay::default();
    let broken = cut_often(Disk::empty(home.path()), &deeds, effort(50, 400), &mut promises);
    assert!(promises.accepted.len() > effort(6, 40));
    assert_eq!(broken, [""; 0]);
}

/// A client's promises. Which texts there are, and the relay's numbers for them, is known afterwards.
#[derive(Default)]
struct OfAClient {
    texts: BTreeSet<MessageId>,
    numbers: BTreeMap<u64, MessageId>,
    kept: BTreeSet<MessageId>,
    published: Option<Bytes>,
}

impl Promises for OfAClient {
    fn hear(&mut self, frame: &[u8]) {
        match serde_json::from_slice(frame) {
            Ok(ClientFrame::Send { id, .. }) => self.kept.extend(self.texts.get(&id)),
            Ok(ClientFrame::Ack { seq }) => self.kept.extend(self.numbers.get(&seq).and_then(|id| self.texts.get(id))),
            Ok(ClientFrame::Publish { prekey, .. }) => self.published = Some(prekey),
            _ => {}
        }
    }

    fn broken(&self, dir: &Path) -> Vec<String> {
        self.look(dir).unwrap_or_else(|error| vec![format!("it is no good: {error}")])
    }
}

impl OfAClient {
    fn look(&self, dir: &Path) -> Result<Vec<String>, VaultError> {
        let vault = Vault::open(&dir.join("bob.vault"), &"bob".parse().unwrap(), None, &mut rand::rng())?;
        let texts = texts(&vault)?;
        let lost = self.kept.difference(&texts).map(|id| format!("{id:?} is lost"));
        let mut broken: Vec<String> = lost.collect();
        let (me, prekeys) = (vault.rows().identity()?.0, vault.rows().prekeys()?);
        let newest = prekeys.newest().map(|key| Bytes(key.statement(&me)));
        if self.published.is_some() && self.published != newest {
            broken.push("the private half of what was published is lost".to_owned());
        }
        Ok(broken)
    }
}

fn texts(vault: &Vault) -> Result<BTreeSet<MessageId>, VaultError> {
    Ok(vault.rows().messages(None, None, u32::MAX)?.into_iter().map(|message| message.id).collect())
}

#[test]
fn what_a_client_has_told_others_survives_a_power_cut_at_any_moment() {
    if !strace_of_a_client() {
        return;
    }
    let (home, log) = (home_in_memory(), home_in_memory());
    let (users, log) = (home.path().join("users"), log.path().join("deeds"));
    let relay = Relay::start(home.path());
    let url = relay.url();
    run(home.path(), &["inbox", "alice", "--relay", &url], "").ok();
    // Bob joins, is written to, reads, answers.
    let mut lives = Vec::new();
    for (command, input) in [(&["inbox", "bob"][..], ""), (&["inbox", "bob"], ""), (&["send", "bob", "alice"], "yes")] {
        let before = Disk::of(&users);
        let command = blindrelay(home.path(), &[command, &["--relay", &url]].concat());
        run_command(recorded(&command, &log, &[]), input).ok();
        lives.push((before, deeds(&log)));
        fs::remove_file(&log).unwrap();
        for n in 0..if lives.len() == 1 { 3 } else { 0 } {
            run(home.path(), &["send", "alice", "bob", "--relay", &url], &format!("alice {n}")).ok();
        }
    }
    let db = rusqlite::Connection::open(relay.database()).unwrap();
    let mut numbers = db.prepare("SELECT seq, id FROM messages").unwrap();
    let numbers = numbers.query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), MessageId(row.get(1)?))));
    let vault = Vault::open(&users.join("bob.vault"), &"bob".parse().unwrap(), None, &mut rand::rng()).unwrap();
    let known = OfAClient {
        texts: texts(&vault).unwrap(),
        numbers: numbers.unwrap().map(Result::unwrap).collect(),
        ..OfAClient::default()
    };
    for (lies, cuts) in [(false, effort(15, 400)), (true, 5)] {
        let mut promises =
            OfAClient { texts: known.texts.clone(), numbers: known.numbers.clone(), ..OfAClient::default() };
        let mut broken = Vec::new();
        for (before, deeds) in &lives {
            let disk = if lies { before.clone().lying() } else { before.clone() };
            broken.extend(cut_often(disk, deeds, cuts, &mut promises));
        }
        assert_eq!(promises.kept.len(), 4, "three texts acknowledged, one sent");
        if !lies {
            println!("tried: {} power cuts of a client", lives.len() * cuts);
        }
        // The control: on a disk that flushes nothing, though it says so, it is lost.
        assert_eq!(broken.is_empty(), !lies, "{broken:#?}");
    }
}
