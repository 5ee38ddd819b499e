//! A relay process with its eye open, people who hand it mail on the wire, and a page that watches.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use blindrelay::wire::{Bytes, ClientFrame, Content, Envelope, MessageId, Payload, RelayFrame, Token, VERSION};
use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::cdp::{Browser, Page};

/// A relay process with its eye open; killed when dropped.
pub struct Relay {
    child: Child,
    pub ws: String,
    pub eye: String,
}

impl Relay {
    pub fn start(home: &Path, listen: &str, eye: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_blindrelay"))
            .args(["relay", "--listen", listen, "--eye", eye, "--home"])
            .arg(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut after = |what: &str| lines.next().unwrap().split_once(what).unwrap().1.to_owned();
        let (ws, eye) = (after("listening on "), after("its eye is at "));
        Self { child, ws, eye }
    }

    pub fn fresh() -> (tempfile::TempDir, Self) {
        let home = tempfile::tempdir().unwrap();
        let relay = Self::start(home.path(), "127.0.0.1:0", "127.0.0.1:0");
        (home, relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Somebody who is connected and sends what a test wants.
pub struct Person(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Person {
    pub async fn join(relay: &Relay, name: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(format!("{}/v1/ws", relay.ws)).await.unwrap();
        let mut person = Self(socket);
        let token = Token::from_bytes([7; 32]);
        person.frame(&ClientFrame::Hello { version: VERSION, id: name.parse().unwrap(), token }).await;
        person.hear(|frame| matches!(frame, RelayFrame::Welcome(_))).await;
        person
    }

    pub async fn open(&mut self, to: &str, text: &str) {
        self.send(to, open(text)).await;
    }

    /// The next message in this mailbox.
    pub async fn delivery(&mut self) -> Envelope {
        match self.hear(|frame| matches!(frame, RelayFrame::Deliver(_))).await {
            RelayFrame::Deliver(envelope) => envelope,
            other => panic!("{other:?}"),
        }
    }

    /// Hands a message over, and returns when the relay has accepted it.
    pub async fn send(&mut self, to: &str, payload: Payload) {
        self.post(to, payload).await;
        self.hear(|frame| matches!(frame, RelayFrame::Accepted { .. })).await;
    }

    pub async fn post(&mut self, to: &str, payload: Payload) {
        let id = MessageId::random(&mut rand::rng());
        self.frame(&ClientFrame::Send { id, to: to.parse().unwrap(), payload }).await;
    }

    pub async fn frame(&mut self, frame: &ClientFrame) {
        self.0.send(Message::text(serde_json::to_string(frame).unwrap())).await.unwrap();
    }

    pub async fn hear(&mut self, wanted: impl Fn(&RelayFrame) -> bool) -> RelayFrame {
        while let Some(message) = self.0.next().await {
            let Ok(frame) = serde_json::from_str(message.unwrap().to_text().unwrap()) else { continue };
            assert!(!matches!(frame, RelayFrame::Error { .. }), "{frame:?}");
            if wanted(&frame) {
                return frame;
            }
        }
        panic!("the relay has gone");
    }
}

/// A page on the eye of a relay.
pub async fn watch(browser: &Browser, relay: &Relay) -> Page {
    let page = browser.page().await;
    page.navigate(&relay.eye).await;
    page.until("document.querySelector('#totals')?.textContent.includes('passed')").await;
    page
}

pub fn open(text: &str) -> Payload {
    Payload::Open(Content::Text { sent_at: 1_700_000_000_000, counter: 1, text: text.to_owned(), via: None })
}

/// Noise, of the size that a sealed text has.
pub fn sealed(size: usize) -> Payload {
    let mut blob = vec![0; size];
    rand::rng().fill_bytes(&mut blob);
    Payload::Sealed(Bytes(blob))
}
