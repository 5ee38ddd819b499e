//! Hostile bytes at every parser: the functions that a fuzzer drives (`fuzz/`), over what it kept and some thousand mutations of that.
//!
//! The corpora begin with seeds that are made here: what is genuine, and what nearly is. `WRITE_SEEDS=1` writes them again.

use std::fs;
use std::path::{Path, PathBuf};

use blindrelay::protocol::{PreKeyStore, content, padding};
use blindrelay::wire::{Bytes, Content, Envelope, ErrorCode, MessageId, Payload, RelayFrame, Token};
use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};
use rusqlite::types::Value;

use super::people::{NOW, document, effort, id};

#[path = "../../fuzz/targets.rs"]
mod targets;

use targets::TARGETS;

/// More than this is not kept.
const MOST: u64 = 300 * 1024;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)
}

fn kept(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(corpus(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// What a corpus begins with.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    match name {
        "frame" => frames(),
        "statement" => statements(),
        "first_contact" => blobs(targets::first_messages().1),
        "header" => blobs(targets::later_messages().1),
        "content" => contents(),
        "vault" => cells(),
        "http" => exchanges(),
        _ => panic!("{name} has no seeds"),
    }
}

/// Every frame that the specification shows, and what a relay might say to do harm.
fn frames() -> Vec<Vec<u8>> {
    let bob = targets::cheat();
    let mut prekeys = PreKeyStore::default();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    prekeys.renew(NOW, rng);
    let prekey = prekeys.newest().map(|key| Bytes(key.statement(&bob)));
    let keys = |identities| RelayFrame::Keys { user: id("bob"), identities, prekey: prekey.clone(), one_time: None };
    let identity = Bytes(bob.statement().to_bytes());
    let envelope = |payload| {
        let (seq, from, to) = (u64::MAX, id("bob"), id("alice"));
        RelayFrame::Deliver(Envelope { seq, id: MessageId([1; 16]), from, to, at: u64::MAX, payload })
    };
    let text = |counter, text: &str| {
        envelope(Payload::Open(Content::Text { sent_at: u64::MAX, counter, text: text.into(), via: None }))
    };
    let receipt = envelope(Payload::Open(Content::Receipt { sent_at: 0, of: 1, of_sent_at: NOW }));
    let error = |code, detail: &str| RelayFrame::Error { code, detail: detail.into(), id: None, user: Some(id("bob")) };
    let made = [
        keys(vec![identity.clone()]),
        keys(vec![identity.clone(), identity]),
        text(1, "hello"),
        text(u64::MAX, "\u{1b}[2J\r\n\u{202e}"),
        receipt,
        error(ErrorCode::Replaced, "\u{1b}]0;title\u{7}"),
        error(ErrorCode::TooFast, "\u{9b}31m"),
    ];
    let made = made.iter().map(|frame| serde_json::to_vec(frame).unwrap());
    let document = document("protocol.md");
    document
        .lines()
        .filter(|line| line.starts_with("{\"type\""))
        .map(|line| line.as_bytes().to_vec())
        .chain(made)
        .collect()
}

/// Statements of both kinds, without their signatures too: the target signs what it is given.
fn statements() -> Vec<Vec<u8>> {
    let bob = targets::cheat();
    let mut prekeys = PreKeyStore::default();
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    prekeys.renew(NOW, rng);
    prekeys.refill(99, rng);
    let one_time = prekeys.one_time[0].to_bytes();
    let whole = [bob.statement().to_bytes(), prekeys.newest().unwrap().statement(&bob)];
    let body = |statement: &Vec<u8>| statement[..statement.len() - 64].to_vec();
    let bodies = whole.each_ref().map(body);
    let small = [&bodies[1][..16], &[3], &[0; 32], &bodies[1][49..]].concat();
    let both = [&one_time[..], &bodies[1]].concat();
    whole.into_iter().chain(bodies).chain([small, one_time, both]).collect()
}

/// What is genuine, and it in pieces.
fn blobs(genuine: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let cut =
        |blob: &Vec<u8>| [1, 25, 82, 1_300, blob.len() - 1].map(|length| blob[..length.min(blob.len() - 1)].to_vec());
    let mut all: Vec<Vec<u8>> = genuine.iter().take(1).flat_map(cut).chain(genuine.clone()).collect();
    all.dedup();
    all
}

fn contents() -> Vec<Vec<u8>> {
    let text = |text: &str| Content::Text { sent_at: NOW, counter: 7, text: text.to_owned(), via: None };
    let receipt = Content::Receipt { sent_at: NOW, of: 1, of_sent_at: NOW };
    let all = [text("hello"), text(""), text("\u{1b}[2J\u{202e}e\u{301}\u{301}"), receipt];
    let sealed = all.iter().map(|content| content::encode(content).unwrap().to_vec());
    let inside = sealed.clone().map(|padded| padding::unpad(&padded).unwrap().to_vec());
    let open = all.iter().map(|content| serde_json::to_vec(&Payload::Open(content.clone())).unwrap());
    sealed.chain(inside).chain(open).collect()
}

/// What each cell of a vault holds, and the largest number in its place.
fn cells() -> Vec<Vec<u8>> {
    let rows = targets::ROWS.lock().unwrap();
    let value = |(n, cell): (u8, &&str)| match targets::dump(&rows.db, cell) {
        Value::Blob(bytes) => [&[n, 0], &bytes[..]].concat(),
        Value::Text(text) => [&[n, 1], text.as_bytes()].concat(),
        Value::Integer(number) => [&[n, 2], &number.to_be_bytes()[..]].concat(),
        other => panic!("{other:?}"),
    };
    let most = (0..).zip(&targets::CELLS).map(|(n, _)| [&[n, 2], &[0xff; 8][..]].concat());
    (0..).zip(&targets::CELLS).map(value).chain(most).collect()
}

/// Answers (0) and requests (1).
fn exchanges() -> Vec<Vec<u8>> {
    let message = r#"{"seq":1,"from":"alice","to":"bob","at":1,"mode":"open","size":5,"text":"hello","sealed":null}"#;
    let token = Token::from_bytes(targets::TOKEN).expose();
    let body = |body: String| format!("\0HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let ask = |line: &str, more: &str| format!("\x01{line} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let websocket = |frame: &str| ask("GET /v1/ws", upgrade) + frame;
    [
        body(format!(r#"{{"messages":[{message}],"next":null}}"#)),
        body(r#"{"messages":[],"next":0}"#.to_owned()),
        body("[".repeat(2_000)),
        "\0HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "\0HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
        "\0HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_owned(),
        ask("GET /healthz", ""),
        ask("GET /operator/sightings", "Last-Event-ID: 1\r\n"),
        ask("GET /partner/v1/users/bob/messages?after=1&limit=2", &bearer),
        ask("GET /partner/v1/users/bob/threads", &bearer),
        ask("POST /v1/ws", "Content-Length: 5\r\n") + "hello",
        websocket("\u{1}\0{}"),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect()
}

/// One of the things that go wrong with bytes.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha20Rng) {
    let mut place = |length: usize| rng.random_range(0..=length);
    let at = place(bytes.len());
    let (from, until) = (place(other.len()), place(other.len()));
    match place(5) {
        0 => bytes.truncate(at),
        1 => drop(bytes.splice(at..at, other[from.min(until)..until.max(from)].iter().copied())),
        2 => drop(bytes.drain(at..place(bytes.len()).max(at))),
        3 => bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte = [0, 0x7f, 0x80, 0xff][from % 4]),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << place(7);
            }
        }
    }
}

#[test]
fn the_corpora_begin_with_what_is_genuine_and_are_small() {
    let mut size = 0;
    for (name, _) in TARGETS {
        for (n, seed) in seeds(name).into_iter().enumerate() {
            let file = corpus(name).join(format!("seed-{n:02}"));
            if std::env::var_os("WRITE_SEEDS").is_some() {
                fs::create_dir_all(corpus(name)).unwrap();
                fs::write(&file, &seed).unwrap();
            }
            assert!(fs::read(&file).unwrap_or_default() == seed, "WRITE_SEEDS=1 writes {}", file.display());
        }
        size += kept(name).iter().map(|bytes| bytes.len() as u64).sum::<u64>();
    }
    assert!((10_000..MOST).contains(&size), "{size} bytes");
}

/// A target over its corpus, and over so many mutations of it.
fn attack(target: impl Fn(&[u8]), corpus: &[Vec<u8>], mutations: usize) {
    for bytes in corpus {
        target(bytes);
    }
    let rng = &mut ChaCha20Rng::seed_from_u64(7);
    for _ in 0..mutations {
        let mut bytes = corpus[rng.random_range(0..corpus.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            let other = &corpus[rng.random_range(0..corpus.len())];
            mutate(&mut bytes, other, rng);
        }
        target(&bytes);
    }
}

#[test]
fn no_bytes_do_more_than_be_refused() {
    for (name, target) in TARGETS {
        attack(target, &kept(name), effort(400, 4_000));
    }
    println!("tried: {} mutations of genuine bytes at {} parsers", effort(400, 4_000) * TARGETS.len(), TARGETS.len());
}

#[test]
fn a_parser_that_trusts_a_length_does_not_survive_this() {
    // What a statement begins with: a length, and as many bytes of a name.
    let name = |bytes: &[u8]| bytes.first().map(|&length| 1..1 + usize::from(length));
    let careful = |bytes: &[u8]| assert!(name(bytes).is_none_or(|name| bytes.get(name) != Some(b"carol")));
    let careless = |bytes: &[u8]| assert!(name(bytes).is_none_or(|name| &bytes[name] != b"carol"));
    attack(careful, &kept("statement"), 500);
    assert!(std::panic::catch_unwind(|| attack(careless, &kept("statement"), 500)).is_err());
}
