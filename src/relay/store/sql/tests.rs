//! The rows, without a store: what one statement leaves for the next.

use super::*;

fn bytes(text: &str) -> Bytes {
    Bytes(text.as_bytes().to_vec())
}

#[test]
fn one_time_keys_are_handed_out_once_and_only_with_the_statement_that_they_came_with() {
    let db = in_memory().unwrap();
    let (rows, bob) = (Rows { db: &db, hoard: false }, "bob".parse().unwrap());
    rows.hello(&bob, &[0; 32], 0, 1).unwrap();
    let publish = |prekey: &str, keys: &[&str]| {
        let keys: Vec<Bytes> = keys.iter().map(|key| bytes(key)).collect();
        match rows.publish(&bob, &bytes("bob"), &bytes(prekey), &keys).unwrap() {
            RelayFrame::Published { one_time_left } => one_time_left,
            other => panic!("{other:?}"),
        }
    };
    let fetch = || match rows.fetch(&bob).unwrap() {
        RelayFrame::Keys { prekey, one_time, .. } => (prekey.unwrap(), one_time),
        other => panic!("{other:?}"),
    };
    assert_eq!(publish("first", &["a", "b"]), 2);
    // The control: with the same statement they are added.
    assert_eq!(publish("first", &["c"]), 3);
    assert_eq!(fetch(), (bytes("first"), Some(bytes("a"))));
    assert_eq!(publish("second", &["d"]), 1);
    assert_eq!(fetch(), (bytes("second"), Some(bytes("d"))));
    assert_eq!(fetch(), (bytes("second"), None));
}

#[test]
fn nothing_is_kept_of_a_sender_from_whom_nothing_waits() {
    let db = in_memory().unwrap();
    let rows = Rows { db: &db, hoard: false };
    let [alice, bob] = ["alice", "bob"].map(|name| name.parse().unwrap());
    for user in [&alice, &bob] {
        rows.hello(user, &[0; 32], 0, 9).unwrap();
    }
    let kept = || -> i64 { db.query_row("SELECT count(*) FROM waiting", [], |row| row.get(0)).unwrap() };
    for id in 1..=2 {
        let payload = Payload::Sealed(bytes("blob"));
        rows.put(&alice, &bob, MessageId([id; 16]), 0, &payload, &Limits::default()).unwrap().unwrap();
    }
    rows.ack(&bob, 1).unwrap();
    assert_eq!(kept(), 1);
    rows.ack(&bob, 2).unwrap();
    assert_eq!(kept(), 0);
}

#[test]
fn new_names_wait_when_a_minute_has_had_its_fill_and_known_ones_come_in() {
    let db = in_memory().unwrap();
    let rows = Rows { db: &db, hoard: false };
    let comes = |name: &str, now| {
        let answer = rows.hello(&name.parse().unwrap(), &[0; 32], now, 2).unwrap();
        assert!(matches!(answer, RelayFrame::Welcome(_) | RelayFrame::Error { code: ErrorCode::TooFast, .. }));
        matches!(answer, RelayFrame::Welcome(_))
    };
    assert!(comes("alice", 1_000_000) && comes("bob", 1_000_001));
    assert!(!comes("carol", 1_060_000) && comes("alice", 1_060_000));
    assert!(comes("carol", 1_060_001), "alice came more than a minute ago");
    assert!(!comes("dave", 1_060_001), "bob and carol did not");
    assert!(comes("dave", 5), "a clock that was set back shuts nobody out");
}
