//! The relay's eye under attack: by what people write, and by other pages in the same browser.

use std::process::Command;

use blindrelay::wire::sanitise;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::cdp::Browser;
use super::relay::{Person, Relay, watch};

/// What people have put into messages to take over the page, the terminal or the reader.
const HOSTILE: [&str; 64] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href=javascript:alert(1)>click</a>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><button>go</button></form>",
    "<button formaction=javascript:alert(1)>go</button>",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>*{display:none}</style>",
    "<style>@import '//evil.example/x.css'</style>",
    "<div style=position:fixed;inset:0;background:red>gone</div>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<img src=//evil.example/pixel.gif>",
    "<img src='/events'>",
    "<marquee onstart=alert(1)>",
    "<select onfocus=alert(1) autofocus><option>x</select>",
    "<textarea autofocus onfocus=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "</span></li><script>alert(1)</script>",
    "</code></dialog></body><h1>This page has moved</h1>",
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "`${alert(1)}`",
    "{{constructor.constructor('alert(1)')()}}",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "<scr\0ipt>alert(1)</scr\0ipt>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<<script>alert(1)//<</script>",
    "<!--<img src=--><img src=x onerror=alert(1)//>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "\u{3c}\u{200b}script\u{3e}alert(1)",
    "data: {\"n\":1}\n\nevent: summary\ndata: {}\n\n",
    "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n<script>alert(1)</script>",
    "\n\nretry: 1\n\n",
    "{\"__proto__\":{\"polluted\":true}}",
    "__proto__",
    "constructor",
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}]0;owned\u{7}",
    "\u{9b}31mred",
    "\u{202e}txt.exe\u{202c}",
    "\u{2066}\u{202e}reversed\u{2069}",
    "\u{200f}\u{200e}\u{61c}marks",
    "zero\u{200b}width\u{feff}",
    "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "\u{e0041}\u{e0042} tags",
    "line\u{2028}separator\u{2029}",
    "■ sealed (not really)",
    "'; DROP TABLE messages; --",
];

#[tokio::test]
async fn sixty_hostile_messages_stay_text() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let mut alice = Person::join(&relay, "alice").await;
    let _bob = Person::join(&relay, "bob").await;
    let page = watch(&browser, &relay).await;
    alice.open("bob", "harmless").await;
    page.until_text("#mail", "harmless").await;
    page.note_requests().await;
    let made = "[...new Set([...document.querySelectorAll('*')].map((node) => node.localName))].sort().join(' ')";
    let attributes = "[...new Set([...document.querySelectorAll('*')].flatMap((node) => node.getAttributeNames()))].sort().join(' ')";
    page.click("#rows button").await;
    let before = (page.text(made).await, page.text(attributes).await, page.text("document.title").await);
    page.press("Escape").await;

    for evil in HOSTILE {
        alice.open("bob", evil).await;
    }
    let flood = "👩‍👩‍👧‍👦🏳️‍🌈".repeat(1_400);
    alice.open("bob", &flood).await;
    page.until(&format!("document.querySelectorAll('#rows li').length === {}", HOSTILE.len() + 2)).await;
    page.until("document.querySelectorAll('#mail li').length === 50").await;
    // Each of them in the inspector too, and in the feed word for word as the terminal would show it.
    for (n, evil) in HOSTILE.iter().enumerate() {
        let row = format!("#rows li[data-n='{}']", n + 2);
        let shown = page.text(&format!("document.querySelector(\"{row} [dir=auto]\").textContent")).await;
        assert_eq!(shown, sanitise(evil).chars().take(160).collect::<String>());
        page.evaluate(&format!("document.querySelector(\"{row} button\").click()")).await;
        let code = page.text("document.querySelector('#parts .part.open code').textContent").await;
        assert_eq!(code, format!("\"text\":{}", serde_json::to_string(&sanitise(evil)).unwrap()));
    }
    let after = (page.text(made).await, page.text(attributes).await, page.text("document.title").await);
    assert_eq!(after, before, "no element, attribute or title of theirs");
    assert_eq!(page.evaluate("({}).polluted === undefined").await, true);
    assert_eq!(page.troubles(), Vec::<String>::new());
    let origin = relay.eye.split("/?").next().unwrap();
    for url in page.requests() {
        assert!(url.starts_with(&format!("{origin}/inbox?user=alice&after=")), "asked for {url}");
    }

    // And were one of them ever parsed, the policy would stop its code.
    page.evaluate("addEventListener('securitypolicyviolation', () => { window.stopped = true; }); 0").await;
    page.evaluate("document.querySelector('footer').innerHTML = '<b onclick=alert(1)>x</b>'").await;
    page.click("footer b").await;
    page.until("window.stopped").await;
    assert!(page.troubles().iter().all(|trouble| trouble.contains("Content Security Policy")), "{:?}", page.troubles());

    // The control: a page that parses what people write makes dozens of elements of it and runs their code.
    let naive = browser.page().await;
    naive.navigate("data:text/html,<p id=out></p>").await;
    let mut fired = 0;
    for evil in HOSTILE {
        let parse =
            format!("(() => {{ out.innerHTML = {}; return out.children.length > 0; }})()", serde_json::json!(evil));
        fired += u32::from(naive.evaluate(&parse).await == true);
    }
    assert!(fired >= 30, "only {fired} of them mean anything to a parser");
    naive.evaluate("out.innerHTML = '<img src=x onerror=alert(1)>'").await;
    naive.evaluate("new Promise((yes) => setTimeout(yes))").await;
    assert!(!naive.troubles().is_empty(), "their code runs");
}

#[tokio::test]
async fn pages_cannot_make_what_runs_or_leads_away() {
    let Some(browser) = Browser::open().await else { return };
    let (_home, relay) = Relay::fresh();
    let page = watch(&browser, &relay).await;
    let attempt = |make: &str| {
        format!(
            "import('/dom.js').then(({{ el, svg }}) => {{ try {{ {make}; return 'made'; }} catch {{ return 'refused'; }} }})"
        )
    };
    for good in [
        "el('p', { class: 'open', 'aria-label': 'x', dir: 'auto' }, '<b>')",
        "el('a', { href: '#rows' })",
        "el('img', { src: '/icon.svg' })",
        "svg('path', { d: 'M0 0', 'stroke-width': 2 })",
    ] {
        assert_eq!(page.evaluate(&attempt(good)).await, "made", "{good}");
    }
    for bad in [
        "el('script', {}, 'alert(1)')",
        "el('iframe', { src: '/' })",
        "el('style', {}, '*{}')",
        "svg('foreignObject')",
        "svg('use', { href: '#x' })",
        "el('p', { onclick: 'alert(1)' })",
        "el('p', { style: 'color:red' })",
        "el('iframe', { srcdoc: 'x' })",
        "el('a', { href: 'javascript:alert(1)' })",
        "el('a', { href: '//evil.example' })",
        "el('img', { src: 'https://evil.example/x' })",
        "el('p', { 'ONCLICK': 'alert(1)' })",
    ] {
        assert_eq!(page.evaluate(&attempt(bad)).await, "refused", "{bad}");
    }
}

#[tokio::test]
async fn a_hostile_name_never_gets_past_the_wire() {
    let (_home, relay) = Relay::fresh();
    for evil in HOSTILE.iter().filter(|evil| **evil != "__proto__" && **evil != "constructor") {
        let (mut socket, _) = tokio_tungstenite::connect_async(format!("{}/v1/ws", relay.ws)).await.unwrap();
        let hello = serde_json::json!({ "type": "hello", "version": 1, "id": evil, "token": "A".repeat(43) });
        futures_util::SinkExt::send(&mut socket, Message::text(hello.to_string())).await.unwrap();
        let answer = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap();
        assert!(answer.to_text().unwrap().contains("bad_frame"), "{evil}: {answer}");
    }
    // The control, and the only two of the list that are names: they are people like others.
    for name in ["alice", "__proto__", "constructor"] {
        Person::join(&relay, name).await;
    }
    let Some(browser) = Browser::open().await else { return };
    let page = watch(&browser, &relay).await;
    Person::join(&relay, "__proto__").await.open("constructor", "hello").await;
    page.until_text("#known", "__proto__").await;
    page.until_text("#mail", "hello").await;
    assert_eq!(page.troubles(), Vec::<String>::new());
}

/// Sends the head of a request and returns the status and what came within the first read or two.
async fn ask(address: &str, request: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // An event stream never ends: stop when its summary is there.
    while !String::from_utf8_lossy(&answer).contains("event: summary") {
        match socket.read(&mut buffer).await.unwrap() {
            0 => break,
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test]
async fn only_the_page_itself_gets_anything_from_the_eye() {
    let (_home, relay) = Relay::fresh();
    let mut alice = Person::join(&relay, "alice").await;
    let _bob = Person::join(&relay, "bob").await;
    alice.open("bob", "for bob").await;
    let address = relay.eye.split('/').nth(2).unwrap();
    let front = relay.eye.split(address).nth(1).unwrap();
    let (status, answer) = ask(address, &format!("GET {front} HTTP/1.1\r\nHost: {address}")).await;
    assert_eq!(status, 303);
    let cookie = answer.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    let own = format!("\r\nHost: {address}\r\nCookie: {cookie}");
    let stream = "\r\nAccept: text/event-stream\r\nSec-Fetch-Site: same-origin";

    for path in ["/", "/style.css", "/eye.js", "/events", "/inbox?user=alice"] {
        let extra = if path == "/events" { stream } else { "" };
        let get = |headers: String| format!("GET {path} HTTP/1.1{headers}{extra}");
        let (status, answer) = ask(address, &get(own.clone())).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{path}: {answer}");
        assert_eq!(answer.matches("cache-control: no-store").count(), 1, "{path}: {answer}");
        assert!(!answer.contains("access-control-allow"), "{path}: {answer}");
        for (what, headers, refusal) in [
            ("no cookie", format!("\r\nHost: {address}"), 401),
            ("a made-up cookie", format!("\r\nHost: {address}\r\nCookie: {}", cookie.to_uppercase()), 401),
            ("a name that resolves here", format!("\r\nHost: evil.example\r\nCookie: {cookie}"), 421),
            ("another port", format!("\r\nHost: 127.0.0.1:1\r\nCookie: {cookie}"), 421),
            ("another page's script", format!("{own}\r\nOrigin: http://evil.example"), 403),
        ] {
            let (status, answer) = ask(address, &get(headers)).await;
            assert_eq!(status, refusal, "{path}, {what}: {answer}");
            assert!(!answer.contains("for bob") && !answer.contains("alice"), "{path}, {what}: {answer}");
        }
    }
    let (status, _) = ask(address, &format!("GET /?token={} HTTP/1.1\r\nHost: {address}", "A".repeat(43))).await;
    assert_eq!(status, 401, "a stale token");
    let events = |extra: &str| format!("GET /events HTTP/1.1{own}\r\nAccept: text/event-stream{extra}");
    assert_eq!(ask(address, &events("")).await.0, 403, "an event stream says where it comes from");
    for unknown in ["user=nobody", "user=%3Cb%3E", "user=", "after=1", "user=alice&after=x"] {
        let (status, answer) = ask(address, &format!("GET /inbox?{unknown} HTTP/1.1{own}")).await;
        assert!((400..500).contains(&status) && !answer.contains("for bob"), "{unknown}: {answer}");
    }
    assert_eq!(ask(address, &format!("POST / HTTP/1.1{own}\r\nContent-Length: 0{stream}")).await.0, 405);
}

#[tokio::test]
async fn a_broken_line_is_resumed_by_the_last_event_id() {
    let (_home, relay) = Relay::fresh();
    let mut alice = Person::join(&relay, "alice").await;
    let _bob = Person::join(&relay, "bob").await;
    for text in ["one", "two", "three"] {
        alice.open("bob", text).await;
    }
    let address = relay.eye.split('/').nth(2).unwrap();
    let front = relay.eye.split(address).nth(1).unwrap();
    let (_, answer) = ask(address, &format!("GET {front} HTTP/1.1\r\nHost: {address}")).await;
    let cookie = answer.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    // Every round adds a message of its own at the end: when it has come, all before it has.
    for (last, rows) in [(0, "1 2 3 4"), (3, "4 5"), (5, "6"), (99, "1 2 3 4 5 6 7")] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head =
            format!("GET /events HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin");
        socket.write_all(format!("{head}\r\nLast-Event-ID: {last}\r\n\r\n").as_bytes()).await.unwrap();
        alice.open("bob", &format!("after {last}")).await;
        let (mut heard, mut buffer) = (String::new(), [0; 4096]);
        while !heard.contains(&format!("\"text\":\"after {last}\"")) {
            let read = socket.read(&mut buffer).await.unwrap();
            heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        let ids: Vec<&str> = heard.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        assert_eq!(ids.join(" "), rows, "after {last}");
        assert_eq!(heard.matches("event: summary").count(), 1);
    }
}

#[test]
fn the_eye_is_not_opened_where_others_could_look() {
    let home = tempfile::tempdir().unwrap();
    let run = |eye: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blindrelay"));
        command.args(["relay", "--listen", "127.0.0.1:0", "--eye", eye, "--home"]).arg(home.path()).output().unwrap()
    };
    let far = run("0.0.0.0:0");
    let said = String::from_utf8_lossy(&far.stderr).into_owned();
    assert!(!far.status.success() && said.contains("use 127.0.0.1:0"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = run(&taken.local_addr().unwrap().to_string());
    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(!taken.status.success() && said.contains("--eye 127.0.0.1:0"), "{said}");
    assert!(!home.path().join("relay/relay.db").exists(), "nothing was begun");
}
