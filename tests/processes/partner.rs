//! The Inbox API: what a partner gets, what it is refused, and that each refusal is of its own making: the same request with the
//! right word passes.

use std::time::{Duration, Instant};

use blindrelay::partner::{Access, Scope};
use blindrelay::wire::{ClientFrame, Content, Payload, Token};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::desk::{Desk, NOW, bearer};
use super::raw::{Raw, sealed, send};

/// Alice writes to Bob in the open, three times, and to Carol sealed. A platform that whitelists StreamCo.
async fn town(on_disk: bool) -> (Desk, Token, Raw) {
    let desk = Desk::open(on_disk, 100_000).await;
    let (mut alice, _) = desk.join("alice").await;
    desk.join("bob").await;
    desk.join("carol").await;
    for (n, text) in [(1, "meet me at the harbour"), (2, "the café at the harbour"), (3, "never mind")] {
        alice.say(n, "bob", text).await;
        alice.accepted(n).await;
    }
    alice.send(&send(4, "carol", sealed(&[7; 642]))).await;
    alice.accepted(4).await;
    let (token, _) = desk.agree(Access::Whitelisted, &Scope::ALL).await;
    (desk, token, alice)
}

fn texts(page: &Value) -> Vec<String> {
    let text = |message: &Value| message["text"].as_str().unwrap_or(message["mode"].as_str().unwrap()).to_owned();
    page["messages"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn inboxes_are_paged_and_searched_from_a_file_and_from_memory_alike() {
    for on_disk in [true, false] {
        let (desk, token, _alice) = town(on_disk).await;
        let get = async |path: &str| desk.get(&format!("/partner/v1/users/{path}"), &token).await.fine(200);
        let threads = get("alice/threads").await;
        assert_eq!(threads["threads"][0]["with"], "carol");
        assert!(threads["threads"][0]["snippet"].is_null() && threads["threads"][0]["sealed"] == 1);
        let bobs = json!({"with": "bob", "messages": 3, "sealed": 0, "latest": NOW, "snippet": "never mind"});
        assert_eq!(threads["threads"][1], bobs);
        assert!(threads["next"].is_null());

        let mut seen = Vec::new();
        let mut path = "alice/messages?limit=1".to_owned();
        for _ in 0..9 {
            let page = get(&path).await;
            seen.extend(texts(&page));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("alice/messages?limit=1&cursor={next}");
        }
        let all = ["meet me at the harbour", "the café at the harbour", "never mind", "sealed"];
        assert_eq!(seen, all);
        assert_eq!(texts(&get("alice/messages?with=bob").await), all[..3]);
        assert_eq!(texts(&get("carol/messages").await), all[3..]);
        let first = get("alice/threads?limit=1").await;
        let second = get(&format!("alice/threads?limit=1&cursor={}", first["next"].as_str().unwrap())).await;
        assert_eq!(second["threads"][0]["with"], "bob");

        // Newest first; all words; however they are accented; and only hers.
        for (user, words, found) in [
            ("alice", "harbour", &all[..2]),
            ("bob", "HARBOUR+meet", &all[..1]),
            ("bob", "cafe", &all[1..2]),
            ("bob", "harb", &[]),
            ("carol", "harbour", &[]),
            ("alice", "harbour%22+OR+%22never", &[]),
            ("alice", "who:u1", &[]),
            ("alice", "NEAR(%22meet%22)*", &[]),
            ("alice", "%22%00%22%27--", &[]),
        ] {
            let mut got = texts(&get(&format!("{user}/search?q={words}")).await);
            got.reverse();
            assert_eq!(got, found, "{user} {words}");
        }
    }
}

#[tokio::test]
async fn a_sealed_conversation_gives_the_outside_and_nothing_else() {
    let (desk, token, mut alice) = town(true).await;
    let carol = "/partner/v1/users/carol";
    let message = desk.get(&format!("{carol}/messages"), &token).await.fine(200)["messages"][0].clone();
    assert_eq!((&message["from"], &message["to"], &message["size"]), (&json!("alice"), &json!("carol"), &json!(642)));
    assert!(message["text"].is_null() && message["sealed"].as_str().unwrap().len() > 800);
    let post = async |to: &str| {
        let body = json!({"to": to, "text": "Alice recommends"});
        desk.send("POST", "/partner/v1/users/alice/messages", &token, body).await
    };
    let refusal = post("carol").await;
    assert!(refusal.refused(409).contains("no key") && refusal.json()["type"].as_str().unwrap().ends_with("sealed"));
    post("bob").await.fine(201);
    // A conversation is what its latest message is: in the open again, it can be written in.
    alice.say(5, "carol", "in the open").await;
    alice.accepted(5).await;
    post("carol").await.fine(201);
}

#[tokio::test]
async fn what_the_partner_writes_is_marked_and_neither_counted_nor_confirmed() {
    let desk = Desk::new().await;
    let (mut alice, _) = desk.join("alice").await;
    desk.join("bob").await;
    let (token, _) = desk.agree(Access::Whitelisted, &[Scope::MessageWrite, Scope::InboxRead]).await;
    let body = json!({"to": "alice", "text": "Bob recommends \u{202e}"});
    let id = desk.send("POST", "/partner/v1/users/bob/messages", &token, body).await.fine(201)["id"].clone();
    let mail = alice.mail().await;
    assert_eq!((mail.from.as_str(), json!(mail.id)), ("bob", id));
    let via = Some("StreamCo".to_owned());
    let text = "Bob recommends \u{202e}".to_owned();
    assert_eq!(mail.payload, Payload::Open(Content::Text { sent_at: NOW, counter: 0, text, via }));
    let shown = desk.get("/partner/v1/users/alice/messages", &token).await.fine(200);
    assert_eq!(shown["messages"][0]["via"], "StreamCo");
}

#[tokio::test]
async fn a_deletion_says_what_it_did_and_nothing_of_the_text_is_left_to_find() {
    let (desk, token, alice) = town(true).await;
    let delete = async |user: &str, seq: &str| {
        desk.send("DELETE", &format!("/partner/v1/users/{user}/messages/{seq}"), &token, "").await
    };
    let found = async || texts(&desk.get("/partner/v1/users/bob/search?q=harbour", &token).await.fine(200)).len();
    assert_eq!(found().await, 2);
    for seq in ["99", "4", "18446744073709551615"] {
        delete("bob", seq).await.refused(404); // 4 is there, and not his
    }
    delete("bob", "one").await.refused(400);
    assert_eq!(delete("bob", "1").await.fine(200)["deleted"], "before delivery");
    assert_eq!(delete("alice", "1").await.fine(200)["deleted"], "nothing");
    assert_eq!(found().await, 1);
    assert_eq!(delete("carol", "4").await.fine(200)["deleted"], "before delivery", "sealed, and dropped all the same");
    // Bob comes: the second and third message are there, the first is not.
    let (mut bob, bobs) = (desk.join("dora").await.0, Token::random(&mut rand::rng()));
    drop((alice, bobs));
    bob.nothing_more().await;
    let left = desk.get("/partner/v1/users/bob/messages", &token).await.fine(200);
    let shown: Vec<_> = left["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str()).collect();
    assert_eq!(shown, [None, Some("the café at the harbour"), Some("never mind")], "names, time and size stay");
}

#[tokio::test]
async fn what_was_delivered_is_deleted_from_the_archive_alone() {
    let desk = Desk::new().await;
    let (mut alice, _) = desk.join("alice").await;
    let (mut bob, _) = desk.join("bob").await;
    alice.say(1, "bob", "delivered").await;
    let seq = bob.mail().await.seq;
    bob.send(&ClientFrame::Ack { seq }).await;
    bob.nothing_more().await;
    let (token, _) = desk.agree(Access::Whitelisted, &[Scope::MessageDelete]).await;
    let path = format!("/partner/v1/users/alice/messages/{seq}");
    let deleted = desk.send("DELETE", &path, &token, "").await.fine(200);
    assert_eq!(deleted["deleted"], "from the archive");
    assert!(deleted["stays"].as_str().unwrap().contains("copies of sender and recipient"));
}

#[tokio::test]
async fn each_request_needs_its_own_scope() {
    let (desk, token, _alice) = town(false).await;
    let report = json!({"partner": "streamco", "period": {"from": "2026-11-09", "to": "2026-11-22"}, "rows": []});
    let requests = [
        (Scope::InboxRead, "GET", "/partner/v1/users/alice/threads", json!(null), 200),
        (Scope::InboxRead, "GET", "/partner/v1/users/alice/messages", json!(null), 200),
        (Scope::InboxRead, "GET", "/partner/v1/users/alice/search?q=x", json!(null), 200),
        (Scope::MessageWrite, "POST", "/partner/v1/users/alice/messages", json!({"to": "bob", "text": "x"}), 201),
        (Scope::MessageDelete, "DELETE", "/partner/v1/users/alice/messages/1", json!(null), 200),
        (Scope::Report, "POST", "/partner/v1/reports", report, 201),
        (Scope::Signals, "POST", "/partner/v1/signals", json!({"signals": []}), 202),
    ];
    let partner = "streamco".parse().unwrap();
    desk.book.end(&partner, true, NOW).unwrap();
    desk.send("GET", "/partner/v1/users/alice/threads", &token, "").await.refused(401);
    for (scope, method, path, body, status) in requests {
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let (without, _) = desk.agree(Access::Whitelisted, &others).await;
        let refusal = desk.send(method, path, &without, &body).await.refused(403);
        assert!(refusal.contains(scope.as_str()), "{refusal}");
        desk.book.end(&partner, true, NOW).unwrap();
        let (with, _) = desk.agree(Access::Whitelisted, &[scope]).await;
        desk.send(method, path, &with, &body).await.fine(status);
        desk.book.end(&partner, true, NOW).unwrap();
    }
    // What was refused was not entered as a use: each scope was used as often as a request passed.
    let counts = desk.book.counts(Some(&partner), None).unwrap();
    let used: Vec<u64> = counts.iter().map(|count| count.used).collect();
    assert_eq!(used, [3, 1, 1, 1, 1], "{counts:?}");
}

#[tokio::test]
async fn who_is_not_connected_looks_like_who_does_not_exist() {
    let desk = Desk::new().await;
    desk.join("alice").await;
    let (mut bob, bobs) = desk.join("bob").await;
    bob.say(1, "alice", "hello").await;
    bob.accepted(1).await;
    let (token, _) = desk.agree(Access::PerLogin, &Scope::ALL).await;
    let inbox = async |user: &str| desk.get(&format!("/partner/v1/users/{user}/messages"), &token).await;
    let without_date = |answer: super::desk::Answer| {
        let head: Vec<String> =
            answer.head.lines().filter(|line| !line.starts_with("date")).map(str::to_owned).collect();
        (answer.status, head, answer.body)
    };
    let unknown = without_date(inbox("nobody").await);
    for foreign in ["alice", "bob", "Not-A-Name", "%2e%2e", "a%00b", &"x".repeat(5000)] {
        assert_eq!(without_date(inbox(foreign).await), unknown, "{foreign}");
    }
    assert_eq!(desk.book.counts(None, None).unwrap().iter().map(|count| count.used).sum::<u64>(), 0);
    let signal = |user: &str| json!({"signals": [{"user": user, "kind": "intent", "title": "t", "genre": "g", "device": "tv", "at": 1}]});
    let signals = async |user: &str| desk.send("POST", "/partner/v1/signals", &token, signal(user)).await;
    assert_eq!(without_date(signals("nobody").await), without_date(signals("bob").await));
    // The control: Bob connects. Alice, who never agreed, is read with him.
    desk.send("PUT", "/account/v1/bob/connections/streamco", &bobs, "").await.fine(200);
    assert_eq!(texts(&inbox("bob").await.fine(200)), ["hello"]);
    signals("bob").await.fine(202);
    assert_eq!(without_date(inbox("alice").await), unknown);
    desk.send("DELETE", "/account/v1/bob/connections/streamco", &bobs, "").await.fine(200);
    assert_eq!(without_date(inbox("bob").await), unknown);
}

#[tokio::test]
async fn nonsense_is_refused_in_words_and_changes_nothing() {
    let (desk, token, _alice) = town(true).await;
    let before = desk.get("/partner/v1/users/alice/messages", &token).await.body;
    for query in [
        "messages?limit=0",
        "messages?limit=201",
        "messages?limit=-1",
        "messages?limit=99999999999999999999",
        "messages?limit=x",
        "messages?cursor=",
        "messages?cursor=AAAA",
        "messages?cursor=%00",
        "messages?with=Not%20A%20Name",
        "messages?with=",
        "search",
        "search?q=",
        "threads?cursor=%F0%9F%A6%80",
        "messages?limit=1&limit=2",
    ] {
        desk.get(&format!("/partner/v1/users/alice/{query}"), &token).await.refused(400);
    }
    desk.get(&format!("/partner/v1/users/alice/search?q={}", "x".repeat(201)), &token).await.refused(400);
    desk.get(&format!("/partner/v1/users/alice/search?q={}", "x+".repeat(100)), &token).await.fine(200);
    let cursor = desk.get("/partner/v1/users/alice/messages?limit=1", &token).await.json()["next"].clone();
    let cursor = cursor.as_str().unwrap();
    desk.get(&format!("/partner/v1/users/bob/messages?cursor={cursor}"), &token).await.refused(400);
    desk.get(&format!("/partner/v1/users/alice/messages?cursor={cursor}"), &token).await.fine(200);

    let messages = "/partner/v1/users/alice/messages";
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"to":"bob"}"#,
        r#"{"to":1,"text":"x"}"#,
        r#"{"to":"bob","text":""}"#,
        r#"{"to":"bob","text":"x","more":1}"#,
        "{\"to\":\"bob\",\"text\":\"\u{0}\"}",
    ] {
        desk.send("POST", messages, &token, body).await.refused(400);
    }
    for to in ["nobody", "Not A Name", "../bob", "bob\u{202e}"] {
        desk.send("POST", messages, &token, json!({"to": to, "text": "x"})).await.refused(404);
    }
    desk.send("POST", messages, &token, json!({"to": "bob", "text": "x".repeat(65_537)})).await.refused(413);
    desk.send("POST", messages, &token, json!({"to": "bob", "text": "x".repeat(2 << 20)})).await.refused(413);
    for kind in ["", "content-type: text/plain\r\n", "content-type: \u{e9}\r\n"] {
        let head = format!("{}{kind}", bearer(&token));
        desk.raw("POST", messages, &head, br#"{"to":"bob","text":"x"}"#).await.refused(415);
        desk.raw("POST", "/partner/v1/reports", &head, b"{}").await.refused(415);
    }
    desk.send("PATCH", messages, &token, "").await.refused(405);
    assert_eq!(desk.get(messages, &token).await.body, before, "nothing was changed");
    desk.send("POST", messages, &token, json!({"to": "bob", "text": "x".repeat(65_536)})).await.fine(201);
    assert_ne!(desk.get(messages, &token).await.body, before, "the control");
}

#[tokio::test]
async fn reports_and_signals_are_taken_whole_or_not_at_all() {
    let (desk, token, _alice) = town(false).await;
    let report = |from: &str, to: &str, rows: Value| json!({"partner": "streamco", "period": {"from": from, "to": to}, "rows": rows});
    let row = |day: &str, label: &str| json!([{"day": day, "interface": label, "surface": "post-play", "variant": "B", "sends": 3, "clicks": 1}]);
    let file = async |report: &Value| desk.send("POST", "/partner/v1/reports", &token, report).await;
    let long = "x".repeat(201);
    for bad in [
        report("2026-02-29", "2026-03-01", json!([])),
        report("2026-11-22", "2026-11-09", json!([])),
        report("2026-11-09", "2026-11-23", json!([])),
        report("0000-01-01", "9999-12-31", json!([])),
        report("yesterday", "", json!([])),
        report("2026-11-09", "2026-11-22", row("2026-11-23", "tv")),
        report("2026-11-09", "2026-11-22", row("2026-11-09", &long)),
        report("2026-11-09", "2026-11-22", row("2026-11-09", "\u{1b}[2J")),
        report(
            "2026-11-09",
            "2026-11-22",
            json!([{"day": "2026-11-09", "interface": "tv", "surface": "s", "variant": "B", "sends": -1, "clicks": 1e99}]),
        ),
        json!({"partner": "other", "period": {"from": "2026-11-09", "to": "2026-11-22"}, "rows": []}),
        json!([]),
        json!({}),
    ] {
        file(&bad).await.refused(400);
    }
    assert!(desk.book.reports().unwrap().is_empty());
    let good = report("2026-11-09", "2026-11-22", row("2026-11-09", "tv"));
    file(&good).await.fine(201);
    file(&good).await.fine(200);
    file(&report("2026-11-09", "2026-11-22", json!([]))).await.refused(409);
    assert_eq!(desk.book.reports().unwrap()[0].body, good.to_string(), "kept as it was sent");

    let signal = |title: &str, at: u64| json!({"user": "alice", "kind": "watched", "title": title, "genre": "crime", "device": "tv", "at": at});
    let take =
        async |signals: Vec<Value>| desk.send("POST", "/partner/v1/signals", &token, json!({"signals": signals})).await;
    for bad in
        [signal(&long, 1), signal("a\u{0}b", 1), signal("t", u64::MAX), json!({"user": "alice", "kind": "dreamt"})]
    {
        take(vec![signal("fine", 1), bad]).await.refused(400);
    }
    take(vec![signal("t", 1); 1_001]).await.refused(400);
    assert_eq!(take(vec![signal("'; DROP TABLE signals; --", NOW); 1_000]).await.fine(202)["taken"], 1_000);
    assert_eq!(take(vec![signal("still there", NOW)]).await.fine(202)["taken"], 1);
}

#[tokio::test]
async fn more_than_the_allowance_is_too_much_until_a_second_later() {
    let desk = Desk::open(false, 3).await;
    desk.join("alice").await;
    let (token, _) = desk.agree(Access::Whitelisted, &[Scope::InboxRead]).await;
    let get = async || desk.get("/partner/v1/users/alice/threads", &token).await;
    for _ in 0..3 {
        get().await.fine(200);
    }
    let fast = get().await;
    assert!(fast.refused(429).contains("wait") && fast.head.contains("retry-after: 1"));
    desk.clock.set(NOW + 1_000);
    get().await.fine(200);
}

/// A live stream, read as it comes.
struct Live(TcpStream, String);

impl Live {
    async fn open(desk: &Desk, user: &str, token: &Token, more: &str) -> Self {
        let mut stream = TcpStream::connect(&desk.address).await.unwrap();
        let head = bearer(token);
        let request =
            format!("GET /partner/v1/users/{user}/stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}{more}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut live = Self(stream, String::new());
        live.until("text/event-stream").await;
        live
    }

    async fn until(&mut self, needle: &str) {
        let mut some = [0; 4096];
        while !self.1.contains(needle) {
            let read = timeout(super::harness::PATIENCE, self.0.read(&mut some)).await.expect("it comes").unwrap();
            assert!(read > 0, "it ended before {needle}: {}", self.1);
            self.1 += std::str::from_utf8(&some[..read]).unwrap();
        }
    }

    /// How long until it ends.
    async fn ends(mut self) -> Duration {
        let (since, mut rest) = (Instant::now(), Vec::new());
        timeout(super::harness::PATIENCE, self.0.read_to_end(&mut rest)).await.expect("it ends").unwrap();
        since.elapsed()
    }
}

#[tokio::test]
async fn a_stream_reaches_the_partner_and_ends_with_what_allowed_it() {
    let (desk, token, mut alice) = town(true).await;
    let mut live = Live::open(&desk, "bob", &token, "").await;
    let mut resumed = Live::open(&desk, "bob", &token, "last-event-id: 1\r\n").await;
    resumed.until("never mind").await;
    assert!(!resumed.1.contains("meet me") && resumed.1.contains("id: 2"), "{}", resumed.1);
    let mut slowest = Duration::ZERO;
    for n in 10..30 {
        let said = Instant::now();
        alice.say(n, "bob", &format!("number {n}")).await;
        live.until(&format!("number {n}\"")).await;
        slowest = slowest.max(said.elapsed());
        alice.accepted(n).await;
    }
    println!("tried: 20 messages reach the stream, the slowest after {slowest:?}");
    assert!(!live.1.contains("never mind"), "what was there before is not live: {}", live.1);
    desk.get("/partner/v1/users/bob/stream", &Token::random(&mut rand::rng())).await.refused(401);

    let partner = "streamco".parse().unwrap();
    let others = Live::open(&desk, "carol", &token, "").await;
    desk.book.end(&partner, true, NOW).unwrap();
    desk.get("/partner/v1/users/bob/threads", &token).await.refused(401);
    for stream in [live, resumed, others] {
        let took = stream.ends().await;
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    // A user who disconnects ends it too, and so does the term.
    let (bobs_token, bobs) = {
        let (_, token) = desk.join("bert").await;
        (desk.agree(Access::PerLogin, &[Scope::InboxRead]).await.0, token)
    };
    desk.send("PUT", "/account/v1/bert/connections/streamco", &bobs, "").await.fine(200);
    let live = Live::open(&desk, "bert", &bobs_token, "").await;
    desk.send("DELETE", "/account/v1/bert/connections/streamco", &bobs, "").await.fine(200);
    assert!(live.ends().await < Duration::from_secs(2));
    desk.send("PUT", "/account/v1/bert/connections/streamco", &bobs, "").await.fine(200);
    let live = Live::open(&desk, "bert", &bobs_token, "").await;
    desk.clock.set(NOW + 900_000);
    assert!(live.ends().await < Duration::from_secs(2));
}
