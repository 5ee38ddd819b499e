//! One conversation through one relay process: real clients, real sockets, a tap on the wire, and what each party saw of each line.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::timeout;

use super::{Line, Run, partner, random, sweep};
use crate::client::Client;
use crate::client::contacts::Mode;
use crate::client::messenger::Event;
use crate::client::vault::{StoredState, Vault};
use crate::clock::Clock;
use crate::home::Home;
use crate::lab::tap::Tap;
use crate::lab::{agreement, child};
use crate::wire::{ClientFrame, Payload, RelayUrl, UserId};

/// Each thing that is waited for happens within this time, or the demo ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// One line, as each party saw it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What the payload looked like on the wire.
    pub wire: String,
    /// What the relay's database holds, as text or hex.
    pub stored: String,
    /// What StreamCo's Inbox API returned.
    pub streamco: String,
    /// What the other person read.
    pub read: String,
    /// Bytes of text or blob.
    pub size: usize,
}

/// A conversation that was played.
#[derive(Debug, Serialize)]
pub struct Played {
    /// In the order of the script.
    pub rows: Vec<Row>,
    /// Alice's safety number with Bob, 60 digits; none in open mode.
    pub alice_number: Option<String>,
    /// Bob's with Alice.
    pub bob_number: Option<String>,
    /// What the relay learnt in any case: (from Alice?, relay's clock in ms, bytes) of every message, receipts included.
    pub metadata: Vec<(bool, u64, usize)>,
}

/// What was set up for one run.
pub(super) struct Scene {
    pub(super) home: Home,
    pub(super) relay: Child,
    pub(super) tap: Tap,
    pub(super) alice: UserId,
    pub(super) bob: UserId,
    pub(super) url: RelayUrl,
    _dir: TempDir,
}

pub(super) async fn play(lines: &[Line], mode: Mode, now: u64, relay_bin: &Path) -> Result<Run> {
    let mut scene = Scene::set(relay_bin).await?;
    let mut alice = scene.client(&scene.alice)?;
    let mut bob = scene.client(&scene.bob)?;
    alice.converse(&scene.bob, mode == Mode::Open)?;
    bob.converse(&scene.alice, mode == Mode::Open)?;
    for client in [&mut alice, &mut bob] {
        wait(client, "a connection", |event| *event == Event::Online).await?;
    }
    let needles = sweep::Needles::new(lines, &scene);
    let before = needles.baseline(&scene).await?;

    let mut read = Vec::new();
    for line in lines {
        let (sender, receiver, to) =
            if line.from_alice { (&mut alice, &mut bob, &scene.bob) } else { (&mut bob, &mut alice, &scene.alice) };
        sender.send(to, &line.tagged)?;
        read.push(arrive(sender, receiver).await?);
    }

    let sends = sends(&scene.tap)?;
    let played = scene.played(lines, &sends, read, &mut alice, &mut bob).await?;
    let blobs = sends.into_iter().filter_map(|(_, payload)| match payload {
        Payload::Sealed(blob) => Some(blob.0),
        Payload::Open(_) => None,
    });
    let sweep = needles.sweep(&scene, blobs.collect(), before).await?;
    let business = partner::act(&scene, (lines, mode, now), [&mut alice, &mut bob]).await?;
    scene.relay.kill().await?;
    Ok(Run { played, sweep, business })
}

impl Scene {
    /// A fresh home, a relay process that hoards, a tap before it.
    async fn set(relay_bin: &Path) -> Result<Self> {
        let dir = TempDir::with_prefix("blindrelay-demo-")?;
        let home = Home::resolve(Some(dir.path().to_owned()))?;
        let (relay, url) = child::relay(relay_bin, &home, 0).await?;
        let tap = Tap::start(url.clone()).await?;
        // Names of this run: long enough to be searched for, and found nowhere else.
        let run = random(6);
        let name = |who: &str| format!("{who}-{run}").parse::<UserId>();
        Ok(Self { home, relay, tap, alice: name("alice")?, bob: name("bob")?, url, _dir: dir })
    }

    fn client(&self, user: &UserId) -> Result<Client> {
        let vault = Vault::open(&self.home.vault(user), user, None, &mut rand::rng())?;
        Ok(Client::open(vault, self.tap.url(), Clock::system())?)
    }

    /// What each party saw.
    async fn played(
        &self,
        lines: &[Line],
        sends: &[(ClientFrame, Payload)],
        read: Vec<String>,
        alice: &mut Client,
        bob: &mut Client,
    ) -> Result<Played> {
        let stored = stored(&self.home)?;
        let inbox = agreement::make(&self.home, &self.url).await?.inbox(&self.bob).await?;
        let metadata = stored.iter().map(|row| (row.from == self.alice.as_str(), row.at, row.size)).collect();
        // Receipts travel too; in open mode the relay sees which messages are texts, in sealed mode it counts alike.
        let mut texts = Vec::new();
        let (mut from_alice, mut from_bob) = (0, 0);
        for line in lines {
            let seen = if line.from_alice { &mut from_alice } else { &mut from_bob };
            let sender = if line.from_alice { &self.alice } else { &self.bob };
            let id = texts_of(if line.from_alice { alice } else { bob })?.get(*seen).copied();
            *seen += 1;
            texts.push((sender, id.context("every line is in its sender's vault")?));
        }
        let mut rows = Vec::new();
        for ((_, id), read) in texts.into_iter().zip(read) {
            let payload = sends.iter().find_map(|(frame, payload)| match frame {
                ClientFrame::Send { id: sent, .. } if *sent == id => Some(payload),
                _ => None,
            });
            let payload = payload.context("every line crossed the wire")?;
            let row = stored.iter().find(|row| row.id == id.0).context("every line was stored")?;
            let seen = inbox.iter().find(|message| message.seq == row.seq).context("every line is in the inbox")?;
            rows.push(Row {
                wire: serde_json::to_string(payload)?,
                stored: show(&row.body),
                streamco: seen.text.clone().or_else(|| seen.sealed.clone()).unwrap_or_default(),
                read,
                size: row.size,
            });
        }
        let number = |client: &mut Client, peer| {
            client.messenger().safety_number(peer).map(|number| number.map(|number| number.digits()))
        };
        Ok(Played { rows, alice_number: number(alice, &self.bob)?, bob_number: number(bob, &self.alice)?, metadata })
    }
}

/// Ids of the texts that a client wrote, in order.
fn texts_of(client: &mut Client) -> Result<Vec<crate::wire::MessageId>> {
    let messages = client.messenger().rows().messages(None, None, u32::MAX)?;
    Ok(messages.into_iter().filter(|message| message.outgoing).map(|message| message.id).collect())
}

/// What clients handed over, from the tap.
fn sends(tap: &Tap) -> Result<Vec<(ClientFrame, Payload)>> {
    let mut sends = Vec::new();
    for crossing in tap.crossings().iter().filter(|crossing| crossing.to_relay) {
        let frame: ClientFrame = serde_json::from_str(&crossing.text)?;
        if let ClientFrame::Send { payload, .. } = &frame {
            let payload = payload.clone();
            sends.push((frame, payload));
        }
    }
    Ok(sends)
}

struct StoredRow {
    seq: u64,
    id: [u8; 16],
    from: String,
    at: u64,
    size: usize,
    body: Vec<u8>,
}

/// The rows of the relay's database, read as a forensic examiner would: from its file.
fn stored(home: &Home) -> Result<Vec<StoredRow>> {
    let db = rusqlite::Connection::open(home.relay_file("relay.db"))?;
    let sql = "SELECT m.seq, m.id, u.name, m.at, m.size, m.body FROM messages m JOIN users u ON u.n = m.sender ORDER BY m.seq";
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let (seq, at, size) = (number(0)?, number(3)?, number(4)?);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(StoredRow { seq, id: row.get(1)?, from: row.get(2)?, at, size, body: row.get(5)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Text as text, anything else in hex.
fn show(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => body.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Runs both clients until the line was read by one and confirmed to the other.
pub(super) async fn arrive(sender: &mut Client, receiver: &mut Client) -> Result<String> {
    let both = async {
        let (mut read, mut delivered) = (None, false);
        loop {
            tokio::select! {
                event = receiver.next() => {
                    if let Event::Message { message, .. } = event?.context("the relay refused")? {
                        read = Some(message.text);
                    }
                }
                event = sender.next() => {
                    let event = event?.context("the relay refused")?;
                    delivered |= matches!(event, Event::State { state: StoredState::Delivered, .. });
                }
            }
            if delivered && let Some(read) = read {
                return Ok::<_, anyhow::Error>(read);
            }
        }
    };
    timeout(PATIENCE, both).await.context("a message did not arrive within 30 seconds")?
}

pub(super) async fn wait(client: &mut Client, what: &str, done: impl Fn(&Event) -> bool) -> Result<()> {
    let waiting = async {
        while let Some(event) = client.next().await? {
            if done(&event) {
                return Ok::<_, anyhow::Error>(());
            }
        }
        bail!("the relay refused")
    };
    timeout(PATIENCE, waiting).await.with_context(|| format!("no {what} within 30 seconds"))?
}
