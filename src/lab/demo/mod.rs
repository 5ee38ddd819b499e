//! The demo: the same conversation twice, through two relay processes of the same build, and a search of everything they had.
//!
//! Question: how would you find out whether a relay can read along, if you did not believe anybody?
//! Play a conversation whose every line carries a fresh random tag; then look for the tags on the wire, in the database, in the log and
//! in the memory of the relay. In open mode they must be found, or the search is blind; in sealed mode they must not,
//! while the same search must find the sealed blobs and the names, or it looked in the wrong place.
//!
//! ```text
//! script ─► play(open)   ─► sweep ─┐
//!        ─► play(sealed) ─► sweep ─┴► report ─► verdict      after each sweep the partner has its act
//! ```

mod partner;
mod play;
mod print;
mod sweep;

use std::path::PathBuf;

use anyhow::{Result, bail};
use rand::RngExt;
use serde::Serialize;

use crate::client::contacts::Mode;
use crate::clock::Clock;

pub use partner::Business;
pub use play::{Played, Row};
pub use print::print;
pub use sweep::{Place, Sweep};

/// The conversation that comes with the program.
const SCRIPT: &str = "\
alice: Did you see the last episode? I cried.
bob: Not yet! No spoilers, please.
alice: Fine. Dinner on Friday? My treat, I got the job.
bob: Congratulations! Yes. 19:30 at Luigi's?";

/// One line of the script.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Alice's, or Bob's.
    pub from_alice: bool,
    /// As written.
    pub text: String,
    /// As typed into the client: with this run's tag.
    pub tagged: String,
    /// 16 random characters that exist nowhere else.
    pub tag: String,
}

/// Everything that the demo saw.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The conversation.
    pub lines: Vec<Line>,
    /// The run in partner-access mode.
    pub open: Run,
    /// The run with end-to-end encryption.
    pub sealed: Run,
    /// Whether the relay was shown to read every line of the open conversation.
    pub open_readable: bool,
    /// Whether it was shown to hold the sealed conversation and to read none of it.
    pub sealed_blind: bool,
    /// Whether the partner's act went as it must: what needs reading worked in the open only, all else alike.
    pub business: bool,
}

/// One conversation and what was found of it.
#[derive(Debug, Serialize)]
pub struct Run {
    /// What each saw.
    pub played: Played,
    /// The search.
    pub sweep: Sweep,
    /// The partner's act.
    pub business: Business,
}

impl Report {
    /// Both halves hold, and so does the partner's act.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.open_readable && self.sealed_blind && self.business
    }
}

/// Plays the script (the shipped one if none is given) through fresh relay processes of `relay_bin`.
///
/// # Errors
/// If a relay does not start, a message does not arrive, or the script has no lines.
pub async fn run(script: Option<&str>, relay_bin: PathBuf) -> Result<Report> {
    let lines = parse(script.unwrap_or(SCRIPT))?;
    let now = Clock::system().now();
    let open = play::play(&lines, Mode::Open, now, &relay_bin).await?;
    let sealed = play::play(&lines, Mode::Sealed, now, &relay_bin).await?;
    let open_readable = open.sweep.reads_every_line(lines.len());
    let sealed_blind = sealed.sweep.reads_no_line();
    let business = partner::holds(&open.business, &sealed.business);
    Ok(Report { lines, open, sealed, open_readable, sealed_blind, business })
}

/// `alice: text` or `bob: text`, a line each; if no line names anybody, all are Alice's.
fn parse(script: &str) -> Result<Vec<Line>> {
    let run = random(6);
    let mut lines = Vec::new();
    let named = |line: &str| {
        let (who, text) = line.split_once(':')?;
        let from_alice = match who.trim().to_lowercase().as_str() {
            "alice" => true,
            "bob" => false,
            _ => return None,
        };
        Some((from_alice, text.trim().to_owned()))
    };
    let nobody = !script.lines().any(|line| named(line).is_some());
    for (n, line) in script.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
        let anonymous = nobody.then(|| (true, line.to_owned()));
        let Some((from_alice, text)) = named(line).or(anonymous) else {
            bail!("line {} of the script begins with neither `alice:` nor `bob:`", n + 1);
        };
        let tag = format!("{run}-{:03}-{}", lines.len() + 1, random(6));
        lines.push(Line { from_alice, tagged: format!("{text} #{tag}"), text, tag });
    }
    if lines.is_empty() || lines.len() > 200 {
        bail!("a script has 1 to 200 lines of the form `alice: text` or `bob: text`; this one has {}", lines.len());
    }
    if let Some(long) = lines.iter().position(|line| line.tagged.len() > crate::wire::MAX_TEXT) {
        bail!("line {} of the script is over 64 KiB with its tag; shorten it", long + 1);
    }
    Ok(lines)
}

/// Lower-case letters and digits.
fn random(length: usize) -> String {
    let alphabet = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}
