//! The naive twin on a socket: two people who believe everything that the relay says about keys.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::cast::{House, id};
use crate::crypto::Secret;
use crate::lab::hand::{Hand, Table};
use crate::lab::naive::Naive;
use crate::wire::{Bytes, ClientFrame, Envelope, MessageId, Payload, RelayFrame, RelayUrl, UserId};

/// A naive user with a connection.
pub(super) struct Twin {
    pub(super) naive: Naive,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mail: VecDeque<Envelope>,
}

/// Naive Alice and naive Bob, who have asked the relay for each other's key.
pub(super) async fn pair(hands: Vec<Box<dyn Hand>>) -> Result<(House, Twin, Twin)> {
    let house = House::open(hands, 1).await?;
    let mut alice = Twin::join(house.proxy.url(), "alice").await?;
    let mut bob = Twin::join(house.proxy.url(), "bob").await?;
    alice.learn("bob").await?;
    bob.learn("alice").await?;
    Ok((house, alice, bob))
}

impl Twin {
    /// Registers and publishes a key.
    pub(super) async fn join(url: &RelayUrl, name: &str) -> Result<Self> {
        let naive = Naive::generate(id(name), &mut rand::rng());
        let (socket, _) = connect_async(url.websocket()).await?;
        let mut twin = Self { naive, socket, mail: VecDeque::new() };
        twin.put(&twin.naive.hello()).await?;
        twin.wait(|frame| matches!(frame, RelayFrame::Welcome(_))).await?;
        twin.put(&twin.naive.publish()).await?;
        twin.wait(|frame| matches!(frame, RelayFrame::Published { .. })).await?;
        Ok(twin)
    }

    /// Asks for somebody's key, and believes the answer.
    pub(super) async fn learn(&mut self, peer: &str) -> Result<()> {
        self.put(&Naive::fetch(&id(peer))).await?;
        let keys = self.wait(|frame| matches!(frame, RelayFrame::Keys { .. })).await?;
        if !self.naive.learn(&keys) {
            bail!("the relay gave no key of {peer}");
        }
        Ok(())
    }

    /// Says something; the blob that left.
    pub(super) async fn say(&mut self, to: &str, text: &str) -> Result<ClientFrame> {
        let frame = self.naive.send(&id(to), text, &mut rand::rng()).context("the key was asked for before")?;
        self.put(&frame).await?;
        self.wait(|frame| matches!(frame, RelayFrame::Accepted { .. })).await?;
        Ok(frame)
    }

    /// Sends a blob of one's own making.
    pub(super) async fn put_blob(&mut self, to: &str, blob: &[u8]) -> Result<()> {
        let (message, payload) = (MessageId::random(&mut rand::rng()), Payload::Sealed(blob.to_vec().into()));
        self.put(&ClientFrame::Send { id: message, to: id(to), payload }).await
    }

    /// The next message, as it came.
    pub(super) async fn mail(&mut self) -> Result<Envelope> {
        if let Some(envelope) = self.mail.pop_front() {
            return Ok(envelope);
        }
        match self.wait(|frame| matches!(frame, RelayFrame::Deliver(_))).await? {
            RelayFrame::Deliver(envelope) => Ok(envelope),
            _ => bail!("only mail is waited for"),
        }
    }

    /// What the next message says, and who the relay says wrote it.
    pub(super) async fn hear(&mut self) -> Result<String> {
        let envelope = self.mail().await?;
        let text = self.naive.receive(&envelope).unwrap_or_else(|| "(does not open)".to_owned());
        Ok(format!("{}: {text}", envelope.from))
    }

    /// The one key of two people, as a thief finds it.
    pub(super) fn stolen(&self, peer: &str) -> Result<Secret<32>> {
        self.naive.key(&id(peer)).context("the key was asked for before")
    }

    async fn put(&mut self, frame: &ClientFrame) -> Result<()> {
        Ok(self.socket.send(Message::text(serde_json::to_string(frame)?)).await?)
    }

    async fn wait(&mut self, wanted: impl Fn(&RelayFrame) -> bool) -> Result<RelayFrame> {
        loop {
            let next = timeout(super::cast::PATIENCE, self.socket.next()).await?.context("the relay is gone")??;
            let Message::Text(text) = next else { continue };
            let frame: RelayFrame = serde_json::from_str(&text)?;
            if let RelayFrame::Deliver(envelope) = &frame {
                self.put(&ClientFrame::Ack { seq: envelope.seq }).await?;
            }
            match frame {
                frame if wanted(&frame) => return Ok(frame),
                RelayFrame::Deliver(envelope) => self.mail.push_back(envelope),
                _ => {}
            }
        }
    }
}

/// A hand against the twin alone: stands between two naive people, with one key for both.
#[derive(Debug)]
pub(super) struct NaiveMiddle {
    mallory: Naive,
    /// Keys are handed out honestly so often first.
    honest: usize,
    /// The genuine key is handed out as well, after the false one.
    ghost: bool,
}

impl NaiveMiddle {
    pub(super) fn after(honest: usize, ghost: bool) -> Box<dyn Hand> {
        Box::new(Self { mallory: Naive::generate(id("mallory"), &mut rand::rng()), honest, ghost })
    }

    fn key(&self) -> Bytes {
        match self.mallory.publish() {
            ClientFrame::Publish { identity, .. } => identity,
            _ => Bytes::default(),
        }
    }
}

impl Hand for NaiveMiddle {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        if let ClientFrame::Publish { identity, .. } = &frame {
            let (user, identities) = (who.clone(), vec![identity.clone()]);
            self.mallory.learn(&RelayFrame::Keys { user, identities, prekey: None, one_time: None });
        }
        if let ClientFrame::Send { id, to, payload } = &frame {
            let envelope =
                Envelope { seq: 0, id: *id, from: who.clone(), to: to.clone(), at: 0, payload: payload.clone() };
            if let Some(text) = self.mallory.receive(&envelope) {
                table.got(format!("{who} to {to}: {text}"));
                let again = self.mallory.send(to, &text, &mut table.rng);
                if let Some(ClientFrame::Send { payload, .. }) = again {
                    return table.relay(who, ClientFrame::Send { id: *id, to: to.clone(), payload });
                }
            }
        }
        table.relay(who, frame);
    }

    fn down(&mut self, who: &UserId, frame: RelayFrame, table: &mut Table) {
        match frame {
            RelayFrame::Keys { user, identities, .. } if self.honest > 0 => {
                self.honest -= 1;
                table.client(who, RelayFrame::Keys { user, identities, prekey: None, one_time: None });
            }
            RelayFrame::Keys { user, identities: genuine, .. } => {
                let mut identities = vec![self.key()];
                identities.extend(genuine.into_iter().filter(|_| self.ghost));
                table.client(who, RelayFrame::Keys { user, identities, prekey: None, one_time: None });
            }
            other => table.client(who, other),
        }
    }
}
