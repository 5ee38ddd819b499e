//! What a relay keeps, read out of its files: open texts for ever, sealed blobs until they were delivered, tokens never.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use blindrelay::client::vault::Vault;

use super::harness::{PATIENCE, Relay, Talk, any_contains, eventually, home, run};

/// Alice says one thing in the open and one sealed to people who read it; then the relay stops.
fn two_messages(home: &Path, more: &[&str]) -> Relay {
    let mut relay = Relay::start_with(home, more);
    let url = relay.url();
    for (peer, more, text) in [("bob", &["--open"][..], "needle-in-the-open"), ("carol", &[], "needle-in-the-seal")] {
        run(home, &["inbox", peer, "--relay", &url], "").ok();
        run(home, &[&["send", "alice", peer, "--relay", &url], more].concat(), text).ok();
    }
    assert_eq!(pending(&relay), 2);
    run(home, &["inbox", "bob", "--relay", &url], "");
    assert_eq!(run(home, &["inbox", "carol", "--relay", &url], "").ok(), "alice (sealed): needle-in-the-seal\n");
    eventually("both are acknowledged", || pending(&relay) == 0);
    assert!(relay.stop("TERM").success());
    relay
}

fn pending(relay: &Relay) -> i64 {
    let db = rusqlite::Connection::open(relay.database()).unwrap();
    db.query_row("SELECT count(*) FROM messages WHERE NOT acked", [], |row| row.get(0)).unwrap()
}

/// The bodies that are left: whether sealed, and the bytes.
fn bodies(relay: &Relay) -> Vec<(bool, Option<Vec<u8>>)> {
    let db = rusqlite::Connection::open(relay.database()).unwrap();
    let mut query = db.prepare("SELECT sealed, body FROM messages ORDER BY seq").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn open_texts_stay_and_sealed_blobs_go_when_they_were_delivered_unless_the_relay_hoards() {
    let home_of_honest = home();
    let relay = two_messages(home_of_honest.path(), &[]);
    let bodies_left = bodies(&relay);
    assert!(matches!(&bodies_left[..], [(false, Some(_)), (true, None)]), "{bodies_left:?}");

    let home_of_hoarder = home();
    let relay = two_messages(home_of_hoarder.path(), &["--hoard"]);
    let bodies_left = bodies(&relay);
    let [(false, Some(_)), (true, Some(blob))] = &bodies_left[..] else { panic!("{bodies_left:?}") };
    // It keeps the blob, byte for byte, and is none the wiser: the text is in no file of its, while the open one is.
    for home in [home_of_honest.path(), home_of_hoarder.path()] {
        assert!(any_contains(&home.join("relay"), b"needle-in-the-open"));
        assert!(!any_contains(&home.join("relay"), b"needle-in-the-seal"));
    }
    assert!(any_contains(&home_of_hoarder.path().join("relay"), &blob[..32]));
}

#[test]
fn a_delivered_blob_is_gone_from_the_files_of_a_running_relay_unless_it_hoards() {
    for (more, stays) in [(&[][..], false), (&["--hoard"][..], true)] {
        let home = home();
        let relay = Relay::start_with(home.path(), more);
        let url = relay.url();
        run(home.path(), &["inbox", "carol", "--relay", &url], "").ok();
        run(home.path(), &["send", "alice", "carol", "--relay", &url], "one").ok();
        let Some((true, Some(blob))) = bodies(&relay).pop() else { panic!("no blob waits") };
        let part = &blob[blob.len() / 2..][..32];
        assert!(any_contains(&home.path().join("relay"), part), "it waits, and the search finds it");
        assert_eq!(run(home.path(), &["inbox", "carol", "--relay", &url], "").ok(), "alice (sealed): one\n");
        eventually("it is acknowledged", || pending(&relay) == 0);
        let log = relay.database().with_extension("db-wal");
        eventually("the log is emptied", || std::fs::metadata(&log).unwrap().len() == 0);
        assert_eq!(any_contains(&home.path().join("relay"), part), stays, "{more:?}");
    }
}

#[test]
fn mail_that_cannot_be_read_for_a_while_is_delivered_to_who_waits_for_it() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
    run(home.path(), &["send", "alice", "bob", "--relay", &url], "kept").ok();
    let db = rusqlite::Connection::open(relay.database()).unwrap();
    db.busy_timeout(PATIENCE).unwrap();
    db.execute_batch("ALTER TABLE messages RENAME TO away").unwrap();
    let bob = Talk::start(home.path(), &["inbox", "bob", "--relay", &url]);
    eventually("the relay fails to read", || relay.log().contains("the database refused"));
    db.execute_batch("ALTER TABLE away RENAME TO messages").unwrap();
    let (status, lines) = bob.end();
    assert!(status.success());
    assert_eq!(lines, ["alice (sealed): kept"]);
}

#[test]
fn logs_hold_names_and_sizes_and_never_what_was_said() {
    let home = home();
    let relay = two_messages(home.path(), &[]);
    let log = relay.log();
    for part in ["from=alice", "to=bob", "mode=\"open\"", "mode=\"sealed\"", "size=18", "stopped"] {
        assert!(log.contains(part), "{part} is not in the log:\n{log}");
    }
    assert!(!log.contains("needle"), "{log}");
    assert!(
        any_contains(&home.path().join("relay"), b"needle-in-the-open"),
        "while the database does hold the open text"
    );
}

#[test]
fn the_relay_keeps_only_the_hash_of_a_mailbox_token() {
    let home = home();
    let relay = two_messages(home.path(), &[]);
    let (path, name) = (home.path().join("users/alice.vault"), "alice".parse().unwrap());
    let mut vault = None;
    eventually("alice's vault opens", || {
        vault = Vault::open(&path, &name, None, &mut rand::rng()).ok();
        vault.is_some()
    });
    let (_, token) = vault.unwrap().rows().identity().unwrap();
    let bytes = token.as_bytes();
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let hex: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    let forms = [bytes.to_vec(), STANDARD.encode(bytes).into(), URL_SAFE_NO_PAD.encode(bytes).into(), hex.into()];
    for form in forms {
        assert!(!any_contains(&home.path().join("relay"), &form));
        assert!(!relay.log().as_bytes().windows(form.len()).any(|window| window == form));
    }
    assert!(
        any_contains(&home.path().join("relay"), &token.hash()),
        "its hash is there, so the search looks in the right place"
    );
    assert!(any_contains(&home.path().join("users"), bytes), "and the vault does hold it");
}
