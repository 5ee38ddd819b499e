//! `blindrelay account ads ME`: which ad the platform would show to somebody, and exactly why.

use std::fmt::Write;

use serde_json::Value;

use super::audience::UNREADABLE;
use crate::clock::time_of_day;
use crate::partner::ads::{Ad, AdChoice, Reason, Signal};
use crate::streamco::Day;
use crate::wire::sanitise;

/// How many ads are shown with their reasons.
const SHOWN: usize = 3;

/// What the platform would show to one user.
pub(super) fn choice(answer: &Value) -> String {
    let Ok(AdChoice { user, open, sealed, contacts, texts, signals, ads, note, .. }) =
        serde_json::from_value(answer.clone())
    else {
        return UNREADABLE.to_owned();
    };
    let mut text = match ads.first() {
        Some(ad) => format!("{user} would be shown: {}\n", sanitise(&ad.ad)),
        None => format!("nothing is known of {user}: no ad follows from it\n"),
    };
    for ad in ads.iter().take(SHOWN) {
        let Ad { interest, points, words, signals, metadata, why, .. } = ad;
        let _infallible = writeln!(
            text,
            "{}, {points} points: {words} messages with a word, {signals} signals, {metadata} from metadata; for example",
            sanitise(interest)
        );
        text.extend(why.iter().map(reason));
    }
    let others: Vec<String> =
        ads.iter().skip(SHOWN).map(|ad| format!("{} ({})", sanitise(&ad.interest), ad.points)).collect();
    if !others.is_empty() {
        let _infallible = writeln!(text, "then {}", others.join(", "));
    }
    let _infallible = write!(
        text,
        "what is known, of the last 28 days:\n  \
         (a) words      {texts} open texts were read; {sealed} sealed messages have none to read\n  \
         (b) signals    {signals} from StreamCo (that such were given is *alleged*)\n  \
         (c) metadata   {} messages with {contacts} people, receipts included, open or sealed alike\n{}\n",
        open + sealed,
        sanitise(&note)
    );
    text
}

fn reason(reason: &Reason) -> String {
    let from_signal = |signal: &Signal| {
        let [kind, title, genre, device] =
            [&signal.kind, &signal.title, &signal.genre, &signal.device].map(|it| sanitise(it));
        let did = match kind.as_str() {
            "searched" => "searched for",
            "intent" => "means to watch",
            _ => "watched",
        };
        format!("{did} “{title}” ({genre}) on {device}, {}", moment(signal.at))
    };
    match reason {
        Reason::Word { word, stem, seq, writer, at } => {
            let [word, stem] = [word, stem].map(|it| sanitise(it));
            let stem = if word.eq_ignore_ascii_case(&stem) { String::new() } else { format!(" (stem {stem})") };
            format!("  (a) “{word}”{stem} in message {seq}, written by {writer}, {}\n", moment(*at))
        }
        Reason::Signal(signal) => format!("  (b) {} says: {}\n", sanitise(&signal.partner), from_signal(signal)),
        Reason::Contact { contact, messages, signal } => {
            format!("  (c) {messages} messages with {contact}, who {}\n", from_signal(signal))
        }
        Reason::Habit { seen } => format!("  (c) {}\n", sanitise(seen)),
    }
}

fn moment(at: u64) -> String {
    format!("{} {}", Day::of(at), &time_of_day(at)[..5])
}
