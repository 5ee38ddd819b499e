//! One of the relays that are compared: its process, and the connections to it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Runtime;

use super::load::{Crowd, Pace};
use super::server::Server;
use super::wire::{Frames, Wire};
use crate::measure::at;

/// What is asked of either relay.
pub trait Side {
    /// What it is.
    fn name(&self) -> &'static str;
    /// A fresh one, with so many connections that send blobs of this size.
    fn start(&mut self, connections: usize, size: usize) -> Result<()>;
    /// Messages a second, and microseconds of the server's processor for each.
    fn flood(&mut self, time: Duration) -> Result<[f64; 2]>;
    /// At so many messages a second: microseconds on the way, the median and the 99th of a hundred.
    fn latency(&mut self, per_second: u32, time: Duration) -> Result<[f64; 2]>;
    /// Server memory in bytes.
    fn resident(&self) -> f64;
}

/// How to start a relay of some make, and how to speak to it.
pub trait Make {
    /// What it is.
    const NAME: &'static str;
    /// How it is spoken to.
    type Wire: Wire;
    /// A fresh process, with its files in this directory.
    fn start(dir: &Path) -> Result<Server>;
    /// A connection of this name that reads or sends.
    fn wire(name: usize, size: usize, reads: bool) -> Self::Wire;
}

/// This project's relay.
pub struct Blindrelay;

impl Make for Blindrelay {
    const NAME: &'static str = "blindrelay";
    type Wire = Frames;

    fn start(dir: &Path) -> Result<Server> {
        Server::relay(dir)
    }

    fn wire(name: usize, size: usize, _reads: bool) -> Frames {
        Frames::new(name, size)
    }
}

/// A make, started.
pub struct Started<M: Make> {
    runtime: Runtime,
    running: Option<(tempfile::TempDir, Server, Crowd<M::Wire>)>,
}

impl<M: Make> Started<M> {
    /// None is started yet.
    pub fn new() -> Result<Self> {
        Ok(Self { runtime: Runtime::new()?, running: None })
    }

    fn running(&mut self) -> (&Runtime, &mut Server, &mut Crowd<M::Wire>) {
        let (_, server, crowd) = self.running.as_mut().expect("it was started");
        (&self.runtime, server, crowd)
    }
}

impl<M: Make> Side for Started<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn start(&mut self, connections: usize, size: usize) -> Result<()> {
        self.running = None;
        let dir = tempfile::tempdir()?;
        let server = M::start(dir.path())?;
        let crowd = Crowd::open(server.address, connections, |name, reads| M::wire(name, size, reads));
        let crowd = self.runtime.block_on(crowd)?;
        self.running = Some((dir, server, crowd));
        Ok(())
    }

    fn flood(&mut self, time: Duration) -> Result<[f64; 2]> {
        let (runtime, server, crowd) = self.running();
        let before = server.cpu();
        let batch = runtime.block_on(crowd.batch(Pace::Flood, time))?;
        #[allow(clippy::cast_precision_loss)]
        let messages = batch.messages as f64;
        Ok([messages / batch.took.as_secs_f64(), (server.cpu() - before) / messages * 1e6])
    }

    fn latency(&mut self, per_second: u32, time: Duration) -> Result<[f64; 2]> {
        let (runtime, _, crowd) = self.running();
        let batch = runtime.block_on(crowd.batch(Pace::Messages(per_second), time))?;
        #[allow(clippy::cast_precision_loss)]
        let ways: Vec<f64> = batch.ways.into_iter().map(|nanos| nanos as f64 / 1e3).collect();
        Ok([at(ways.clone(), 0.5), at(ways, 0.99)])
    }

    fn resident(&self) -> f64 {
        self.running.as_ref().map_or(f64::NAN, |(_, server, _)| server.resident())
    }
}
