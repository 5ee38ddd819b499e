//! A browser to test with: the Chrome DevTools Protocol, as JSON over the WebSocket crate that is there anyway.
//!
//! Question: how does a test wait for a page without sleeping for luck?
//! The page itself waits: a condition is looked at in every frame and after every change of the document, and the answer comes
//! back through the promise. Keys and clicks go in where a person's do, so focus and handlers are tested with them.
//!
//! ```text
//! test ──{id, sessionId, method, params}──► browser      one socket, one session a page
//!      ◄──{id, result | error}─────────────              answers, by id
//!      ◄──{sessionId, method, params}──────              events: console, exceptions, dialogs, requests
//! ```
//!
//! Source: <https://chromedevtools.github.io/devtools-protocol/>.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, Weak};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;

use super::keys::Key;

/// How long a page may take for what is waited for, in milliseconds.
const PATIENCE: u64 = 20_000;

/// Written once, and past the test harness, which shows what is printed only if a test fails.
const NOTICE: &[u8] = b"\npassed over: no Chromium is installed, so the pages were not tested\n";
static SAID: Once = Once::new();

/// The process, shared by the tests of this binary that run at the time; the last one ends it.
struct Chromium {
    child: Child,
    address: String,
    _profile: tempfile::TempDir,
}

impl Chromium {
    fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let started = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&started);
        Some(started)
    }

    /// None if no Chromium is installed.
    fn start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let spawn = |name: &str| {
            Command::new(name)
                .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
                .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
                .args(["--disable-dev-shm-usage", "--disable-renderer-backgrounding", "--hide-scrollbars"])
                .args(["--disable-backgrounding-occluded-windows", "--disable-background-timer-throttling"])
                .args(["--remote-debugging-port=0", "about:blank"])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                // Nothing of it stays in the tester's own home.
                .env("HOME", profile.path())
                .env_remove("XDG_CONFIG_HOME")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .ok()
        };
        let Some(mut child) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(spawn) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "no Chromium to test the pages with; install the package chromium"
            );
            SAID.call_once(|| std::io::stderr().write_all(NOTICE).unwrap());
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let found = lines.find_map(|line| Some(line.split_once("DevTools listening on ")?.1.trim().to_owned()));
        let address = found.expect("Chromium ended before it said where its DevTools are");
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, address, _profile: profile })
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// One test's connection to the browser.
#[derive(Clone)]
pub struct Browser(Arc<Inner>);

struct Inner {
    _chromium: Arc<Chromium>,
    next: AtomicU64,
    out: mpsc::UnboundedSender<Message>,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    answers: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    /// (session, method, params)
    events: Mutex<Vec<(String, String, Value)>>,
}

impl Browser {
    /// Connects to the browser, started if need be. None, with a word about it, where none is installed.
    pub async fn open() -> Option<Self> {
        let chromium = tokio::task::spawn_blocking(Chromium::shared).await.unwrap()?;
        let (socket, _) = tokio_tungstenite::connect_async(chromium.address.as_str()).await.unwrap();
        let (mut sink, mut stream) = socket.split();
        let (out, mut queue) = mpsc::unbounded_channel();
        let heard = Arc::new(Heard::default());
        let (listener, dismiss) = (heard.clone(), out.clone());
        tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                sink.send(message).await.unwrap();
            }
        });
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Message::Text(text) = message else { continue };
                let mut message: Value = serde_json::from_str(&text).unwrap();
                if let Some(id) = message["id"].as_u64() {
                    let waiting = listener.answers.lock().unwrap().remove(&id);
                    let _nobody_waits = waiting.map(|waiting| waiting.send(message));
                    continue;
                }
                let (session, method) = (text_of(&message["sessionId"]), text_of(&message["method"]));
                if method == "Page.javascriptDialogOpening" {
                    let method = "Page.handleJavaScriptDialog";
                    let close =
                        json!({ "id": 0, "sessionId": session, "method": method, "params": { "accept": false } });
                    let _closing = dismiss.send(Message::text(close.to_string()));
                }
                listener.events.lock().unwrap().push((session, method, message["params"].take()));
            }
        });
        Some(Self(Arc::new(Inner { _chromium: chromium, next: AtomicU64::new(1), out, heard })))
    }

    /// An empty page with cookies of its own, 1024×768, light.
    pub async fn page(&self) -> Page {
        let context = self.call("", "Target.createBrowserContext", json!({ "disposeOnDetach": true })).await;
        self.page_in(&text_of(&context["browserContextId"])).await
    }

    async fn page_in(&self, context: &str) -> Page {
        let target = json!({ "url": "about:blank", "browserContextId": context, "newWindow": true });
        let target = self.call("", "Target.createTarget", target).await;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = text_of(&self.call("", "Target.attachToTarget", target).await["sessionId"]);
        let page = Page { browser: self.clone(), session, context: context.to_owned() };
        for domain in ["Page", "Runtime", "Log", "Performance"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        page.viewport(1024, 768, false).await;
        page
    }

    async fn call(&self, session: &str, method: &str, params: Value) -> Value {
        let mut answer = self.ask(session, method, params).await;
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    async fn ask(&self, session: &str, method: &str, params: Value) -> Value {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let mut request = json!({ "id": id, "method": method, "params": params });
        if !session.is_empty() {
            request["sessionId"] = session.into();
        }
        let (answer, answered) = oneshot::channel();
        self.0.heard.answers.lock().unwrap().insert(id, answer);
        self.0.out.send(Message::text(request.to_string())).unwrap();
        answered.await.expect("the browser has gone")
    }
}

/// One page of the browser.
pub struct Page {
    browser: Browser,
    session: String,
    context: String,
}

impl Page {
    /// A second page with the same cookies.
    pub async fn beside(&self) -> Page {
        self.browser.page_in(&self.context).await
    }

    /// What an expression gives on a page that is on its way somewhere else: null while it is neither here nor there.
    pub async fn evaluate_on_the_way(&self, expression: &str) -> Value {
        let params = json!({ "expression": expression });
        self.browser.ask(&self.session, "Runtime.evaluate", params).await["result"]["result"]["value"].take()
    }

    /// Any command of the protocol.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.browser.call(&self.session, method, params).await
    }

    /// Opens an address and waits until it has loaded. The answer's status: see [`Page::until`].
    pub async fn navigate(&self, url: &str) {
        let went = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(went["errorText"].is_null(), "{url}: {}", went["errorText"]);
        self.until("document.readyState === 'complete'").await;
    }

    /// The value of an expression, awaited if it is a promise.
    pub async fn evaluate(&self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let mut answer = self.call("Runtime.evaluate", params).await;
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}\nthrew {} {}", thrown["text"], thrown["exception"]["description"]);
        answer["result"]["value"].take()
    }

    /// The value of an expression that is text.
    pub async fn text(&self, expression: &str) -> String {
        text_of(&self.evaluate(expression).await)
    }

    /// The text of the first element of that selector, as it is rendered.
    pub async fn text_at(&self, selector: &str) -> String {
        self.text(&format!("document.querySelector({})?.innerText ?? '(no such element)'", json!(selector))).await
    }

    /// Waits in the page until the expression is true; fails with what the page shows if that takes too long.
    pub async fn until(&self, condition: &str) -> Value {
        self.evaluate(&format!(
            "new Promise((yes, no) => {{
                let done = false;
                const end = (how, value) => {{ done = true; watch.disconnect(); clearTimeout(late); how(value); }};
                const look = () => {{
                    if (done) return;
                    try {{ const value = ({condition}); if (value) end(yes, value); }} catch (error) {{ end(no, error); }}
                }};
                const frame = () => {{ look(); if (!done) requestAnimationFrame(frame); }};
                const watch = new MutationObserver(look);
                const late = setTimeout(() => end(no, new Error('waited in vain; the page shows:\\n'
                    + document.body?.innerText.slice(0, 2000))), {PATIENCE});
                watch.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                frame();
            }})"
        ))
        .await
    }

    /// Waits until some element of that selector contains the text.
    pub async fn until_text(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        let some =
            format!("[...document.querySelectorAll({selector})].some((node) => node.textContent.includes({text}))");
        self.until(&some).await;
    }

    /// Types text where the focus is.
    pub async fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses and releases a key: `"Enter"`, `"Tab"`, `"Escape"`, `"ArrowDown"`, `" "`, or a letter; `"Shift+Tab"` too.
    pub async fn press(&self, key: &str) {
        let (shift, key) = key.strip_prefix("Shift+").map_or((0, key), |key| (8, key));
        let Key { code, number, text } = Key::named(key);
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": shift });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.clone().into();
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Clicks in the middle of the first element of that selector, scrolled into view.
    pub async fn click(&self, selector: &str) {
        let at = self
            .evaluate(&format!(
                "(() => {{ const node = document.querySelector({0}); if (!node) throw new Error('no ' + {0});
                    node.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                    const box = node.getBoundingClientRect();
                    return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
                json!(selector)
            ))
            .await;
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({ "type": kind, "x": at[0], "y": at[1], "button": button, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Sets the size of the window, in CSS pixels.
    pub async fn viewport(&self, width: u32, height: u32, mobile: bool) {
        let scale = if mobile { 2 } else { 1 };
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sets what the person prefers.
    pub async fn media(&self, dark: bool, reduced_motion: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let motion = if reduced_motion { "reduce" } else { "no-preference" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme },
                              { "name": "prefers-reduced-motion", "value": motion }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Writes what the window shows into a PNG file; with `whole` all of the page.
    pub async fn screenshot(&self, path: impl AsRef<Path>, whole: bool) {
        let params = json!({ "format": "png", "captureBeyondViewport": whole });
        let shot = self.call("Page.captureScreenshot", params).await;
        std::fs::write(path, STANDARD.decode(text_of(&shot["data"])).unwrap()).unwrap();
    }

    /// Used JavaScript heap in bytes and DOM nodes, after garbage was collected.
    pub async fn memory(&self) -> (f64, f64) {
        self.call("HeapProfiler.collectGarbage", json!({})).await;
        let metrics = self.call("Performance.getMetrics", json!({})).await;
        let metric = |name: &str| {
            let found = metrics["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == name);
            found.and_then(|metric| metric["value"].as_f64()).unwrap()
        };
        (metric("JSHeapUsedSize"), metric("Nodes"))
    }

    /// From now on requests are noted for [`Page::requests`].
    pub async fn note_requests(&self) {
        self.call("Network.enable", json!({})).await;
    }

    /// Addresses that the page asked for since [`Page::note_requests`].
    pub fn requests(&self) -> Vec<String> {
        self.events("Network.requestWillBeSent").iter().map(|event| text_of(&event["request"]["url"])).collect()
    }

    /// What went wrong in the page so far: console errors and warnings, exceptions, refused loads, dialogs.
    pub fn troubles(&self) -> Vec<String> {
        let console = self.events("Runtime.consoleAPICalled").into_iter();
        let console = console.filter(|event| event["type"] == "error" || event["type"] == "warning");
        let log = self.events("Log.entryAdded").into_iter();
        let log = log.filter(|event| event["entry"]["level"] == "error" || event["entry"]["level"] == "warning");
        let thrown = self.events("Runtime.exceptionThrown").into_iter();
        let dialogs = self.events("Page.javascriptDialogOpening").into_iter();
        console.chain(log).chain(thrown).chain(dialogs).map(|event| event.to_string()).collect()
    }

    fn events(&self, method: &str) -> Vec<Value> {
        let events = self.browser.0.heard.events.lock().unwrap();
        let ours = events.iter().filter(|(session, name, _)| *session == self.session && name == method);
        ours.map(|(_, _, params)| params.clone()).collect()
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_browser_answers_waits_and_reports_trouble() {
    let Some(browser) = Browser::open().await else { return };
    let page = browser.page().await;
    page.navigate("data:text/html,<button onclick='this.textContent=event.detail'>no</button><input>").await;
    assert_eq!(page.evaluate("Promise.resolve(6 * 7)").await, 42);
    page.click("button").await;
    page.until_text("button", "1").await;
    page.press("Tab").await;
    page.type_text("héllo").await;
    assert_eq!(page.text("document.querySelector('input').value").await, "héllo");
    assert!(page.troubles().is_empty());
    page.evaluate("setTimeout(() => { alert('x'); console.error('y'); document.title = 'z' }); 0").await;
    page.until("document.title === 'z'").await;
    assert_eq!(page.troubles().len(), 2, "a dialog and an error: {:?}", page.troubles());
}
