//! A message out of standard input: an argument would stand in the list of processes.

use std::io::{IsTerminal, Read};

use anyhow::{Context, Result, bail};

use crate::wire::MAX_TEXT;

/// The text, less one line end. Not more is read than tells that it is too long.
pub(super) fn text() -> Result<String> {
    let mut stdin = std::io::stdin().lock();
    if stdin.is_terminal() {
        super::complain("type the text, then Ctrl-D");
    }
    let mut text = Vec::new();
    stdin.by_ref().take(MAX_TEXT as u64 + 3).read_to_end(&mut text).context("cannot read standard input")?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_TEXT {
        bail!("at most 64 KiB of text: send it in parts; nothing was sent");
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        bail!("there is no text on standard input; nothing was sent");
    }
    String::from_utf8(line.to_vec()).context("standard input is not UTF-8 text; nothing was sent, convert it first")
}
