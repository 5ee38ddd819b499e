//! StreamCo's app, as a person's client on the same machine asks it: for a link, and what a link leads to.
//!
//! Question: what does opening a link tell the company that made it?
//! That this link was opened, and when. The link was made for one message, so it is known which recommendation it was; not who holds it, and
//! nothing else that was said. So a client opens nothing by itself, no preview either, and only what has exactly this form:
//!
//! ```text
//! http://127.0.0.1:PORT/r/…22 characters…      this machine, StreamCo's app, one link
//! ```
//!
//! One small request over a bare socket, HTTP/1.0: whoever answers cannot send on elsewhere, and has three seconds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::wire::sanitise;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long it may be, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// A link of StreamCo's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) app: SocketAddr,
    pub(super) id: String,
}

impl Link {
    /// The first link in a text, if it is one of StreamCo's; and none if there is no link at all.
    pub(super) fn find(text: &str) -> Option<Result<Self>> {
        let at = text.find("http://").into_iter().chain(text.find("https://")).min()?;
        let word = text[at..].split_whitespace().next()?;
        Some(
            Self::read(word).ok_or_else(|| {
                anyhow!("{} is no link of StreamCo's on this machine; it was not opened", sanitise(word))
            }),
        )
    }

    /// Exactly the form of StreamCo's links.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (authority, id) = text.strip_prefix("http://")?.split_once("/r/")?;
        let app: SocketAddr = authority.replace("localhost:", "127.0.0.1:").parse().ok()?;
        let named = id.len() == 22 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (app.ip().is_loopback() && named).then(|| Self { app, id: id.to_owned() })
    }

    /// Opens it: the title that it leads to. From here on StreamCo knows.
    pub(super) fn open(&self) -> Result<String> {
        let (status, answer) = ask(self.app, "GET", &format!("/r/{}", self.id), "")?;
        match (status, answer["title"].as_str()) {
            (200, Some(title)) => Ok(sanitise(title)),
            _ => Err(refused(status, &answer)),
        }
    }
}

/// Asks StreamCo's app for a link to send.
pub(super) fn make_link(app: SocketAddr, button: &Value) -> Result<(Link, String)> {
    let (status, answer) = ask(app, "POST", "/links", &button.to_string())?;
    let link =
        answer["link"].as_str().filter(|_| status == 201).and_then(|text| Some((Link::read(text)?, text.to_owned())));
    link.ok_or_else(|| refused(status, &answer))
}

/// Tells StreamCo's app that a link is on its way.
pub(super) fn sent(link: &Link) -> Result<()> {
    match ask(link.app, "POST", &format!("/links/{}/sent", link.id), "")? {
        (204, _) => Ok(()),
        (status, answer) => Err(refused(status, &answer)),
    }
}

fn refused(status: u16, answer: &Value) -> anyhow::Error {
    match answer["detail"].as_str() {
        Some(why) => anyhow!("StreamCo's app refuses: {} ({status})", sanitise(why)),
        None => anyhow!("what answers there is not StreamCo's app (status {status})"),
    }
}

/// One request: status, and the JSON of the answer if it is JSON.
fn ask(app: SocketAddr, method: &str, path: &str, body: &str) -> Result<(u16, Value)> {
    let listen = if app.port() == super::button::APP_PORT { String::new() } else { format!(" --listen {app}") };
    let absent =
        |_| anyhow!("StreamCo's app does not answer at {app}; start it with `blindrelay streamco serve{listen}`");
    let deadline = Instant::now() + PATIENCE;
    let mut stream = TcpStream::connect_timeout(&app, PATIENCE).map_err(absent)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {app}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).map_err(absent)?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || answer.len() > MAX_ANSWER {
            bail!("what answers at {app} does not come to an end; is it StreamCo's app?");
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part).map_err(absent)? {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.get(..3)?.parse().ok());
    let status = status.with_context(|| format!("what answers at {app} is not StreamCo's app"))?;
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_of_streamcos_on_this_machine_are_links() {
        let id = "AAAAAAAAAAAAAAAAAAAAA_";
        for good in [
            format!("http://127.0.0.1:4848/r/{id}"),
            format!("http://[::1]:1/r/{id}"),
            format!("http://localhost:9/r/{id}"),
        ] {
            let found = Link::find(&format!("alice recommends “x y” on StreamCo: {good} ok?"));
            assert_eq!(found.unwrap().unwrap().id, id, "{good}");
        }
        for bad in [
            format!("http://example.org:80/r/{id}"),
            format!("http://192.0.2.1:80/r/{id}"),
            format!("http://127.0.0.1:80@evil.example/r/{id}"),
            format!("https://127.0.0.1:4848/r/{id}"),
            format!("http://127.0.0.1:4848/r/{id}/../../links"),
            format!("http://127.0.0.1:4848/r/{id}?x"),
            format!("http://127.0.0.1:4848/operator/r/{id}"),
            "http://127.0.0.1:4747/operator/v1/sightings".to_owned(),
        ] {
            assert!(Link::find(&bad).unwrap().unwrap_err().to_string().contains("was not opened"), "{bad}");
        }
        assert!(Link::find("no link at all").is_none());
    }

    #[test]
    fn whoever_answers_cannot_keep_the_client_or_send_it_elsewhere() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let app = listener.local_addr().unwrap();
        let answers = [
            "HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.0 200 OK\r\n\r\n{\"title\":5}",
            "HTTP/1.0 404 Not Found\r\n\r\n{\"detail\":\"\\u001b[2Jnone\"}",
            "HTTP/1.0 200 OK\r\n\r\n{\"title\":\"\\u001b[2Jx\"}",
            "",
        ];
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _request = stream.read(&mut [0; 1024]).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let link = Link { app, id: "A".repeat(22) };
        let open = || link.open().map_err(|error| format!("{error:#}"));
        assert!(open().unwrap_err().contains("not StreamCo's app (status 302)"));
        assert!(open().unwrap_err().contains("is not StreamCo's app"));
        assert!(open().unwrap_err().contains("not StreamCo's app (status 200)"));
        assert_eq!(open().unwrap_err(), "StreamCo's app refuses: \\u{1b}[2Jnone (404)");
        assert_eq!(open().unwrap(), "\\u{1b}[2Jx");
        assert!(open().unwrap_err().contains("is not StreamCo's app"));
        assert!(open().unwrap_err().contains(&format!("streamco serve --listen {app}`")), "nobody there");
    }
}
