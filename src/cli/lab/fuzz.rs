//! `blindrelay lab fuzz`: all lies in any mixture, by seed.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::lab::fuzz;
use crate::wire::{sanitise, sanitise_json};

/// Seeds that are tried if none is named.
const SEEDS: u64 = 20;
/// Steps of the log that are shown of a seed that fails.
const LAST: usize = 40;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One seed, played again as it was [default: 0 to 19, one after another]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Steps before the lies stop
    #[arg(long, value_name = "M", default_value_t = 250)]
    steps: u32,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Args { seed, steps, json }: Args) -> Result<ExitCode> {
    let mut all = Vec::new();
    for seed in seed.map_or(0..SEEDS, |seed| seed..seed.saturating_add(1)) {
        let fuzzed = fuzz::run(seed, steps, None);
        if !json {
            let lies: Vec<&str> = fuzzed.lies.keys().copied().collect();
            let (said, shown, noticed) = (fuzzed.said, fuzzed.shown, fuzzed.noticed);
            let line =
                format!("seed {seed}: {said} texts, {shown} shown, {noticed} times noticed; {}", lies.join(", "));
            crate::cli::print(&format!("{line}\n"))?;
        }
        if let Some(broken) = &fuzzed.broken {
            let last = fuzzed.log[fuzzed.log.len().saturating_sub(LAST)..].iter();
            let last: String = last.map(|line| format!("{}\n", sanitise(line))).collect();
            crate::cli::complain(&format!("seed {seed}: {broken}; the last steps were\n{last}"));
        }
        all.push(fuzzed);
    }
    let broken = all.iter().filter(|fuzzed| fuzzed.broken.is_some()).count();
    let text = if json {
        sanitise_json(&json!({ "seeds": all, "holds": broken == 0 }).to_string())
    } else {
        format!(
            "{} seeds of {steps} steps, {broken} broken; a seed plays the same again with --seed N --steps {steps}",
            all.len()
        )
    };
    crate::cli::print(&format!("{text}\n"))?;
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
