//! The same life twice, sealed and open, and another one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::client::vault::Vault;
use crate::streamco::Day;

const END: u64 = 1_795_651_200_000; // the midnight before 26 November 2026

fn lived(seed: u64, mode: Mode) -> (TempDir, Summary) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::resolve(Some(dir.path().join("home"))).unwrap();
    let settings = Settings { users: 4, days: 3, seed, mode, messages: 90, end: END };
    let summary = populate(&home, settings, |_, _| {}).unwrap();
    (dir, summary)
}

/// Every file of a home, and what is in it.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut queue = vec![dir.to_owned()];
    while let Some(path) = queue.pop() {
        if path.is_dir() {
            queue.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            all.insert(path.strip_prefix(dir).unwrap().display().to_string(), fs::read(&path).unwrap());
        }
    }
    all
}

/// Who said what to whom and when, from the vaults of the receivers.
fn received(dir: &TempDir) -> Vec<(u64, String, String, String)> {
    let mut all = Vec::new();
    for name in ["alice", "bob", "carol", "dave"] {
        let id = name.parse().unwrap();
        let path = dir.path().join(format!("home/users/{name}.vault"));
        let vault = Vault::open(&path, &id, None, &mut rand::rng()).unwrap();
        let messages = vault.rows().messages(None, None, u32::MAX).unwrap();
        let theirs = messages.into_iter().filter(|message| !message.outgoing);
        all.extend(theirs.map(|message| (message.at, message.peer.to_string(), name.to_owned(), message.text)));
    }
    all.sort();
    all
}

fn report(dir: &TempDir) -> Vec<crate::streamco::report::Row> {
    let events = Events::open(&dir.path().join("home/streamco/streamco.db")).unwrap();
    events.daily(Day::of(0), Day::of(u64::MAX)).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_another_life() {
    let (one, summary) = lived(1, Mode::Mixed);
    let (two, again) = lived(1, Mode::Mixed);
    let (other, _) = lived(2, Mode::Mixed);
    assert_eq!(summary, again);
    assert!(0 < summary.sealed && summary.sealed < summary.pairs && summary.messages == 90, "{summary:?}");
    let [one, two, other] = [&one, &two, &other].map(|dir| files(&dir.path().join("home")));
    assert!(one.contains_key("relay/relay.db") && one.contains_key("users/alice.vault"), "{:?}", one.keys());
    let same = |name: &str, than: &BTreeMap<String, Vec<u8>>| one[name] == than[name];
    for name in one.keys() {
        assert!(same(name, &two), "{name}");
    }
    assert!(!same("relay/relay.db", &other) && !same("users/alice.vault", &other), "the control");
}

#[test]
fn sealed_and_open_are_the_same_life_and_the_same_report_and_only_the_open_one_can_be_read() {
    let ((open, _), (sealed, _), (other, _)) = (lived(1, Mode::Open), lived(1, Mode::Sealed), lived(2, Mode::Open));
    // Links are made at random: what leads to the same title is the same.
    let said = |dir| {
        let unlinked = received(dir).into_iter().map(|(at, from, to, text)| {
            let text = text.split(" on StreamCo: ").next().unwrap_or_default().to_owned();
            (at, from, to, text)
        });
        unlinked.collect::<Vec<_>>()
    };
    let texts = said(&open);
    assert!(texts.len() > 40 && texts == said(&sealed) && texts != said(&other));
    assert!(report(&open).len() > 1 && report(&open) == report(&sealed) && report(&open) != report(&other));
    let database = |dir: &TempDir| fs::read(dir.path().join("home/relay/relay.db")).unwrap();
    let found = |database: &[u8]| {
        let readable = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
        texts.iter().filter(|(_, _, _, text)| text.len() > 12 && readable(text)).count()
    };
    assert!(found(&database(&open)) > 8, "the control");
    assert_eq!(found(&database(&sealed)), 0);
}

#[cfg(unix)]
#[test]
fn what_is_written_is_for_its_owner_alone_and_a_home_in_use_is_left_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _) = lived(1, Mode::Open);
    let home = dir.path().join("home");
    let before = files(&home);
    for name in before.keys() {
        assert_eq!(fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o077, 0, "{name}");
    }
    let settings = Settings { users: 2, days: 1, seed: 1, mode: Mode::Open, messages: 1, end: END };
    let home = Home::resolve(Some(home)).unwrap();
    let refused = populate(&home, settings, |_, _| {}).unwrap_err().to_string();
    assert!(refused.contains("is not empty"), "{refused}");
    assert!(before == files(home.path()));
    // The control: the same into a fresh one, whatever it is called.
    let fresh = dir.path().join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"fresh\xff"));
    populate(&Home::resolve(Some(fresh.clone())).unwrap(), settings, |_, _| {}).unwrap();
    assert!(fs::metadata(fresh.join("users/alice.vault")).unwrap().len() > 0);
    assert!(fs::metadata(fresh.join("relay/relay.db")).unwrap().len() > 0);
}
