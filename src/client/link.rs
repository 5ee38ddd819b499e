//! The link: one WebSocket to the relay, made again whenever it breaks.
//!
//! Question: the relay is killed in mid-sentence; who remembers what was said?
//! Not the link. It carries frames while it stands and drops what it could not carry: whatever must arrive lies in
//! the vault, and the messenger sends it again after the next `Welcome`. So the link stays simple: connect, say hello, pass
//! frames on, and after a loss wait a random while (0.2 s doubling to 10 s, full jitter, so that a class of
//! clients does not come back all at once).

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::wire::{ClientFrame, ErrorCode, MAX_FRAME, RelayFrame, RelayUrl};

/// Connecting and being welcomed may take this long each.
const PATIENCE: Duration = Duration::from_secs(10);
/// A ping goes out this often.
const PING: Duration = Duration::from_secs(30);
/// A relay that says nothing for this long, pongs included, is gone.
const SILENCE: Duration = Duration::from_secs(75);
/// The first wait after a loss, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// The wait after this client gave a connection up because it could not save what came.
const RESPITE: Duration = Duration::from_secs(2);

/// A connection that heals itself. Dropping it closes it at once.
#[derive(Debug)]
pub struct Link {
    url: RelayUrl,
    hello: ClientFrame,
    /// Where frames go: each connection has a queue of its own, so that none carries what was meant for the one before.
    frames: Option<UnboundedSender<ClientFrame>>,
    told: Receiver<Told>,
    task: JoinHandle<()>,
}

/// What the task tells the link.
#[derive(Debug)]
enum Told {
    /// A new connection, its queue, and its `Welcome`.
    Welcomed(UnboundedSender<ClientFrame>, RelayFrame),
    Event(LinkEvent),
}

/// What the link tells.
#[derive(Debug)]
pub enum LinkEvent {
    /// A frame; the first after each connect is `Welcome`.
    Frame(RelayFrame),
    /// The connection is gone or could not be made. The link tries again by itself.
    Lost {
        /// For people.
        why: String,
    },
    /// The relay refuses this client; the link has ended.
    Refused {
        /// For people.
        detail: String,
    },
}

impl Link {
    /// Starts connecting. `hello` opens every connection. Must be called inside a tokio runtime.
    #[must_use]
    pub fn spawn(url: RelayUrl, hello: ClientFrame) -> Self {
        Self::start(url, hello, Duration::ZERO)
    }

    /// Gives the connection up and makes another after a while. What had arrived and was not taken is delivered again.
    pub fn reconnect(&mut self) {
        *self = Self::start(self.url.clone(), self.hello.clone(), RESPITE);
    }

    fn start(url: RelayUrl, hello: ClientFrame, wait: Duration) -> Self {
        let (incoming, told) = mpsc::channel(64);
        let task = tokio::spawn(run(url.clone(), hello.clone(), wait, incoming));
        Self { url, hello, frames: None, told, task }
    }

    /// Queues a frame for the connection whose `Welcome` was the last one that [`Link::next`] gave. If that one is gone the frame
    /// is dropped: the messenger sends it again after the next `Welcome`.
    pub fn send(&self, frame: ClientFrame) {
        if let Some(frames) = &self.frames {
            let _gone = frames.send(frame);
        }
    }

    /// The next event; none after the link has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<LinkEvent> {
        match self.told.recv().await? {
            Told::Welcomed(frames, welcome) => {
                self.frames = Some(frames);
                Some(LinkEvent::Frame(welcome))
            }
            Told::Event(event) => Some(event),
        }
    }

    /// Sends what is queued, as far as the connection stands, and closes it; two seconds at most.
    pub async fn close(self) {
        let Self { frames, mut told, task, .. } = self;
        if frames.is_some_and(|frames| !frames.is_closed()) {
            let drain = async { while let Some(Told::Event(LinkEvent::Frame(_))) = told.recv().await {} };
            let _late = timeout(Duration::from_secs(2), drain).await;
        }
        task.abort();
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended.
enum End {
    /// The client was closed or dropped.
    Ours,
    Lost(String),
    Refused(String),
}

impl From<tungstenite::Error> for End {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Io(error) => Self::Lost(error.to_string()),
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
                Self::Lost("it closed".to_owned())
            }
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Self::Lost("the connection broke".to_owned())
            }
            tungstenite::Error::Http(_) => {
                Self::Lost("something else than a blindrelay relay answers there".to_owned())
            }
            _ => Self::Lost("it does not speak the protocol".to_owned()),
        }
    }
}

async fn run(url: RelayUrl, hello: ClientFrame, mut wait: Duration, incoming: Sender<Told>) {
    let mut backoff = BACKOFF.0;
    loop {
        tokio::select! {
            () = sleep(wait) => {}
            () = incoming.closed() => return,
        }
        let connected = tokio::select! {
            connected = connect(&url, &hello) => connected,
            () = incoming.closed() => return,
        };
        let end = match connected {
            Ok((socket, welcome)) => {
                backoff = BACKOFF.0;
                let (frames, outgoing) = mpsc::unbounded_channel();
                match incoming.send(Told::Welcomed(frames, welcome)).await {
                    Ok(()) => carry(socket, outgoing, &incoming).await,
                    Err(_) => End::Ours,
                }
            }
            Err(end) => end,
        };
        let why = match end {
            End::Ours => return,
            End::Refused(detail) => {
                let _ended = incoming.send(Told::Event(LinkEvent::Refused { detail })).await;
                return;
            }
            End::Lost(why) => why,
        };
        if incoming.send(Told::Event(LinkEvent::Lost { why })).await.is_err() {
            return;
        }
        wait = rand::rng().random_range(Duration::ZERO..=backoff);
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

/// Connects, says hello, and waits to be welcomed.
async fn connect(url: &RelayUrl, hello: &ClientFrame) -> Result<(Socket, RelayFrame), End> {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let connecting = connect_async_with_config(url.websocket(), Some(config), true);
    let late = |_| End::Lost("it does not answer".to_owned());
    let (mut socket, _) = timeout(PATIENCE, connecting).await.map_err(late)??;
    socket.send(text(hello)).await?;
    let welcome = async {
        loop {
            if let Some(frame) = read(socket.next().await)? {
                return Ok::<_, End>(frame);
            }
        }
    };
    match timeout(PATIENCE, welcome).await.map_err(late)?? {
        welcome @ RelayFrame::Welcome(_) => Ok((socket, welcome)),
        RelayFrame::Error { detail, .. } => Err(End::Lost(detail)),
        _ => Err(End::Lost("it did not welcome this client".to_owned())),
    }
}

/// Passes frames both ways until one side ends. Each way goes on while the other is stuck: two sides that wait for the
/// other to read first would wait for ever.
async fn carry(socket: Socket, mut outgoing: UnboundedReceiver<ClientFrame>, incoming: &Sender<Told>) -> End {
    let (mut to_relay, mut from_relay) = socket.split();
    let talk = async {
        let mut ping = interval_at(Instant::now() + PING, PING);
        loop {
            let message = tokio::select! {
                frame = outgoing.recv() => match frame {
                    Some(frame) => text(&frame),
                    None => {
                        let _best_effort = to_relay.close().await;
                        return End::Ours;
                    }
                },
                _ = ping.tick() => Message::Ping(tungstenite::Bytes::new()),
            };
            // A relay that does not read must not make the queue grow for ever.
            match timeout(SILENCE, to_relay.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.into(),
                Err(_) => return End::Lost("it does not read".to_owned()),
            }
        }
    };
    let listen = async {
        loop {
            let Ok(message) = timeout(SILENCE, from_relay.next()).await else {
                return End::Lost("it fell silent".to_owned());
            };
            match read(message) {
                Ok(None) => {}
                Ok(Some(frame)) => match incoming.send(Told::Event(LinkEvent::Frame(frame))).await {
                    Ok(()) => {}
                    Err(_) => return End::Ours,
                },
                Err(end) => return end,
            }
        }
    };
    tokio::select! {
        end = talk => end,
        end = listen => end,
    }
}

/// A frame out of what the socket gave; none for pings and pongs. An error that means this client is not wanted ends the link.
fn read(message: Option<Result<Message, tungstenite::Error>>) -> Result<Option<RelayFrame>, End> {
    match message {
        None | Some(Ok(Message::Close(_))) => Err(End::Lost("it closed".to_owned())),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
            Ok(RelayFrame::Error { code, detail, .. }) if is_final(code) => Err(End::Refused(detail)),
            Ok(frame) => Ok(Some(frame)),
            Err(_) => Err(End::Lost("it sent something that is not a frame".to_owned())),
        },
        Some(Ok(Message::Binary(_))) => Err(End::Lost("it sent something that is not a frame".to_owned())),
        Some(Ok(_)) => Ok(None),
    }
}

fn is_final(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::WrongVersion | ErrorCode::NameTaken | ErrorCode::Replaced)
}

fn text(frame: &ClientFrame) -> Message {
    Message::text(serde_json::to_string(frame).expect("a frame is plain data with text keys"))
}
