//! The terminal of a line-by-line chat: what somebody types does not mix with what arrives.
//!
//! On a terminal a line editor keeps the half-typed line below whatever is printed. Piped, or on a dumb terminal, lines are
//! read and printed as they are.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// What a line is about; on a terminal with colours each has its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    /// From a person.
    Plain,
    /// Said by the program.
    Quiet,
    /// Sealed.
    Sealed,
    /// Open: the relay reads along.
    Open,
    /// Something is wrong.
    Alarm,
}

/// Typed lines in, printed lines out.
pub(super) struct Screen {
    lines: Receiver<String>,
    printer: Box<dyn FnMut(String) -> io::Result<()>>,
    colours: bool,
    /// On a terminal: how many letters fit into a line.
    width: Option<usize>,
    /// On a terminal: the thread that edits lines, and how the terminal was set before.
    editing: Option<(JoinHandle<()>, Option<String>)>,
}

impl Screen {
    /// Starts reading lines. `prompt` is shown on a terminal.
    pub(super) fn start(prompt: String) -> Self {
        let (sender, lines) = mpsc::channel(16);
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal() && !dumb;
        let colours = io::stdout().is_terminal() && !dumb && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let editor = terminal.then(|| {
            let mut editor = DefaultEditor::new()?;
            let printer = editor.create_external_printer()?;
            Ok::<_, ReadlineError>((editor, printer))
        });
        let (mut editing, mut width) = (None, None);
        let printer: Box<dyn FnMut(String) -> io::Result<()>> = match editor {
            Some(Ok((mut editor, mut printer))) => {
                width = editor.dimensions().map(|(columns, _)| usize::from(columns));
                let before = stty("-g");
                let thread = std::thread::spawn(move || edit(editor, &prompt, &sender));
                editing = Some((thread, before));
                // The editor may be about to end.
                Box::new(move |line| printer.print(format!("{line}\n")).or_else(|_| print(&line)))
            }
            _ => {
                std::thread::spawn(move || read(&sender));
                Box::new(|line| print(&line))
            }
        };
        Self { lines, printer, colours, width, editing }
    }

    /// Whether somebody types at a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.editing.is_some()
    }

    /// The next typed line; none at the end of the input. Cancel safe.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Prints a line. The caller has sanitised whatever in it is from somebody else.
    pub(super) fn print(&mut self, tone: Tone, line: &str) -> Result<()> {
        let code = match tone {
            _ if !self.colours => "",
            Tone::Plain => "",
            Tone::Quiet => "\u{1b}[2m",
            Tone::Sealed => "\u{1b}[32m",
            Tone::Open => "\u{1b}[33m",
            Tone::Alarm => "\u{1b}[1;31m",
        };
        let end = if code.is_empty() { "" } else { "\u{1b}[0m" };
        let line = self.width.map_or_else(|| line.to_owned(), |width| wrapped(line, width));
        let printed = (self.printer)(format!("{code}{line}{end}"));
        printed.context("standard output is closed or full: the chat ends; what was taken is kept in your vault")
    }
}

impl Screen {
    /// Prints a picture of this program's own, line by line as it is.
    pub(super) fn draw(&mut self, picture: &str) -> Result<()> {
        picture
            .lines()
            .try_for_each(|line| (self.printer)(line.to_owned()))
            .context("standard output is closed or full")
    }
}

impl Drop for Screen {
    /// If the chat ends while a line is being edited, the terminal is still in the editor's hands: it is set back.
    fn drop(&mut self) {
        if let Some((thread, Some(before))) = &self.editing
            && !thread.is_finished()
        {
            stty(before);
            let _closed = writeln!(io::stdout());
        }
    }
}

/// Reads or sets the terminal of standard input. None if that cannot be done: then it stays as it is.
fn stty(argument: &str) -> Option<String> {
    let output = Command::new("stty").arg(argument).stdin(Stdio::inherit()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Breaks lines between words, where the terminal would break them within one. What follows is set in by two.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split('\n') {
        let mut column = 0;
        for word in line.split_inclusive(' ') {
            let letters = word.trim_end().chars().count();
            if column > 2 && column + letters > width {
                out.truncate(out.trim_end_matches(' ').len());
                out.push_str("\n  ");
                column = 2;
            }
            out.push_str(word);
            column += word.chars().count();
        }
        out.push('\n');
    }
    out.pop();
    out
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn edit(mut editor: DefaultEditor, prompt: &str, lines: &Sender<String>) {
    while let Ok(line) = editor.readline(prompt) {
        let _full = editor.add_history_entry(line.as_str());
        let quit = super::commands::is_quit(&line);
        if lines.blocking_send(line).is_err() || quit {
            return;
        }
    }
}

/// Bytes that are not UTF-8 are replaced, so that a stray one does not end the chat.
fn read(lines: &Sender<String>) {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line);
        if lines.blocking_send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_break_between_words_and_nothing_is_lost() {
        assert_eq!(wrapped("one two three", 8), "one two\n  three");
        assert_eq!(wrapped("/a   b\n/c   d", 80), "/a   b\n/c   d");
        assert_eq!(wrapped("  set in", 80), "  set in");
        for width in 1..40 {
            let text = "alice: a wordthatislongerthanthewholeline and some more of the same\n\nend ";
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&wrapped(text, width)), words(text), "{width}");
        }
    }
}
