//! The writer, without a thread: what a batch that failed leaves behind.

use super::*;
use crate::wire::{Bytes, MessageId, Payload, UserId};

#[test]
fn what_a_transaction_that_failed_has_taught_is_not_believed() {
    let db = sql::in_memory().unwrap();
    let (committed, _outcomes) = unbounded_channel();
    let rest = log::Rest::default();
    let mut writer = Writer { db, known: Known::default(), reserve: None, hoard: false, rest, tidy: true, committed };
    let [alice, bob] = ["alice", "bob"].map(|name| name.parse::<UserId>().unwrap());
    let hello = |user: &UserId| Op::Hello { user: user.clone(), token_hash: [0; 32], now: 0, newcomers: 9 };
    let size = 1 << 20;
    let put = Op::Put {
        from: alice.clone(),
        to: bob.clone(),
        id: MessageId([1; 16]),
        at: 0,
        payload: Payload::Sealed(Bytes(vec![0; size])),
        limits: Limits::default(),
    };
    let known = |writer: &mut Writer| {
        let key = || Bytes(vec![1]);
        let publish = Op::Publish { user: alice.clone(), identity: key(), prekey: key(), one_time: vec![] };
        let answers = writer.transaction(&[publish]).unwrap();
        let [Outcome::Answer(Answer::Frame(frame))] = answers.as_slice() else { panic!("{answers:?}") };
        matches!(**frame, RelayFrame::Published { .. })
    };
    let room = |writer: &Writer, pages: i64| writer.db.pragma_update(None, "max_page_count", pages).unwrap();
    room(&writer, 40);
    assert!(is_full(&writer.transaction(&[hello(&alice), hello(&bob), put]).unwrap_err()));
    assert!(!known(&mut writer), "her name was not registered after all, and may become another's number");
    room(&writer, 1 << 20);
    writer.transaction(&[hello(&alice)]).unwrap();
    assert!(known(&mut writer), "the control");
}
