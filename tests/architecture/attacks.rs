//! `docs/attacks.md` and the laboratory's catalogue are one list, and everything that the document names is there: attacks, files
//! with functions in them, mutants. Every check is a function of the text, so that a text with a mistake in it is given to it too.

use std::collections::BTreeSet;
use std::fs;

use blindrelay::lab::attack::{self, Control};

use super::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Heading and text of each section of the second level, up to the next heading of the first.
fn sections(document: &str) -> Vec<(&str, &str)> {
    let parts = document.split("\n## ").skip(1);
    parts.map(|part| part.split("\n# ").next().unwrap()).filter_map(|part| part.split_once('\n')).collect()
}

/// Whether a file has a function, or a type, of that name.
fn has(code: &str, name: &str) -> bool {
    let function = [format!("fn {name}("), format!("fn {name}<")];
    let kind = ["enum", "struct"].map(|kind| format!("{kind} {name} "));
    function.iter().chain(&kind).any(|defined| code.contains(defined.as_str()))
}

/// Pairs of a file and a name that stand beside each other, in text between backticks.
fn places(text: &str) -> Vec<(&str, &str)> {
    let (mut file, mut places) = ("", Vec::new());
    for code in text.split('`').skip(1).step_by(2) {
        if code.starts_with("src/") {
            file = code;
        } else if !file.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            places.push((file, code));
        }
    }
    places
}

/// Attack and mutant of each row of the table of mutants.
fn caught(document: &str) -> Vec<(&str, &str)> {
    let table = document.split_once("\n| attack | mutants |\n|---|---|\n").map_or("", |(_, table)| table);
    let rows = table.lines().map_while(|row| row.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let pairs = rows.flat_map(|(attacks, mutants)| {
        attacks.split(", ").flat_map(move |attack| mutants.split(", ").map(move |mutant| (attack, mutant)))
    });
    pairs.collect()
}

/// What is wrong with the document.
fn faults(document: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let (sections, names) = (sections(document), attack::all().map(|attack| attack.name).collect::<Vec<_>>());
    let headings: Vec<&str> = sections.iter().map(|(heading, _)| *heading).collect();
    if headings != names {
        let odd = headings.iter().zip(&names).find(|(heading, name)| heading != name);
        faults.push(format!("{} headings and {} attacks; first apart: {odd:?}", headings.len(), names.len()));
    }
    for (heading, text) in sections {
        let here = text.split_once("*Here.*").and_then(|(_, rest)| rest.split("*Limit.*").next()).unwrap_or("");
        let places = places(here);
        if places.is_empty() {
            faults.push(format!("{heading}: no place in the code"));
        }
        let missing = places.iter().filter(|(file, name)| !has(&read(file), name));
        faults.extend(missing.map(|(file, name)| format!("{heading}: {file} has no {name}")));
    }
    let pairs = caught(document);
    for (attack, mutant) in &pairs {
        let mutant = mutant.trim_end_matches(" *c*");
        if !names.contains(attack) || read(&format!("tests/mutants/{mutant}.patch")).is_empty() {
            faults.push(format!("no such attack or mutant: {attack}, {mutant}"));
        }
    }
    let marked: BTreeSet<_> =
        pairs.iter().filter_map(|(attack, mutant)| Some((*attack, mutant.strip_suffix(" *c*")?))).collect();
    let controls = attack::all().filter_map(|attack| match attack.control {
        Control::Patch(name) => Some((attack.name, name)),
        _ => None,
    });
    if marked != controls.collect() {
        faults.push("the table's controls are not the catalogue's".to_owned());
    }
    faults
}

#[test]
fn the_document_is_the_catalogue_and_names_only_what_is_there() {
    assert_eq!(faults(&read("docs/attacks.md")), [""; 0]);
    let lacking = attack::all().filter(|attack| !has(&read(attack.place.0), attack.place.1));
    assert_eq!(lacking.map(|attack| attack.name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_made_up_attack_file_function_or_mutant_is_reported() {
    let document = read("docs/attacks.md");
    for (here, instead) in [
        ("\n## splice\n", "\n## splice-twice\n"),
        ("\n## splice\n", "\n## made-up\n\n## splice\n"),
        ("\n## drop\n", "\n### drop\n"),
        ("`src/protocol/session.rs`, `encrypt`", "`src/protocol/session.rs`, `encipher`"),
        ("`src/protocol/session.rs`, `encrypt`", "`src/protocol/sessions.rs`, `encrypt`"),
        ("| splice | blob-start-unbound |", "| splice | blob-start-unbounded |"),
        ("| splice | blob-start-unbound |", "| spliced | blob-start-unbound |"),
        ("| low-order-point | contributory-unchecked *c* |", "| low-order-point | contributory-unchecked |"),
    ] {
        let mistaken = document.replacen(here, instead, 1);
        assert_ne!(mistaken, document, "`{here}` is not there");
        assert!(!faults(&mistaken).is_empty(), "{instead:?}");
    }
    // Two that change places are reported too: the order is the catalogue's.
    let swapped = document.replace("\n## drop\n", "\n## x\n").replace("\n## delay\n", "\n## drop\n");
    assert!(!faults(&swapped.replace("\n## x\n", "\n## delay\n")).is_empty());
}
