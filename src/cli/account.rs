//! `blindrelay account …`, and `/account …` in a chat: a user's own side of the platform, with the token of their mailbox.

use std::process::ExitCode;

use anyhow::{Result, bail};
use axum::http::Method;
use serde_json::Value;

use super::platform::{ask, day, lines, reading, text, words};
use super::{ads, me};
use crate::home::Home;
use crate::wire::{RelayUrl, Token, UserId, sanitise, sanitise_json};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Connect a partner: it may then do on your account what the platform granted it
    Connect(With),
    /// Take that back
    Disconnect(With),
    /// Show what the platform chooses to tell about who uses your account
    Disclosures {
        /// Your name
        me: UserId,
        /// Only this partner
        partner: Option<UserId>,
        #[command(flatten)]
        asked: Asked,
    },
    /// Show which ad you would be shown, and exactly why: the words, signals and contacts it came from
    Ads {
        /// Your name
        me: UserId,
        #[command(flatten)]
        asked: Asked,
    },
}

#[derive(Debug, clap::Args)]
struct With {
    /// Your name
    me: UserId,
    /// The partner's name
    partner: UserId,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct Asked {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: me::Args,
}

/// What a user asks of the platform, and how its answer is told.
pub(super) struct Question {
    method: Method,
    path: String,
    told: fn(&Value) -> String,
}

impl Question {
    fn connect(partner: &UserId) -> Self {
        Self { method: Method::PUT, path: format!("connections/{partner}"), told: connected }
    }

    fn disconnect(partner: &UserId) -> Self {
        Self { method: Method::DELETE, path: format!("connections/{partner}"), told: disconnected }
    }

    fn disclosures() -> Self {
        Self { method: Method::GET, path: "disclosures".to_owned(), told: disclosures }
    }

    fn ads() -> Self {
        Self { method: Method::GET, path: "ads".to_owned(), told: ads::choice }
    }

    /// The words after `/account` in a chat.
    pub(super) fn read(words: &str) -> Result<Self> {
        match words.split_whitespace().collect::<Vec<_>>()[..] {
            ["connect", partner] => Ok(Self::connect(&partner.parse()?)),
            ["disconnect", partner] => Ok(Self::disconnect(&partner.parse()?)),
            ["disclosures"] => Ok(Self::disclosures()),
            ["ads"] => Ok(Self::ads()),
            _ => bail!("/account connect NAME, /account disconnect NAME, /account disclosures, or /account ads"),
        }
    }

    fn ask(&self, url: &RelayUrl, token: &Token, me: &UserId) -> Result<Value> {
        ask(url, token, self.method.clone(), &format!("/account/v1/{me}/{}", self.path), None)
    }

    /// The answer, in words.
    pub(super) fn answer(&self, url: &RelayUrl, token: &Token, me: &UserId) -> Result<String> {
        self.ask(url, token, me).map(|answer| (self.told)(&answer))
    }
}

impl Asked {
    fn ask(&self, home: &Home, me: &UserId, question: &Question) -> Result<Value> {
        if !home.vault(me).exists() {
            bail!(
                "{me} has no vault on this home; begin with `blindrelay chat {me}`, or name the home with --home DIR"
            );
        }
        let vault = self.common.vault(home, me)?;
        let (_, token) = vault.rows().identity()?;
        let answer = question.ask(&self.common.url()?, &token, me);
        vault.close()?;
        answer
    }

    fn print(&self, answer: &Value, text: impl Fn(&Value) -> String) -> Result<ExitCode> {
        let shown = if self.json { format!("{}\n", sanitise_json(&answer.to_string())) } else { text(answer) };
        super::print(&shown)?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn run(Args { command }: Args, home: &Home) -> Result<ExitCode> {
    let (me, question, asked, only) = match command {
        Command::Connect(With { me, partner, asked }) => (me, Question::connect(&partner), asked, None),
        Command::Disconnect(With { me, partner, asked }) => (me, Question::disconnect(&partner), asked, None),
        Command::Disclosures { me, partner, asked } => (me, Question::disclosures(), asked, partner),
        Command::Ads { me, asked } => (me, Question::ads(), asked, None),
    };
    let mut answer = asked.ask(home, &me, &question)?;
    if let (Some(partner), Some(all)) = (&only, answer["partners"].as_array_mut()) {
        all.retain(|shown| shown["partner"] == partner.as_str());
    }
    asked.print(&answer, question.told)
}

fn connected(answer: &Value) -> String {
    let (title, scopes) = (text(&answer["title"]), words(&answer["scopes"]));
    format!("{title} is connected: on your account it may {scopes}. Whoever writes with you was not asked.\n")
}

fn disconnected(answer: &Value) -> String {
    let was = if answer["changed"] == true { "is not connected any more" } else { "was not connected" };
    format!("{} {was}. What it has read it has.\n", text(&answer["partner"]))
}

fn disclosures(answer: &Value) -> String {
    let partner = |shown: &Value| {
        let [title, standing] = ["title", "standing"].map(|key| text(&shown[key]));
        let scopes = words(&shown["scopes"]);
        let connected = shown["connected_since"].as_u64().map_or_else(
            || "you did not connect it".to_owned(),
            |_| format!("you connected it on {}", day(&shown["connected_since"])),
        );
        let uses = lines(&shown["used"], |count| {
            format!("  {} used {} times, last on {}\n", text(&count["scope"]), count["used"], day(&count["latest"]))
        });
        let uses = if uses.is_empty() { "  not used on your account\n".to_owned() } else { uses };
        let never = match words(&shown["correspondents_who_never_agreed"]) {
            none if none.is_empty() => String::new(),
            names => format!("  inbox.read opens what you write with {names}, who never agreed\n"),
        };
        format!("{title}: {standing}; {connected}\n  may: {scopes}\n  {}\n{uses}{never}", reading(&shown["access"]))
    };
    let partners = match lines(&answer["partners"], partner) {
        none if none.is_empty() => "the platform discloses nothing\n".to_owned(),
        some => some,
    };
    let sealed = match words(&answer["sealed_with"]) {
        none if none.is_empty() => String::new(),
        names => format!("sealed with {names}: no text that anybody in between could read\n"),
    };
    format!("{partners}{sealed}{}\n", sanitise(answer["note"].as_str().unwrap_or_default()))
}
