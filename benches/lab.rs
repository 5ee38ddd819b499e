//! `cargo bench --bench lab`: what the lying proxy adds to a message's way, and how long all attacks of the catalogue take.
//!
//! Two pairs of real clients talk over one relay in this process, one pair directly and one through a proxy that does nothing. They
//! take turns, message by message, so that a machine that slows down slows both.

#[allow(dead_code)] // memory is not measured here
mod measure;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use blindrelay::client::Client;
use blindrelay::client::messenger::Event;
use blindrelay::client::vault::Vault;
use blindrelay::clock::Clock;
use blindrelay::lab::attack;
use blindrelay::lab::proxy::Proxy;
use blindrelay::relay::{Limits, Relay, Store};
use blindrelay::wire::{RelayUrl, UserId};
use measure::{at_most, median};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Whatever takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let rounds = if std::env::args().any(|arg| arg == "--quick") { 20 } else { 200 };
    proxy(rounds).await?;
    let start = Instant::now();
    let played = attack::play_all().await?;
    ensure!(
        played.iter().all(|played| played.holds),
        "an attack did not come out as it must: blindrelay lab attack --all"
    );
    let took = start.elapsed().as_secs_f64();
    println!("{} attacks, all{:>33.1} s   {}", played.len(), took, at_most(took, 60.0, " s"));
    Ok(())
}

async fn proxy(rounds: usize) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let direct: RelayUrl = format!("ws://{}", listener.local_addr()?).parse()?;
    let relay = Relay::start(Store::in_memory(false)?, Clock::system(), Limits::default(), [0; 32]);
    let app = relay.router();
    tokio::spawn(relay.serve(listener, app, std::future::pending()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (proxy, _notes) = Proxy::start(listener, direct.clone(), Vec::new(), 1, Clock::system())?;
    let mut pairs = [Pair::new("alice", "bob", &direct).await?, Pair::new("carol", "dave", proxy.url()).await?];
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds + rounds / 10 {
        for (pair, times) in pairs.iter_mut().zip(&mut times) {
            let took = pair.tell().await?;
            // The first ones warm up.
            times.extend((round >= rounds / 10).then_some(took));
        }
    }
    let [without, with] = times.map(median);
    println!("a message from client to client, p50{without:>15.3} ms");
    println!("the same through the proxy{with:>25.3} ms");
    println!("the proxy adds{:>37.3} ms   {}", with - without, at_most(with - without, 1.0, " ms"));
    Ok(())
}

/// A writer and a reader.
struct Pair {
    writer: Client,
    reader: Client,
    name: UserId,
}

impl Pair {
    async fn new(writer: &str, reader: &str, url: &RelayUrl) -> Result<Self> {
        let open = |name: &str| -> Result<Client> {
            Ok(Client::open(Vault::in_memory(&name.parse()?, &mut rand::rng())?, url, Clock::system())?)
        };
        let mut pair = Self { reader: open(reader)?, writer: open(writer)?, name: reader.parse()? };
        while pair.next().await? != (false, Event::CaughtUp) {}
        pair.writer.converse(&pair.name, false)?;
        pair.reader.converse(&writer.parse()?, false)?;
        pair.tell().await?;
        Ok(pair)
    }

    /// From the return key to the other screen, in milliseconds; then it waits for the receipt, so that each begins in silence.
    async fn tell(&mut self) -> Result<f64> {
        let start = Instant::now();
        self.writer.send(&self.name, "hello")?;
        while !matches!(self.next().await?, (false, Event::Message { .. })) {}
        let took = start.elapsed().as_secs_f64() * 1e3;
        while !matches!(
            self.next().await?,
            (true, Event::State { state: blindrelay::client::vault::StoredState::Delivered, .. })
        ) {}
        Ok(took)
    }

    /// The next event of either, and whether it is the writer's.
    async fn next(&mut self) -> Result<(bool, Event)> {
        let (writers, event) = tokio::select! {
            event = timeout(PATIENCE, self.writer.next()) => (true, event??),
            event = timeout(PATIENCE, self.reader.next()) => (false, event??),
        };
        event.map(|event| (writers, event)).ok_or_else(|| anyhow::anyhow!("a client has ended"))
    }
}
