//! `blindrelay lab attack NAME`: one attack as a lesson; `--all`: all of them as a table.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::cli::signals;
use crate::lab::attack::{self, Attack, print};
use crate::wire::sanitise_json;

/// How long a paragraph stands before the next one comes, with `--slow`.
const PAUSE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which; a name that does not exist lists those that do
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// All of them, in a table; the exit status says whether all came out as they must
    #[arg(long)]
    all: bool,
    /// With pauses, to be read aloud
    #[arg(long, conflicts_with = "all")]
    slow: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(Args { name, all: _, slow, json }: Args) -> Result<ExitCode> {
    let end = signals::end()?;
    let perform = async {
        match name {
            Some(name) => one(Attack::named(&name)?, slow, json).await,
            None => all(json).await,
        }
    };
    tokio::select! {
        holds = perform => Ok(if holds? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        () = end => Ok(ExitCode::FAILURE),
    }
}

async fn one(attack: &Attack, slow: bool, json: bool) -> Result<bool> {
    if !json {
        say(print::story(attack), slow).await?;
    }
    let played = attack.play().await.with_context(|| format!("the attack {} could not be performed", attack.name))?;
    if json {
        crate::cli::print(&format!("{}\n", sanitise_json(&serde_json::to_string(&played)?)))?;
    } else {
        say(print::ending(attack, &played), slow).await?;
    }
    Ok(played.holds)
}

async fn say(paragraphs: Vec<String>, slow: bool) -> Result<()> {
    for paragraph in paragraphs {
        crate::cli::print(&format!("{paragraph}\n\n"))?;
        if slow {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

async fn all(json: bool) -> Result<bool> {
    let played = attack::play_all().await?;
    let holds = played.iter().all(|played| played.holds);
    let text = if json {
        sanitise_json(&json!({ "attacks": played, "holds": holds }).to_string()) + "\n"
    } else {
        print::table(&played)
    };
    crate::cli::print(&text)?;
    Ok(holds)
}
