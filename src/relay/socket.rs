//! One connection: hello first, then frames in both directions until one side ends.
//!
//! Question: when may the relay say "accepted"?
//! When the message is on its disk, not before. So requests go to the store as they come, many in flight, and each answer
//! returns after the commit it belongs to. Mail goes out in the order of its numbers and again after a reconnect, until the
//! client says that it has saved it.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{FutureExt, SinkExt};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite;

use super::limits::{Kind, fits};
use super::mailbox::{Mail, Mailbox};
use super::store::{Answer, Op, Reply, StoreError};
use super::{Inner, Relay};
use crate::wire::{
    ClientFrame, Content, ErrorCode, MAX_FRAME, MAX_ONE_TIME, MessageId, Payload, RelayFrame, UserId, VERSION,
};

/// Requests in flight; while there are more, nothing is read.
const IN_FLIGHT: usize = 256;
/// How soon mail that could not be read is tried again.
const PAGE_AGAIN: Duration = Duration::from_secs(1);
/// Messages that one flush may carry.
const BURST: usize = 64;

/// Why a connection ends.
enum End {
    /// The client left, or the line broke.
    Gone,
    /// What came is no text, not WebSocket, or too large: the client is told, if it is still there. With the close code for it.
    Unreadable(u16, String),
    /// The client is told why.
    Refused(ErrorCode, String),
    /// The relay stops.
    Closing,
}

impl From<axum::Error> for End {
    fn from(_: axum::Error) -> Self {
        Self::Gone
    }
}

impl From<StoreError> for End {
    fn from(_: StoreError) -> Self {
        Self::Closing
    }
}

pub(super) async fn run(relay: Relay, mut socket: WebSocket) {
    let mut closing = relay.0.closing.subscribe();
    let greeted = tokio::select! {
        greeted = hello(&relay, &mut socket) => greeted,
        () = stops(&mut closing) => Err(End::Closing),
    };
    let end = match greeted {
        Ok((user, answers)) => {
            tracing::info!(%user, "connected");
            let end = Connection::new(&relay, user.clone(), answers).run(&mut socket).await;
            tracing::info!(%user, "disconnected");
            end
        }
        Err(end) => end,
    };
    let (why, code, reason) = match end {
        End::Gone => return,
        End::Unreadable(code, detail) => (Some(error(ErrorCode::BadFrame, detail, None, None)), code, "refused"),
        End::Closing => (None, close_code::AWAY, "the relay stops"),
        End::Refused(code, detail) => {
            tracing::info!(?code, "refused");
            (Some(error(code, detail, None, None)), close_code::POLICY, "refused")
        }
    };
    let farewell = async {
        if let Some(why) = why {
            socket.feed(text(&why)).await?;
        }
        socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await
    };
    let _best_effort = in_time(&relay, farewell).await;
}

/// Whoever stops reading must not hold a connection for ever.
async fn in_time(relay: &Relay, write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), End> {
    timeout(relay.0.limits.stalled, write).await.map_err(|_| End::Gone)?.map_err(End::from)
}

type Answers = (UnboundedSender<Answer>, UnboundedReceiver<Answer>);

/// Waits for the first frame, and registers or proves the name.
async fn hello(relay: &Relay, socket: &mut WebSocket) -> Result<(UserId, Answers), End> {
    let refused = |code, detail: &str| End::Refused(code, detail.to_owned());
    let first = async {
        loop {
            if let Some(text) = read(socket.recv().await)? {
                return Ok::<_, End>(text);
            }
        }
    };
    let late = |_| refused(ErrorCode::HelloFirst, "no hello came in time; connect again and say hello first");
    let first = timeout(relay.0.limits.hello, first).await.map_err(late)??;
    // A frame of another version may have another shape: look at the version alone first.
    let version = serde_json::from_str(&first).ok().and_then(|json: serde_json::Value| json.get("version")?.as_u64());
    if version.is_some_and(|version| version != u64::from(VERSION)) {
        let detail = format!("this relay speaks version {VERSION}; use a client of that version");
        return Err(End::Refused(ErrorCode::WrongVersion, detail));
    }
    let ClientFrame::Hello { version: _, id, token } = parse(&first)? else {
        return Err(refused(ErrorCode::HelloFirst, "the first frame must be hello"));
    };
    let mut answers = mpsc::unbounded_channel();
    let (now, newcomers) = (relay.0.clock.now(), relay.0.limits.newcomers);
    let op = Op::Hello { user: id.clone(), token_hash: token.hash(), now, newcomers };
    relay.0.store.submit(op, Reply::Connection(answers.0.clone()))?;
    let Some(Answer::Frame(frame)) = answers.1.recv().await else { return Err(End::Gone) };
    match *frame {
        RelayFrame::Welcome(_) => {
            in_time(relay, socket.send(text(&frame))).await?;
            Ok((id, answers))
        }
        RelayFrame::Error { code, detail, .. } => Err(End::Refused(code, detail)),
        _ => Err(End::Gone),
    }
}

/// Resolves when the relay stops.
async fn stops(closing: &mut watch::Receiver<bool>) {
    let _closing_or_gone = closing.wait_for(|closing| *closing).await.is_ok();
}

struct Connection<'a> {
    relay: &'a Relay,
    user: UserId,
    mailbox: Mailbox<'a>,
    answers: Answers,
    in_flight: usize,
    /// The last message that was handed to this connection.
    last: u64,
}

impl<'a> Connection<'a> {
    fn new(relay: &'a Relay, user: UserId, answers: Answers) -> Self {
        let mailbox = relay.0.mailboxes.enter(user.clone());
        Self { relay, user, mailbox, answers, in_flight: 0, last: 0 }
    }

    async fn run(mut self, socket: &mut WebSocket) -> End {
        let idle = self.relay.0.limits.idle;
        let mut closing = self.relay.0.closing.subscribe();
        let mut paging = false;
        loop {
            let step = tokio::select! {
                biased;
                () = stops(&mut closing) => Err(End::Closing),
                Some(answer) = self.answers.1.recv() => {
                    self.answered(answer, &mut paging, socket).await
                }
                mail = self.mailbox.next(), if !paging => self.mail(mail, &mut paging, socket).await,
                read = timeout(idle, socket.recv()), if self.in_flight < IN_FLIGHT => match read {
                    Ok(message) => read_frame(message).and_then(|frame| frame.map_or(Ok(()), |frame| self.take(frame))),
                    Err(_) => Err(End::Gone),
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// A request. It is answered later, by the store; refusals are answered through the same channel.
    fn take(&mut self, frame: ClientFrame) -> Result<(), End> {
        let Inner { store, clock, limits, rates, .. } = &*self.relay.0;
        let (now, user) = (clock.now(), self.user.clone());
        let op = match frame {
            ClientFrame::Hello { .. } => {
                return Err(End::Refused(ErrorCode::BadFrame, "hello comes once, at the start".to_owned()));
            }
            ClientFrame::Publish { identity, prekey, one_time } => {
                let bytes: usize = one_time.iter().map(|key| key.0.len()).sum();
                if one_time.len() > MAX_ONE_TIME || identity.0.len() + prekey.0.len() + bytes > 64 * 1024 {
                    self.refuse(ErrorCode::TooLarge, "too many or too large keys; publish fewer", None, None);
                    return Ok(());
                }
                if !rates.allow(&user, Kind::Publish, limits.publish, now) {
                    self.refuse(ErrorCode::TooFast, "keys are published too fast; wait a few seconds", None, None);
                    return Ok(());
                }
                Op::Publish { user, identity, prekey, one_time }
            }
            ClientFrame::Fetch { user: whom } => {
                if !rates.allow(&user, Kind::Fetch, limits.fetch, now) {
                    let detail = "keys are asked for too fast; wait a few seconds";
                    self.refuse(ErrorCode::TooFast, detail, None, Some(whom));
                    return Ok(());
                }
                Op::Fetch { user: whom }
            }
            ClientFrame::Send { id, to, payload } => {
                if matches!(&payload, Payload::Open(Content::Text { via: Some(_), .. })) {
                    let detail = "only the platform says via whom a text came; send it without";
                    return Err(End::Refused(ErrorCode::BadFrame, detail.to_owned()));
                }
                if !fits(&payload) {
                    let detail = "a text is at most 64 KiB, a blob 192 KiB; send it in parts";
                    self.refuse(ErrorCode::TooLarge, detail, Some(id), Some(to));
                    return Ok(());
                }
                if !rates.allow(&user, Kind::Send, limits.send, now) {
                    let detail = "messages come too fast; this one is tried again in a moment";
                    self.refuse(ErrorCode::TooFast, detail, Some(id), Some(to));
                    return Ok(());
                }
                Op::Put { from: user, to, id, at: now, payload, limits: limits.clone() }
            }
            ClientFrame::Ack { seq } => Op::Ack { user, seq },
        };
        self.in_flight += 1;
        store.submit(op, self.reply())?;
        Ok(())
    }

    fn refuse(&mut self, code: ErrorCode, detail: &str, id: Option<MessageId>, user: Option<UserId>) {
        self.in_flight += 1;
        let _own_channel = self.answers.0.send(Answer::frame(error(code, detail.to_owned(), id, user)));
    }

    fn reply(&self) -> Reply {
        Reply::Connection(self.answers.0.clone())
    }

    /// Answers and pages of mail come back from the store. As many as are there leave in one flush.
    async fn answered(&mut self, mut answer: Answer, paging: &mut bool, socket: &mut WebSocket) -> Result<(), End> {
        for left in (0..BURST).rev() {
            match answer {
                Answer::Frame(frame) => {
                    self.in_flight = self.in_flight.saturating_sub(1);
                    self.feed(&frame, socket).await?;
                }
                Answer::Done => self.in_flight = self.in_flight.saturating_sub(1),
                Answer::Page { envelopes, full } => {
                    *paging = false;
                    if full {
                        self.mailbox.still_behind();
                    }
                    for envelope in envelopes {
                        self.last = envelope.seq;
                        self.feed(&RelayFrame::Deliver(envelope), socket).await?;
                    }
                }
                Answer::NoPage => self.page_again(),
                Answer::Removed(_) => {}
            }
            if left == 0 {
                break;
            }
            match self.answers.1.try_recv() {
                Ok(next) => answer = next,
                Err(_) => break,
            }
        }
        in_time(self.relay, socket.flush()).await
    }

    /// Mail that could not be read is asked for again in a moment. Until then none is pushed: it would overtake.
    fn page_again(&self) {
        let page = Op::Page { user: self.user.clone(), after: self.last };
        let (store, reply) = (self.relay.0.store.clone(), self.reply());
        tokio::spawn(async move {
            sleep(PAGE_AGAIN).await;
            let _ended = store.submit(page, reply);
        });
    }

    async fn feed(&self, frame: &RelayFrame, socket: &mut WebSocket) -> Result<(), End> {
        in_time(self.relay, socket.feed(text(frame))).await
    }

    /// Mail that was pushed; or the news that there is more than was pushed.
    async fn mail(&mut self, mut mail: Mail, paging: &mut bool, socket: &mut WebSocket) -> Result<(), End> {
        for left in (0..BURST).rev() {
            match mail {
                Mail::Pushed(envelope) => {
                    if envelope.seq > self.last {
                        self.last = envelope.seq;
                        self.feed(&RelayFrame::Deliver((*envelope).clone()), socket).await?;
                    }
                }
                Mail::Behind => {
                    self.mailbox.catching_up();
                    *paging = true;
                    let page = Op::Page { user: self.user.clone(), after: self.last };
                    self.relay.0.store.submit(page, self.reply())?;
                    break;
                }
                Mail::Replaced => {
                    let detail = "another client has opened this mailbox; close one of the two".to_owned();
                    return Err(End::Refused(ErrorCode::Replaced, detail));
                }
            }
            if left == 0 {
                break;
            }
            match self.mailbox.next().now_or_never() {
                Some(next) => mail = next,
                None => break,
            }
        }
        in_time(self.relay, socket.flush()).await
    }
}

fn read_frame(message: Option<Result<Message, axum::Error>>) -> Result<Option<ClientFrame>, End> {
    read(message)?.map(|text| parse(&text)).transpose()
}

/// The text of a text message; none for pings and pongs.
fn read(message: Option<Result<Message, axum::Error>>) -> Result<Option<String>, End> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text.to_string())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => {
            Err(End::Unreadable(close_code::UNSUPPORTED, "frames are JSON text, not binary".to_owned()))
        }
        Some(Err(error)) => Err(unreadable(error)),
        Some(Ok(Message::Close(_))) | None => Err(End::Gone),
    }
}

/// RFC 6455, section 7.4.1: a close code for each way of not being read.
fn unreadable(error: axum::Error) -> End {
    let (code, detail) = match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => {
            (close_code::SIZE, format!("a frame is over {MAX_FRAME} bytes; send less at once"))
        }
        Some(tungstenite::Error::Utf8(_)) => {
            (close_code::INVALID, "a text is not UTF-8; send JSON in UTF-8".to_owned())
        }
        _ => (close_code::PROTOCOL, "this is not WebSocket (RFC 6455); use a library that speaks it".to_owned()),
    };
    End::Unreadable(code, detail)
}

fn parse(text: &str) -> Result<ClientFrame, End> {
    // The parser's own words could quote the frame, and a frame may hold a token: say only where it failed.
    serde_json::from_str(text).map_err(|error| {
        let detail = format!("not a frame of version {VERSION}, at column {}; see docs/protocol.md", error.column());
        End::Refused(ErrorCode::BadFrame, detail)
    })
}

pub(super) fn error(code: ErrorCode, detail: String, id: Option<MessageId>, user: Option<UserId>) -> RelayFrame {
    RelayFrame::Error { code, detail, id, user }
}

fn text(frame: &RelayFrame) -> Message {
    Message::text(serde_json::to_string(frame).expect("a frame is plain data with text keys"))
}
