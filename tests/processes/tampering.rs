//! A relay, or somebody on the line, that alters, repeats, cuts and mixes up mail. In a sealed conversation nothing of it is
//! shown, nothing is used up, the mailbox is not blocked, and the genuine message still opens. In an open one it all works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use blindrelay::client::contacts::Arrival;
use blindrelay::client::messenger::{Alarm, Event};
use blindrelay::wire::{Bytes, Content, Envelope, MessageId, PATH, Payload, RelayFrame};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

use super::harness::{Relay, Talk, effort, home};
use super::pair::{Person, Post, blob, id};

/// The same envelope with other bytes, as a relay would number it.
fn with(genuine: &Envelope, n: u16, payload: Payload) -> Envelope {
    let seq = 1_000 + u64::from(n);
    Envelope { seq, id: MessageId(u128::from(n).to_be_bytes()), payload, ..genuine.clone() }
}

fn pair(seed: u64, open: bool) -> (Post, Person, Person) {
    let mut post = Post::new(seed);
    let (mut alice, mut bob) = (post.join("alice"), post.join("bob"));
    alice.converse(&mut post, "bob", open);
    bob.converse(&mut post, "alice", open);
    (post, alice, bob)
}

/// Altered copies of a blob: bits flipped from one end to the other, cut, lengthened, and put together with another.
fn forgeries(genuine: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
    let step = genuine.len() / effort(24, 200);
    let flipped = (0..genuine.len()).step_by(step).chain([genuine.len() - 1]).map(|at| {
        let mut copy = genuine.to_vec();
        copy[at] ^= 1 << (at % 8);
        copy
    });
    let cut = [0, 1, 24, 25, genuine.len() / 2, genuine.len() - 1].map(|length| genuine[..length].to_vec());
    let mut longer = genuine.to_vec();
    longer.push(0);
    // Both belong to one session: its messages begin alike, so they are cut inside the encrypted text.
    let ((begin, end), (others_begin, others_end)) = (halves(genuine), halves(other));
    let spliced = [[begin, others_end].concat(), [others_begin, end].concat()];
    flipped.chain(cut).chain([longer]).chain(spliced).collect()
}

fn halves(blob: &[u8]) -> (&[u8], &[u8]) {
    blob.split_at(blob.len() - 300)
}

/// Every forgery is refused, acknowledged and put aside; then the genuine one opens, in order.
fn refused_and_harmless(post: &mut Post, bob: &mut Person, genuine: &Envelope, other: &[u8]) {
    let before = bob.heard().len();
    let sessions = |bob: &Person| bob.messenger.rows().sessions(&id("alice")).map(|sessions| format!("{sessions:?}"));
    let forgeries = forgeries(&blob(genuine), other);
    for (n, forged) in (0..).zip(forgeries) {
        let forged = with(genuine, n, Payload::Sealed(Bytes(forged)));
        let (aside, state) = (bob.saw(|event| matches!(event, Event::SetAside { .. })), sessions(bob).unwrap());
        post.give(bob, RelayFrame::Deliver(forged.clone()));
        assert_eq!(bob.saw(|event| matches!(event, Event::SetAside { .. })), aside + 1, "forgery {n} was noticed");
        assert_eq!(bob.acked.last(), Some(&forged.seq), "it does not block the mailbox");
        assert_eq!(sessions(bob).unwrap(), state, "nothing was used up");
    }
    assert_eq!(bob.heard().len(), before, "nothing of it was shown");
    post.give(bob, RelayFrame::Deliver(genuine.clone()));
    let Some(Event::Message { message }) = bob.events.iter().rfind(|e| matches!(e, Event::Message { .. })) else {
        panic!("the genuine message was not shown: {:?}", bob.events.last());
    };
    assert_eq!((message.text.as_str(), message.arrival), ("genuine", Arrival::InOrder));
    assert_eq!(bob.heard().len(), before + 1);
}

#[test]
fn an_altered_first_message_uses_up_nothing_and_the_genuine_one_opens() {
    let (mut post, mut alice, mut bob) = pair(1, false);
    post.say(&mut alice, "bob", "genuine");
    post.say(&mut alice, "bob", "another");
    let mail = post.take(&bob);
    let left = bob.messenger.rows().prekeys().unwrap().one_time.len();
    refused_and_harmless(&mut post, &mut bob, &mail[0], &blob(&mail[1]));
    let now = bob.messenger.rows().prekeys().unwrap().one_time.len();
    assert_eq!(now, left - 1, "one one-time key was used up, by the genuine message");
    assert!(now > 90, "there were keys to burn: {left}");
}

#[test]
fn an_altered_later_message_turns_no_ratchet_and_the_genuine_one_opens() {
    let (mut post, mut alice, mut bob) = pair(2, false);
    post.say(&mut alice, "bob", "hello");
    post.deliver(&mut bob);
    post.deliver(&mut alice);
    post.say(&mut alice, "bob", "genuine");
    post.say(&mut alice, "bob", "another");
    let mail = post.take(&bob);
    refused_and_harmless(&mut post, &mut bob, &mail[0], &blob(&mail[1]));
    post.give(&mut bob, RelayFrame::Deliver(mail[1].clone()));
    assert_eq!(bob.heard(), ["hello", "genuine", "another"]);
    post.say(&mut bob, "alice", "and back");
    post.deliver(&mut alice);
    assert_eq!(alice.heard(), ["and back"]);
}

#[test]
fn in_an_open_conversation_the_same_hand_rewrites_what_bob_reads() {
    let (mut post, mut alice, mut bob) = pair(3, true);
    post.say(&mut alice, "bob", "genuine");
    let mail = post.take(&bob);
    let Payload::Open(Content::Text { sent_at, counter, .. }) = mail[0].payload else { panic!("it is open") };
    let forged = Content::Text { sent_at, counter, text: "altered".to_owned(), via: None };
    post.give(&mut bob, RelayFrame::Deliver(with(&mail[0], 0, Payload::Open(forged))));
    assert_eq!(bob.heard(), ["altered"]);
    assert_eq!(bob.saw(|event| matches!(event, Event::SetAside { .. } | Event::Alarm { .. })), 0);
}

#[test]
fn a_message_that_comes_again_is_acknowledged_and_shown_once_for_ever() {
    let (dir, mut post) = (home(), Post::new(4));
    let path = dir.path().join("bob.vault");
    let (mut alice, mut bob) = (post.join("alice"), post.join_at("bob", &path));
    alice.converse(&mut post, "bob", false);
    bob.converse(&mut post, "alice", false);
    post.say(&mut alice, "bob", "once");
    post.say(&mut alice, "bob", "and once");
    let mail = post.take(&bob);
    for again in 0..3 {
        for (n, envelope) in (0..).zip(&mail) {
            let copy = with(envelope, 10 * again + n, envelope.payload.clone());
            post.give(&mut bob, RelayFrame::Deliver(copy.clone()));
            assert_eq!(bob.acked.last(), Some(&copy.seq));
        }
        // Every second time with the memory of the vault only.
        if again == 1 {
            drop(bob);
            bob = post.join_at("bob", &path);
        }
    }
    assert_eq!(bob.heard(), Vec::<&str>::new(), "after the restart nothing is shown again");
    assert_eq!(bob.texts().len(), 2);

    // In an open conversation it is enough to date a copy anew.
    let (mut post, mut alice, mut bob) = pair(5, true);
    post.say(&mut alice, "bob", "once");
    let mail = post.take(&bob);
    let copy = Content::Text { sent_at: 1, counter: 1, text: "once".to_owned(), via: None };
    for payload in [mail[0].payload.clone(), mail[0].payload.clone(), Payload::Open(copy)] {
        post.give(&mut bob, RelayFrame::Deliver(with(&mail[0], 7, payload)));
    }
    assert_eq!(bob.heard(), ["once", "once"]);
    let repeated = |event: &Event| matches!(event, Event::Message { message } if message.arrival == Arrival::Repeated);
    assert_eq!(bob.saw(repeated), 1, "the number gives it away, if the relay did not change it as well");
}

#[test]
fn mail_under_another_name_or_for_another_person_is_not_shown() {
    let mut post = Post::new(6);
    let [mut alice, mut bob, mut carol] = ["alice", "bob", "carol"].map(|name| post.join(name));
    for (person, peers) in
        [(&mut alice, ["bob", "carol"]), (&mut bob, ["alice", "carol"]), (&mut carol, ["alice", "bob"])]
    {
        for peer in peers {
            person.converse(&mut post, peer, false);
        }
    }
    post.say(&mut alice, "bob", "to bob");
    post.say(&mut carol, "bob", "from carol");
    let mail = post.take(&bob);
    post.say(&mut alice, "carol", "to carol");
    let to_carol = post.take(&carol).remove(0);
    let relabelled = [
        Envelope { from: id("carol"), ..mail[0].clone() },
        Envelope { from: id("alice"), ..mail[1].clone() },
        Envelope { from: id("nobody"), ..mail[0].clone() },
        Envelope { to: id("bob"), ..to_carol.clone() },
        Envelope { from: id("bob"), to: id("alice"), ..mail[0].clone() },
    ];
    for (n, envelope) in relabelled.into_iter().enumerate() {
        let person = if envelope.to == id("bob") { &mut bob } else { &mut alice };
        let seq = 500 + n as u64;
        post.give(person, RelayFrame::Deliver(Envelope { seq, ..envelope }));
        assert_eq!(person.heard(), Vec::<&str>::new(), "{n}");
        assert_eq!(person.saw(|event| matches!(event, Event::SetAside { .. })), if n == 4 { 1 } else { n + 1 });
        assert_eq!(person.acked.last(), Some(&seq));
    }
    // What is not even addressed to them raises the alarm.
    post.give(&mut bob, RelayFrame::Deliver(Envelope { seq: 600, ..to_carol }));
    assert_eq!(bob.saw(|event| matches!(event, Event::Alarm { alarm: Alarm::Misdelivered, .. })), 1);
    // The genuine ones open all the same.
    for envelope in mail {
        post.give(&mut bob, RelayFrame::Deliver(envelope));
    }
    assert_eq!(bob.heard(), ["to bob", "from carol"]);

    // In an open conversation the relay decides who wrote.
    let (mut post, mut alice, mut bob) = pair(7, true);
    bob.converse(&mut post, "carol", true);
    post.say(&mut alice, "bob", "from alice");
    let mail = post.take(&bob);
    post.give(&mut bob, RelayFrame::Deliver(Envelope { from: id("carol"), ..mail[0].clone() }));
    assert_eq!(bob.saw(|event| matches!(event, Event::Message { message, .. } if message.peer == id("carol"))), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_behind_a_forging_line_says_so_and_shows_the_genuine_message() {
    let home = home();
    let relay = Relay::start(home.path());
    let line = forging_line(relay.url()).await;
    let told = tokio::task::spawn_blocking(move || {
        let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
        let mut bob = Talk::start(home.path(), &["chat", "bob", "alice", "--relay", &line]);
        bob.wait("Type a line");
        alice.say("meet me at nine");
        let aside = bob.wait("put aside");
        bob.wait("alice: meet me at nine");
        bob.say("/quarantine");
        bob.wait("it was altered on its way");
        // The same line in an open conversation.
        for talk in [&mut alice, &mut bob] {
            talk.say("/mode open");
            talk.wait("OPEN with");
        }
        alice.say("meet me at nine");
        bob.wait("alice (open): meet me at ten");
        let start = Instant::now();
        let (_, lines) = bob.end();
        assert!(start.elapsed() < Duration::from_secs(8), "who only listened has nothing to wait for");
        assert_eq!(lines.iter().filter(|line| line.starts_with("alice: meet")).count(), 1, "{lines:#?}");
        aside
    });
    let aside = told.await.unwrap();
    assert!(aside.contains("a message from alice was put aside") && aside.contains("/quarantine"), "{aside}");
}

/// A proxy that delivers every sealed message altered before it delivers the genuine one, and edits open ones.
async fn forging_line(relay: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let relay = Arc::new(relay);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let relay = relay.clone();
            tokio::spawn(async move {
                let mut client = accept_async(stream).await.unwrap();
                let (mut server, _) = connect_async(format!("{relay}{PATH}")).await.unwrap();
                loop {
                    tokio::select! {
                        Some(Ok(message)) = client.next() => server.send(message).await.unwrap(),
                        Some(Ok(message)) = server.next() => {
                            for message in forge(message) {
                                client.send(message).await.unwrap();
                            }
                        }
                        else => return,
                    }
                }
            });
        }
    });
    url
}

fn forge(message: Message) -> Vec<Message> {
    let Message::Text(text) = &message else { return vec![message] };
    let Ok(RelayFrame::Deliver(genuine)) = serde_json::from_str(text) else { return vec![message] };
    let frame = |payload| {
        let envelope = Envelope { payload, ..genuine.clone() };
        Message::text(serde_json::to_string(&RelayFrame::Deliver(envelope)).unwrap())
    };
    match &genuine.payload {
        Payload::Sealed(blob) => {
            let mut altered = blob.0.clone();
            *altered.last_mut().unwrap() ^= 1;
            vec![frame(Payload::Sealed(Bytes(altered))), message]
        }
        Payload::Open(Content::Text { sent_at, counter, text, via: _ }) => {
            let text = text.replace("nine", "ten");
            vec![frame(Payload::Open(Content::Text { sent_at: *sent_at, counter: *counter, text, via: None }))]
        }
        Payload::Open(Content::Receipt { .. }) => vec![message],
    }
}
