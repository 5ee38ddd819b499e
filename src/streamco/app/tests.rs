//! The app over a real socket: what counts, what does not, and who is turned away.

use super::super::day::Day;
use super::*;
use crate::http::{self, As, HttpError, Say};
use crate::wire::{RelayUrl, Token};

const NOON: u64 = 1_795_694_400_000;
const BUTTON: &str =
    r#"{"from":"alice","title":"Dark <b>Harbour</b>","interface":"tv","surface":"post-play","variant":"B"}"#;

struct Running {
    url: RelayUrl,
    events: Arc<Mutex<Events>>,
}

async fn running() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let events = Arc::new(Mutex::new(Events::in_memory().unwrap()));
    let app = App { events: events.clone(), clock: Clock::manual(NOON), address };
    tokio::spawn(async move { axum::serve(listener, router(app)).await });
    Running { url: format!("ws://{address}").parse().unwrap(), events }
}

impl Running {
    async fn ask(&self, method: Method, path: &str, say: Say<'_>) -> Result<(StatusCode, Vec<u8>), HttpError> {
        http::call(&self.url, method, path, As::Bearer(&Token::from_bytes([0; 32])), say).await
    }

    async fn status(&self, method: Method, path: &str, say: Say<'_>) -> u16 {
        match self.ask(method, path, say).await {
            Ok((status, _)) | Err(HttpError::Status(status, _)) => status.as_u16(),
            Err(error) => panic!("{error}"),
        }
    }

    async fn link(&self) -> String {
        let (status, body) = self.ask(Method::POST, "/links", Say::Json(BUTTON)).await.unwrap();
        assert_eq!(status, StatusCode::CREATED);
        let made: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let (id, link) = (made["id"].as_str().unwrap(), made["link"].as_str().unwrap());
        assert_eq!(link, format!("http://{}/r/{id}", self.url.authority()));
        id.to_owned()
    }

    fn counts(&self) -> (u64, u64) {
        let rows = self.events.lock().unwrap().daily(Day::of(0), Day::of(u64::MAX)).unwrap();
        rows.iter().fold((0, 0), |(sends, clicks), row| (sends + row.sends, clicks + row.clicks))
    }
}

#[tokio::test]
async fn a_link_is_made_sent_and_opened_and_each_counts_once() {
    let app = running().await;
    let id = app.link().await;
    assert_eq!(app.counts(), (0, 0), "made is not sent");
    let sent = format!("/links/{id}/sent");
    assert_eq!(app.status(Method::POST, &sent, Say::Nothing).await, 204);
    assert_eq!(app.status(Method::POST, &sent, Say::Nothing).await, 204);
    assert_eq!(app.counts(), (1, 0));
    let link = format!("/r/{id}");
    assert_eq!(app.status(Method::HEAD, &link, Say::Nothing).await, 204);
    assert_eq!(app.counts(), (1, 0), "to look is not to open");
    for _ in 0..2 {
        let (_, body) = app.ask(Method::GET, &link, Say::Nothing).await.unwrap();
        let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(page, json!({ "app": "StreamCo", "title": "Dark <b>Harbour</b>" }));
        assert_eq!(app.counts(), (1, 1));
    }
}

#[tokio::test]
async fn what_is_no_request_changes_nothing_and_is_no_failure() {
    let app = running().await;
    let id = app.link().await;
    let long = format!(r#"{{"from":"alice","title":"{}"}}"#, "x".repeat(3_000_000));
    for (method, path, say, status) in [
        (Method::GET, "/", Say::Nothing, 404),
        (Method::GET, "/r/AAAAAAAAAAAAAAAAAAAAAA", Say::Nothing, 404),
        (Method::GET, "/r/..%2f..%2fetc", Say::Nothing, 404),
        (Method::POST, "/links/AAAAAAAAAAAAAAAAAAAAAA/sent", Say::Nothing, 404),
        (Method::POST, "/links", Say::Nothing, 400),
        (Method::POST, "/links", Say::Form(BUTTON), 400),
        (Method::POST, "/links", Say::Json("{}"), 400),
        (Method::POST, "/links", Say::Json("{"), 400),
        (Method::POST, "/links", Say::Json(&BUTTON.replace("tv", "=1+1")), 400),
        (Method::POST, "/links", Say::Json(&BUTTON.replace("alice", "Al ice")), 400),
        (Method::POST, "/links", Say::Json(&long), 400),
        (Method::DELETE, "/links", Say::Nothing, 405),
    ] {
        assert_eq!(app.status(method.clone(), path, say).await, status, "{method} {path}");
    }
    assert_eq!(app.counts(), (0, 0));
    assert_eq!(app.status(Method::GET, &format!("/r/{id}"), Say::Nothing).await, 200, "the control");
}

#[tokio::test]
async fn another_name_that_leads_here_does_not_lead_in() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = running().await;
    let id = app.link().await;
    for (host, status) in [("evil.example", "421"), (&app.url.authority(), "200")] {
        let mut stream = tokio::net::TcpStream::connect(app.url.authority()).await.unwrap();
        let request = format!("GET /r/{id} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.lines().next().unwrap().contains(status), "{host}: {answer}");
    }
    assert_eq!(app.counts(), (1, 1));
}
