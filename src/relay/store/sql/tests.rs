//! The rows, without a store: what one statement leaves for the next.

use std::cell::RefCell;

use super::*;

fn bytes(text: &str) -> Bytes {
    Bytes(text.as_bytes().to_vec())
}

#[test]
fn one_time_keys_are_handed_out_once_and_only_with_the_statement_that_they_came_with() {
    let db = in_memory().unwrap();
    let (mut rows, bob) = (Rows { db: &db, known: &mut Known::default(), hoard: false }, "bob".parse().unwrap());
    rows.hello(&bob, &[0; 32], 0, 1).unwrap();
    let rows = RefCell::new(rows);
    let publish = |prekey: &str, keys: &[&str]| {
        let keys: Vec<Bytes> = keys.iter().map(|key| bytes(key)).collect();
        match rows.borrow_mut().publish(&bob, &bytes("bob"), &bytes(prekey), &keys).unwrap() {
            RelayFrame::Published { one_time_left } => one_time_left,
            other => panic!("{other:?}"),
        }
    };
    let fetch = || match rows.borrow_mut().fetch(&bob).unwrap() {
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

/// What waits for bob, as messages and bytes: as a writer knows it who took part, and as one counts it who begins now.
#[test]
fn what_the_writer_knows_by_heart_is_what_it_would_count() {
    let db = in_memory().unwrap();
    let mut old = Known::default();
    let [alice, carol, bob] = ["alice", "carol", "bob"].map(|name| name.parse().unwrap());
    let mut step = |act: &mut dyn FnMut(&mut Rows)| {
        act(&mut Rows { db: &db, known: &mut old, hoard: false });
        let mut new = Known::default();
        [&mut old, &mut new].map(|known| {
            let mut rows = Rows { db: &db, known, hoard: false };
            let [a, b, c] = [&alice, &bob, &carol].map(|name| rows.user(name).unwrap());
            let Some(((a, b), c)) = a.zip(b).zip(c) else { return [Load::default(); 3] };
            let waiting = rows.waiting(b).unwrap();
            [waiting.all, waiting.of(a), waiting.of(c)]
        })
    };
    let load = |messages, bytes| Load { messages, bytes };
    let mut put = |from: &UserId, id, blob: &str| {
        step(&mut |rows| {
            for user in [&alice, &carol, &bob] {
                rows.hello(user, &[0; 32], 0, 9).unwrap();
            }
            let _taken =
                rows.put(from, &bob, MessageId([id; 16]), 0, &Payload::Sealed(bytes(blob)), &Limits::default());
        })
    };
    assert_eq!(put(&alice, 1, "four"), [[load(1, 4), load(1, 4), load(0, 0)]; 2]);
    assert_eq!(put(&alice, 1, "four"), [[load(1, 4), load(1, 4), load(0, 0)]; 2], "the same again is no more");
    assert_eq!(put(&carol, 2, "three"), [[load(2, 9), load(1, 4), load(1, 5)]; 2]);
    let mut ack = |user: &UserId, seq| step(&mut |rows| rows.ack(user, seq).unwrap());
    assert_eq!(ack(&alice, 1), [[load(2, 9), load(1, 4), load(1, 5)]; 2], "not hers to acknowledge");
    assert_eq!(ack(&bob, 1), [[load(1, 5), load(0, 0), load(1, 5)]; 2]);
    assert_eq!(ack(&bob, 1), [[load(1, 5), load(0, 0), load(1, 5)]; 2]);
    assert_eq!(ack(&bob, 2), [[load(0, 0); 3]; 2]);
}

#[test]
fn new_names_wait_when_a_minute_has_had_its_fill_and_known_ones_come_in() {
    let db = in_memory().unwrap();
    let mut rows = Rows { db: &db, known: &mut Known::default(), hoard: false };
    let mut comes = |name: &str, now| {
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
