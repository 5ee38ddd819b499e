//! A tap on the wire: a proxy that passes every frame on and keeps a copy.
//!
//! It stands where a network observer or the relay's front door stands. WebSocket masks what clients send with a key that it
//! sends along; the copy is taken unmasked, so that nothing is hidden from the search by accident.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{accept_async_with_config, connect_async_with_config};

use crate::wire::{MAX_FRAME, RelayUrl};

/// One frame as it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// From a client to the relay, or back.
    pub to_relay: bool,
    /// The JSON.
    pub text: String,
}

/// A running tap; dropping it cuts the wire.
#[derive(Debug)]
pub struct Tap {
    url: RelayUrl,
    crossings: Arc<Mutex<Vec<Crossing>>>,
    task: JoinHandle<()>,
}

impl Tap {
    /// Listens on a free port of this machine and passes connections on to `relay`.
    ///
    /// # Errors
    /// If no port is to be had.
    pub async fn start(relay: RelayUrl) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let url = format!("ws://127.0.0.1:{port}").parse().expect("a loopback address is a relay's address");
        let crossings = Arc::new(Mutex::new(Vec::new()));
        let copies = crossings.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, relay.clone(), copies.clone()));
            }
        });
        Ok(Self { url, crossings, task })
    }

    /// Where clients connect instead of to the relay.
    #[must_use]
    pub fn url(&self) -> &RelayUrl {
        &self.url
    }

    /// Everything that has passed so far, in order.
    #[must_use]
    pub fn crossings(&self) -> Vec<Crossing> {
        self.crossings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, relay: RelayUrl, copies: Arc<Mutex<Vec<Crossing>>>) -> Result<(), tungstenite::Error> {
    client.set_nodelay(true)?;
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    let mut client = accept_async_with_config(client, Some(config)).await?;
    let (mut relay, _) = connect_async_with_config(relay.websocket(), Some(config), true).await?;
    let keep = |to_relay, message: &Message| {
        if let Message::Text(text) = message {
            let text = text.to_string();
            copies.lock().unwrap_or_else(PoisonError::into_inner).push(Crossing { to_relay, text });
        }
    };
    loop {
        tokio::select! {
            Some(message) = client.next() => {
                let message = message?;
                keep(true, &message);
                relay.send(message).await?;
            }
            Some(message) = relay.next() => {
                let message = message?;
                keep(false, &message);
                client.send(message).await?;
            }
            else => return Ok(()),
        }
    }
}
