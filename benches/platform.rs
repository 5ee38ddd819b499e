//! `cargo bench --bench platform`: how long does the Inbox API take over a million archived messages, and how soon is a message on the
//! live stream?
//!
//! The platform serves on a socket, with its archive on the disk; StreamCo's own client asks, one request after another, each over a
//! connection of its own. The archive is filled behind the relay's back, because a million messages would take a minute through it. The
//! index is made first, in the background; that is measured apart.

#[allow(dead_code, reason = "memory is not measured here")]
mod measure;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use blindrelay::clock::Clock;
use blindrelay::partner::{Access, Book, Platform, Scope, Terms, router};
use blindrelay::relay::{Limits, Rate, Relay, Store};
use blindrelay::streamco::{Credentials, Platform as Client};
use blindrelay::wire::{Content, Token, UserId};
use measure::{at, at_most, median};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rusqlite::{Connection, params};
use tokio::net::TcpListener;

/// People; each writes with all others.
const USERS: usize = 100;
/// Words that texts are made of; the first are the most common.
const WORDS: usize = 5_000;

fn main() -> Result<()> {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let (messages, rounds) = if quick { (20_000, 50) } else { (1_000_000, 1_000) };
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("relay.db");
    Store::open(&path, false)?.stop();
    let start = Instant::now();
    fill(&path, messages)?;
    println!("{messages} archived messages of {USERS} people, filled in {:.0} s", start.elapsed().as_secs_f64());
    tokio::runtime::Runtime::new()?.block_on(ask(&path, rounds))
}

fn user(n: usize) -> UserId {
    format!("user{n}").parse().expect("it is a name")
}

fn word(n: usize) -> String {
    format!("word{n}")
}

/// Eight words, the common ones more often.
fn text(rng: &mut ChaCha8Rng) -> String {
    let mut any = || word(rng.random_range(0..WORDS).min(rng.random_range(0..WORDS)));
    (0..8).map(|_| any()).collect::<Vec<_>>().join(" ")
}

fn fill(path: &Path, messages: i64) -> Result<()> {
    let mut db = Connection::open(path)?;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let transaction = db.transaction()?;
    for n in 0..USERS {
        let sql = "INSERT INTO users (name, token_hash, joined) VALUES (?1, zeroblob(32), 0)";
        transaction.prepare_cached(sql)?.execute([user(n).as_str()])?;
    }
    for seq in 1..=messages {
        let sender = rng.random_range(0..USERS);
        let recipient = (sender + rng.random_range(1..USERS)) % USERS;
        let said = Content::Text { sent_at: 0, counter: 1, text: text(&mut rng), via: None };
        let sql = "INSERT INTO messages (seq, sender, recipient, id, at, sealed, size, acked, body)
                   VALUES (?1, ?2, ?3, randomblob(16), 0, 0, 60, 1, ?4)";
        let row = params![seq, i64::try_from(sender)? + 1, i64::try_from(recipient)? + 1, serde_json::to_vec(&said)?];
        transaction.prepare_cached(sql)?.execute(row)?;
    }
    Ok(transaction.commit()?)
}

async fn ask(path: &Path, rounds: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("ws://{}", listener.local_addr()?).parse()?;
    let relay = Relay::start(Store::open(path, false)?, Clock::system(), Limits::unlimited(), [0; 32]);
    let book = Book::open(&path.with_file_name("platform.db"))?;
    let secret = Token::random(&mut rand::rng());
    let terms = Terms {
        partner: "streamco".parse()?,
        title: "StreamCo".to_owned(),
        scopes: Scope::ALL.to_vec(),
        access: Access::Whitelisted,
        days: 1,
        spend_usd_per_year: 0,
        disclosed: true,
    };
    book.agree(&terms, &secret, Clock::system().now())?.context("an agreement")?;
    let most = Rate { burst: u32::MAX, per_second: u32::MAX };
    let app = relay.router().merge(router(Platform::new(&relay, book).allowing(most)));
    tokio::spawn(relay.serve(listener, app, std::future::pending()));
    let credentials = Credentials { client_id: "streamco".to_owned(), client_secret: secret.expose() };
    let mut client = Client::new(url, credentials);
    client.renew().await?;

    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let start = Instant::now();
    // Refused while the index is made.
    while client.threads(&user(0), None).await.is_err() {
        ensure!(start.elapsed() < Duration::from_mins(5), "the index is not made");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("  {:<34}{:>9.1} s", "the index is made in", start.elapsed().as_secs_f64());
    let mut figures = [const { Vec::new() }; 5];
    for _ in 0..rounds {
        let who = user(rng.random_range(0..USERS));
        let peer = user(rng.random_range(0..USERS));
        let start = Instant::now();
        ensure!(!client.threads(&who, None).await?.items.is_empty());
        figures[0].push(millis(start));
        let start = Instant::now();
        ensure!(!client.messages(&who, None, None).await?.items.is_empty());
        figures[1].push(millis(start));
        let start = Instant::now();
        client.messages(&who, Some(&peer), None).await?;
        figures[2].push(millis(start));
        let start = Instant::now();
        client.search(&who, &word(rng.random_range(0..20)), None).await?;
        figures[3].push(millis(start));
        let start = Instant::now();
        client.search(&who, &format!("{} {}", word(rng.random_range(0..50)), word(4_000)), None).await?;
        figures[4].push(millis(start));
    }
    let names =
        ["threads", "inbox page of 200", "page with one other", "search, a common word", "search, common and rare"];
    for (name, figures) in names.into_iter().zip(figures) {
        print(name, figures, Some(10.0));
    }

    let (who, peer) = (user(1), user(2));
    let mut stream = client.stream(&who, None).await?;
    let mut late = Vec::new();
    for n in 0..rounds.min(200) {
        let start = Instant::now();
        client.send(&who, &peer, &format!("live {n}")).await?;
        stream.next().await?.context("the stream goes on")?;
        late.push(millis(start));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    print("sent until on the live stream", late, Some(50.0));
    Ok(())
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn print(name: &str, figures: Vec<f64>, bound: Option<f64>) {
    let p99 = at(figures.clone(), 0.99);
    let target = bound.map(|bound| at_most(p99, bound, " ms")).unwrap_or_default();
    println!("  {name:<34}{:>9.2} ms, p99 {p99:>7.2} ms  {target}", median(figures));
}
