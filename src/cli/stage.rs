//! `blindrelay stage`: one page for the lecture hall, on this machine only.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::signals;
use crate::lab::stage;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The page's port on this machine [default: a free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Open the page in this machine's browser
    #[arg(long)]
    open_browser: bool,
}

pub(super) fn run(Args { port, open_browser }: Args) -> Result<ExitCode> {
    super::core::leave_none()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => listener,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                bail!("127.0.0.1:{port} is taken, perhaps by another stage; stop that one, choose another with --port N, or leave --port out")
            }
            Err(error) => return Err(error).with_context(|| format!("cannot listen on 127.0.0.1:{port}; choose another with --port N")),
        };
        let launcher = TempDir::with_prefix("blindrelay-open-")?;
        let announce = |url: &str| {
            let mut out = io::stdout();
            let text = format!("blindrelay stage: open {url}\nFor browsers on this machine only. Ctrl-C ends the stage and deletes its keys.");
            let _closed = writeln!(out, "{text}").and_then(|()| out.flush());
            if open_browser && let Err(error) = browse(launcher.path(), url) {
                super::complain(&format!("no browser could be started ({error}); open the address above yourself"));
            }
        };
        stage::run(listener, std::env::current_exe()?, announce, signals::end()?).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Opens the page by way of a file that only its owner can read: an address on a command line can be read by everybody on the
/// machine, and this one holds the token.
fn browse(dir: &Path, url: &str) -> io::Result<()> {
    let file = dir.join("stage.html");
    let page = format!(
        "<!doctype html>\n<meta charset=\"utf-8\"><title>blindrelay stage</title>\n<meta http-equiv=\"refresh\" content=\"0;url={url}\">\n<a href=\"{url}\">The stage</a>\n"
    );
    fs::write(&file, page)?;
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    Command::new(opener).arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    Ok(())
}
