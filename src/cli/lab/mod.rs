//! `blindrelay lab`: the laboratory.

mod attack;
mod exercise;
mod fuzz;
mod populate;
mod relay;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::home::Home;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Perform an attack, against a control that must lose and against the real client
    Attack(attack::Args),
    /// Perform an attack by hand: predict, do, see; and hear whether you got it
    Exercise(exercise::Args),
    /// Mix all lies of a relay at random, by seed, and look what three clients make of it
    Fuzz(fuzz::Args),
    /// Fill a fresh home with some weeks of messages, recommendations and clicks
    Populate(populate::Args),
    /// Run a relay that lies: a proxy before an honest relay, for clients in other terminals
    Relay(relay::Args),
}

pub(super) fn run(Args { command }: Args, home: Option<PathBuf>) -> Result<ExitCode> {
    super::core::leave_none()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match command {
            Command::Attack(args) => attack::run(args).await,
            Command::Exercise(args) => exercise::run(args).await,
            Command::Fuzz(args) => fuzz::run(args),
            Command::Populate(args) => populate::run(args, &Home::resolve(home)?),
            Command::Relay(args) => relay::run(args).await,
        }
    });
    // A question that was not answered is not waited for.
    runtime.shutdown_background();
    done
}
