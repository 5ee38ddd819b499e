//! How many messages a second does the relay take so that a power cut loses none, and what bounds it?
//!
//! Clients send sealed blobs of 1 KiB to each other and acknowledge what they get, each with a window of messages in flight. The same
//! load runs on a store in memory: what the code could do if flushing were free. Beside both stands a bare probe of the disk:
//! write 1 KiB, flush, repeat. Durable messages a second divided by flushes a second is the batch that one flush carried.
//!
//! `cargo bench --bench relay`; everything in one process on loopback.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use blindrelay::clock::Clock;
use blindrelay::relay::{Limits, Relay, Store};
use blindrelay::wire::{ClientFrame, MessageId, PATH, Payload, RelayFrame, Token, UserId, VERSION};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Messages that a client may have in flight.
const WINDOW: u32 = 64;
const BLOB: usize = 1024;
/// Messages in one run, all clients together.
const MESSAGES: u32 = 60_000;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main]
async fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    println!("{:<24}{:>16}{:>18}{:>22}", "messages/s, 1 KiB", "durable", "store in memory", "flush probe (1 KiB)");
    for clients in [2, 100_u32] {
        let messages = MESSAGES / clients;
        let before = flushes(dir.path())?;
        let store = Store::open(&dir.path().join(format!("{clients}.db")), false)?;
        let durable = load(store, clients, messages).await?;
        let after = flushes(dir.path())?;
        let memory = load(Store::in_memory(false)?, clients, messages).await?;
        let name = format!("{clients} connections");
        println!(
            "{name:<24}{durable:>14.0}/s{memory:>16.0}/s{:>13.0} to {:.0}/s",
            before.min(after),
            before.max(after)
        );
        println!("{:<24}{:>14.1} messages a flush", "", durable / f64::midpoint(before, after));
    }
    Ok(())
}

/// Every client sends `messages` to its neighbour; the result is messages accepted and delivered a second, all together.
async fn load(store: Store, clients: u32, messages: u32) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}{PATH}", listener.local_addr()?);
    let relay = Relay::start(store, Clock::system(), Limits::unlimited(), [0; 32]);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = relay.router();
    let serving = tokio::spawn(relay.serve(listener, app, async {
        let _stop = stopped.await;
    }));
    let mut sockets = Vec::new();
    for n in 0..clients {
        sockets.push(hello(&url, n).await?);
    }
    let start = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for (n, socket) in (0..).zip(sockets) {
        running.spawn(converse(socket, user(n ^ 1)?, messages));
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    let took = start.elapsed();
    let _gone = stop.send(());
    serving.await?;
    Ok(f64::from(clients * messages) / took.as_secs_f64())
}

async fn hello(url: &str, n: u32) -> Result<Socket> {
    let (mut socket, _) = connect_async(url).await?;
    let token = Token::from_bytes([7; 32]);
    say(&mut socket, &ClientFrame::Hello { version: VERSION, id: user(n)?, token }).await?;
    socket.next().await.context("the relay closed")??;
    Ok(socket)
}

/// Sends with a window, acknowledges what arrives, and ends when all was accepted and as much has arrived.
async fn converse(mut socket: Socket, to: UserId, messages: u32) -> Result<()> {
    let (mut sent, mut accepted, mut arrived) = (0, 0, 0);
    while accepted < messages || arrived < messages {
        while sent < messages && sent - accepted < WINDOW {
            let id = MessageId::random(&mut rand::rng());
            let payload = Payload::Sealed(vec![0x42; BLOB].into());
            say(&mut socket, &ClientFrame::Send { id, to: to.clone(), payload }).await?;
            sent += 1;
        }
        let message = socket.next().await.context("the relay closed")??;
        let Message::Text(text) = message else { continue };
        match serde_json::from_str(&text)? {
            RelayFrame::Accepted { .. } => accepted += 1,
            RelayFrame::Deliver(envelope) => {
                arrived += 1;
                say(&mut socket, &ClientFrame::Ack { seq: envelope.seq }).await?;
            }
            other => anyhow::bail!("unexpected: {other:?}"),
        }
    }
    Ok(())
}

async fn say(socket: &mut Socket, frame: &ClientFrame) -> Result<()> {
    Ok(socket.send(Message::text(serde_json::to_string(frame)?)).await?)
}

fn user(n: u32) -> Result<UserId> {
    Ok(format!("user-{n}").parse()?)
}

/// Write 1 KiB, flush, repeat: flushes a second of this disk, now.
fn flushes(dir: &std::path::Path) -> Result<f64> {
    let mut file = File::create(dir.join("probe"))?;
    let (start, mut flushes) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&[0x42; BLOB])?;
        file.sync_data()?;
        flushes += 1;
    }
    Ok(f64::from(flushes) / start.elapsed().as_secs_f64())
}
