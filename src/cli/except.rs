//! `blindrelay platform except streamco ME PEER`: the exception that cannot be made, tried all the same.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use serde_json::json;

use crate::clock::Clock;
use crate::home::Home;
use crate::lab::except::{Attempt, Defence, Kept, attempts, kept};
use crate::wire::{UserId, sanitise_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The partner who is to read along
    partner: UserId,
    /// One of the two
    me: UserId,
    /// The other
    peer: UserId,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Args { partner, me, peer, json }: Args, home: &Home) -> Result<ExitCode> {
    ensure!(partner.as_str() == "streamco", "the only partner that is simulated is streamco");
    ensure!(me != peer, "a conversation is between two; name another person");
    let kept = kept(home, &me, &peer)?;
    match kept {
        Some(Kept { latest_sealed: false, messages, .. }) => bail!(
            "the conversation of {me} and {peer} is open ({messages} messages): no exception is needed, `blindrelay streamco inbox {me} --with {peer}` reads it if {me} has connected the partner, or the agreement is whitelisted; try two who seal theirs"
        ),
        Some(_) => {}
        None => bail!("{me} and {peer} have not written to each other on this relay; name two who have"),
    }
    let attempts = attempts(&me, &peer, rand::random(), Clock::system().now())?;
    if json {
        let line = json!({ "partner": partner, "between": [me, peer], "kept": kept, "attempts": attempts });
        super::print(&(sanitise_json(&line.to_string()) + "\n"))?;
    } else {
        let about = kept.map(|kept| about(kept, &me, &peer)).unwrap_or_default();
        super::print(
            &(about + &attempts.iter().enumerate().map(|(n, attempt)| told(n + 1, attempt)).collect::<String>()),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn about(Kept { messages, sealed, blobs, bytes, .. }: Kept, me: &UserId, peer: &UserId) -> String {
    format!(
        "StreamCo is to read what {me} and {peer} write to each other.\n\
         The relay has {messages} messages of theirs, {sealed} sealed; of {blobs} the blob is still here ({bytes} bytes), the others were\n\
         deleted after delivery. In open mode a row in a table would do. These are sealed. What follows is tried in memory,\n\
         with today's clients under the two names and a made-up line; nothing of theirs is touched.\n\n"
    )
}

fn told(n: usize, Attempt { way, seen, outcome, defences, helps }: &Attempt) -> String {
    let mut text = format!("{n}. {way}\n");
    for line in seen {
        let _infallible = writeln!(text, "   · {line}");
    }
    let _infallible = writeln!(text, "   ⇒ {}", outcome.as_str());
    for Defence { what, file, function } in defences {
        let _infallible = writeln!(text, "   met: {what} ({file}, `{function}`)");
    }
    text + "   what helps: " + helps + "\n\n"
}
