//! `blindrelay platform audience` and `platform ads`: everybody, as they are sold.

use std::fmt::Write;

use serde_json::Value;

use crate::partner::ads::{Ad, Audience, Person, Segment};
use crate::wire::sanitise;

pub(super) const UNREADABLE: &str = "the platform's answer cannot be read\n";

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
