//! Hostile bytes over HTTP: as an answer to the partner's program, and as a request to a relay.

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use blindrelay::clock::Clock;
use blindrelay::partner::{Access, Book, Platform, Scope, Terms};
use blindrelay::relay::{Limits, Relay, Store};
use blindrelay::wire::{RelayUrl, Token};
use blindrelay::{partner, streamco};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::lock;
use crate::people::{NOW, id};

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// The operator's token and the partner's, which a fuzzer may know.
pub const TOKEN: [u8; 32] = [9; 32];

/// A platform that answers what it is told, and a relay.
struct Hall {
    runtime: Runtime,
    platform: TcpListener,
    relay: String,
}

static HALL: LazyLock<Mutex<Hall>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (platform, relay) = runtime.block_on(async {
        let [platform, relay] = [bind().await, bind().await];
        let address = relay.local_addr().unwrap().to_string();
        let token = Token::from_bytes(TOKEN).hash();
        let limits = Limits { hello: Duration::from_millis(200), ..Limits::default() };
        let served = Relay::start(Store::in_memory(false).unwrap(), Clock::manual(NOW), limits, token);
        let app = served.router().merge(partner::router(agreed(&served)));
        tokio::spawn(served.serve(relay, app, std::future::pending()));
        (platform, address)
    });
    Mutex::new(Hall { runtime, platform, relay })
});

/// With an agreement, whose token a fuzzer may know.
fn agreed(relay: &Relay) -> Platform {
    let book = Book::in_memory().unwrap();
    let (secret, token) = (Token::from_bytes([8; 32]), Token::from_bytes(TOKEN));
    let terms = Terms {
        partner: id("streamco"),
        title: "StreamCo".to_owned(),
        scopes: Scope::ALL.to_vec(),
        access: Access::Whitelisted,
        days: 365,
        spend_usd_per_year: 0,
        disclosed: true,
    };
    book.agree(&terms, &secret, NOW).unwrap();
    book.issue(&id("streamco"), &secret, &token, NOW).unwrap();
    Platform::new(relay, book)
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// The first byte says which: an answer (even) or a request (odd).
pub fn http(bytes: &[u8]) {
    let Some((side, bytes)) = bytes.split_first() else { return };
    let Hall { runtime, platform, relay } = &*lock(&HALL);
    runtime.block_on(async {
        if side % 2 == 0 {
            answered(platform, bytes).await;
        } else {
            asked(relay, bytes, true).await;
            let well = asked(relay, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false).await;
            assert!(well.contains("200"), "{well}");
        }
    });
}

/// StreamCo reads an inbox, and is answered this however often it asks: it comes to an end, one way or the other.
async fn answered(platform: &TcpListener, bytes: &[u8]) {
    let url: RelayUrl = format!("ws://{}", platform.local_addr().unwrap()).parse().unwrap();
    let (token, user) = (Token::from_bytes(TOKEN), id("bob"));
    let serve = async {
        loop {
            let (mut stream, _) = platform.accept().await.unwrap();
            let mut request = [0; 1024];
            let _gone = stream.read(&mut request).await;
            let _gone = stream.write_all(bytes).await;
        }
    };
    let asking = timeout(PATIENCE, streamco::inbox(&url, &token, &user));
    tokio::select! {
        inbox = asking => drop(inbox.expect("an answer, or the end of one")),
        () = serve => {}
    }
}

/// What a relay answers until it hangs up.
async fn asked(relay: &str, bytes: &[u8], and_no_more: bool) -> String {
    let mut stream = TcpStream::connect(relay).await.unwrap();
    let _gone = stream.write_all(bytes).await;
    if and_no_more {
        let _gone = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _reset = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the relay hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}
