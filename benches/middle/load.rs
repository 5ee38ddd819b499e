//! Load: connections that send as fast as they are let, or at a given pace, and connections that read and acknowledge.
//!
//! Half of the connections send, each to the mailbox of one of the other half. Everything that was sent must arrive, else there is
//! no figure. Times are taken in this process, at both ends of the way, so one clock serves for both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval_at, timeout};

use super::wire::{Came, Wire};

/// Messages that a sender may have in flight.
const WINDOW: u64 = 64;
/// Whatever takes longer has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to a relay.
pub struct Connection<W> {
    stream: TcpStream,
    wire: W,
    input: Vec<u8>,
    out: Vec<u8>,
    came: Vec<Came>,
}

impl<W: Wire> Connection<W> {
    /// Connects, and waits until the relay is ready.
    pub async fn open(address: SocketAddr, mut wire: W) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut out = Vec::new();
        wire.open(&mut out);
        let mut connection = Self { stream, wire, input: Vec::new(), out, came: Vec::new() };
        while !connection.came.contains(&Came::Opened) {
            connection.flush().await?;
            timeout(PATIENCE, connection.read()).await??;
        }
        connection.flush().await?;
        Ok(connection)
    }

    /// Cancel safe: what has arrived is kept. What came is in `came`, what is to be said in `out`.
    async fn read(&mut self) -> Result<()> {
        self.came.clear();
        self.input.reserve(16 * 1024);
        ensure!(self.stream.read_buf(&mut self.input).await? > 0, "the relay closed the connection");
        let done = self.wire.take(&self.input, &mut self.out, &mut self.came)?;
        self.input.drain(..done);
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        Ok(())
    }

    fn accepted(&self) -> u64 {
        self.came.iter().filter(|came| **came == Came::Accepted).count() as u64
    }

    /// Sends to these mailboxes until the time is over or so many are sent, and until all is accepted. How many.
    pub async fn flood(&mut self, mut to: impl FnMut() -> usize, until: Instant, most: u64) -> Result<u64> {
        let (mut sent, mut accepted) = (0, 0);
        loop {
            while sent - accepted < WINDOW && sent < most && Instant::now() < until {
                self.wire.send(to(), now(), &mut self.out);
                sent += 1;
            }
            if sent == accepted {
                return Ok(sent);
            }
            self.flush().await?;
            timeout(PATIENCE, self.read()).await??;
            accepted += self.accepted();
        }
    }

    /// Sends one each time, until the time is over, and until all is accepted. How many.
    async fn pace(&mut self, to: usize, first: Instant, every: Duration, until: Instant) -> Result<u64> {
        let mut tick = interval_at(first.into(), every);
        let (mut sent, mut accepted) = (0, 0);
        while accepted < sent || Instant::now() < until {
            tokio::select! {
                _ = tick.tick() => if Instant::now() < until {
                    self.wire.send(to, now(), &mut self.out);
                    sent += 1;
                },
                read = timeout(PATIENCE, self.read()) => {
                    read??;
                    accepted += self.accepted();
                }
            }
            self.flush().await?;
        }
        Ok(sent)
    }

    /// Reads and acknowledges until told to end: how long each was on its way, in nanoseconds, and when the last arrived.
    async fn collect(&mut self, received: &AtomicU64, mut end: watch::Receiver<bool>) -> Result<(Vec<u64>, Instant)> {
        let (mut took, mut last) = (Vec::new(), Instant::now());
        loop {
            tokio::select! {
                biased;
                read = self.read() => read?,
                _ = end.wait_for(|end| *end) => return Ok((took, last)),
            }
            let (before, time) = (took.len(), now());
            took.extend(self.came.iter().filter_map(|came| match came {
                Came::Mail(at) => Some(time.saturating_sub(*at)),
                _ => None,
            }));
            if took.len() > before {
                last = Instant::now();
                received.fetch_add((took.len() - before) as u64, Ordering::Relaxed);
            }
            self.flush().await?;
        }
    }
}

/// Nanoseconds since this process first asked.
fn now() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// How much is sent.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// As much as the relay takes.
    Flood,
    /// So many messages a second, all senders together.
    Messages(u32),
}

/// What one batch gave.
pub struct Batch {
    /// Messages that arrived: all.
    pub messages: u64,
    /// From the first that was sent to the last that arrived.
    pub took: Duration,
    /// How long each was on its way, in nanoseconds.
    pub ways: Vec<u64>,
}

/// The connections of one load: sender n writes to reader n.
pub struct Crowd<W> {
    senders: Vec<Connection<W>>,
    readers: Vec<Connection<W>>,
}

impl<W: Wire> Crowd<W> {
    /// Opens so many connections, half of each kind; `wire` makes one for a name, and is told whether it reads.
    pub async fn open(address: SocketAddr, connections: usize, wire: impl Fn(usize, bool) -> W) -> Result<Self> {
        let half = connections / 2;
        let senders = open(address, (half..2 * half).map(|name| wire(name, false))).await?;
        let readers = open(address, (0..half).map(|name| wire(name, true))).await?;
        Ok(Self { senders, readers })
    }

    /// Sends for so long; returns when all has arrived.
    pub async fn batch(&mut self, pace: Pace, time: Duration) -> Result<Batch> {
        let (end, ended) = watch::channel(false);
        let received = Arc::new(AtomicU64::new(0));
        let mut readers = JoinSet::new();
        for mut reader in self.readers.drain(..) {
            let (received, ended) = (received.clone(), ended.clone());
            readers.spawn(async move {
                let result = reader.collect(&received, ended).await;
                (reader, result)
            });
        }
        let start = Instant::now();
        let mut senders = JoinSet::new();
        let count = u32::try_from(self.senders.len())?;
        for (to, mut sender) in self.senders.drain(..).enumerate() {
            senders.spawn(async move {
                let sent = match pace {
                    Pace::Flood => sender.flood(|| to, start + time, u64::MAX).await,
                    Pace::Messages(per_second) => {
                        let every = Duration::from_secs(1) * count / per_second;
                        let first = start + every * u32::try_from(to).unwrap_or(0) / count;
                        sender.pace(to, first, every, start + time).await
                    }
                };
                (to, sender, sent)
            });
        }
        let mut sent = 0;
        let mut back = Vec::new();
        while let Some(done) = senders.join_next().await {
            let (to, sender, count) = done?;
            sent += count?;
            back.push((to, sender));
        }
        back.sort_by_key(|(to, _)| *to);
        self.senders = back.into_iter().map(|(_, sender)| sender).collect();
        let deadline = Instant::now() + PATIENCE;
        while received.load(Ordering::Relaxed) < sent {
            ensure!(Instant::now() < deadline, "{} of {sent} arrived", received.load(Ordering::Relaxed));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        end.send_replace(true);
        let (mut ways, mut last) = (Vec::new(), start);
        while let Some(done) = readers.join_next().await {
            let (reader, result) = done?;
            let (took, at) = result?;
            ways.extend(took);
            last = last.max(at);
            self.readers.push(reader);
        }
        ensure!(ways.len() as u64 == sent, "{} arrived of {sent}", ways.len());
        Ok(Batch { messages: sent, took: last - start, ways })
    }
}

/// Opens connections, a hundred at a time.
pub async fn open<W: Wire>(address: SocketAddr, wires: impl Iterator<Item = W>) -> Result<Vec<Connection<W>>> {
    let (mut opening, mut opened) = (JoinSet::new(), Vec::new());
    for wire in wires {
        if opening.len() >= 100 {
            opened.push(opening.join_next().await.context("one is opening")???);
        }
        opening.spawn(Connection::open(address, wire));
    }
    while let Some(one) = opening.join_next().await {
        opened.push(one??);
    }
    Ok(opened)
}
