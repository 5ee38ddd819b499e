//! Much at once, against a relay in this process: whoever sends, reads or acknowledges as fast as it can costs nobody a message.

use blindrelay::relay::Limits;
use blindrelay::wire::{ClientFrame, MessageId, RelayFrame, Token};

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
