//! Does a message cost more when there are many mailboxes, or much is stored? And how soon is a relay back that has much stored?
//!
//! Three relays take turns: with 10 mailboxes, with many, and with many and a million messages in them. Nobody reads, so what is sent
//! stays. Then the fullest is killed without warning and started again, until a client is welcome.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::RngExt;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::load::{Connection, open};
use super::server::Server;
use super::wire::Frames;
use super::{Effort, probe};
use crate::measure::{at_most, median};

const SIZE: usize = 256;
const SENDERS: usize = 50;

/// A relay, its mailboxes, and who writes to them.
struct Full {
    dir: tempfile::TempDir,
    server: Server,
    mailboxes: usize,
    senders: Vec<Connection<Frames>>,
}

impl Full {
    async fn new(mailboxes: usize) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let server = Server::relay(dir.path())?;
        // Names that have said hello once have a mailbox.
        let mut name = 0;
        while name < mailboxes {
            let some = name..mailboxes.min(name + 500);
            name = some.end;
            drop(open(server.address, some.map(|name| Frames::new(name, SIZE))).await?);
        }
        let mut full = Self { dir, server, mailboxes, senders: Vec::new() };
        full.connect().await?;
        Ok(full)
    }

    async fn connect(&mut self) -> Result<()> {
        let names = (0..SENDERS).map(|n| Frames::new(self.mailboxes + n, SIZE));
        self.senders = open(self.server.address, names).await?;
        Ok(())
    }

    /// Sends to mailboxes at random: messages a second, and microseconds of the server's processor for each.
    async fn flood(&mut self, time: Duration, most: u64) -> Result<[f64; 2]> {
        let (before, start) = (self.server.cpu(), Instant::now());
        let (mut running, mailboxes) = (JoinSet::new(), self.mailboxes);
        for mut sender in self.senders.drain(..) {
            running.spawn(async move {
                let to = || rand::rng().random_range(0..mailboxes);
                let sent = sender.flood(to, start + time, most / SENDERS as u64).await;
                sent.map(|sent| (sender, sent))
            });
        }
        let mut messages = 0;
        while let Some(done) = running.join_next().await {
            let (sender, sent) = done??;
            messages += sent;
            self.senders.push(sender);
        }
        #[allow(clippy::cast_precision_loss)]
        let messages = messages as f64;
        Ok([messages / start.elapsed().as_secs_f64(), (self.server.cpu() - before) / messages * 1e6])
    }

    /// Milliseconds from the start of the process until a client is welcome, after it was killed with something in its log.
    async fn restart(&mut self, time: Duration) -> Result<f64> {
        self.flood(time, u64::MAX).await?;
        self.server.kill();
        let start = Instant::now();
        self.server = Server::relay(self.dir.path())?;
        Connection::open(self.server.address, Frames::new(0, SIZE)).await?;
        let took = start.elapsed();
        self.connect().await?;
        Ok(took.as_secs_f64() * 1e3)
    }
}

/// Prints the table.
pub fn run(effort: Effort) -> Result<()> {
    Runtime::new()?.block_on(async {
        let Effort { batches, time, mailboxes, stored, .. } = effort;
        let mut fulls = [Full::new(10).await?, Full::new(mailboxes).await?, Full::new(mailboxes).await?];
        fulls[2].flood(Duration::from_mins(2), stored).await?;
        println!(
            "{stored} stored take {} MiB of disk; flush probe {:.0}/s",
            size(fulls[2].dir.path())? >> 20,
            probe()?
        );
        let mut figures = [const { [const { Vec::new() }; 2] }; 3];
        for batch in 0..=batches {
            for (full, figures) in fulls.iter_mut().zip(&mut figures) {
                let batch_figures = full.flood(time, u64::MAX).await?;
                for (list, figure) in figures.iter_mut().zip(batch_figures).filter(|_| batch > 0) {
                    list.push(figure);
                }
            }
        }
        let figures = figures.map(|lists| lists.map(median));
        println!("{:<30}{:>15}{:>17}", "  nobody reads, 256 B", "stored", "server processor");
        let names = ["10 mailboxes".to_owned(), format!("{mailboxes} mailboxes"), format!("and {stored} stored")];
        for ((name, [rate, cpu]), bound) in names.iter().zip(figures).zip([None, Some(1.6), Some(3.0)]) {
            let more = |bound| {
                format!("time {} · processor {:.2}×", at_most(figures[0][0] / rate, bound, "×"), cpu / figures[0][1])
            };
            let line = format!("  {name:<28}{rate:>13.0}/s{cpu:>14.2} µs  {}", bound.map(more).unwrap_or_default());
            println!("{}", line.trim_end());
        }
        let mut restarts = Vec::new();
        for _ in 0..5 {
            restarts.push(fulls[2].restart(time).await?);
        }
        let restart = median(restarts);
        println!("  restart with {stored} stored, after kill -9: {restart:.0} ms  {}", at_most(restart, 100.0, " ms"));
        Ok(())
    })
}

/// Bytes of the files in a directory.
fn size(dir: &Path) -> Result<u64> {
    std::fs::read_dir(dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
