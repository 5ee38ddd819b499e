//! What a client says to a relay and hears from it, as bytes, with as little work as can be: client and relay share the machine,
//! and it is the relay that is measured. So frames are made from a template and not parsed as JSON but looked at where they differ.

use anyhow::{Result, bail};
use blindrelay::wire::{ClientFrame, MessageId, PATH, Payload, Token, UserId, VERSION};
use rand::RngExt;

/// The first byte of a frame that is a whole text.
const TEXT: u8 = 0x81;
/// In the second byte, with the length: a mask follows.
const MASKED: u8 = 0x80;

/// What came from a relay.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// The connection is ready.
    Opened,
    /// A message is stored.
    Accepted,
    /// Mail, with the time at which it was sent.
    Mail(u64),
}

/// One connection's language: requests into bytes, bytes into what came.
pub trait Wire: Send + 'static {
    /// What is said first.
    fn open(&mut self, out: &mut Vec<u8>);
    /// A message to a mailbox, with the time.
    fn send(&mut self, to: usize, at: u64, out: &mut Vec<u8>);
    /// Takes in what has arrived and tells how many bytes of it are done with. Acknowledges mail to `out`.
    ///
    /// # Errors
    /// If the relay refuses, or says what is not understood.
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>, came: &mut Vec<Came>) -> Result<usize>;
}

/// A client of this project's relay.
pub struct Frames {
    name: usize,
    body: String,
    upgraded: bool,
}

impl Frames {
    /// The user of that number, who sends blobs of that size.
    pub fn new(name: usize, size: usize) -> Self {
        Self { name, body: serde_json::to_string(&blob(size)).unwrap_or_default(), upgraded: false }
    }
}

impl Wire for Frames {
    fn open(&mut self, out: &mut Vec<u8>) {
        let head = "Host: relay\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        out.extend_from_slice(format!("GET {PATH} HTTP/1.1\r\n{head}{key}\r\n").as_bytes());
    }

    /// The random half of the id comes first: ids of real clients arrive in no order, which the relay's index feels.
    fn send(&mut self, to: usize, at: u64, out: &mut Vec<u8>) {
        let (random, to) = (rand::rng().random::<u64>(), user(to));
        let id = format!("{random:016x}{at:016x}");
        let head = format!(r#"{{"type":"send","id":"{id}","to":"{to}","payload":"#);
        frame(out, &[head.as_bytes(), self.body.as_bytes(), b"}"]);
    }

    fn take(&mut self, input: &[u8], out: &mut Vec<u8>, came: &mut Vec<Came>) -> Result<usize> {
        let mut done = 0;
        if !self.upgraded {
            let Some(end) = input.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(0) };
            if !input.starts_with(b"HTTP/1.1 101 ") {
                bail!("no WebSocket: {}", String::from_utf8_lossy(input));
            }
            (self.upgraded, done) = (true, end + 4);
            let (id, token) = (user(self.name).parse()?, Token::from_bytes([7; 32]));
            let hello = serde_json::to_string(&ClientFrame::Hello { version: VERSION, id, token })?;
            frame(out, &[hello.as_bytes()]);
        }
        while let Some((head, length)) = frame_head(&input[done..]) {
            let Some(text) = input.get(done + head..done + head + length) else { break };
            if input[done] != TEXT {
                bail!("the relay closed the connection: {}", String::from_utf8_lossy(text));
            }
            understand(text, out, came)?;
            done += head + length;
        }
        Ok(done)
    }
}

/// One text of the relay's. Mail is acknowledged.
fn understand(text: &[u8], out: &mut Vec<u8>, came: &mut Vec<Came>) -> Result<()> {
    if text.starts_with(br#"{"type":"accepted""#) {
        came.push(Came::Accepted);
    } else if let Some(rest) = text.strip_prefix(br#"{"type":"deliver","seq":"#) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // `,"id":"`, the random half, and then the time.
        let at = str::from_utf8(rest.get(digits + 23..digits + 39).unwrap_or_default())?;
        came.push(Came::Mail(u64::from_str_radix(at, 16)?));
        frame(out, &[br#"{"type":"ack","seq":"#, &rest[..digits], b"}"]);
    } else if text.starts_with(br#"{"type":"welcome""#) {
        came.push(Came::Opened);
    } else {
        bail!("the relay says {}", String::from_utf8_lossy(text));
    }
    Ok(())
}

/// The name of the user of that number.
fn user(n: usize) -> String {
    format!("user-{n}")
}

fn blob(size: usize) -> Payload {
    Payload::Sealed(vec![0x42; size].into())
}

/// A WebSocket text frame (RFC 6455, section 5.2). A client's frame carries a mask; this one is zero, which masks nothing.
fn frame(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(MASKED | short),
        (_, Ok(medium)) => {
            out.push(MASKED | 0x7e);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 0x7f);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Bytes of the head and of the text of the frame that begins here, if its head is complete.
fn frame_head(input: &[u8]) -> Option<(usize, usize)> {
    match *input.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(input.get(2..10)?.try_into().ok()?)).ok()?)),
        short => Some((2, usize::from(short))),
    }
}

/// The template is what a client would say: else the relay would be asked something else than it is measured for.
pub fn check_template() -> Result<()> {
    let mut out = Vec::new();
    Frames::new(1, 256).send(2, 3, &mut out);
    let (head, length) = (8, out.len() - 8);
    let ClientFrame::Send { id, to, payload } = serde_json::from_slice(&out[head..])? else { bail!("not a send") };
    let said = MessageId([&[0; 8], &3_u64.to_be_bytes()[..]].concat().try_into().unwrap_or_default());
    let to_two: UserId = user(2).parse()?;
    if id.0[8..] != said.0[8..]
        || to != to_two
        || payload != blob(256)
        || usize::from(out[2]) << 8 | usize::from(out[3]) != length
    {
        bail!("the template does not say what it should");
    }
    Ok(())
}
