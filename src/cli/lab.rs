//! `blindrelay lab …`: experiments. One file each.

mod populate;

use std::process::ExitCode;

use anyhow::Result;

use crate::home::Home;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, clap::Subcommand)]
enum Experiment {
    /// Fill a fresh home with some weeks of messages, recommendations and clicks
    Populate(populate::Args),
}

pub(super) fn run(args: Args, home: &Home) -> Result<ExitCode> {
    match args.experiment {
        Experiment::Populate(args) => populate::run(args, home),
    }
}
