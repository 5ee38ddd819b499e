//! The relay's whole view of real clients on real sockets, and the naive twin on the same relay.

use std::time::Duration;

use blindrelay::client::Client;
use blindrelay::client::link::{Link, LinkEvent};
use blindrelay::client::messenger::Event;
use blindrelay::client::vault::{StoredState, Vault};
use blindrelay::clock::Clock;
use blindrelay::lab::naive::Naive;
use blindrelay::relay::{ArchivedMessage, Limits, Relay, Store};
use blindrelay::wire::{Bytes, Envelope, MessageId, Payload, RelayFrame, RelayUrl, UserId};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// A relay of this process that keeps everything.
async fn relay() -> (Relay, RelayUrl) {
    let relay = Relay::start(Store::in_memory(true).unwrap(), Clock::system(), Limits::default(), [0; 32]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(relay.clone().serve(listener, relay.router(), std::future::pending()));
    (relay, url)
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

/// What the relay keeps after Alice has said each text to Bob, and his client has confirmed each.
async fn kept(open: bool, texts: &[&str]) -> Vec<ArchivedMessage> {
    let (relay, url) = relay().await;
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| {
        let vault = Vault::in_memory(&user(name), &mut rand::rng()).unwrap();
        Client::open(vault, &url, Clock::system()).unwrap()
    });
    alice.converse(&user("bob"), open).unwrap();
    bob.converse(&user("alice"), open).unwrap();
    for text in texts {
        alice.send(&user("bob"), text).unwrap();
        let delivered = async {
            loop {
                let event = tokio::select! {
                    event = alice.next() => event.unwrap().unwrap(),
                    event = bob.next() => event.unwrap().unwrap(),
                };
                if matches!(event, Event::State { state: StoredState::Delivered, .. }) {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(30), delivered).await.unwrap();
    }
    relay.archive().messages(&user("alice"), None, 0, 100).await.unwrap().unwrap()
}

/// A row with what is random in any case taken out: the number, the time, and the bytes of a blob, not how many there are.
fn shape(row: &ArchivedMessage) -> String {
    let ArchivedMessage { seq: _, from, to, at: _, sealed, size, payload } = row;
    let payload = payload.clone().map(|payload| match payload {
        Payload::Sealed(blob) => Payload::Sealed(Bytes(vec![0; blob.0.len()])),
        open @ Payload::Open(_) => open,
    });
    format!("{from} {to} {sealed} {size} {}", serde_json::to_string(&payload).unwrap())
}

#[tokio::test]
async fn two_messages_of_one_bucket_leave_the_same_shape_at_the_relay_receipt_included() {
    let texts = ["", "hello"].map(|_| "hello").into_iter().chain(["no", "\"\\\u{1}🎬", super::game::PROSE]);
    let texts: Vec<&str> = texts.collect();
    let rows = kept(false, &texts).await;
    assert_eq!(rows.len(), 2 * texts.len());
    // The first message carries the handshake; every later pair of text and receipt looks like every other.
    let pairs: Vec<String> = rows.chunks(2).map(|pair| pair.iter().map(shape).collect()).collect();
    assert!(pairs[1..].iter().all(|pair| *pair == pairs[1]), "{pairs:#?}");

    let rows = kept(true, &texts).await;
    let pairs: Vec<String> = rows.chunks(2).map(|pair| pair.iter().map(shape).collect()).collect();
    assert!(pairs[2..].iter().all(|pair| *pair != pairs[1]), "in open mode the search must see the texts");
}

/// A naive user on a socket.
struct Online {
    me: Naive,
    link: Link,
}

impl Online {
    async fn join(name: &str, url: &RelayUrl) -> Self {
        let me = Naive::generate(user(name), &mut rand::rng());
        let mut link = Link::spawn(url.clone(), me.hello());
        assert!(matches!(frame(&mut link).await, RelayFrame::Welcome(_)));
        link.send(me.publish());
        assert!(matches!(frame(&mut link).await, RelayFrame::Published { .. }));
        Self { me, link }
    }

    async fn meet(&mut self, peer: &str) {
        self.link.send(Naive::fetch(&user(peer)));
        let keys = frame(&mut self.link).await;
        assert!(self.me.learn(&keys));
    }
}

async fn frame(link: &mut Link) -> RelayFrame {
    match timeout(Duration::from_secs(30), link.next()).await.unwrap() {
        Some(LinkEvent::Frame(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_naive_twin_talks_over_the_same_relay_which_learns_the_length() {
    let (relay, url) = relay().await;
    let (mut alice, mut bob) = (Online::join("alice", &url).await, Online::join("bob", &url).await);
    alice.meet("bob").await;
    bob.meet("alice").await;
    alice.link.send(alice.me.send(&user("bob"), "see you at nine", &mut rand::rng()).unwrap());
    assert!(matches!(frame(&mut alice.link).await, RelayFrame::Accepted { .. }));
    let RelayFrame::Deliver(envelope) = frame(&mut bob.link).await else { panic!() };
    assert_eq!(bob.me.receive(&envelope).as_deref(), Some("see you at nine"));

    let rows = relay.archive().messages(&user("bob"), None, 0, 10).await.unwrap().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].size, "see you at nine".len() as u64 + 28);
    assert!(!format!("{rows:?}").contains("nine"));

    // What the relay kept it may deliver as Bob's own words, under a new number and id: the twin believes it.
    let forged = Envelope { seq: 2, id: MessageId([0; 16]), from: user("bob"), to: user("alice"), ..envelope };
    assert_eq!(alice.me.receive(&forged).as_deref(), Some("see you at nine"));
}
