//! The frames: five requests, six answers. One JSON object a WebSocket text message.
//!
//! ```text
//! client                                  relay
//!   hello    {version, id, token}    →      registers the name or proves it      → welcome
//!   publish  {identity, prekey, …}   →      keeps opaque slots                   → published
//!   fetch    {user}                  →      hands out one one-time key, once     → keys
//!   send     {id, to, payload}       →      commits, then                        → accepted
//!                                           whenever there is mail               → deliver
//!   ack      {seq}                   →      the client has saved it
//! ```

use serde::{Deserialize, Serialize};

use super::{Bytes, Envelope, MessageId, Payload, Token, UserId};

/// The version that both sides speak. There is no negotiation, so nothing can be stripped.
pub const VERSION: u16 = 1;

/// The path of the WebSocket.
pub const PATH: &str = "/v1/ws";

/// The largest frame in bytes: the longest open text with every byte escaped still fits.
pub const MAX_FRAME: usize = 524_288;

/// The most one-time keys that the relay keeps for a user.
pub const MAX_ONE_TIME: usize = 200;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame: claims a free name, or proves a claimed one. Answered by `Welcome`.
    Hello {
        /// Must be [`VERSION`].
        version: u16,
        /// Whose mailbox.
        id: UserId,
        /// The secret of the mailbox.
        token: Token,
    },
    /// Replaces the published statements and adds one-time keys; with another prekey statement, those left go first.
    /// Answered by `Published`.
    Publish {
        /// The identity statement: opaque to the relay.
        identity: Bytes,
        /// The prekey statement: opaque to the relay.
        prekey: Bytes,
        /// One-time keys, each handed out once. Together with those left: at most [`MAX_ONE_TIME`].
        one_time: Vec<Bytes>,
    },
    /// Asks for somebody's keys. Answered by `Keys`, or by an `Error` of code `UnknownUser`.
    Fetch {
        /// Whose.
        user: UserId,
    },
    /// Hands over a message. Answered by `Accepted` after it is on disk, or by an `Error` naming `id`.
    Send {
        /// Chosen by the sender; the same id again is accepted again and stored once.
        id: MessageId,
        /// The recipient.
        to: UserId,
        /// Content or blob.
        payload: Payload,
    },
    /// Says that a delivered message is saved: the relay need not deliver it again. Not answered.
    Ack {
        /// The envelope's number.
        seq: u64,
    },
}

/// What the relay says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RelayFrame {
    /// Logged in.
    Welcome(Welcome),
    /// The statements are stored.
    Published {
        /// One-time keys not yet handed out.
        one_time_left: usize,
    },
    /// Somebody's keys. An honest relay gives one identity; a client refuses any other number.
    Keys {
        /// Whose.
        user: UserId,
        /// The identity statements on record.
        identities: Vec<Bytes>,
        /// The prekey statement.
        prekey: Option<Bytes>,
        /// A one-time key, if one was left.
        one_time: Option<Bytes>,
    },
    /// The message is on disk and will be delivered.
    Accepted {
        /// The sender's id for it.
        id: MessageId,
    },
    /// Mail. Repeated after a reconnect until it is acknowledged.
    Deliver(Envelope),
    /// Something was refused. `NotStored`, `TooFast` and `MailboxFull` are worth another try later.
    Error {
        /// What to conclude.
        code: ErrorCode,
        /// For people: what happened and what to do.
        detail: String,
        /// The message concerned, if one is.
        id: Option<MessageId>,
        /// The user concerned, if one is.
        user: Option<UserId>,
    },
}

/// What the relay holds for whoever just said hello, so that the client sees whether to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The published identity statement, if any.
    pub identity: Option<Bytes>,
    /// The published prekey statement, if any.
    pub prekey: Option<Bytes>,
    /// One-time keys not yet handed out.
    pub one_time_left: usize,
    /// Messages that wait in the mailbox: they are delivered next.
    pub waiting: u64,
}

/// Why the relay refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, not a frame, or too large. The connection ends.
    BadFrame,
    /// Another version than [`VERSION`]. The connection ends.
    WrongVersion,
    /// The name is claimed and the token is not its token. The connection ends.
    NameTaken,
    /// The first frame was not `hello`. The connection ends.
    HelloFirst,
    /// A newer connection took this mailbox over. The connection ends.
    Replaced,
    /// Nobody of that name has registered, or nothing is published yet.
    UnknownUser,
    /// The recipient's mailbox holds as much as it may.
    MailboxFull,
    /// Too many requests of this kind; wait a little.
    TooFast,
    /// The text, blob or key list is over the limit.
    TooLarge,
    /// The relay could not write to its disk. Nothing was accepted.
    NotStored,
}
