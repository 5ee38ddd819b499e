//! A bare WebSocket to a relay: what a client of another make, or a hostile one, would say.

use std::time::Duration;

use blindrelay::clock::Clock;
use blindrelay::relay::{Limits, Relay, Store};
use blindrelay::wire::{
    Bytes, ClientFrame, Content, Envelope, ErrorCode, MessageId, PATH, Payload, RelayFrame, Token, VERSION, Welcome,
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use super::harness::PATIENCE;

/// One connection.
pub struct Raw(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Raw {
    /// Connects and says nothing.
    pub async fn connect(url: &str) -> Self {
        Self(connect_async(format!("{url}{PATH}")).await.unwrap().0)
    }

    /// Speaks over a connection that was made otherwise.
    pub async fn over(stream: TcpStream, url: &str) -> Self {
        Self(client_async(format!("{url}{PATH}"), MaybeTlsStream::Plain(stream)).await.unwrap().0)
    }

    /// Connects and says hello.
    pub async fn hello(url: &str, name: &str, token: &Token) -> (Self, Welcome) {
        let mut raw = Self::connect(url).await;
        raw.send(&hello(name, token)).await;
        match raw.next().await {
            Some(RelayFrame::Welcome(welcome)) => (raw, welcome),
            other => panic!("{other:?}"),
        }
    }

    /// Says hello with a token of its own.
    pub async fn join(url: &str, name: &str) -> Self {
        Self::hello(url, name, &Token::random(&mut rand::rng())).await.0
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &ClientFrame) {
        self.text(serde_json::to_string(frame).unwrap()).await;
    }

    /// Sends any text.
    pub async fn text(&mut self, text: String) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Hands over an open text under an id.
    pub async fn say(&mut self, id: u8, to: &str, text: &str) {
        self.send(&send(id, to, open(text))).await;
    }

    /// The next frame; none if the relay closed the connection.
    pub async fn next(&mut self) -> Option<RelayFrame> {
        loop {
            return match timeout(PATIENCE, self.0.next()).await.expect("the relay answers") {
                Some(Ok(Message::Text(text))) => Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => None,
            };
        }
    }

    /// The next frame, which is mail.
    #[track_caller]
    pub fn mail(&mut self) -> impl Future<Output = Envelope> {
        let caller = std::panic::Location::caller();
        async move {
            match self.next().await {
                Some(RelayFrame::Deliver(envelope)) => envelope,
                other => panic!("{other:?} instead of mail, {caller}"),
            }
        }
    }

    /// The next frame, which accepts this id.
    #[track_caller]
    pub fn accepted(&mut self, id: u8) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let next = self.next().await;
            assert_eq!(next, Some(RelayFrame::Accepted { id: message_id(id) }), "{caller}");
        }
    }

    /// The next frame, which is an error: its code, and what it tells people.
    #[track_caller]
    pub fn error(&mut self) -> impl Future<Output = (ErrorCode, String)> {
        let caller = std::panic::Location::caller();
        async move {
            match self.next().await {
                Some(RelayFrame::Error { code, detail, .. }) => (code, detail),
                other => panic!("{other:?} instead of an error, {caller}"),
            }
        }
    }

    /// Nothing else has come: a question that must be answered is answered next.
    pub async fn nothing_more(&mut self) {
        self.send(&ClientFrame::Fetch { user: "nobody-of-this-name".parse().unwrap() }).await;
        assert_eq!(self.error().await.0, ErrorCode::UnknownUser);
    }
}

/// The first frame.
pub fn hello(name: &str, token: &Token) -> ClientFrame {
    ClientFrame::Hello { version: VERSION, id: name.parse().unwrap(), token: token.clone() }
}

/// A send frame.
pub fn send(id: u8, to: &str, payload: Payload) -> ClientFrame {
    ClientFrame::Send { id: message_id(id), to: to.parse().unwrap(), payload }
}

/// A message id that is easy to recognise.
pub fn message_id(id: u8) -> MessageId {
    MessageId([id; 16])
}

/// An open text.
pub fn open(text: &str) -> Payload {
    Payload::Open(Content::Text { sent_at: 1, counter: 1, text: text.to_owned(), via: None })
}

/// A sealed blob of these bytes.
pub fn sealed(blob: &[u8]) -> Payload {
    Payload::Sealed(Bytes(blob.to_vec()))
}

/// A relay in this process, with limits of its own and a store in memory.
pub async fn small_relay(limits: Limits) -> String {
    observed_relay(limits).await.0
}

/// The same, and a handle to look at it.
pub async fn observed_relay(limits: Limits) -> (String, Relay) {
    relay_on(Store::in_memory(false).unwrap(), limits).await
}

/// The same with a store of one's own.
pub async fn relay_on(store: Store, limits: Limits) -> (String, Relay) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let relay = Relay::start(store, Clock::system(), limits, [0; 32]);
    let app = relay.router();
    tokio::spawn(relay.clone().serve(listener, app, std::future::pending()));
    (url, relay)
}

/// Waits for a future no longer than this; none if it takes longer.
pub async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    timeout(time, future).await.ok()
}
