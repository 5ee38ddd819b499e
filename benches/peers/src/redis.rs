//! Redis, as a relay would be made of it: a stream for each mailbox, every write flushed to the disk before it is answered.
//!
//! ```text
//! send   XADD m7 * b BLOB              the answer is an id, after the flush
//! read   XREAD BLOCK 0 STREAMS m7 ID   the answer comes when there is mail after that id
//! ack    XDEL m7 ID …
//! ```

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::middle::server::Server;
use crate::middle::side::Make;
use crate::middle::wire::{Came, Wire};

/// A Redis server with `appendfsync always`.
pub struct Redis;

impl Make for Redis {
    const NAME: &'static str = "redis";
    type Wire = Resp;

    fn start(dir: &Path) -> Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.current_dir(dir).args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--maxclients", "15000"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("redis-server")?;
        Server::of(child, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    fn wire(name: usize, size: usize, reads: bool) -> Resp {
        Resp { mailbox: format!("m{name}"), blob: vec![0x42; size], reads }
    }
}

/// Whether there is one on this machine.
pub fn installed() -> bool {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// A client. It either sends or reads: a connection that waits for mail can do nothing else.
pub struct Resp {
    mailbox: String,
    blob: Vec<u8>,
    reads: bool,
}

impl Resp {
    fn wait_for_mail(&self, after: &[u8], out: &mut Vec<u8>) {
        command(out, &[b"XREAD", b"BLOCK", b"0", b"STREAMS", self.mailbox.as_bytes(), after]);
    }
}

impl Wire for Resp {
    fn open(&mut self, out: &mut Vec<u8>) {
        command(out, &[b"PING"]);
        if self.reads {
            self.wait_for_mail(b"0", out);
        }
    }

    fn send(&mut self, to: usize, at: u64, out: &mut Vec<u8>) {
        self.blob[..16].copy_from_slice(format!("{at:016x}").as_bytes());
        command(out, &[b"XADD", format!("m{to}").as_bytes(), b"*", b"b", &self.blob]);
    }

    fn take(&mut self, input: &[u8], out: &mut Vec<u8>, came: &mut Vec<Came>) -> Result<usize> {
        let mut done = 0;
        while let Some((value, end)) = value(input, done)? {
            done = end;
            match value {
                Value::Text(b"PONG") => came.push(Came::Opened),
                Value::Text(_) if !self.reads => came.push(Came::Accepted),
                Value::Number => {} // what XDEL has deleted
                mail if self.reads => {
                    let ids = entries(&mail, came).context("an answer to XREAD")?;
                    let delete = [&[b"XDEL".as_slice(), self.mailbox.as_bytes()], ids.as_slice()].concat();
                    command(out, &delete);
                    self.wait_for_mail(ids.last().context("mail")?, out);
                }
                other => bail!("unexpected: {other:?}"),
            }
        }
        Ok(done)
    }
}

/// `[[m7, [[id, [b, blob]], …]]]`: the ids; the times go to `came`.
fn entries<'a>(mail: &Value<'a>, came: &mut Vec<Came>) -> Option<Vec<&'a [u8]>> {
    let [stream] = mail.list()? else { return None };
    let [_, entries] = stream.list()? else { return None };
    let mut ids = Vec::new();
    for entry in entries.list()? {
        let [Value::Text(id), fields] = entry.list()? else { return None };
        let [_, Value::Text(blob)] = fields.list()? else { return None };
        let at = u64::from_str_radix(str::from_utf8(blob.get(..16)?).ok()?, 16).ok()?;
        came.push(Came::Mail(at));
        ids.push(*id);
    }
    Some(ids)
}

/// A value of the Redis protocol.
#[derive(Debug)]
enum Value<'a> {
    Text(&'a [u8]),
    Number,
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    fn list(&self) -> Option<&[Value<'a>]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }
}

/// The value that begins here and where it ends, if all of it is there.
fn value(input: &[u8], at: usize) -> Result<Option<(Value<'_>, usize)>> {
    let rest = &input[at..];
    let Some(length) = rest.windows(2).position(|end| end == b"\r\n") else { return Ok(None) };
    let (line, mut end) = (&rest[..length], at + length + 2);
    let number = || -> Result<usize> { Ok(str::from_utf8(&line[1..])?.parse()?) };
    match line[0] {
        b'+' => Ok(Some((Value::Text(&line[1..]), end))),
        b':' => Ok(Some((Value::Number, end))),
        b'$' => {
            let length = number()?;
            let text = input.get(end..end + length).filter(|_| input.len() >= end + length + 2);
            Ok(text.map(|text| (Value::Text(text), end + length + 2)))
        }
        b'*' => {
            let mut list = Vec::new();
            for _ in 0..number()? {
                let Some((item, next)) = value(input, end)? else { return Ok(None) };
                list.push(item);
                end = next;
            }
            Ok(Some((Value::List(list), end)))
        }
        _ => bail!("Redis says {}", String::from_utf8_lossy(line)),
    }
}

fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
