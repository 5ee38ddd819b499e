//! # The stage: one page for a lecture hall
//!
//! Question: how does a room full of people see who can read a message, and who cannot?
//! Side by side: Alice, the relay, the partner, Bob. Each pane is filled by its own party and by nobody else: the devices are real
//! clients, the relay is a process of its own, its pane is what its operator's endpoint tells, and the partner's pane is what
//! StreamCo's client got from the Inbox API. The page only draws; a guided tour tells the story, and whoever asks may try anything.
//!
//! ```text
//! page ──POST /act──► stage ──► scene (relay process, two clients, StreamCo)
//!      ◄─SSE /events── board ◄──┘
//! ```

mod act;
mod board;
mod business;
mod code;
mod company;
mod drawer;
mod end;
mod keys;
mod middle;
mod pages;
mod process;
mod scene;
mod swap;
mod thief;
mod twins;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::web::Guard;
use crate::wire::sanitise;
use act::Act;
use board::Board;
use drawer::Drawer;
use scene::{Asked, Scene, Woken};

/// Acts that may wait.
const QUEUE: usize = 64;

/// Sets the stage with relays of `program`, tells where it is to be seen, and plays until `end`.
///
/// # Errors
/// If the relay does not start, or the listener is not on this machine only.
pub async fn run(
    listener: TcpListener,
    program: PathBuf,
    announce: impl FnOnce(&str),
    end: impl Future<Output = ()>,
) -> Result<()> {
    let guard = Guard::new(listener.local_addr()?, &mut rand::rng())?;
    let (ask, asked) = mpsc::channel(QUEUE);
    let mut stage = Stage::set(program).await?;
    let app = guard.protect(pages::router(stage.board.clone(), ask));
    announce(&guard.url());
    tokio::select! {
        served = axum::serve(listener, app).into_future() => served?,
        () = stage.play(asked) => {}
        () = end => {}
    }
    Ok(())
}

/// The scene, and what outlives it.
struct Stage {
    board: Board,
    scene: Scene,
    drawer: Drawer,
    program: PathBuf,
    /// Counts resets.
    run: u32,
    notice: Option<Notice>,
    /// The tour's step (0: free play), and whether it was played.
    tour: (u8, bool),
}

/// The latest thing that everybody should know.
#[derive(Serialize)]
struct Notice {
    n: u32,
    alarm: bool,
    text: String,
}

impl Stage {
    async fn set(program: PathBuf) -> Result<Self> {
        let scene = Scene::set(program.clone()).await?;
        let (board, drawer, tour) = (Board::default(), Drawer::new(), (1, false));
        let mut stage = Self { board, scene, drawer, program, run: 1, notice: None, tour };
        stage.show();
        Ok(stage)
    }

    /// One thing after another, until nobody can ask any more.
    async fn play(&mut self, mut acts: mpsc::Receiver<Asked>) {
        let mut since = Instant::now();
        loop {
            match self.scene.next(&mut acts, since).await {
                Woken::Act(None) => return,
                Woken::Act(Some((act, answer))) => {
                    let outcome = self.perform(act).await.map_err(|error| sanitise(&format!("{error:#}")));
                    let _page_gone = answer.send(outcome);
                    since = Instant::now();
                }
                woken => {
                    if let Err(error) = self.scene.happened(woken).await {
                        self.tell(true, &format!("{error:#}"));
                    }
                }
            }
            self.show();
        }
    }

    async fn perform(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Step { to, done } => self.tour = (to, done),
            Act::Attack { name } => self.drawer.play(&name).await?,
            Act::Reset => {
                self.scene = Scene::set(self.program.clone()).await?;
                self.run += 1;
                self.drawer.clear();
                self.tell(false, "A fresh start: new devices, new keys, a new relay.");
            }
            act => self.scene.perform(act).await?,
        }
        Ok(())
    }

    fn tell(&mut self, alarm: bool, text: &str) {
        let n = self.notice.as_ref().map_or(1, |notice| notice.n + 1);
        self.notice = Some(Notice { n, alarm, text: sanitise(text) });
    }

    fn show(&mut self) {
        if let Err(error) = self.scene.show(&self.board) {
            self.tell(true, &format!("{error:#}"));
        }
        for (alarm, text) in std::mem::take(&mut self.scene.news) {
            self.tell(alarm, &text);
        }
        self.drawer.show(&self.board);
        let (step, done) = self.tour;
        self.board.put("stage", &json!({ "run": self.run, "step": step, "done": done, "notice": self.notice }));
    }
}
