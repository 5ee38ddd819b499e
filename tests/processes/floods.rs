//! Much at once, against a relay in this process: whoever sends, reads or acknowledges as fast as it can costs nobody a message.

use blindrelay::relay::{Limits, Rate};
use blindrelay::wire::{ClientFrame, ErrorCode, MessageId, RelayFrame, Token};
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use super::harness::{Relay, home};
use super::raw::{Raw, open, small_relay};

/// A message to bob under an id of its own.
fn numbered(n: u64) -> ClientFrame {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    ClientFrame::Send { id: MessageId(id), to: "bob".parse().unwrap(), payload: open(&n.to_string()) }
}

#[tokio::test]
async fn a_reader_who_catches_up_while_more_comes_gets_all_of_it_in_order() {
    let (waiting, meanwhile) = (1_000, 300);
    let url = small_relay(Limits::unlimited()).await;
    let bobs = Token::random(&mut rand::rng());
    Raw::hello(&url, "bob", &bobs).await;
    let mut alice = Raw::join(&url, "alice").await;
    for n in 0..waiting {
        alice.send(&numbered(n)).await;
    }
    for _ in 0..waiting {
        assert!(matches!(alice.next().await, Some(RelayFrame::Accepted { .. })));
    }
    let (mut bob, welcome) = Raw::hello(&url, "bob", &bobs).await;
    assert_eq!(welcome.waiting, waiting);
    let sending = async {
        for n in waiting..waiting + meanwhile {
            alice.send(&numbered(n)).await;
            alice.next().await;
        }
    };
    let reading = async {
        for n in 0..waiting + meanwhile {
            let mail = bob.mail().await;
            assert_eq!((mail.seq, mail.payload), (n + 1, open(&n.to_string())));
        }
    };
    tokio::join!(sending, reading);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_acknowledgements_costs_others_nothing_and_takes_no_memory() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    let peak = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", relay.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:").map(str::trim));
        line.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or(0)
    };
    let (mut mallory, mut alice) = (Raw::join(&url, "mallory").await, Raw::join(&url, "alice").await);
    Raw::join(&url, "bob").await;
    let before = peak();
    let flood = tokio::spawn(async move {
        for seq in 0..60_000 {
            let ack = serde_json::to_string(&ClientFrame::Ack { seq }).unwrap();
            mallory.0.feed(Message::text(ack)).await.unwrap();
        }
        mallory.nothing_more().await; // her question comes after all of them
    });
    let mut accepted = 0;
    while !flood.is_finished() {
        alice.send(&numbered(accepted)).await;
        assert!(matches!(alice.next().await, Some(RelayFrame::Accepted { .. })));
        accepted += 1;
    }
    flood.await.unwrap();
    assert!(accepted > 10, "alice came through {accepted} times meanwhile");
    assert!(peak() < before + 2 * 1024, "{} KiB more", peak() - before);
}

#[tokio::test]
async fn who_publishes_too_fast_is_slowed_down_and_nobody_else_is() {
    let url = small_relay(Limits { publish: Rate { burst: 2, per_second: 1 }, ..Limits::default() }).await;
    let publish = ClientFrame::Publish { identity: vec![1].into(), prekey: vec![2].into(), one_time: vec![] };
    let mut mallory = Raw::join(&url, "mallory").await;
    for _ in 0..3 {
        mallory.send(&publish).await;
    }
    let (mut published, mut too_fast) = (0, 0);
    for _ in 0..3 {
        match mallory.next().await {
            Some(RelayFrame::Published { .. }) => published += 1,
            Some(RelayFrame::Error { code: ErrorCode::TooFast, .. }) => too_fast += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((published, too_fast), (2, 1));
    let mut alice = Raw::join(&url, "alice").await;
    alice.send(&publish).await;
    assert_eq!(alice.next().await, Some(RelayFrame::Published { one_time_left: 0 }));
}
