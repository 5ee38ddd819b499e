//! The lessons on paper: the story of one attack with what came of it, and the table of all.

use std::fmt::Write;

use super::{Attack, Control, Outcome, Played};
use crate::wire::sanitise;

/// Letters of a line.
const WIDTH: usize = 78;
/// How much of a text that was got is shown.
const SHOWN: usize = 200;
/// Lines of one kind that are shown.
const LINES: usize = 6;

/// What there is to say before it is performed, in paragraphs.
#[must_use]
pub fn story(attack: &Attack) -> Vec<String> {
    let title = format!("{}   ({})", attack.name.to_uppercase(), attack.family());
    vec![title, entry("Story", attack.story), entry("Wants", attack.wants)]
}

/// What came of it, and why, in paragraphs.
#[must_use]
pub fn ending(attack: &Attack, played: &Played) -> Vec<String> {
    let control = match (&attack.control, &played.against_control) {
        (Control::Patch(name), _) => entry(
            "Control",
            &format!(
                "the naive twin has nothing of the kind. The program with the patch tests/mutants/{name}.patch loses to this \
                 attack: the tests run it (tests/mutants/run {name})."
            ),
        ),
        (Control::Unpromised, _) | (_, None) => entry("Control", "none is needed: nobody promised otherwise."),
        (control, Some(outcome)) => played_against(&format!("Against the control ({control})"), outcome),
    };
    let verdict = match (&attack.control, played.holds) {
        (Control::Unpromised, true) => "It succeeds, as was said.",
        (_, true) => "It holds.",
        (_, false) => "IT DOES NOT HOLD.",
    };
    let real = played_against("Against the real client (sealed)", &played.against_real);
    let (file, function) = attack.place;
    let why = [
        entry("Property", attack.property),
        entry("Source", attack.source),
        entry("In code", &format!("{file}, fn {function}")),
        entry("Limit", attack.limit),
    ];
    vec![control, real, verdict.to_owned(), why.join("\n")]
}

/// The table of all, and a line that sums it up.
#[must_use]
pub fn table(all: &[Played]) -> String {
    let mut out = String::new();
    let mut family = "";
    for played in all {
        if played.family != family {
            family = played.family;
            let _to_memory = writeln!(out, "\n{:<33} {:<36} real client", family.to_uppercase(), "control");
        }
        let control = match &played.against_control {
            Some(outcome) if outcome.taken => format!("{}: taken", played.control),
            Some(_) => format!("{}: NOT TAKEN", played.control),
            None => played.control.clone(),
        };
        let real = match (played.against_real.taken, played.holds) {
            (false, _) => "holds",
            (true, true) => "succeeds, as said",
            (true, false) => "TAKEN",
        };
        let _to_memory = writeln!(out, "  {:<31} {control:<36} {real}", played.name);
    }
    let took: u64 = all.iter().map(|played| played.took).sum();
    let failed = all.iter().filter(|played| !played.holds).count();
    let verdict = if failed == 0 { "all came out as they must".to_owned() } else { format!("{failed} DID NOT") };
    let _to_memory = writeln!(
        out,
        "\n{} attacks, {verdict}. Together {}.{} s of play. A patch is a control that the tests run: tests/mutants/run NAME.",
        all.len(),
        took / 1000,
        took % 1000 / 100
    );
    out
}

fn played_against(heading: &str, outcome: &Outcome) -> String {
    let mut lines = vec![heading.to_owned()];
    let shown = |what: &str| sanitise(&what.chars().take(SHOWN).collect::<String>());
    let listed = |lines: &mut Vec<String>, label: &str, things: &[String]| {
        lines.extend(things.iter().take(LINES).map(|thing| wrap(label, &shown(thing))));
        if things.len() > LINES {
            lines.push(wrap(label, &format!("and {} more", things.len() - LINES)));
        }
    };
    listed(&mut lines, "  seen    ", &outcome.did);
    listed(&mut lines, "  GOT     ", &outcome.got);
    if outcome.got.is_empty() {
        lines.push("  GOT     nothing".to_owned());
    }
    lines.join("\n")
}

fn entry(label: &str, text: &str) -> String {
    wrap(&format!("{label:<9} "), text)
}

/// A paragraph with its label, broken between words.
fn wrap(label: &str, text: &str) -> String {
    let (mut out, mut line) = (String::new(), label.to_owned());
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() > WIDTH && line.trim() != label.trim() {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(label.chars().count());
        }
        line.push_str(word);
        line.push(' ');
    }
    out + line.trim_end()
}
