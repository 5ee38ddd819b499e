//! A vault that fails at the last moment, the commit: then nothing was sent, shown or acknowledged, and it can be tried again.

use blindrelay::client::messenger::Messenger;
use blindrelay::client::vault::Vault;
use blindrelay::protocol::params::ONE_TIME_STOCK;
use blindrelay::wire::{Bytes, ClientFrame, ErrorCode, RelayFrame, Welcome};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;
use rusqlite::Connection;

use super::people::{NOW, id};
use super::post::{Post, shown};

#[test]
fn what_could_not_be_saved_is_neither_sent_nor_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut post = Post::new();
    let [alices, bobs] = ["alice", "bob"].map(|name| {
        let path = dir.path().join(name);
        let vault = Vault::open(&path, &id(name), None, &mut rng).unwrap();
        post.join(Messenger::open(vault, NOW, &mut rng).unwrap());
        let db = Connection::open(path).unwrap();
        // A reference to nothing that is checked at the commit: every statement before it succeeds.
        db.execute_batch("CREATE TABLE broken (n REFERENCES messages DEFERRABLE INITIALLY DEFERRED)").unwrap();
        db
    });
    let breaks = "CREATE TRIGGER breaks AFTER INSERT ON messages BEGIN INSERT INTO broken VALUES (-1); END";
    let mends = "DROP TRIGGER breaks";
    assert_eq!(shown(&post.write("alice", "bob", "one")), ["one (in order)"], "the control");
    post.holding = true;

    alices.execute_batch(breaks).unwrap();
    let alice = post.people.get_mut(&id("alice")).unwrap();
    assert!(alice.send(&id("bob"), "two", NOW, &mut rng).is_err());
    assert_eq!(alice.rows().messages(None, None, u32::MAX).unwrap().len(), 1);
    alices.execute_batch(mends).unwrap();
    post.write("alice", "bob", "two");

    let mail = RelayFrame::Deliver(post.carried.last().unwrap().clone());
    bobs.execute_batch(breaks).unwrap();
    let bob = post.people.get_mut(&id("bob")).unwrap();
    assert!(bob.receive(mail.clone(), NOW, &mut rng).is_err());
    bobs.execute_batch(mends).unwrap();
    let step = bob.receive(mail, NOW, &mut rng).unwrap();
    assert_eq!(shown(&step.events), ["two (in order)"], "it is as if the first time had not been");
    assert!(step.frames.iter().any(|frame| matches!(frame, ClientFrame::Ack { .. })));
}

#[test]
fn one_time_keys_come_with_a_prekey_that_no_older_copy_of_the_vault_knows() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let vault = Vault::in_memory(&id("bob"), &mut rng).unwrap();
    let mut bob = Messenger::open(vault, NOW, &mut rng).unwrap();
    let mut published = |known: Option<&(Bytes, Bytes)>, one_time_left| {
        let (identity, prekey) = known.cloned().unzip();
        let welcome = RelayFrame::Welcome(Welcome { identity, prekey, one_time_left, waiting: 0 });
        let frames = bob.receive(welcome, NOW, &mut rng).unwrap().frames;
        frames.into_iter().find_map(|frame| match frame {
            ClientFrame::Publish { identity, prekey, one_time } => Some(((identity, prekey), one_time.len())),
            _ => None,
        })
    };
    let (first, _) = published(None, 0).unwrap();
    // The control: while there are enough, nothing is published. Then all of it is new.
    assert_eq!(published(Some(&first), ONE_TIME_STOCK), None);
    let (second, keys) = published(Some(&first), 3).unwrap();
    assert!(second.0 == first.0 && second.1 != first.1 && keys == ONE_TIME_STOCK);
}

#[test]
fn keys_that_the_relay_refuses_for_now_are_offered_again_the_same_ones_until_it_takes_them() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let vault = Vault::in_memory(&id("bob"), &mut rng).unwrap();
    let mut bob = Messenger::open(vault, NOW, &mut rng).unwrap();
    let nothing = RelayFrame::Welcome(Welcome { identity: None, prekey: None, one_time_left: 0, waiting: 0 });
    let first = bob.receive(nothing, NOW, &mut rng).unwrap().frames;
    assert!(matches!(first[..], [ClientFrame::Publish { .. }]));
    let tick = |bob: &mut Messenger, rng: &mut ChaCha20Rng| bob.tick(NOW, rng).unwrap().frames;
    assert_eq!(tick(&mut bob, &mut rng), [], "it is on its way");
    for code in [ErrorCode::NotStored, ErrorCode::TooFast] {
        let refused = RelayFrame::Error { code, detail: "later".to_owned(), id: None, user: None };
        bob.receive(refused, NOW, &mut rng).unwrap();
        assert_eq!(tick(&mut bob, &mut rng), first);
    }
    bob.receive(RelayFrame::Published { one_time_left: ONE_TIME_STOCK }, NOW, &mut rng).unwrap();
    let refused = RelayFrame::Error { code: ErrorCode::NotStored, detail: "?".to_owned(), id: None, user: None };
    bob.receive(refused, NOW, &mut rng).unwrap();
    assert_eq!(tick(&mut bob, &mut rng), [], "the control: what was taken is not offered again");
}
