//! A relay that lies: a proxy between honest clients and an honest relay, which may do anything with what passes.
//!
//! Question: how does one try what a lying relay can do, without writing one?
//! Each attack is a [`Hand`] in the way of every frame. The relay behind it stays clean code, and the clients before it are real:
//! they connect to the proxy instead of to the relay, and notice nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{accept_async_with_config, connect_async_with_config};

use super::hand::{Act, Hand, Hands, Note};
use crate::clock::Clock;
use crate::wire::{ClientFrame, MAX_FRAME, MessageId, Payload, RelayFrame, RelayUrl, UserId};

/// How often hands that hold something are asked whether to let it go.
const TICK: Duration = Duration::from_millis(20);

/// A message as whoever carries it sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// From whom.
    pub from: UserId,
    /// To whom.
    pub to: UserId,
    /// The sender's id for it.
    pub id: MessageId,
    /// Content or blob.
    pub payload: Payload,
}

/// A running proxy; dropping it cuts all lines.
#[derive(Debug)]
pub struct Proxy {
    url: RelayUrl,
    hub: Arc<Mutex<Hub>>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug)]
struct Hub {
    hands: Hands,
    lines: BTreeMap<UserId, Line>,
    seen: Vec<Seen>,
    published: Vec<UserId>,
}

/// The two ends of a client's connection.
#[derive(Debug)]
struct Line {
    relay: UnboundedSender<String>,
    client: UnboundedSender<String>,
}

impl Proxy {
    /// Serves clients on `listener` with the relay at `upstream`. Also gives the attacker's notes. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn start(
        listener: TcpListener,
        upstream: RelayUrl,
        hands: Vec<Box<dyn Hand>>,
        seed: u64,
        clock: Clock,
    ) -> std::io::Result<(Self, UnboundedReceiver<Note>)> {
        let url = format!("ws://{}", listener.local_addr()?).parse().expect("an address is a relay's address");
        let (hands, noted) = Hands::new(hands, seed, clock);
        let hub = Hub { hands, lines: BTreeMap::new(), seen: Vec::new(), published: Vec::new() };
        let hub = Arc::new(Mutex::new(hub));
        let (connections, ticks) = (hub.clone(), hub.clone());
        let accept = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                passing.spawn(pass(client, upstream.clone(), connections.clone()));
            }
        });
        let tick = tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                lock(&ticks).tick();
            }
        });
        Ok((Self { url, hub, tasks: [accept, tick] }, noted))
    }

    /// Where clients connect instead of to the relay.
    #[must_use]
    pub fn url(&self) -> &RelayUrl {
        &self.url
    }

    /// Every message that clients have handed over so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.hub).seen.clone()
    }

    /// Whether a client's keys are at the relay.
    #[must_use]
    pub fn has_published(&self, user: &UserId) -> bool {
        lock(&self.hub).published.contains(user)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn lock(hub: &Mutex<Hub>) -> MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    fn up(&mut self, who: &UserId, text: String) {
        let Ok(frame) = serde_json::from_str(&text) else {
            self.lines.get(who).map(|line| line.relay.send(text));
            return;
        };
        if let ClientFrame::Send { id, to, payload } = &frame {
            let (at, from) = (self.hands.now(), who.clone());
            self.seen.push(Seen { at, from, to: to.clone(), id: *id, payload: payload.clone() });
        }
        let acts = self.hands.through(vec![Act::Relay(who.clone(), frame)]);
        self.leave(acts);
    }

    fn down(&mut self, who: &UserId, text: String) {
        let Ok(frame) = serde_json::from_str(&text) else {
            self.lines.get(who).map(|line| line.client.send(text));
            return;
        };
        if matches!(frame, RelayFrame::Published { .. }) {
            self.published.push(who.clone());
        }
        let acts = self.hands.through(vec![Act::Client(who.clone(), frame)]);
        self.leave(acts);
    }

    fn tick(&mut self) {
        let acts = self.hands.tick();
        self.leave(acts);
    }

    fn leave(&mut self, acts: Vec<Act>) {
        for act in acts {
            let json = |frame: serde_json::Result<String>| frame.expect("a frame is plain data with text keys");
            // Whoever is not connected gets nothing, as from a relay.
            let _sent = match act {
                Act::Relay(who, frame) => {
                    self.lines.get(&who).map(|line| line.relay.send(json(serde_json::to_string(&frame))))
                }
                Act::Client(who, frame) => {
                    self.lines.get(&who).map(|line| line.client.send(json(serde_json::to_string(&frame))))
                }
                Act::Raw(who, text) => self.lines.get(&who).map(|line| line.client.send(text)),
            };
        }
    }
}

async fn pass(client: TcpStream, relay: RelayUrl, hub: Arc<Mutex<Hub>>) -> Result<(), tungstenite::Error> {
    client.set_nodelay(true)?;
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    let mut client = accept_async_with_config(client, Some(config)).await?;
    let (mut relay, _) = connect_async_with_config(relay.websocket(), Some(config), true).await?;
    let (to_relay, mut for_relay) = mpsc::unbounded_channel();
    let (to_client, mut for_client) = mpsc::unbounded_channel();
    let mut lines = Some(Line { relay: to_relay, client: to_client });
    let mut who = None;
    loop {
        tokio::select! {
            message = client.next() => match (message.unwrap_or(Ok(Message::Close(None)))?, &who) {
                (Message::Close(_), _) => {
                    // What the client said before it left still goes to the relay.
                    while let Ok(text) = for_relay.try_recv() {
                        relay.send(Message::text(text)).await?;
                    }
                    return relay.close(None).await;
                }
                (Message::Text(text), None) => {
                    // The first frame says who it is; it passes as it is.
                    if let Ok(ClientFrame::Hello { id, .. }) = serde_json::from_str(&text)
                        && let Some(line) = lines.take()
                    {
                        lock(&hub).lines.insert(id.clone(), line);
                        who = Some(id);
                    }
                    relay.send(Message::Text(text)).await?;
                }
                (Message::Text(text), Some(who)) => lock(&hub).up(who, text.to_string()),
                (Message::Ping(_) | Message::Pong(_), _) => {}
                (other, _) => relay.send(other).await?,
            },
            message = relay.next() => match (message.unwrap_or(Ok(Message::Close(None)))?, &who) {
                (Message::Close(frame), _) => return client.close(frame).await,
                (Message::Text(text), Some(who)) => lock(&hub).down(who, text.to_string()),
                (Message::Ping(_) | Message::Pong(_), _) => {}
                (other, _) => client.send(other).await?,
            },
            Some(text) = for_relay.recv() => relay.send(Message::text(text)).await?,
            Some(text) = for_client.recv() => client.send(Message::text(text)).await?,
        }
    }
}
