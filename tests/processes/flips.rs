//! One bit of a file flips, as on a disk that ages: what is opened then is read, or refused with advice, and never a crash.
//!
//! A flipped bit in a text without a passphrase cannot be told from a text; what is promised is that nothing falls over it, that
//! whoever refuses says what to do, and that the file, put back, is as good as before.

use std::fs;
use std::path::Path;

use blindrelay::wire::{ClientFrame, RelayFrame, Token};
use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};

use super::harness::{Ran, Relay, effort, home, run};
use super::raw::{Raw, hello, open};

/// What a person who holds a damaged file may be told: each of these says what to do next.
const ADVICE: [&str; 8] = [
    "restore it",
    "use that version",
    "give it its name back",
    "choose another name",
    "leave the passphrase option out",
    "with --passphrase-file FILE",
    "tried again later",
    "try again later",
];

/// Whether a command ended as it may.
fn is_fine(ran: &Ran) -> bool {
    let all = [ran.out.as_str(), &ran.err].concat();
    let advised = ADVICE.iter().any(|advice| all.contains(advice));
    !all.contains("panicked") && (ran.code == Some(0) || ran.code == Some(1) && advised)
}

/// Flips a bit of the file at many places, one at a time.
fn flip(file: &Path, seed: u64, mut open: impl FnMut(&str)) {
    let good = fs::read(file).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    for _ in 0..effort(40, 500) {
        let (at, bit) = (rng.random_range(0..good.len()), rng.random_range(0..8));
        let mut bad = good.clone();
        bad[at] ^= 1 << bit;
        fs::write(file, &bad).unwrap();
        open(&format!("bit {bit} of byte {at}"));
        fs::write(file, &good).unwrap();
    }
}

#[test]
fn a_bit_that_flips_in_a_vault_is_survived() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    let inbox = || run(home.path(), &["inbox", "alice", "--all", "--relay", &url], "");
    inbox().ok();
    run(home.path(), &["send", "bob", "alice", "--relay", &url], "kept").ok();
    inbox().ok();
    flip(&home.path().join("users/alice.vault"), 1, |place| {
        let ran = inbox();
        assert!(is_fine(&ran), "{place}: {ran:?}");
    });
    assert_eq!(inbox().ok(), "bob (sealed): kept\n");
    println!("tried: {} flipped bits in a vault", effort(40, 500));
}

#[test]
fn a_bit_that_flips_in_a_relays_database_is_survived() {
    let home = home();
    let mut relay = Relay::start(home.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let token = Token::random(&mut rand::rng());
    runtime.block_on(async {
        let (mut alice, _) = Raw::hello(&relay.url(), "alice", &token).await;
        alice.say(1, "alice", "kept").await;
        alice.accepted(1).await;
    });
    relay.stop("TERM");
    flip(&home.path().join("relay/relay.db"), 2, |place| {
        for beside in ["relay/relay.db-wal", "relay/relay.db-shm"] {
            let _gone = fs::remove_file(home.path().join(beside));
        }
        if let Some(mut relay) = Relay::if_it_starts(home.path()) {
            runtime.block_on(is_answered(&relay, &token));
            assert!(relay.is_running(), "{place}");
            return;
        }
        let log = fs::read_to_string(home.path().join("log")).unwrap();
        let ran = Ran { code: Some(1), out: String::new(), err: log.lines().last().unwrap_or_default().to_owned() };
        assert!(is_fine(&ran), "{place}: {ran:?}");
    });
    let relay = Relay::start(home.path());
    runtime.block_on(async {
        let (mut alice, _) = Raw::hello(&relay.url(), "alice", &token).await;
        assert_eq!(alice.mail().await.payload, open("kept"));
    });
    assert!(!relay.log().contains("panicked"), "{}", relay.log());
    println!("tried: {} flipped bits in a relay's database", effort(40, 500));
}

/// Alice is welcomed or told why not; and her next question, which is answered after her mail was read or was not, is answered too.
async fn is_answered(relay: &Relay, token: &Token) {
    let mut alice = Raw::connect(&relay.url()).await;
    alice.send(&hello("alice", token)).await;
    match alice.next().await {
        Some(RelayFrame::Welcome(_)) => {}
        Some(RelayFrame::Error { .. }) => return,
        other => panic!("{other:?}"),
    }
    alice.send(&ClientFrame::Fetch { user: "nobody".parse().unwrap() }).await;
    while let Some(RelayFrame::Deliver(_)) = alice.next().await {}
}

#[test]
fn a_crash_and_a_refusal_without_advice_would_be_noticed() {
    let ran = |code, err: &str| Ran { code, out: String::new(), err: err.to_owned() };
    assert!(is_fine(&ran(Some(0), "")) && is_fine(&ran(Some(1), "restore it from a backup")));
    for bad in
        [ran(None, "restore it"), ran(Some(101), "restore it"), ran(Some(1), "error 11"), ran(Some(0), "panicked")]
    {
        assert!(!is_fine(&bad), "{bad:?}");
    }
}
