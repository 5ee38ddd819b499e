//! A relay in a process of its own, so that its time and memory can be told from the load's. This program starts itself again for it,
//! with the word `serve`: the program's own command keeps its limits, which are there to protect honest users.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use blindrelay::clock::Clock;
use blindrelay::relay::{Limits, Relay, Store};
use tokio::net::TcpListener;

use crate::measure::resident;

/// A relay's process. It is killed when this is dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts this project's relay on the database in this directory.
    pub fn relay(dir: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("serve").arg(dir).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse().context("the relay did not start")? })
    }

    /// A process that listens there, once it does.
    #[allow(dead_code)] // for peers
    pub fn of(child: Child, address: SocketAddr) -> Result<Self> {
        let server = Self { child, address };
        for _ in 0..500 {
            if std::net::TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("nobody listens on {address}")
    }

    /// Processor time that it has used, in seconds: its own and the kernel's for it.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
        // utime and stime, in hundredths of a second.
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> f64 {
        resident(&self.child.id().to_string())
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The other end of [`Server::relay`]: serves without limits until it is killed.
#[tokio::main]
pub async fn serve(dir: &Path) -> Result<()> {
    let store = Store::open(&dir.join("relay.db"), false)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    // Whoever waits for its turn says nothing for a while.
    let limits = Limits { idle: Duration::from_hours(1), ..Limits::unlimited() };
    let relay = Relay::start(store, Clock::system(), limits, [0; 32]);
    let app = relay.router();
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    relay.serve(listener, app, std::future::pending()).await;
    Ok(())
}

/// As many descriptors as this process may have, and those that it starts: some systems begin with 1,024.
pub fn raise_descriptor_limit() {
    let raise = "prlimit --pid $PPID --nofile=$(ulimit -Hn):$(ulimit -Hn)";
    let _else_it_may_not_connect = Command::new("sh").args(["-c", raise]).status();
}

/// Write 1 KiB, flush, repeat: flushes a second of this disk, now.
pub fn flushes(dir: &Path) -> Result<f64> {
    let mut file = fs::File::create(dir.join("probe"))?;
    let (start, mut flushes) = (std::time::Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_millis(300) {
        file.write_all(&[0x42; 1024])?;
        file.sync_data()?;
        flushes += 1;
    }
    Ok(f64::from(flushes) / start.elapsed().as_secs_f64())
}
