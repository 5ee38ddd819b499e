//! Every refusal beside the same request made right, as raw HTTP without a socket.

use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const PORT: u16 = 5151;

/// A page behind a guard, and what a browser that has signed in would send.
struct Page {
    guard: Guard,
    router: Router,
    cookie: String,
}

impl Page {
    fn new() -> Self {
        let guard = Guard::new(SocketAddr::from(([127, 0, 0, 1], PORT)), &mut rand::rng()).unwrap();
        let router = Router::new()
            .route("/", get(|| async { "the page" }))
            .route("/change", post(|| async { "changed" }))
            .route("/events", get(|| async { "events" }));
        let cookie = format!("{}={}", guard.cookie_name(), guard.cookie.expose());
        Self { router: guard.protect(router), guard, cookie }
    }

    /// `request` is the head without its last empty line.
    async fn ask(&self, request: &str) -> String {
        let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service);
        let request = format!("{request}\r\nConnection: close\r\n\r\n");
        ours.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let (_, read) = tokio::join!(connection, ours.read_to_string(&mut answer));
        read.unwrap();
        answer
    }

    async fn status(&self, request: &str) -> u16 {
        self.ask(request).await.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// Asks with the cookie and a good host, and further headers.
    async fn with(&self, line: &str, headers: &str) -> u16 {
        let cookie = &self.cookie;
        self.status(&format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nCookie: {cookie}{headers}")).await
    }
}

#[test]
fn a_page_is_never_served_beyond_this_machine() {
    for far in ["0.0.0.0:80", "192.168.1.2:80", "[::]:80", "[2001:db8::1]:80"] {
        let refused = Guard::new(far.parse().unwrap(), &mut rand::rng()).unwrap_err();
        assert!(refused.to_string().contains("use 127.0.0.1:80"), "{refused}");
    }
    for near in ["127.0.0.1:80", "[::1]:80"] {
        assert!(Guard::new(near.parse().unwrap(), &mut rand::rng()).is_ok());
    }
}

#[tokio::test]
async fn the_token_buys_a_cookie_and_the_cookie_opens_the_page() {
    let page = Page::new();
    let url = page.guard.url();
    let front = url.strip_prefix(&format!("http://127.0.0.1:{PORT}")).unwrap();
    let answer = page.ask(&format!("GET {front} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}")).await;
    assert!(answer.starts_with("HTTP/1.1 303 ") && answer.contains("\r\nlocation: /\r\n"), "{answer}");
    assert!(answer.contains(&page.cookie) && answer.contains("; HttpOnly; SameSite=Strict; Path=/\r\n"), "{answer}");
    assert!(!answer.contains(&page.guard.token.expose()), "the cookie is not the token: {answer}");
    assert_eq!(page.with("GET /", "").await, 200);

    let wrong = Token::random(&mut rand::rng()).expose();
    let front = format!("GET /?token={wrong} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}");
    assert_eq!(page.status(&front).await, 401);
    assert_eq!(page.with("GET /?token=", "").await, 401, "a wrong token is not mended by a cookie");
    for headers in ["", "\r\nCookie: other=1", &format!("\r\nCookie: blindrelay_{PORT}={wrong}")] {
        let bare = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{PORT}{headers}");
        let answer = page.ask(&bare).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("Open the address"), "{answer}");
    }
    let other_port = page.cookie.replace("blindrelay_5151", "blindrelay_5152");
    assert_eq!(page.status(&format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nCookie: {other_port}")).await, 401);
    let among = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nCookie: a=b; {}; c=d", page.cookie);
    assert_eq!(page.status(&among).await, 200);
}

#[tokio::test]
async fn a_foreign_host_is_refused_even_with_the_cookie() {
    let page = Page::new();
    let ask = |host: &str| format!("GET / HTTP/1.1\r\nCookie: {}{host}", page.cookie);
    for good in ["127.0.0.1:5151", "localhost:5151", "[::1]:5151"] {
        assert_eq!(page.status(&ask(&format!("\r\nHost: {good}"))).await, 200, "{good}");
    }
    for bad in [
        "evil.example:5151",
        "127.0.0.1",
        "127.0.0.1:5152",
        "localhost.evil.example:5151",
        "127.0.0.1.evil.example:5151",
        "0.0.0.0:5151",
        "user@127.0.0.1:5151",
        "",
    ] {
        assert_eq!(page.status(&ask(&format!("\r\nHost: {bad}"))).await, 421, "{bad}");
    }
    assert_eq!(page.status(&ask("")).await, 421, "no host");
    assert_eq!(page.status(&ask("\r\nHost: 127.0.0.1:5151\r\nHost: evil.example")).await, 421, "two hosts");
    let absolute = format!("GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:5151\r\nCookie: {}", page.cookie);
    assert_eq!(page.status(&absolute).await, 421, "another host in the request line");
}

#[tokio::test]
async fn what_changes_something_or_stays_open_comes_from_the_page_itself() {
    let page = Page::new();
    let own = "\r\nOrigin: http://127.0.0.1:5151";
    let post = "\r\nContent-Length: 0";
    let socket = "\r\nUpgrade: websocket";
    let stream = "\r\nAccept: text/event-stream";
    for (line, extra) in [("POST /change", post), ("GET /events", socket), ("GET /events", stream)] {
        assert_eq!(page.with(line, &format!("{extra}{own}")).await, 200, "{line}");
        assert_eq!(page.with(line, &format!("{extra}\r\nSec-Fetch-Site: same-origin")).await, 200, "{line}");
        for foreign in [
            "",
            "\r\nOrigin: null",
            "\r\nOrigin: http://evil.example",
            "\r\nOrigin: https://127.0.0.1:5151",
            "\r\nOrigin: http://127.0.0.1:5152",
            "\r\nOrigin: http://localhost:5151",
            "\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin",
            "\r\nSec-Fetch-Site: same-site",
            "\r\nSec-Fetch-Site: cross-site",
            "\r\nSec-Fetch-Site: none",
        ] {
            assert_eq!(page.with(line, &format!("{extra}{foreign}")).await, 403, "{line} {foreign}");
        }
    }
    assert_eq!(page.with("GET /events", "").await, 200, "a plain read");
    assert_eq!(page.with("GET /events", "\r\nSec-Fetch-Site: same-site").await, 403, "another port of this machine");
    assert_eq!(page.with("GET /", "\r\nSec-Fetch-Site: cross-site").await, 200, "a link to the front door");
    assert_eq!(page.with("GET /", "\r\nOrigin: http://evil.example").await, 403, "a read by another page's script");
}

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_bring_along() {
    let page = Page::new();
    let cookie = &page.cookie;
    let front = page.guard.url().replace("http://127.0.0.1:5151", "");
    for (path, status, headers) in [
        ("/", 200, format!("\r\nCookie: {cookie}")),
        ("/nothing-here", 404, format!("\r\nCookie: {cookie}")),
        ("/change", 405, format!("\r\nCookie: {cookie}")),
        (front.as_str(), 303, String::new()),
        ("/", 401, String::new()),
        ("/", 403, "\r\nOrigin: http://evil.example".to_owned()),
    ] {
        let answer = page.ask(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}{headers}")).await.to_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{path}: {answer}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "frame-ancestors 'none'",
            "x-frame-options: deny",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(header), "{status} lacks {header}: {answer}");
        }
        assert!(!answer.contains("access-control") && !answer.contains("unsafe-inline"), "{answer}");
    }
}

#[tokio::test]
async fn a_link_on_another_page_leads_in_with_one_step_more() {
    let page = Page::new();
    let front = |headers: &str| format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{PORT}{headers}");
    let answer = page.ask(&front("\r\nSec-Fetch-Site: cross-site")).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\nrefresh: 0;url=/\r\n"), "{answer}");
    assert!(!answer.contains("the page"), "{answer}");
    assert_eq!(page.status(&front("\r\nSec-Fetch-Site: same-origin")).await, 401, "the second step needs the cookie");
    assert_eq!(page.with("GET /", "\r\nSec-Fetch-Site: same-origin").await, 200);
}

#[test]
fn neither_token_nor_cookie_is_printed_by_accident() {
    let page = Page::new();
    let shown = format!("{:?}", page.guard);
    assert!(!shown.contains(&page.guard.token.expose()) && !shown.contains(&page.guard.cookie.expose()), "{shown}");
    assert!(page.guard.url().contains(&page.guard.token.expose()), "the one place it is for");
}
