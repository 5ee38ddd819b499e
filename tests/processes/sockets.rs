//! What a relay process does with frames, told by a client of another make.

use blindrelay::wire::{Bytes, ClientFrame, Content, ErrorCode, MAX_FRAME, PATH, Payload, RelayFrame, Token, VERSION};
use futures_util::SinkExt;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};

use super::harness::{Relay, home};
use super::raw::{Raw, hello, open, sealed, send};

#[tokio::test]
async fn a_message_that_is_sent_twice_under_one_id_is_stored_once() {
    let home = home();
    let relay = Relay::start(home.path());
    let bobs = Token::random(&mut rand::rng());
    let mut alice = Raw::join(&relay.url(), "alice").await;
    Raw::hello(&relay.url(), "bob", &bobs).await;
    for _ in 0..2 {
        alice.say(1, "bob", "once").await;
        alice.accepted(1).await;
    }
    // The id is what counts: other bytes under it change nothing either. Another id is another message.
    alice.say(1, "bob", "not this").await;
    alice.accepted(1).await;
    alice.say(2, "bob", "twice").await;
    alice.accepted(2).await;
    // The same id of another sender is another message.
    let mut carol = Raw::join(&relay.url(), "carol").await;
    carol.say(1, "bob", "thrice").await;
    carol.accepted(1).await;

    let (mut bob, welcome) = Raw::hello(&relay.url(), "bob", &bobs).await;
    assert_eq!(welcome.waiting, 3);
    for text in ["once", "twice", "thrice"] {
        assert_eq!(bob.mail().await.payload, open(text));
    }
}

#[tokio::test]
async fn a_message_whose_commit_fails_is_not_accepted_and_taken_when_it_comes_again() {
    let home = home();
    let relay = Relay::start(home.path());
    let bobs = Token::random(&mut rand::rng());
    Raw::hello(&relay.url(), "bob", &bobs).await;
    let mut alice = Raw::join(&relay.url(), "alice").await;
    let db = rusqlite::Connection::open(relay.database()).unwrap();
    // A reference to nothing that is checked at the commit: every statement before it succeeds.
    db.execute_batch(
        "CREATE TABLE broken (n REFERENCES users DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER breaks AFTER INSERT ON messages BEGIN INSERT INTO broken VALUES (-1); END",
    )
    .unwrap();
    alice.say(1, "bob", "hello").await;
    let (code, detail) = alice.error().await;
    assert_eq!(code, ErrorCode::NotStored);
    assert!(detail.contains("tried again later"), "{detail}");
    assert_eq!(Raw::hello(&relay.url(), "bob", &bobs).await.1.waiting, 0);
    // The control: the same message, when nothing is in the way any more.
    db.execute_batch("DROP TRIGGER breaks").unwrap();
    alice.say(1, "bob", "hello").await;
    alice.accepted(1).await;
    assert_eq!(Raw::hello(&relay.url(), "bob", &bobs).await.1.waiting, 1);
}

#[tokio::test]
async fn mail_comes_again_until_its_own_reader_has_acknowledged_it() {
    let home = home();
    let relay = Relay::start(home.path());
    let [alices, bobs] = [(); 2].map(|()| Token::random(&mut rand::rng()));
    let (mut alice, _) = Raw::hello(&relay.url(), "alice", &alices).await;
    let (mut bob, _) = Raw::hello(&relay.url(), "bob", &bobs).await;
    alice.say(1, "bob", "first").await;
    alice.accepted(1).await;
    alice.say(2, "bob", "second").await;
    alice.accepted(2).await;
    let (first, second) = (bob.mail().await, bob.mail().await);
    assert!(first.seq < second.seq);

    // Neither the sender nor anybody else can acknowledge bob's mail.
    alice.send(&ClientFrame::Ack { seq: first.seq }).await;
    alice.nothing_more().await;
    drop(bob);
    let (mut bob, welcome) = Raw::hello(&relay.url(), "bob", &bobs).await;
    assert_eq!(welcome.waiting, 2);
    assert_eq!((bob.mail().await, bob.mail().await), (first.clone(), second.clone()));

    // He can, in any order, and twice.
    for _ in 0..2 {
        bob.send(&ClientFrame::Ack { seq: second.seq }).await;
    }
    bob.nothing_more().await;
    let (mut bob, welcome) = Raw::hello(&relay.url(), "bob", &bobs).await;
    assert_eq!(welcome.waiting, 1);
    assert_eq!(bob.mail().await, first);
    bob.send(&ClientFrame::Ack { seq: first.seq }).await;
    bob.nothing_more().await;
    let (_, welcome) = Raw::hello(&relay.url(), "bob", &bobs).await;
    assert_eq!(welcome.waiting, 0);
}

#[tokio::test]
async fn a_one_time_key_is_handed_out_once_even_to_two_who_ask_at_once() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut bob = Raw::join(&relay.url(), "bob").await;
    let keys: Vec<Bytes> = (0..20).map(|n| vec![n; 32].into()).collect();
    let publish = ClientFrame::Publish {
        identity: b"identity".to_vec().into(),
        prekey: b"prekey".to_vec().into(),
        one_time: keys.clone(),
    };
    bob.send(&publish).await;
    assert_eq!(bob.next().await, Some(RelayFrame::Published { one_time_left: 20 }));

    let fetch = |name: &'static str, url: String| async move {
        let mut asker = Raw::join(&url, name).await;
        for _ in 0..11 {
            asker.send(&ClientFrame::Fetch { user: "bob".parse().unwrap() }).await;
        }
        let mut given = Vec::new();
        for _ in 0..11 {
            match asker.next().await {
                Some(RelayFrame::Keys { one_time, identities, .. }) => {
                    assert_eq!(identities, [Bytes(b"identity".to_vec())]);
                    given.push(one_time);
                }
                other => panic!("{other:?}"),
            }
        }
        given
    };
    let (alice, carol) = tokio::join!(fetch("alice", relay.url()), fetch("carol", relay.url()));
    let mut given: Vec<Bytes> = alice.iter().chain(&carol).flatten().cloned().collect();
    given.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(given, keys, "22 answers hand out each of the 20 keys once");
    assert!(alice.iter().any(Option::is_some) && carol.iter().any(Option::is_some), "they did ask at once");
}

#[tokio::test]
async fn keys_are_handed_out_to_registered_users_only_and_not_too_fast() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut stranger = Raw::connect(&relay.url()).await;
    stranger.send(&ClientFrame::Fetch { user: "bob".parse().unwrap() }).await;
    assert_eq!(stranger.error().await.0, ErrorCode::HelloFirst);
    assert_eq!(stranger.next().await, None, "and the connection ends");

    let token = Token::random(&mut rand::rng());
    let (mut alice, _) = Raw::hello(&relay.url(), "alice", &token).await;
    let mut too_fast = 0;
    for _ in 0..2 {
        for _ in 0..50 {
            alice.send(&ClientFrame::Fetch { user: "bob".parse().unwrap() }).await;
        }
        for _ in 0..50 {
            let (code, detail) = alice.error().await;
            assert!(matches!(code, ErrorCode::UnknownUser | ErrorCode::TooFast));
            if code == ErrorCode::TooFast {
                assert!(detail.contains("wait a few seconds"), "{detail}");
                too_fast += 1;
            }
        }
        // Connecting anew refills nothing.
        alice = Raw::hello(&relay.url(), "alice", &token).await.0;
    }
    assert!((20..=40).contains(&too_fast), "of 100 at once 60 are answered, and two a second: {too_fast} refused");
    let mut carol = Raw::join(&relay.url(), "carol").await;
    carol.nothing_more().await; // others are not slowed down
}

#[tokio::test]
async fn what_is_not_a_conversation_is_refused_with_a_reason_and_the_relay_goes_on() {
    let home = home();
    let relay = Relay::start(home.path());
    let token = Token::random(&mut rand::rng());
    let url = relay.url();
    let (mut alice, _) = Raw::hello(&url, "alice", &token).await;

    let newer = serde_json::json!({"type": "hello", "version": VERSION + 1, "shape": "unknown"}).to_string();
    let deep = "[".repeat(100_000);
    let secret = format!(r#"{{"type":"hello","version":1,"id":"ALICE","token":"{}"}}"#, token.expose());
    let first_frames = [
        (newer, ErrorCode::WrongVersion, "version 1"),
        ("{".to_owned(), ErrorCode::BadFrame, "docs/protocol.md"),
        ("hello".to_owned(), ErrorCode::BadFrame, "docs/protocol.md"),
        (deep, ErrorCode::BadFrame, "docs/protocol.md"),
        (secret, ErrorCode::BadFrame, "docs/protocol.md"),
        (r#"{"type":"ack","seq":1}"#.to_owned(), ErrorCode::HelloFirst, "hello"),
        (
            serde_json::to_string(&hello("alice", &Token::random(&mut rand::rng()))).unwrap(),
            ErrorCode::NameTaken,
            "choose another name",
        ),
    ];
    for (frame, code, says) in first_frames {
        let mut raw = Raw::connect(&url).await;
        raw.text(frame).await;
        let (refused, detail) = raw.error().await;
        assert_eq!(refused, code);
        assert!(detail.contains(says), "{detail}");
        assert!(!detail.contains(&token.expose()), "a token is not quoted");
        assert_eq!(raw.next().await, None, "{code:?} ends the connection");
    }

    let again = serde_json::to_string(&hello("mallory", &token)).unwrap();
    for later in [Message::text("nonsense"), Message::binary(vec![1, 2, 3]), Message::text(again)] {
        let (mut raw, _) = Raw::hello(&url, "mallory", &token).await;
        raw.0.send(later).await.unwrap();
        assert_eq!(raw.error().await.0, ErrorCode::BadFrame);
        assert_eq!(raw.next().await, None);
    }
    alice.nothing_more().await; // nobody else noticed
    assert!(!relay.log().contains("panicked"), "{}", relay.log());
    assert!(!relay.log().contains(&token.expose()), "a token is not logged");
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_refused_by_its_declared_size() {
    let home = home();
    let relay = Relay::start(home.path());
    let peak = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", relay.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:").map(str::trim));
        line.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or(0)
    };
    // The largest frame is taken: as a frame, though what it holds is too long for a text.
    let mut alice = Raw::join(&relay.url(), "alice").await;
    Raw::join(&relay.url(), "bob").await;
    let empty = serde_json::to_string(&send(1, "bob", open(""))).unwrap().len();
    alice.say(1, "bob", &"x".repeat(MAX_FRAME - empty)).await;
    assert_eq!(alice.error().await.0, ErrorCode::TooLarge);
    alice.nothing_more().await;
    // One byte more ends the connection.
    alice.text("x".repeat(MAX_FRAME + 1)).await;
    assert_eq!(alice.error().await.0, ErrorCode::BadFrame);

    // A header that promises a terabyte is refused before anything of it has come, and no memory is set aside for it.
    let before = peak();
    let mut carol = Raw::join(&relay.url(), "carol").await;
    let mut header = vec![0x81, 0x80 | 127];
    header.extend_from_slice(&(1_u64 << 40).to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    match carol.0.get_mut() {
        tokio_tungstenite::MaybeTlsStream::Plain(stream) => stream.write_all(&header).await.unwrap(),
        _ => unreachable!("no TLS here"),
    }
    let (code, detail) = carol.error().await;
    assert_eq!(code, ErrorCode::BadFrame);
    assert!(detail.contains(&MAX_FRAME.to_string()), "{detail}");
    assert_eq!(carol.next().await, None);
    assert!(peak() < before + 1024 * 1024, "{} KiB more", peak() - before);
}

#[tokio::test]
async fn a_web_page_is_not_let_in_and_a_client_is() {
    let home = home();
    let relay = Relay::start(home.path());
    for origin in ["https://evil.example", &format!("http://{}", relay.address()), "null", ""] {
        let mut request = format!("{}{PATH}", relay.url()).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match connect_async(request).await {
            Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 403),
            other => panic!("{origin:?} got in: {other:?}"),
        }
    }
    let request = format!("{}{PATH}", relay.url()).into_client_request().unwrap();
    assert!(connect_async(request).await.is_ok(), "without an origin it is a client");
}

#[tokio::test]
async fn a_second_connection_of_one_mailbox_takes_over_and_the_first_is_told() {
    let home = home();
    let relay = Relay::start(home.path());
    let bobs = Token::random(&mut rand::rng());
    let (mut first, _) = Raw::hello(&relay.url(), "bob", &bobs).await;
    let (mut second, _) = Raw::hello(&relay.url(), "bob", &bobs).await;
    let (code, detail) = first.error().await;
    assert_eq!(code, ErrorCode::Replaced);
    assert!(detail.contains("close one of the two"), "{detail}");
    assert_eq!(first.next().await, None);
    let mut alice = Raw::join(&relay.url(), "alice").await;
    alice.send(&send(1, "bob", sealed(b"blob"))).await;
    assert_eq!(second.mail().await.payload, sealed(b"blob"));
}

#[tokio::test]
async fn only_the_platform_says_via_whom_a_text_came() {
    let home = home();
    let relay = Relay::start(home.path());
    let bobs = Token::random(&mut rand::rng());
    Raw::hello(&relay.url(), "bob", &bobs).await;
    let text = |via: Option<&str>| {
        let via = via.map(str::to_owned);
        Payload::Open(Content::Text { sent_at: 1, counter: 1, text: "hello".to_owned(), via })
    };
    for via in ["StreamCo", &"x".repeat(MAX_FRAME / 2)] {
        let mut mallory = Raw::join(&relay.url(), &format!("mallory{}", via.len())).await;
        mallory.send(&send(1, "bob", text(Some(via)))).await;
        assert_eq!(mallory.error().await.0, ErrorCode::BadFrame);
        assert_eq!(mallory.next().await, None, "the connection ends");
    }
    // The control: the same without it is taken, and is all that Bob gets.
    let mut alice = Raw::join(&relay.url(), "alice").await;
    alice.send(&send(1, "bob", text(None))).await;
    alice.accepted(1).await;
    let (mut bob, welcome) = Raw::hello(&relay.url(), "bob", &bobs).await;
    assert_eq!((welcome.waiting, bob.mail().await.payload), (1, text(None)));
}
