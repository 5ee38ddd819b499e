//! A vault that fails at the last moment, the commit: then nothing was sent, shown or acknowledged, and it can be tried again.

use blindrelay::client::messenger::Messenger;
use blindrelay::client::vault::Vault;
use blindrelay::wire::{ClientFrame, RelayFrame};
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
