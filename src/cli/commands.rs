//! What a line that begins with `/` does in a chat.

use anyhow::{Context, Result};

use super::app::Link;
use super::chat::Chat;
use super::screen::Tone;
use super::verify::outcome;
use crate::client::contacts::{Contact, Mode};
use crate::client::vault::Wake;
use crate::protocol::params::DAY;
use crate::wire::{Payload, UserId, sanitise};

const HELP: &str = "\
/mode [open|sealed]   how this conversation travels; open: the relay reads along
/verify [yes|no]      the safety number; `yes` once you have compared it
/verify NUMBER        compare what they show: their 60 digits, or the text of their QR code
/accept               take a changed key as theirs
/reject               keep the key on record: the changed one is not theirs
/report N [yes]       give their N-th latest text to the platform; without `yes` it only shows which
/account WHAT         your account with the platform: connect NAME, disconnect NAME, disclosures, ads
/who                  whom you have talked to, and how far you trust their keys
/to NAME              talk to somebody else
/open [N]             open their N-th latest StreamCo link; StreamCo learns when
/forget [all|DAYS]    delete the texts of all conversations (or older than DAYS)
/reset                a fresh session, same keys, for when they cannot read you
/quarantine           what could not be shown
/quit                 leave (Ctrl-C and Ctrl-D too)";

/// Whether a line leaves the chat.
pub(super) fn is_quit(line: &str) -> bool {
    line.split_whitespace().next() == Some("/quit")
}

/// Runs a command; what goes wrong is said, and the chat goes on.
pub(super) fn run(chat: &mut Chat, line: &str) -> Result<()> {
    let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let outcome = match (command, rest.trim()) {
        ("/help", _) => chat.screen.print(Tone::Quiet, HELP),
        ("/who", _) => who(chat),
        ("/to", name) => to(chat, name),
        ("/forget", what) => forget(chat, what),
        ("/account", what) => account(chat, what),
        ("/quarantine", _) => quarantine(chat),
        ("/mode" | "/verify" | "/accept" | "/reject" | "/reset" | "/open" | "/report", argument) => {
            match chat.peer.clone() {
                Some(peer) => with_peer(chat, &peer, command, argument),
                None => chat.screen.print(Tone::Quiet, "With whom? /to NAME first."),
            }
        }
        _ => Err(anyhow::anyhow!(
            "no such command; /help lists them (to send a line that begins with /, put a space first)"
        )),
    };
    match outcome {
        Err(error) => chat.screen.print(Tone::Alarm, &format!("! {error:#}")),
        Ok(()) => Ok(()),
    }
}

fn with_peer(chat: &mut Chat, peer: &UserId, command: &str, argument: &str) -> Result<()> {
    match (command, argument) {
        ("/mode", "open" | "sealed") => {
            let mode = if argument == "open" { Mode::Open } else { Mode::Sealed };
            chat.client.set_mode(peer, mode)?;
            chat.say_mode(mode)?;
            chat.screen.print(
                Tone::Quiet,
                &format!("This is your side; {peer} types /mode {argument} too. A sealed side puts open lines aside."),
            )
        }
        ("/mode", "") => {
            let contact = chat.client.messenger().rows().contact(peer)?;
            chat.say_mode(contact.map_or(Mode::Sealed, |contact| contact.mode))
        }
        ("/verify", "yes" | "no") => {
            chat.client.set_verified(peer, argument == "yes")?;
            verify(chat, peer)
        }
        ("/verify", "") => verify(chat, peer),
        ("/verify", shown) => {
            let compared = chat.client.messenger().compare(peer, shown)?;
            let contact = chat.client.messenger().rows().contact(peer)?;
            let contact = contact.unwrap_or_else(|| Contact::new(peer.clone(), Mode::Sealed));
            let (same, words) = outcome(&compared, &contact);
            chat.screen.print(if same { Tone::Quiet } else { Tone::Alarm }, &words)
        }
        ("/accept", "") => {
            chat.client.accept_key(peer)?;
            chat.screen.print(
                Tone::Quiet,
                "the changed key is on record now, not compared yet (/verify). What was held leaves; what the relay had before is not sent again.",
            )
        }
        ("/reject", "") => {
            chat.client.reject_key(peer)?;
            chat.screen.print(Tone::Quiet, "the key on record stays; what was held leaves for it")
        }
        ("/reset", "") => {
            chat.client.reset(peer)?;
            chat.screen.print(
                Tone::Quiet,
                &format!("your next line begins a fresh session with {peer}; what they could not open stays lost"),
            )
        }
        ("/open", which) => open(chat, peer, which),
        ("/report", which) => report(chat, peer, which),
        _ => anyhow::bail!("{command} does not take `{}`; /help shows how it goes", sanitise(argument)),
    }
}

/// Only what was asked for is opened, and only StreamCo's links on this machine.
fn open(chat: &mut Chat, peer: &UserId, which: &str) -> Result<()> {
    let n: usize = if which.is_empty() { 1 } else { which.parse().unwrap_or(0) };
    let n = n.checked_sub(1).context("/open N, with a number: 1 is their latest line with a link")?;
    let messages = chat.client.messenger().rows().messages(Some(peer), None, u32::MAX)?;
    let mut links =
        messages.iter().rev().filter(|message| !message.outgoing).filter_map(|message| Link::find(&message.text));
    let link = links.nth(n).with_context(|| format!("there is no such line of {peer}'s with a link"))??;
    let title = link.open()?;
    chat.screen.print(Tone::Plain, &format!("StreamCo: “{title}”"))?;
    chat.screen.print(Tone::Quiet, "StreamCo knows now that this link was opened, and when; it counts it once. It was not told by whom, nor what else you write.")
}

/// Nothing leaves before they have seen what it is.
#[cfg(feature = "relay")]
fn report(chat: &mut Chat, peer: &UserId, which: &str) -> Result<()> {
    let (n, yes) = which.strip_suffix("yes").map_or((which, false), |n| (n.trim(), true));
    let n = n.parse().ok().context("/report N, with a number: 1 is their latest text")?;
    let (url, me) = (chat.url.clone(), chat.me.clone());
    let rows = chat.client.messenger().rows();
    let message = super::report::nth(&rows, peer, n)?;
    if !yes {
        let text = sanitise(&message.text);
        let line =
            format!("“{text}” would go to the platform, in the clear and with your name. /report {n} yes gives it.");
        return chat.screen.print(Tone::Quiet, &line);
    }
    let (_, token) = rows.identity()?;
    let confirmed = elsewhere(|| super::report::hand_over(&url, &token, &me, &message))?;
    chat.screen.print(Tone::Quiet, &super::report::told_of(&message, confirmed))
}

/// What `blindrelay account` does, without closing the chat: a vault is open in one program only.
#[cfg(feature = "relay")]
fn account(chat: &mut Chat, what: &str) -> Result<()> {
    let question = super::account::Question::read(what)?;
    let (url, me) = (chat.url.clone(), chat.me.clone());
    let (_, token) = chat.client.messenger().rows().identity()?;
    let told = elsewhere(|| question.answer(&url, &token, &me))?;
    chat.screen.print(Tone::Quiet, told.trim_end())
}

/// Waits for a request on a thread of its own: it has a runtime, and so has this thread.
#[cfg(feature = "relay")]
fn elsewhere<T: Send>(request: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let answer = std::thread::scope(|scope| scope.spawn(request).join());
    answer.map_err(|_| anyhow::anyhow!("the request ended without an answer"))?
}

/// A build for the ends alone speaks to no platform.
#[cfg(not(feature = "relay"))]
fn report(_: &mut Chat, _: &UserId, _: &str) -> Result<()> {
    anyhow::bail!("this build has no platform to report to; build with the feature `relay` too")
}

/// Nor does anybody have an account there.
#[cfg(not(feature = "relay"))]
fn account(_: &mut Chat, _: &str) -> Result<()> {
    anyhow::bail!("this build has no platform to ask; build with the feature `relay` too")
}

fn verify(chat: &mut Chat, peer: &UserId) -> Result<()> {
    let number = chat.client.messenger().safety_number(peer)?;
    let contact = chat.client.messenger().rows().contact(peer)?;
    let Some((number, contact)) = number.zip(contact) else {
        return chat.screen.print(Tone::Quiet, &format!("no key of {peer} is on record yet; write to them first"));
    };
    if let Some(card) = chat.client.messenger().card(peer)? {
        chat.screen.draw(&super::qr::for_terminal(&card, 9).unwrap_or_else(str::to_owned))?;
    }
    chat.screen.print(Tone::Plain, &number.to_string())?;
    let state = if contact.blocked() {
        format!(
            "This is the number of the CHANGED key. {peer} reads the same: it is theirs, /accept, then /verify yes. Another: /reject."
        )
    } else if contact.verified {
        format!("You have compared it with {peer}.")
    } else {
        format!(
            "Compare it with {peer} by phone or in person. The same on both sides: nobody stands between; /verify yes. Different: stop writing."
        )
    };
    chat.screen.print(Tone::Quiet, &state)
}

fn who(chat: &mut Chat) -> Result<()> {
    let contacts = chat.client.messenger().rows().contacts()?;
    if contacts.is_empty() {
        chat.screen.print(Tone::Quiet, "nobody yet; /to NAME begins")?;
    }
    for contact in contacts {
        let mode = if contact.mode == Mode::Sealed { "sealed" } else { "open" };
        let trust = match () {
            () if contact.blocked() => "KEY CHANGED",
            () if contact.verified => "compared",
            () if contact.identity.is_some() => "not compared",
            () => "no key yet",
        };
        chat.screen.print(Tone::Quiet, &format!("{:<32} {mode:<7} {trust}", contact.peer))?;
    }
    Ok(())
}

fn to(chat: &mut Chat, name: &str) -> Result<()> {
    chat.talk_to(&name.parse()?, false)
}

fn forget(chat: &mut Chat, what: &str) -> Result<()> {
    let now = chat.client.clock().now();
    let before = match what {
        "" | "all" => u64::MAX >> 1,
        days => {
            let days: u64 = days.parse().map_err(|_| anyhow::anyhow!("/forget all, or /forget DAYS with a number"))?;
            now.saturating_sub(days.saturating_mul(DAY))
        }
    };
    let gone = chat.client.messenger().forget(before)?;
    let texts = if gone == 1 { "1 text" } else { &format!("{gone} texts") };
    chat.screen.print(Tone::Quiet, &format!("{texts} of all conversations deleted and overwritten here, with what was in quarantine; what has not left yet stays. The other person's copy is theirs, and an SSD or a backup may keep old blocks"))
}

fn quarantine(chat: &mut Chat) -> Result<()> {
    let rows = chat.client.messenger().rows().quarantine(None)?;
    if rows.is_empty() {
        chat.screen.print(Tone::Quiet, "nothing is in quarantine")?;
    }
    for row in rows {
        let line = match &row.payload {
            Payload::Open(_) => {
                format!("{}: open text, {} bytes. {}. /mode open shows it.", row.peer, row.payload.size(), row.why)
            }
            Payload::Sealed(_) => {
                let again = match row.why.wake() {
                    Some(Wake::Mail) => " Tried again with each message of theirs.",
                    Some(Wake::Decision) => {
                        " Tried again at your next decision about them, and when a chat with them begins."
                    }
                    None => "",
                };
                format!("{}: blob, {} bytes. {}.{again}", row.peer, row.payload.size(), row.why)
            }
        };
        chat.screen.print(Tone::Quiet, &sanitise(&line))?;
    }
    Ok(())
}
