//! Limits, with a relay in this process whose limits are small: nobody's noise costs the others anything, nothing is lost.

use std::time::Duration;

use blindrelay::client::Client;
use blindrelay::client::contacts::{Contact, Mode};
use blindrelay::client::messenger::Event;
use blindrelay::client::vault::{StoredState, Vault};
use blindrelay::clock::Clock;
use blindrelay::lab::tap::Tap;
use blindrelay::protocol::IdentityKeyPair;
use blindrelay::relay::{Limits, Rate};
use blindrelay::wire::{ClientFrame, Content, ErrorCode, MAX_TEXT, Payload, RelayFrame, Token, UserId};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::harness::PATIENCE;
use super::raw::{Raw, hello, observed_relay, open, sealed, send, small_relay, within};

/// Alice's vault, in which bob is an open contact whose key is on record: what is for him leaves all at once.
fn vault_that_knows_bob() -> Vault {
    let mut rng = rand::rng();
    let mut vault = Vault::in_memory(&"alice".parse().unwrap(), &mut rng).unwrap();
    let mut bob = Contact::new("bob".parse().unwrap(), Mode::Open);
    bob.meet(IdentityKeyPair::generate(bob.peer.clone(), &mut rng).statement());
    vault.transaction(|rows| rows.save_contact(&bob)).unwrap();
    vault
}

fn client(vault: Vault, url: &str) -> Client {
    Client::open(vault, &url.parse().unwrap(), Clock::system()).unwrap()
}

#[tokio::test]
async fn a_full_mailbox_refuses_more_until_its_owner_has_read() {
    let own = Limits { mailbox_messages: 3, sender_messages: 2, mailbox_bytes: 1_000, ..Limits::default() };
    let url = small_relay(own).await;
    let bobs = Token::random(&mut rand::rng());
    Raw::hello(&url, "bob", &bobs).await;
    let mut alice = Raw::join(&url, "alice").await;
    let mut carol = Raw::join(&url, "carol").await;
    for id in 1..=2 {
        alice.say(id, "bob", "short").await;
        alice.accepted(id).await;
    }
    let full = |(code, detail): (ErrorCode, String)| {
        assert_eq!(code, ErrorCode::MailboxFull);
        assert!(detail.contains("until they read"), "{detail}");
    };
    alice.say(3, "bob", "the third of one sender").await;
    full(alice.error().await);
    // One sender does not fill it: there is room for others, as far as its bytes go, and its number.
    carol.say(4, "bob", &"x".repeat(1_000)).await;
    full(carol.error().await);
    carol.say(5, "bob", "room").await;
    carol.accepted(5).await;
    carol.say(6, "bob", "the fourth in all").await;
    full(carol.error().await);
    // What was stored before is still accepted when it is sent again, and other mailboxes are open.
    alice.say(1, "bob", "short").await;
    alice.accepted(1).await;
    alice.say(7, "carol", "hello").await;
    alice.accepted(7).await;

    let (mut bob, welcome) = Raw::hello(&url, "bob", &bobs).await;
    assert_eq!(welcome.waiting, 3);
    for _ in 0..2 {
        let seq = bob.mail().await.seq;
        bob.send(&ClientFrame::Ack { seq }).await;
    }
    bob.mail().await;
    bob.nothing_more().await;
    alice.say(3, "bob", "the third of one sender").await;
    alice.accepted(3).await;
    assert_eq!(bob.mail().await.payload, open("the third of one sender"));
}

#[tokio::test]
async fn one_sender_does_not_fill_a_mailbox_with_a_few_large_messages() {
    let url = small_relay(Limits { mailbox_bytes: 1_000, sender_bytes: 250, ..Limits::default() }).await;
    Raw::join(&url, "bob").await;
    let (mut alice, mut carol) = (Raw::join(&url, "alice").await, Raw::join(&url, "carol").await);
    let blob = |size| sealed(&vec![0; size]);
    alice.send(&send(1, "bob", blob(200))).await;
    alice.accepted(1).await;
    alice.send(&send(2, "bob", blob(51))).await;
    assert_eq!(alice.error().await.0, ErrorCode::MailboxFull);
    alice.send(&send(3, "bob", blob(50))).await;
    alice.accepted(3).await;
    carol.send(&send(4, "bob", blob(250))).await;
    carol.accepted(4).await;
}

#[tokio::test]
async fn a_client_keeps_trying_while_the_mailbox_is_full_and_says_so_once() {
    let url = small_relay(Limits { sender_messages: 1, ..Limits::default() }).await;
    let bobs = Token::random(&mut rand::rng());
    Raw::hello(&url, "bob", &bobs).await;
    let bob: UserId = "bob".parse().unwrap();
    let tap = Tap::start(url.parse().unwrap()).await.unwrap();
    let mut alice = client(vault_that_knows_bob(), &tap.url().to_string());
    alice.converse(&bob, true).unwrap();
    for text in ["first", "second", "third"] {
        alice.send(&bob, text).unwrap();
    }
    let (mut delayed, mut accepted, mut mail) = (0, Vec::new(), None::<Raw>);
    // Until one message has been refused twice; then bob reads, one at a time.
    let mut look = tokio::time::interval(Duration::from_millis(10));
    let all = async {
        while accepted.len() < 3 {
            tokio::select! {
                event = alice.next() => match event.unwrap().unwrap() {
                    Event::Delayed(why) => {
                        delayed += 1;
                        assert!(why.contains("full"), "{why}");
                    }
                    Event::State { counter, state: StoredState::Accepted, .. } => accepted.push(counter),
                    _ => {}
                },
                _ = look.tick(), if mail.is_none() => if refused_twice(&tap) {
                    mail = Some(Raw::hello(&url, "bob", &bobs).await.0);
                },
                envelope = async { mail.as_mut().unwrap().mail().await }, if mail.is_some() => {
                    mail.as_mut().unwrap().send(&ClientFrame::Ack { seq: envelope.seq }).await;
                }
            }
        }
    };
    within(Duration::from_secs(20), all).await.expect("all three arrive in the end");
    assert_eq!(accepted, [1, 2, 3], "in order");
    assert!((1..=3).contains(&delayed), "said {delayed} times");
}

/// Whether the relay has refused one message again, for want of room.
fn refused_twice(tap: &Tap) -> bool {
    let mut refused = Vec::new();
    tap.crossings().iter().filter(|crossing| !crossing.to_relay).any(|crossing| {
        match serde_json::from_str(&crossing.text).unwrap() {
            RelayFrame::Error { code: ErrorCode::MailboxFull, id: Some(id), .. } => {
                let again = refused.contains(&id);
                refused.push(id);
                again
            }
            _ => false,
        }
    })
}

#[tokio::test]
async fn messages_that_come_too_fast_are_slowed_down_and_none_is_lost() {
    let url = small_relay(Limits { send: Rate { burst: 5, per_second: 5 }, ..Limits::default() }).await;
    let mut bob = Raw::join(&url, "bob").await;
    let mut alice = client(vault_that_knows_bob(), &url);
    let peer: UserId = "bob".parse().unwrap();
    alice.converse(&peer, true).unwrap();
    for n in 1..=20 {
        alice.send(&peer, &format!("line {n}")).unwrap();
    }
    let (mut delayed, mut accepted) = (0, 0);
    let sending = async {
        while accepted < 20 {
            match alice.next().await.unwrap().unwrap() {
                Event::Delayed(_) => delayed += 1,
                Event::State { state: StoredState::Accepted, .. } => accepted += 1,
                _ => {}
            }
        }
    };
    within(Duration::from_secs(20), sending).await.expect("all are accepted in the end");
    assert!((1..=5).contains(&delayed), "it was too fast, and that was said, not {delayed} times");
    for n in 1..=20 {
        assert_eq!(text(&bob.mail().await.payload), format!("line {n}"), "in order");
    }
    // A sender in a hurry slows down nobody else.
    let mut carol = Raw::join(&url, "carol").await;
    carol.say(1, "bob", "hi").await;
    carol.accepted(1).await;
}

#[tokio::test]
async fn who_has_much_to_say_and_much_to_hear_does_both() {
    let url = small_relay(Limits::unlimited()).await;
    let (vault, peer): (_, UserId) = (vault_that_knows_bob(), "bob".parse().unwrap());
    let (_, token) = vault.rows().identity().unwrap();
    Raw::hello(&url, "alice", &token).await;

    // More than all buffers on the way hold, in both directions, before either side reads anything.
    let (long, many) = ("x".repeat(MAX_TEXT), 200);
    let bobs = Token::random(&mut rand::rng());
    let (mut bob, _) = Raw::hello(&url, "bob", &bobs).await;
    for n in 0..many {
        let content = Content::Text { sent_at: 0, counter: n.into(), text: long.clone(), via: None };
        bob.send(&send(n, "alice", Payload::Open(content))).await;
    }
    for n in 0..many {
        bob.accepted(n).await;
    }
    let mut alice = client(vault, &url);
    alice.converse(&peer, true).unwrap();
    for _ in 0..many {
        alice.send(&peer, &long).unwrap();
    }
    let mut left = (many, many);
    let both = async {
        while left != (0, 0) {
            match alice.next().await.unwrap().unwrap() {
                Event::Message { .. } => left.0 -= 1,
                Event::State { state: StoredState::Accepted, .. } => left.1 -= 1,
                _ => {}
            }
        }
    };
    assert!(within(Duration::from_secs(30), both).await.is_some(), "stuck, with {left:?} left");
}

fn text(payload: &Payload) -> &str {
    match payload {
        Payload::Open(Content::Text { text, .. }) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_over_the_limit_of_its_kind_is_refused_and_the_connection_stays() {
    let url = small_relay(Limits::default()).await;
    let mut alice = Raw::join(&url, "alice").await;
    Raw::join(&url, "bob").await;
    let too_large = [
        send(1, "bob", open(&"x".repeat(MAX_TEXT + 1))),
        send(2, "bob", sealed(&vec![0; 192 * 1024 + 1])),
        ClientFrame::Publish {
            identity: vec![].into(),
            prekey: vec![].into(),
            one_time: vec![vec![0; 33].into(); 201],
        },
        ClientFrame::Publish { identity: vec![0; 65_537].into(), prekey: vec![].into(), one_time: vec![] },
    ];
    for frame in too_large {
        alice.send(&frame).await;
        assert_eq!(alice.error().await.0, ErrorCode::TooLarge);
    }
    for (id, payload) in [(3, open(&"x".repeat(MAX_TEXT))), (4, sealed(&vec![0; 192 * 1024]))] {
        alice.send(&send(id, "bob", payload)).await;
        alice.accepted(id).await;
    }
}

#[tokio::test]
async fn who_says_nothing_is_sent_away_and_others_stay() {
    let soon = Duration::from_millis(200);
    let url = small_relay(Limits { hello: soon, idle: 5 * soon, ..Limits::unlimited() }).await;
    let connect = || TcpStream::connect(url.strip_prefix("ws://").unwrap().to_owned());
    let to_its_end = |mut stream: TcpStream| async move {
        let mut all = Vec::new();
        let _reset = stream.read_to_end(&mut all).await;
    };
    let silent = connect().await.unwrap();
    let mut slow = connect().await.unwrap();
    slow.write_all(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let mut no_hello = Raw::connect(&url).await;
    let no_hello = async {
        assert_eq!(no_hello.error().await.0, ErrorCode::HelloFirst);
        assert_eq!(no_hello.next().await, None);
    };
    let mut idle = Raw::join(&url, "idle").await;
    let idle = async { assert_eq!(idle.next().await, None) };
    // Pings are life enough.
    let mut quiet = Raw::join(&url, "quiet").await;
    let quiet = async {
        for _ in 0..10 {
            quiet.0.send(Message::Ping(vec![].into())).await.unwrap();
            tokio::time::sleep(soon).await;
        }
        quiet.nothing_more().await;
    };
    let everybody = async { tokio::join!(to_its_end(silent), to_its_end(slow), no_hello, idle, quiet) };
    within(Duration::from_secs(10), everybody).await.expect("all are sent away");
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_when_no_more_fits_and_loses_nothing() {
    let (url, relay) = observed_relay(Limits { stalled: Duration::from_millis(200), ..Limits::unlimited() }).await;
    let bobs = Token::random(&mut rand::rng());
    let small = TcpSocket::new_v4().unwrap();
    small.set_recv_buffer_size(4096).unwrap();
    let address = url.strip_prefix("ws://").unwrap().parse().unwrap();
    let mut deaf = Raw::over(small.connect(address).await.unwrap(), &url).await;
    deaf.send(&hello("bob", &bobs)).await;
    let mut alice = Raw::join(&url, "alice").await;
    let long = "x".repeat(MAX_TEXT);
    for id in 0..120 {
        alice.say(id, "bob", &long).await;
        alice.accepted(id).await;
    }
    let alone = async {
        while relay.online() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(PATIENCE, alone).await.expect("bob is cut off");
    alice.nothing_more().await;
    let read = async {
        let mut read = 0;
        while let Some(Ok(Message::Text(_))) = deaf.0.next().await {
            read += 1;
        }
        read
    };
    let read = within(PATIENCE, read).await.expect("the line ends");
    assert!(read < 120, "{read}");
    let (_, welcome) = Raw::hello(&url, "bob", &bobs).await;
    assert_eq!(welcome.waiting, 120);
}
