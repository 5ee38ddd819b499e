//! A platform in this process, on a clock that stands still, and requests to it as anybody could write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blindrelay::clock::Clock;
use blindrelay::partner::{Access, Book, Platform, Scope, Terms, router};
use blindrelay::relay::{Limits, Rate, Relay, Store};
use blindrelay::wire::Token;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::harness::PATIENCE;
use super::raw::Raw;

pub const NOW: u64 = 1_800_000_000_000;

/// A running platform.
pub struct Desk {
    pub address: String,
    pub clock: Clock,
    pub book: Book,
    pub operator: Token,
    _dir: Option<TempDir>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A refusal with this status, in the shape that every refusal has.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("content-type: application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{self:?}");
        problem["detail"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn fine(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }
}

impl Desk {
    /// With a store on the disk, which has a reader of its own; or in memory, where there is one connection.
    pub async fn open(on_disk: bool, allowance: u32) -> Self {
        let dir = on_disk.then(|| tempfile::tempdir().unwrap());
        let store = match &dir {
            Some(dir) => Store::open(&dir.path().join("relay.db"), false).unwrap(),
            None => Store::in_memory(false).unwrap(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (clock, operator, book) = (Clock::manual(NOW), Token::random(&mut rand::rng()), Book::in_memory().unwrap());
        let relay = Relay::start(store, clock.clone(), Limits::default(), operator.hash());
        let platform = Platform::new(&relay, book.clone()).allowing(Rate { burst: allowance, per_second: 1 });
        let app = relay.router().merge(router(platform));
        tokio::spawn(relay.serve(listener, app, std::future::pending()));
        Self { address, clock, book, operator, _dir: dir }
    }

    /// In memory, and in no hurry.
    pub async fn new() -> Self {
        Self::open(false, 100_000).await
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    pub async fn join(&self, name: &str) -> (Raw, Token) {
        let token = Token::random(&mut rand::rng());
        (Raw::hello(&self.url(), name, &token).await.0, token)
    }

    /// An agreement, and a token under it.
    pub async fn agree(&self, access: Access, scopes: &[Scope]) -> (Token, Token) {
        let secret = Token::random(&mut rand::rng());
        let terms = Terms {
            partner: "streamco".parse().unwrap(),
            title: "StreamCo".to_owned(),
            scopes: scopes.to_vec(),
            access,
            days: 30,
            spend_usd_per_year: 0,
            disclosed: true,
        };
        self.book.agree(&terms, &secret, self.clock.now()).unwrap().expect("none was in force");
        (self.token(&secret).await.expect("it is the client's secret"), secret)
    }

    /// A token for a secret, if that is one.
    pub async fn token(&self, secret: &Token) -> Option<Token> {
        let basic = STANDARD.encode(format!("streamco:{}", secret.expose()));
        let form = "application/x-www-form-urlencoded";
        let head = format!("authorization: Basic {basic}\r\ncontent-type: {form}\r\n");
        let answer = self.raw("POST", "/partner/v1/token", &head, b"grant_type=client_credentials").await;
        (answer.status == 200).then(|| answer.json()["access_token"].as_str().unwrap().parse().unwrap())
    }

    pub async fn get(&self, path: &str, token: &Token) -> Answer {
        self.raw("GET", path, &bearer(token), b"").await
    }

    pub async fn send(&self, method: &str, path: &str, token: &Token, body: impl ToString) -> Answer {
        let head = format!("{}content-type: application/json\r\n", bearer(token));
        self.raw(method, path, &head, body.to_string().as_bytes()).await
    }

    /// Anything at all.
    pub async fn raw(&self, method: &str, path: &str, head: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A relay that has read enough hangs up; what it said before is the answer.
        let _gone = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _reset = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the platform answers");
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }
}

pub fn bearer(token: &Token) -> String {
    format!("authorization: Bearer {}\r\n", token.expose())
}
