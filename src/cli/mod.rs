//! # The command line
//!
//! One file a command, each with its arguments and a `run`. Messages for people go to standard error with the program's
//! name in front and say what to do next; results go to standard output. Exit status: 0 done, 1 not done, 2 wrong usage.

#[cfg(all(feature = "ends", feature = "relay"))]
mod account;
#[cfg(all(feature = "ends", feature = "relay"))]
mod ads;
#[cfg(feature = "ends")]
mod app;
#[cfg(feature = "relay")]
mod audience;
mod button;
#[cfg(feature = "ends")]
mod chat;
#[cfg(feature = "ends")]
mod commands;
#[cfg(feature = "ends")]
mod core;
#[cfg(all(feature = "ends", feature = "relay"))]
mod demo;
#[cfg(all(feature = "ends", feature = "relay"))]
mod except;
#[cfg(feature = "ends")]
mod inbox;
#[cfg(all(feature = "ends", feature = "relay"))]
mod lab;
#[cfg(feature = "ends")]
mod me;
#[cfg(feature = "relay")]
mod platform;
#[cfg(feature = "ends")]
mod qr;
#[cfg(feature = "relay")]
mod relay;
#[cfg(all(feature = "ends", feature = "relay"))]
mod report;
#[cfg(feature = "ends")]
mod screen;
#[cfg(feature = "ends")]
mod send;
#[cfg(feature = "ends")]
mod share;
#[cfg(feature = "relay")]
mod signals;
#[cfg(all(feature = "ends", feature = "relay"))]
mod stage;
mod stdin;
#[cfg(feature = "relay")]
mod streamco;
#[cfg(feature = "ends")]
mod verify;
#[cfg(feature = "relay")]
mod watch;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

use crate::home::Home;

/// End-to-end encryption made tangible: two clients and an untrusted relay that cannot read them, and the same
/// relay when they do not encrypt. Teaching, unaudited.
#[derive(Debug, Parser)]
#[command(name = "blindrelay", version, max_term_width = 100)]
struct Cli {
    /// Where everything is kept [default: $BLINDRELAY_HOME, $XDG_DATA_HOME/blindrelay or ~/.local/share/blindrelay]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the difference in one go: one conversation open and sealed, and a search of all the relay had
    #[cfg(all(feature = "ends", feature = "relay"))]
    Demo(demo::Args),
    /// Show it on one page for a lecture hall: Alice, the relay, the partner, Bob, and a guided tour
    #[cfg(all(feature = "ends", feature = "relay"))]
    Stage(stage::Args),
    /// The laboratory: attacks performed, and a month of made-up life
    #[cfg(all(feature = "ends", feature = "relay"))]
    Lab(lab::Args),
    /// Talk with somebody, line by line
    #[cfg(feature = "ends")]
    Chat(chat::Args),
    /// Send one message; the text comes from standard input
    #[cfg(feature = "ends")]
    Send(send::Args),
    /// Print the messages that arrived
    #[cfg(feature = "ends")]
    Inbox(inbox::Args),
    /// Recommend a title of StreamCo's by your own client: it counts, and nobody reads along
    #[cfg(feature = "ends")]
    Share(share::Args),
    /// Show the safety number to compare with somebody, or compare what they have shown
    #[cfg(feature = "ends")]
    Verify(verify::Args),
    /// Report a message to the platform: the reader hands it over, and the platform has a claim
    #[cfg(all(feature = "ends", feature = "relay"))]
    Report(report::Args),
    /// Run the relay
    #[cfg(feature = "relay")]
    Relay(relay::Args),
    /// Watch what the relay sees
    #[cfg(feature = "relay")]
    Watch(watch::Args),
    /// The platform's desk: agreements with partners, and its books
    #[cfg(feature = "relay")]
    Platform(platform::Args),
    /// Your account with the platform: connect a partner, and see what is disclosed
    #[cfg(all(feature = "ends", feature = "relay"))]
    Account(account::Args),
    /// StreamCo, the fictional partner: what it reads, does and counts through the partner API
    #[cfg(feature = "relay")]
    Streamco(streamco::Args),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (troff)
    Man,
}

/// The whole command line, for whoever wants to check what a document says of it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { home, command } = Cli::parse();
    let run = || match command {
        #[cfg(all(feature = "ends", feature = "relay"))]
        Command::Demo(args) => demo::run(args),
        #[cfg(all(feature = "ends", feature = "relay"))]
        Command::Stage(args) => stage::run(args),
        #[cfg(all(feature = "ends", feature = "relay"))]
        Command::Lab(args) => lab::run(args, home),
        #[cfg(feature = "ends")]
        Command::Chat(args) => chat::run(args, &Home::resolve(home)?),
        #[cfg(feature = "ends")]
        Command::Send(args) => send::run(args, &Home::resolve(home)?),
        #[cfg(feature = "ends")]
        Command::Inbox(args) => inbox::run(args, &Home::resolve(home)?),
        #[cfg(feature = "ends")]
        Command::Share(args) => share::run(args, &Home::resolve(home)?),
        #[cfg(feature = "ends")]
        Command::Verify(args) => verify::run(args, &Home::resolve(home)?),
        #[cfg(all(feature = "ends", feature = "relay"))]
        Command::Report(args) => report::run(args, &Home::resolve(home)?),
        #[cfg(feature = "relay")]
        Command::Relay(args) => relay::run(args, &Home::resolve(home)?),
        #[cfg(feature = "relay")]
        Command::Watch(args) => watch::run(args, &Home::resolve(home)?),
        #[cfg(feature = "relay")]
        Command::Platform(args) => platform::run(args, &Home::resolve(home)?),
        #[cfg(all(feature = "ends", feature = "relay"))]
        Command::Account(args) => account::run(args, &Home::resolve(home)?),
        #[cfg(feature = "relay")]
        Command::Streamco(args) => streamco::run(args, &Home::resolve(home)?),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "blindrelay", &mut script);
            print(&String::from_utf8(script)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print(&String::from_utf8(page)?)?;
            Ok(ExitCode::SUCCESS)
        }
    };
    run().unwrap_or_else(|error: anyhow::Error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Prints a result. If nobody takes it that is an error, and what was to be printed counts as not printed.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.context("standard output is closed or full, so not all was printed; do it again to another place")
}

/// Says something to people. If they have gone too there is nobody left to tell.
fn complain(text: &str) {
    // In one piece: other processes may write to the same terminal.
    let _nobody = io::stderr().write_all(format!("blindrelay: {text}\n").as_bytes());
}
