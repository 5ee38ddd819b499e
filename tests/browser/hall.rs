//! A lecture hall to test in: a stage process, a page on it, and what a lecturer does there.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::cdp::{Browser, Page};

/// A stage process. Dropping it ends it gently: it takes its relay along and removes its homes.
pub struct Stage {
    child: Child,
    pub url: String,
}

impl Stage {
    pub fn start(arguments: &[&str]) -> Self {
        let mut stage = Command::new(env!("CARGO_BIN_EXE_blindrelay"));
        let mut child = stage.arg("stage").args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let url = first.trim().split_once(" open ").expect("the stage says where it is").1.to_owned();
        Self { child, url }
    }

    pub fn port(&self) -> &str {
        self.url.split([':', '/']).nth(4).unwrap()
    }

    /// The relay's process: the stage's only child.
    pub fn relay(&self) -> String {
        let stat = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("stat")).ok();
        let ours = |stat: &String| {
            let mut fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
            fields.next() != Some("Z") && fields.next() == Some(&self.child.id().to_string())
        };
        let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| stat(entry.unwrap()));
        let found: Vec<String> = stats.filter(ours).map(|stat| stat.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(found.len(), 1, "one relay");
        found[0].clone()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _gone = Command::new("kill").arg(self.child.id().to_string()).status();
        let _gone = self.child.wait();
    }
}

/// A page on the stage, and what a person does there.
pub struct Hall(pub Page);

impl Hall {
    pub async fn open(browser: &Browser, stage: &Stage) -> Self {
        let page = browser.page().await;
        page.navigate(&stage.url).await;
        page.until("document.querySelector('#guide select')").await;
        Self(page)
    }

    /// Out of the tour, into free play.
    pub async fn free(browser: &Browser, stage: &Stage) -> Self {
        let hall = Self::open(browser, stage).await;
        hall.act(json!({ "do": "step", "to": 0, "done": false })).await;
        hall.0.until("document.querySelector('#guide.free')").await;
        hall
    }

    /// What a page script asks for; the answer.
    pub async fn act(&self, act: Value) -> Value {
        let body = json!(act.to_string());
        let ask = format!(
            "fetch('/act', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }}, body: {body} }})
                .then(async (answer) => ({{ status: answer.status, ...await answer.json() }}))"
        );
        self.0.evaluate(&ask).await
    }

    pub async fn type_as(&self, who: &str, text: &str) {
        self.0.click(&format!("#{who}-text")).await;
        self.0.until(&format!("document.activeElement.id === '{who}-text'")).await;
        self.0.type_text(text).await;
        let length = text.encode_utf16().count();
        self.0.until(&format!("document.activeElement.value.length === {length}")).await;
        self.0.press("Enter").await;
    }

    pub async fn shows(&self, pane: &str, text: &str) -> bool {
        let (pane, text) = (json!(format!("#{pane}")), json!(text));
        self.0.evaluate(&format!("document.querySelector({pane}).textContent.includes({text})")).await == true
    }

    /// Waits until every pane shows the text.
    pub async fn everywhere(&self, text: &str) {
        let panes = "['alice', 'relay', 'partner', 'bob'].map((id) => document.getElementById(id))";
        self.0.until(&format!("{panes}.every((pane) => pane.textContent.includes({}))", json!(text))).await;
    }

    pub async fn digits(&self, who: &str) -> String {
        self.0
            .text(&format!("[...document.querySelectorAll('#{who} .digits li')].map((li) => li.innerText).join('')"))
            .await
    }

    /// Nothing went wrong in the page. (The browser itself notes every refusal that a page gets; those are answers.)
    pub fn assert_calm(&self) {
        let troubles = self.0.troubles().into_iter().filter(|trouble| !trouble.contains("with a status of 4"));
        assert_eq!(troubles.collect::<Vec<_>>(), Vec::<String>::new());
    }
}

/// Somebody wants to look: `SHOTS=/some/dir cargo test --test browser stage`. What moves is let come to rest.
pub async fn shot(page: &Page, name: &str) {
    if let Some(dir) = std::env::var_os("SHOTS").map(PathBuf::from) {
        page.evaluate("new Promise((rested) => setTimeout(rested, 1600))").await;
        page.screenshot(dir.join(format!("stage-{name}.png")), false).await;
    }
}
