//! `blindrelay streamco inbox|threads|search|stream`: what the platform gives the company to read.
//!
//! Of an open conversation every word, of a sealed one names, times, sizes and blobs. Nobody who wrote is told or asked.

use std::fmt::Write;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::At;
use crate::clock::time_of_day;
use crate::home::Home;
use crate::streamco::{Day, InboxMessage, Page, Platform, StreamcoError};
use crate::wire::{UserId, sanitise, sanitise_json};

#[derive(Debug, clap::Args)]
pub(super) struct Inbox {
    /// Whose
    user: UserId,
    /// Only the conversation with this person
    #[arg(long, value_name = "NAME")]
    with: Option<UserId>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Threads {
    /// Whose
    user: UserId,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Search {
    /// Whose
    user: UserId,
    /// What to look for
    #[arg(required = true)]
    words: Vec<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Stream {
    /// Whose
    user: UserId,
    /// Begin after the message with this number, instead of now
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

impl Inbox {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let mut platform = self.at.platform(home)?;
        let mut cursor = None;
        loop {
            let page = platform.messages(&self.user, self.with.as_ref(), cursor.as_deref()).await;
            if !print(page, &mut cursor, |message| line(message, self.json))? {
                return Ok(());
            }
        }
    }
}

impl Threads {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let mut platform = self.at.platform(home)?;
        let mut cursor = None;
        loop {
            let page = platform.threads(&self.user, cursor.as_deref()).await;
            let more = print(page, &mut cursor, |thread| {
                let crate::streamco::Thread { with, messages, sealed, latest, snippet } = thread;
                if self.json {
                    let line = json!({"with": with, "messages": messages, "sealed": sealed, "latest": latest, "snippet": snippet});
                    return compact(&line);
                }
                let snippet = match snippet {
                    Some(snippet) => format!(": {}", sanitise(snippet)),
                    None if sealed == messages => " (nothing of it can be read)".to_owned(),
                    None => String::new(),
                };
                let at = format!("{} {}", Day::of(*latest), time_of_day(*latest));
                let many = if *messages == 1 { "" } else { "s" };
                format!("{with}: {messages} message{many}, {sealed} sealed, the latest {at}{snippet}")
            })?;
            if !more {
                return Ok(());
            }
        }
    }
}

impl Search {
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let words = self.words.join(" ");
        let mut platform = self.at.platform(home)?;
        let (mut cursor, mut found) = (None, false);
        loop {
            let page = platform.search(&self.user, &words, cursor.as_deref()).await;
            found |= page.as_ref().is_ok_and(|page| !page.items.is_empty());
            if !print(page, &mut cursor, |message| line(message, self.json))? {
                break;
            }
        }
        if !found && !self.json {
            super::super::complain("nothing found; what is sealed cannot be searched");
        }
        Ok(())
    }
}

impl Stream {
    /// Until the process is ended, or the agreement is.
    pub(super) async fn run(self, home: &Home) -> Result<()> {
        let mut platform = self.at.platform(home)?;
        let mut after = self.after;
        loop {
            let mut stream = platform.stream(&self.user, after).await?;
            while let Some(message) = next(&mut platform, &mut stream).await? {
                after = Some(message.seq);
                super::super::print(&(line(&message, self.json) + "\n"))?;
            }
            // The platform ended it: the token ran out, and there is another one; or the agreement is over, and there is none.
            if let Err(error) = platform.renew().await {
                bail!("the stream has ended: {error}");
            }
        }
    }
}

async fn next(platform: &mut Platform, stream: &mut crate::streamco::Stream) -> Result<Option<InboxMessage>> {
    match stream.next().await {
        // A relay that stopped breaks the connection.
        Err(StreamcoError::Answer(why)) if platform.renew().await.is_err() => {
            bail!("the stream has ended, and the platform does not answer ({why}); start it with `blindrelay relay`")
        }
        other => Ok(other?),
    }
}

/// Prints a page; whether there is another one.
fn print<T>(
    page: Result<Page<T>, StreamcoError>,
    cursor: &mut Option<String>,
    line: impl Fn(&T) -> String,
) -> Result<bool> {
    let Page { items, next } = page?;
    let mut out = String::new();
    for item in &items {
        writeln!(out, "{}", line(item))?;
    }
    super::super::print(&out)?;
    if next.is_some() && next == *cursor {
        bail!("the platform's answer cannot be read: a page leads to itself");
    }
    *cursor = next;
    Ok(cursor.is_some())
}

fn line(message: &InboxMessage, json: bool) -> String {
    let InboxMessage { seq, from, to, at, mode, size, text, sealed, via } = message;
    if json {
        return compact(
            &json!({"seq": seq, "from": from, "to": to, "at": at, "mode": mode, "size": size, "text": text, "sealed": sealed, "via": via}),
        );
    }
    let what = match (text, sealed) {
        (Some(text), _) => sanitise(text),
        (None, Some(blob)) => format!("{}…", sanitise(&blob.chars().take(40).collect::<String>())),
        (None, None) if mode == "sealed" => "(blob deleted after delivery)".to_owned(),
        (None, None) => "(deleted)".to_owned(),
    };
    let via = via.as_ref().map(|via| format!(" via {}", sanitise(via))).unwrap_or_default();
    format!("{} {from} → {to} {}{via} {size} B: {what}", time_of_day(*at), sanitise(mode))
}

fn compact(line: &Value) -> String {
    sanitise_json(&line.to_string())
}
