//! Clients that are light enough for thousands in one process, and the ledger that they keep together: what was sent, what the relay
//! accepted, what was read. Whatever was accepted and never read is lost.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use blindrelay::wire::{ClientFrame, MessageId, PATH, RelayFrame, Token, Welcome};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::harness::{PATIENCE, Relay};
use super::raw::{hello, sealed};

/// Messages that a client has under way at most.
const WINDOW: usize = 16;
/// Then everything has arrived, if nothing is lost, however many there are.
pub const SETTLED: Duration = Duration::from_secs(90);

type Socket = WebSocketStream<TcpStream>;

pub fn token() -> Token {
    Token::from_bytes([7; 32])
}

pub fn name(n: usize) -> String {
    format!("load-{n}")
}

/// Connects and says hello; none if there is no relay. Buffers are small: there are many of these.
pub async fn connect(address: &str, name: &str, receive_buffer: Option<u32>) -> Option<(Socket, Welcome)> {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size).unwrap();
    }
    let stream = socket.connect(address.parse().unwrap()).await.ok()?;
    let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
    let (mut socket, _) = client_async_with_config(format!("ws://{address}{PATH}"), stream, Some(config)).await.ok()?;
    say(&mut socket, &hello(name, &token())).await.then_some(())?;
    match hear(&mut socket).await? {
        RelayFrame::Welcome(welcome) => Some((socket, welcome)),
        other => panic!("{name}: {other:?}"),
    }
}

/// Connects as soon as there is a relay.
pub async fn join(address: &str, name: &str) -> Socket {
    let joined = async {
        loop {
            match connect(address, name, None).await {
                Some((socket, _)) => return socket,
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(PATIENCE, joined).await.expect("the relay is there")
}

/// Whether it could be sent.
pub async fn say(socket: &mut Socket, frame: &ClientFrame) -> bool {
    socket.send(Message::text(serde_json::to_string(frame).unwrap())).await.is_ok()
}

/// The next frame; none if the relay is gone. Cancel safe.
pub async fn hear(socket: &mut Socket) -> Option<RelayFrame> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            _ => return None,
        }
    }
}

/// What was sent, accepted, and read.
#[derive(Default)]
pub struct Ledger(Mutex<Books>);

#[derive(Default)]
struct Books {
    sent: HashMap<MessageId, Instant>,
    accepted: BTreeSet<MessageId>,
    took: HashMap<MessageId, Duration>,
}

impl Ledger {
    pub fn send(&self, to: &str, size: usize) -> (MessageId, ClientFrame) {
        let id = MessageId::random(&mut rand::rng());
        self.0.lock().unwrap().sent.insert(id, Instant::now());
        (id, ClientFrame::Send { id, to: to.parse().unwrap(), payload: sealed(&vec![0x42; size]) })
    }

    pub fn accepted(&self, id: MessageId) {
        self.0.lock().unwrap().accepted.insert(id);
    }

    /// The first time counts: mail may come twice, and what an earlier ledger had may come again.
    pub fn arrived(&self, id: MessageId) {
        let books = &mut *self.0.lock().unwrap();
        if let Some(sent) = books.sent.get(&id) {
            books.took.entry(id).or_insert(sent.elapsed());
        }
    }

    pub fn sent_so_far(&self) -> usize {
        self.0.lock().unwrap().sent.len()
    }

    pub fn accepted_so_far(&self) -> usize {
        self.0.lock().unwrap().accepted.len()
    }

    /// Accepted, and never arrived.
    pub fn lost(&self) -> usize {
        let books = self.0.lock().unwrap();
        books.accepted.iter().filter(|id| !books.took.contains_key(id)).count()
    }

    /// Waits until so many are accepted and have arrived: how long they took, or what is wrong. None may take longer than `bound`.
    pub async fn settled(&self, expected: usize, bound: Duration) -> Result<String, String> {
        let deadline = Instant::now() + SETTLED;
        while (self.accepted_so_far() < expected || self.lost() > 0) && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
        let (accepted, lost) = (self.accepted_so_far(), self.lost());
        if (accepted, lost) != (expected, 0) {
            return Err(format!("{accepted} of {expected} accepted, {lost} lost"));
        }
        let mut took: Vec<Duration> = self.0.lock().unwrap().took.values().copied().collect();
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        let summary = format!("p50 {:.1?}, p99 {:.1?}, longest {:.1?}", at(50), at(99), at(100));
        if at(100) < bound { Ok(summary) } else { Err(format!("somebody waited: {summary}")) }
    }

    /// The same, printed, and nothing may be wrong.
    pub async fn settle(&self, what: &str, expected: usize, bound: Duration) {
        match self.settled(expected, bound).await {
            Ok(summary) => println!("tried: {what}: {expected} messages, {summary}"),
            Err(complaint) => panic!("{what}: {complaint}"),
        }
    }
}

/// Clients that write to each other, in pairs.
pub struct Crowd {
    clients: JoinSet<()>,
    pub ledger: Arc<Ledger>,
    end: watch::Sender<bool>,
    pub total: usize,
}

impl Crowd {
    /// Each sends so many, one each time.
    pub fn start(relay: &Relay, names: std::ops::Range<usize>, count: usize, every: Duration) -> Self {
        let (end, ended) = watch::channel(false);
        let (ledger, mut clients) = (Arc::<Ledger>::default(), JoinSet::new());
        let total = names.len() * count;
        for n in names {
            let client = live(relay.address(), n, count, every, ledger.clone(), ended.clone());
            clients.spawn(client);
        }
        Self { clients, ledger, end, total }
    }

    pub async fn finish(self, what: &str, bound: Duration) {
        self.ledger.settle(what, self.total, bound).await;
        self.end.send_replace(true);
        self.clients.join_all().await;
    }
}

/// One client: sends, acknowledges what it has read, and comes back when it has lost the relay. Ends when told.
async fn live(
    address: String,
    n: usize,
    count: usize,
    every: Duration,
    ledger: Arc<Ledger>,
    mut end: watch::Receiver<bool>,
) {
    let (me, to) = (name(n), name(n ^ 1));
    let mut socket = join(&address, &me).await;
    let (mut tick, mut left, mut waiting) = (interval(every), count, BTreeMap::new());
    loop {
        let connected = tokio::select! {
            _ = end.changed() => return,
            _ = tick.tick(), if left > 0 && waiting.len() < WINDOW => {
                left -= 1;
                let (id, frame) = ledger.send(&to, 256);
                let sent = say(&mut socket, &frame).await;
                waiting.insert(id, frame);
                sent
            }
            frame = hear(&mut socket) => match frame {
                Some(RelayFrame::Accepted { id }) => {
                    ledger.accepted(id);
                    waiting.remove(&id);
                    true
                }
                Some(RelayFrame::Deliver(mail)) => {
                    ledger.arrived(mail.id);
                    say(&mut socket, &ClientFrame::Ack { seq: mail.seq }).await
                }
                Some(other) => panic!("{me}: {other:?}"),
                None => false,
            }
        };
        if !connected {
            socket = join(&address, &me).await;
            for frame in waiting.values() {
                say(&mut socket, frame).await;
            }
        }
    }
}
