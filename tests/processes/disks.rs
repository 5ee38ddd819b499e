//! A relay that loses its database while it runs: nobody waits for answers that will not come, and nothing is passed over.

use blindrelay::http::{HttpError, get};
use blindrelay::relay::{Limits, Store};
use blindrelay::wire::Token;

use super::harness::home;
use super::raw::{Raw, hello, open, relay_on};

/// What the health check answers: its status.
async fn health(url: &str) -> u16 {
    match get(&url.parse().unwrap(), "/healthz", &Token::random(&mut rand::rng())).await {
        Ok(_) => 200,
        Err(HttpError::Status(status, _)) => status.as_u16(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn when_the_store_has_ended_connections_end_and_nobody_is_let_in() {
    let store = Store::in_memory(false).unwrap();
    let (url, _relay) = relay_on(store.clone(), Limits::default()).await;
    let mut alice = Raw::join(&url, "alice").await;
    let mut early = Raw::connect(&url).await;
    alice.nothing_more().await;
    assert_eq!(health(&url).await, 200);
    tokio::task::spawn_blocking(move || store.stop()).await.unwrap();
    assert_eq!(alice.next().await, None, "she is not left waiting");
    assert_eq!(early.next().await, None);
    let mut late = Raw::connect(&url).await;
    late.send(&hello("bob", &Token::random(&mut rand::rng()))).await;
    assert_eq!(late.next().await, None);
    assert_eq!(health(&url).await, 503);
}

#[tokio::test]
async fn mail_that_cannot_be_read_is_not_passed_over() {
    let home = home();
    let file = home.path().join("relay.db");
    let (url, _relay) = relay_on(Store::open(&file, false).unwrap(), Limits::default()).await;
    let (mut alice, bobs) = (Raw::join(&url, "alice").await, Token::random(&mut rand::rng()));
    Raw::hello(&url, "bob", &bobs).await;
    alice.say(1, "bob", "first").await;
    alice.accepted(1).await;
    let rename = |from: &str, to: &str| {
        let db = rusqlite::Connection::open(&file).unwrap();
        db.execute_batch(&format!("ALTER TABLE messages RENAME COLUMN {from} TO {to}")).unwrap();
    };
    rename("body", "hidden");
    let (mut bob, welcome) = Raw::hello(&url, "bob", &bobs).await;
    assert_eq!(welcome.waiting, 1);
    // The page is refused by now, or will be, since the store takes one thing after another; then the disk is well again, and there is
    // more mail.
    assert_eq!(health(&url).await, 200);
    rename("hidden", "body");
    alice.say(2, "bob", "second").await;
    alice.accepted(2).await;
    for text in ["first", "second"] {
        assert_eq!(bob.mail().await.payload, open(text), "on the same connection, in order");
    }
}
