//! `blindrelay streamco …`: the company's commands, each a client of the platform like any other.
//!
//! ```text
//! reads   inbox · threads · search · stream        what the platform gives it
//! writes  send · delete · recommend · signals      what it does there
//! counts  serve · report · reports                 its own app and its own events
//! ```

mod counts;
mod reads;
mod serve;
mod writes;

use std::process::ExitCode;

use anyhow::Result;

use crate::home::Home;
use crate::streamco::{Credentials, Events, Platform};
use crate::wire::RelayUrl;

/// What may be said.
const CASE: &str = "\
StreamCo and the platform are fictional. *Alleged* (plaintiffs' filing, Klein v. Meta): that a partner had programmatic access to
private inboxes and gave a report every two weeks. *Denied*: that private messages were shared with it or read by it. *Conceded*: that
a few partners could read, write and delete after a user had logged in. Granted is not used; nothing of it was adjudicated.";

#[derive(Debug, clap::Args)]
#[command(after_help = CASE)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read a user's inbox through the platform's Inbox API; the user is not told
    Inbox(reads::Inbox),
    /// List a user's conversations: with whom, how many, how the latest begins
    Threads(reads::Threads),
    /// Search a user's messages; in sealed ones nothing is found
    Search(reads::Search),
    /// Read a user's messages live, as they come
    Stream(reads::Stream),
    /// Send an open message in a user's name; the text comes from standard input
    Send(writes::Send),
    /// Delete a user's message at the platform; the other person's own copy stays
    Delete(writes::Delete),
    /// Recommend a title in a user's name, through the platform (in a sealed conversation: `blindrelay share`)
    Recommend(writes::Recommend),
    /// Give the platform's ad targeting what StreamCo knows of users
    Signals(writes::Signals),
    /// Run StreamCo's app on this machine: it makes links, and counts what is sent and opened
    Serve(serve::Args),
    /// Make the two-weekly report, or file it with the platform
    Report(counts::Report),
    /// List the report's periods: filed, due, overdue
    Reports(counts::Reports),
}

/// Which platform.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct At {
    /// The platform's relay [default: ws://127.0.0.1:4747]
    #[arg(long, value_name = "URL")]
    relay: Option<RelayUrl>,
}

impl At {
    fn platform(&self, home: &Home) -> Result<Platform> {
        let url = self.relay.clone().unwrap_or_default().check(false)?;
        Ok(Platform::new(url, Credentials::read(&home.streamco_file("credentials"))?))
    }
}

pub(super) fn run(args: Args, home: &Home) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match args.command {
            Command::Inbox(args) => args.run(home).await,
            Command::Threads(args) => args.run(home).await,
            Command::Search(args) => args.run(home).await,
            Command::Stream(args) => args.run(home).await,
            Command::Send(args) => args.run(home).await,
            Command::Delete(args) => args.run(home).await,
            Command::Recommend(args) => args.run(home).await,
            Command::Signals(args) => args.run(home).await,
            Command::Serve(args) => serve::run(args, home).await,
            Command::Report(args) => args.run(home).await,
            Command::Reports(args) => args.run(home).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// StreamCo's database.
fn events(home: &Home) -> Result<Events> {
    Ok(Events::open(&home.make_streamco_db()?)?)
}
