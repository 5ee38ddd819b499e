//! `blindrelay demo`: the difference, shown and checked, in a few seconds.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::signals;
use crate::lab::demo;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Play your own conversation: lines of the form `alice: text` or `bob: text`, from a file or (-) standard input
    #[arg(long, value_name = "FILE|-")]
    script: Option<PathBuf>,
    /// One JSON object instead of the page
    #[arg(long)]
    json: bool,
    /// The program whose relay is put to the test, for example the relay-only build [default: this one]
    #[arg(long, value_name = "PATH")]
    relay_bin: Option<PathBuf>,
}

pub(super) fn run(Args { script, json, relay_bin }: Args) -> Result<ExitCode> {
    super::core::leave_none()?;
    let script = script
        .map(|path| {
            read(&path).with_context(|| {
                format!("cannot read the script {}; it must be UTF-8 text that is there", path.display())
            })
        })
        .transpose()?;
    let relay_bin = match relay_bin {
        Some(path) => path,
        None => std::env::current_exe()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let end = signals::end()?;
        tokio::select! {
            report = demo::run(script.as_deref(), relay_bin) => report,
            () = end => bail!("ended before it was done; its relay and its files are gone"),
        }
    })?;
    if json {
        let mut value = serde_json::to_value(&report)?;
        value["holds"] = report.holds().into();
        super::print(&format!("{value}\n"))?;
    } else {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        super::print(&demo::print(&report, colour))?;
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &std::path::Path) -> Result<String> {
    if path.as_os_str() != "-" {
        return Ok(fs::read_to_string(path)?);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}
