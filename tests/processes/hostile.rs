//! Bytes that no WebSocket library sends, and clients that drip or deluge: the right close code, bounded memory, and everybody else is
//! served within a second.
//!
//! Source of the codes: RFC 6455, section 7.4.1.

use std::time::{Duration, Instant};

use blindrelay::wire::{ErrorCode, MAX_FRAME, RelayFrame, Token};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::harness::{PATIENCE, Relay, effort, home};
use super::raw::{Raw, hello, within};

/// The mask of every frame here: zeros, so that what is sent is what stands there.
const MASK: [u8; 4] = [0; 4];
/// Instead of a length: it follows, in two bytes; in eight.
const LONG: u8 = 0x7e;
const LONGEST: u8 = 0x7f;
/// How much more memory a relay may have taken at its worst, in KiB.
const MORE: u64 = 64 * 1024;

/// A frame's first two bytes, its mask, and what is in it.
fn frame(first: u8, second: u8, inside: &[u8]) -> Vec<u8> {
    [&[first, second], &MASK[..], inside].concat()
}

/// A frame of any length that says it.
fn long_frame(first: u8, says: u64, inside: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | LONGEST], &says.to_be_bytes()[..], &MASK, inside].concat()
}

/// Sends bytes as they are.
async fn write(raw: &mut Raw, bytes: &[u8]) -> std::io::Result<()> {
    match raw.0.get_mut() {
        tokio_tungstenite::MaybeTlsStream::Plain(stream) => stream.write_all(bytes).await,
        _ => unreachable!("no TLS here"),
    }
}

/// How the relay ends the connection: with what error, and which close code. Nothing if it does not.
async fn end(raw: &mut Raw) -> Option<(ErrorCode, CloseCode)> {
    let ending = async {
        let mut error = None;
        loop {
            match raw.0.next().await? {
                Ok(Message::Text(text)) => match serde_json::from_str(&text).unwrap() {
                    RelayFrame::Error { code, .. } => error = Some(code),
                    other => panic!("{other:?}"),
                },
                Ok(Message::Close(close)) => return error.zip(close.map(|close| close.code)),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    };
    within(PATIENCE, ending).await.expect("the relay ends it")
}

/// The most memory that a process has had, in KiB.
fn peak(relay: &Relay) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", relay.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:").map(str::trim));
    line.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// Somebody joins, writes to themselves, and is served within a second.
async fn somebody_is_served(relay: &Relay, n: usize) {
    let served = async {
        let mut user = Raw::join(&relay.url(), &format!("user-{n}")).await;
        user.say(1, &format!("user-{n}"), "hello").await;
        user.accepted(1).await;
        user.mail().await;
    };
    let start = Instant::now();
    served.await;
    assert!(start.elapsed() < Duration::from_secs(1), "after {:?}", start.elapsed());
}

#[tokio::test]
async fn bytes_that_are_not_websocket_end_the_connection_with_the_code_for_it() {
    let home = home();
    let relay = Relay::start(home.path());
    let before = peak(&relay);
    let text = |inside: &[u8]| frame(0x81, 0x80 | u8::try_from(inside.len()).unwrap(), inside);
    let cases = [
        ("an opcode that is none", frame(0x83, 0x80, &[]), CloseCode::Protocol),
        ("a control opcode that is none", frame(0x8b, 0x80, &[]), CloseCode::Protocol),
        ("reserved bit 1", frame(0x80 | 0x40 | 1, 0x82, b"{}"), CloseCode::Protocol),
        ("reserved bits 2 and 3", frame(0x80 | 0x30 | 1, 0x82, b"{}"), CloseCode::Protocol),
        ("not masked", vec![0x81, 2, b'{', b'}'], CloseCode::Protocol),
        ("a ping in fragments", frame(0x09, 0x80, &[]), CloseCode::Protocol),
        ("a ping of 126 bytes", [&[0x89, 0x80 | LONG, 0, 126], &MASK[..], &[0; 126]].concat(), CloseCode::Protocol),
        ("a fragment of nothing", frame(0x80, 0x80, &[]), CloseCode::Protocol),
        ("a text inside a text", [frame(0x01, 0x81, b"{"), text(b"{}")].concat(), CloseCode::Protocol),
        ("a text that is not UTF-8", text(b"\"\xff\""), CloseCode::Invalid),
        (
            "half a character at the end",
            [frame(0x01, 0x81, b"\""), frame(0x80, 0x81, b"\xc3")].concat(),
            CloseCode::Invalid,
        ),
        ("a frame that promises a gibibyte", long_frame(0x81, 1 << 30, b"{"), CloseCode::Size),
        ("a frame that promises all there is", long_frame(0x81, u64::MAX, b"{"), CloseCode::Size),
        ("bytes that are no text", frame(0x82, 0x82, b"{}"), CloseCode::Unsupported),
        ("a text that is no frame", text(b"{}"), CloseCode::Policy),
    ];
    for (what, bytes, code) in cases {
        // As the first that is heard of somebody, and as the next.
        for joined in [false, true] {
            let name = if joined { "mallory" } else { "nobody" };
            let mut raw = Raw::connect(&relay.url()).await;
            if joined {
                raw.send(&hello(name, &Token::from_bytes([7; 32]))).await;
                assert!(matches!(raw.next().await, Some(RelayFrame::Welcome(_))));
            }
            write(&mut raw, &bytes).await.unwrap();
            assert_eq!(end(&mut raw).await, Some((ErrorCode::BadFrame, code)), "{what}, joined: {joined}");
        }
    }
    // The control: what is allowed, by the same means. A hello in two fragments, with a ping between them.
    let mut raw = Raw::connect(&relay.url()).await;
    let hello = serde_json::to_string(&hello("carol", &Token::from_bytes([8; 32]))).unwrap();
    let (first, rest) = hello.as_bytes().split_at(10);
    let fragments = [long_frame(0x01, 10, first), frame(0x89, 0x80, &[]), long_frame(0x80, rest.len() as u64, rest)];
    write(&mut raw, &fragments.concat()).await.unwrap();
    assert!(matches!(raw.next().await, Some(RelayFrame::Welcome(_))));
    somebody_is_served(&relay, 0).await;
    assert!(before > 0 && peak(&relay) < before + MORE, "{} KiB more", peak(&relay) - before);
    assert!(!relay.log().contains("panicked"), "{}", relay.log());
}

#[tokio::test]
async fn json_that_goes_deep_is_refused_and_wide_json_costs_no_more_than_its_size() {
    let home = home();
    let relay = Relay::start(home.path());
    let before = peak(&relay);
    let nested = |open: &str, close: &str, most: usize| {
        let times = most / (open.len() + close.len());
        open.repeat(times) + &close.repeat(times)
    };
    let wide =
        |item: &str| format!(r#"{{"type":"ack","seq":1,"x":[{}0]}}"#, item.repeat((MAX_FRAME - 64) / item.len()));
    for text in
        [nested("[", "]", MAX_FRAME), nested("{\"a\":", "}", MAX_FRAME - 10), "[".repeat(MAX_FRAME), wide("{},")]
    {
        let mut raw = Raw::connect(&relay.url()).await;
        raw.text(text).await;
        let (code, close) = end(&mut raw).await.unwrap();
        assert!(matches!(code, ErrorCode::BadFrame | ErrorCode::HelloFirst), "{code:?}");
        assert_eq!(close, CloseCode::Policy);
    }
    somebody_is_served(&relay, 0).await;
    assert!(peak(&relay) < before + MORE, "{} KiB more", peak(&relay) - before);
}

#[tokio::test]
async fn fragments_without_end_are_cut_off_at_the_size_of_a_frame_and_cost_nobody_else_a_second() {
    let home = home();
    let relay = Relay::start(home.path());
    let before = peak(&relay);
    let mut senders = Vec::new();
    for size in [10, 1_000, 65_000] {
        for _ in 0..effort(3, 30) {
            let mut raw = Raw::connect(&relay.url()).await;
            senders.push(tokio::spawn(async move {
                let fragment = |first| long_frame(first, size as u64, &vec![b' '; size]);
                let (mut sent, many) = (size, fragment(0x00).repeat(65_000 / size));
                let mut written = write(&mut raw, &fragment(0x01)).await;
                while sent <= MAX_FRAME + 65_000 && written.is_ok() {
                    sent += 65_000;
                    written = write(&mut raw, &many).await;
                }
                // Whoever goes on writing may lose the answer to a reset.
                let ended = end(&mut raw).await;
                assert!(ended.is_none_or(|ended| ended == (ErrorCode::BadFrame, CloseCode::Size)), "{ended:?}");
                ended.is_some()
            }));
        }
    }
    for n in 0..3 {
        somebody_is_served(&relay, n).await;
    }
    let mut told = 0;
    for sender in senders {
        told += usize::from(within(PATIENCE, sender).await.expect("it is cut off").unwrap());
    }
    assert!(told > 0, "some of them heard why");
    assert!(peak(&relay) < before + MORE, "{} KiB more", peak(&relay) - before);
}

#[tokio::test]
async fn many_who_drip_and_many_who_flood_with_pings_cost_nobody_else_a_second() {
    let home = home();
    let relay = Relay::start(home.path());
    let before = peak(&relay);
    let mut drips = Vec::new();
    for n in 0..effort(100, 400) {
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        // Half of them never end their request; the others are let in, and never end their first frame.
        if n % 2 == 0 {
            stream.write_all(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
            drips.push(Err(stream));
        } else {
            let mut raw = Raw::over(stream, &relay.url()).await;
            write(&mut raw, &long_frame(0x81, MAX_FRAME as u64, b"{")).await.unwrap();
            drips.push(Ok(raw));
        }
    }
    let mut flood = Raw::join(&relay.url(), "flood").await;
    let flooding = tokio::spawn(async move {
        for _ in 0..effort(20_000, 200_000) {
            flood.0.feed(Message::Ping(Bytes::from_static(&[0; 125]))).await.unwrap();
        }
        flood.0.flush().await.unwrap();
        flood.nothing_more().await;
    });
    for n in 0..5 {
        somebody_is_served(&relay, n).await;
        for drip in &mut drips {
            match drip {
                Ok(raw) => write(raw, b" ").await.unwrap(),
                Err(stream) => stream.write_all(b"x").await.unwrap(),
            }
        }
    }
    within(PATIENCE, flooding).await.expect("the flood ends").unwrap();
    assert!(peak(&relay) < before + MORE, "{} KiB more", peak(&relay) - before);
}
