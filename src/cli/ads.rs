//! `blindrelay account ads ME`, `platform ads`, `platform audience`: which ad, for whom, and exactly why.

use std::fmt::Write;

use serde_json::Value;

use crate::clock::time_of_day;
use crate::partner::ads::{Ad, AdChoice, Audience, Person, Reason, Segment, Signal};
use crate::streamco::Day;
use crate::wire::sanitise;

/// How many ads are shown with their reasons.
const SHOWN: usize = 3;

const UNREADABLE: &str = "the platform's answer cannot be read\n";

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

/// Groups to sell to.
pub(super) fn audience(answer: &Value) -> String {
    let Ok(Audience { users, open, sealed, segments, note, .. }) = serde_json::from_value(answer.clone()) else {
        return UNREADABLE.to_owned();
    };
    let mut text = format!(
        "{users} users; {open} open and {sealed} sealed messages in 28 days, counted on both sides\n\
         {:<18}{:>6}{:>10}{:>12}{:>13}   the ad\n",
        "audience", "users", "(a) words", "(b) signals", "(c) metadata"
    );
    for Segment { interest, ad, users, by_words, by_signals, by_metadata } in segments {
        let [interest, ad] = [interest, ad].map(|it| sanitise(&it));
        let _infallible =
            writeln!(text, "{interest:<18}{users:>6}{by_words:>10}{by_signals:>12}{by_metadata:>13}   {ad}");
    }
    text + &sanitise(&note) + "\n"
}

/// The ad of each user.
pub(super) fn people(answer: &Value) -> String {
    let Ok(Audience { people, note, .. }) = serde_json::from_value(answer.clone()) else {
        return UNREADABLE.to_owned();
    };
    let mut text = format!(
        "{:<16}{:<18}{:>7}{:>7}{:>9}{:>10}   the ad\n",
        "user", "because", "points", "words", "signals", "metadata"
    );
    for Person { user, best } in people {
        let _infallible = match best {
            Some(Ad { ad, interest, points, words, signals, metadata, .. }) => {
                let [interest, ad] = [interest, ad].map(|it| sanitise(&it));
                writeln!(text, "{user:<16}{interest:<18}{points:>7}{words:>7}{signals:>9}{metadata:>10}   {ad}")
            }
            None => writeln!(text, "{user:<16}nothing is known"),
        };
    }
    text + &sanitise(&note) + "\n"
}
