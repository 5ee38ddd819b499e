//! The floors, as `docs/architecture.md` has them: no file names a floor above its own, and none says what its floor must not.
//!
//! The tables are read from the document, so that it cannot be wrong. Comments and literals are blanked first; then every path
//! that starts at the root of the crate (`crate::`, `blindrelay::`, or `super::` often enough) is looked at, in `use` and elsewhere.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[path = "architecture/attacks.rs"]
mod attacks;
#[path = "architecture/code.rs"]
mod code;
#[path = "architecture/mutants.rs"]
mod mutants;
#[path = "architecture/teaching.rs"]
mod teaching;
#[path = "architecture/walk.rs"]
mod walk;

use code::{blank, roots, says};

const LONGEST: usize = 400;

/// The document's two tables.
struct Plan {
    /// For each floor, the floors that it may name.
    may_name: BTreeMap<String, BTreeSet<String>>,
    /// Floors, and what they must not say.
    silent: Vec<(BTreeSet<String>, Vec<String>)>,
}

impl Plan {
    fn read() -> Self {
        let document = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
        let mut may_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for cell in column(&document, "floors, ground first") {
            let mut below: BTreeSet<String> = if cell.starts_with("every floor above") {
                may_name.keys().cloned().collect()
            } else {
                BTreeSet::new()
            };
            for floor in quoted(cell) {
                let allowed = below.iter().chain([&floor]).cloned().collect();
                // In several rows: what all of them allow.
                may_name.entry(floor.clone()).and_modify(|old| *old = &*old & &allowed).or_insert(allowed);
                below.insert(floor);
            }
        }
        let all: BTreeSet<String> = may_name.keys().cloned().collect();
        let floors = column(&document, "floors").into_iter().map(|cell| {
            let named = quoted(cell).into_iter().collect();
            if cell.starts_with("every floor") { &all - &named } else { named }
        });
        let words = column(&document, "never say").into_iter().map(quoted);
        let silent = floors.zip(words).collect();
        Self { may_name, silent }
    }

    /// What is wrong with a file at this path with this text.
    fn violations(&self, path: &str, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        if !text.starts_with("//!") {
            wrong.push(format!("{path} does not open with a lesson"));
        }
        if text.lines().count() > LONGEST {
            wrong.push(format!("{path} is longer than {LONGEST} lines"));
        }
        let (floor, depth) = place(path);
        if floor == "lib" {
            return wrong;
        }
        let Some(allowed) = self.may_name.get(floor) else {
            wrong.push(format!("{path} stands on no floor of the table"));
            return wrong;
        };
        let code = blank(text);
        let named = roots(&code, depth, &self.may_name.keys().cloned().collect());
        wrong.extend(
            named.iter().filter(|name| !allowed.contains(name.as_str())).map(|name| format!("{path} names {name}")),
        );
        for (_, words) in self.silent.iter().filter(|(floors, _)| floors.contains(floor)) {
            wrong.extend(words.iter().filter(|word| says(&code, word)).map(|word| format!("{path} says {word}")));
        }
        wrong
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `src/relay/store/sql.rs` → the floor `relay`, three modules deep.
fn place(path: &str) -> (&str, usize) {
    let modules = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    (modules.split('/').next().unwrap_or_default(), modules.split('/').count())
}

/// The cells below a heading, in the first table that has it.
fn column<'a>(document: &'a str, heading: &str) -> Vec<&'a str> {
    let cells = |line: &'a str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = document.lines().skip_while(|line| !cells(line).contains(&heading));
    let head = cells(lines.next().unwrap_or_else(|| panic!("no table has a column `{heading}`")));
    let at = head.iter().position(|cell| *cell == heading).unwrap();
    lines.skip(1).take_while(|line| line.starts_with('|')).map(|line| cells(line)[at]).collect()
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Path and text of every source file.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut queue = vec![root().join("src")];
    while let Some(path) = queue.pop() {
        if path.is_dir() {
            queue.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(found.len() > 50, "these are not all files");
    found
}

#[test]
fn every_file_keeps_to_its_floor() {
    let plan = Plan::read();
    let wrong: Vec<String> = sources().iter().flat_map(|(path, text)| plan.violations(path, text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_made_up_file_that_climbs_or_says_what_it_must_not_is_reported() {
    let plan = Plan::read();
    for (path, line, report) in [
        ("src/relay/new.rs", "use crate::crypto::kdf;", "names crypto"),
        ("src/wire/new.rs", "use crate::{\n    clock::{Clock, self},\n    wire::{Bytes, client},\n};", "names clock"),
        ("src/wire/mod.rs", "use super::client::Client;", "names client"),
        ("src/relay/store/sql.rs", "use super::super::super::protocol;", "names protocol"),
        ("src/streamco/mod.rs", "fn f() { let s: crate :: relay::Store; }", "names relay"),
        ("src/protocol/new.rs", "fn f() -> u64 { crate::clock::Clock::system().now() }", "names clock"),
        ("src/clock.rs", "use crate::protocol;", "names protocol"),
        ("src/relay/new.rs", "use crate::*;", "names *"),
        ("src/relay/new.rs", "use crate::{self as all};", "names self"),
        ("src/relay/new.rs", "use crate as all;", "names crate"),
        ("src/lab/new.rs", "use crate::cli;", "names cli"),
        ("src/lab/new.rs", "use blindrelay::cli;", "names cli"),
        ("src/cellar/mod.rs", "", "stands on no floor"),
        ("src/relay/new.rs", "fn f() { x25519_dalek::x25519(a, b); }", "says x25519_dalek"),
        ("src/protocol/new.rs", "async fn f() {}", "says async"),
        ("src/client/new.rs", "fn f() { std::time::SystemTime::now(); }", "says SystemTime"),
        ("src/cli/chat.rs", "use crate::lab::naive::Naive;", "says naive"),
        ("src/cli/new.rs", "fn f() { todo!(\"later\") }", "says todo!"),
        ("src/cli/new.rs", "#[ignore = \"slow\"]", "says #[ignore"),
    ] {
        let wrong = plan.violations(path, &format!("//! A lesson.\n{line}\n"));
        assert!(wrong.len() == 1 && wrong[0].contains(report), "{line}: {wrong:?}");
    }
    assert_eq!(plan.violations("src/relay/new.rs", "use std::fs;").len(), 1, "no lesson");
    assert_eq!(plan.violations("src/relay/new.rs", &"//! Too long.\n".repeat(401)).len(), 1);
}

#[test]
fn a_file_that_keeps_to_its_floor_is_not_reported() {
    let text = r##"//! See `crate::crypto`, and todo!().
use super::super::wire::Bytes; // like crate::client
use crate::wire::{Envelope, UserId};
pub(crate) mod relay { pub(super) const PATH: &str = "/* crate::protocol"; }
/* crate::crypto /* and async */ unsafe */
const QUOTES: (char, char, char, &[u8]) = ('"', '\'', '\u{22}', br#"" crate::client unsafe "; "#);
fn life<'a>(text: &'a str) -> &'a str { text.trim_start_matches("\" crate::tls") }
"##;
    let plan = Plan::read();
    assert_eq!(plan.violations("src/relay/new.rs", text), [""; 0]);
    let lines = text.lines().skip(1).filter(|line| line.contains("crate::c") || line.contains("crate::p"));
    for line in lines {
        // The same words outside of comments and quotes are seen: the text above is not passed for another reason.
        let bare: String = line.chars().filter(|c| !"\"/*'#".contains(*c)).collect();
        assert!(!plan.violations("src/relay/new.rs", &format!("//! A lesson.\n{bare}")).is_empty(), "{bare}");
    }
}

#[test]
fn every_file_that_the_document_names_exists() {
    let document = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let paths = quoted(&document).into_iter().filter(|name| name.starts_with("src/") || name.starts_with("tests/"));
    let missing: Vec<String> = paths.filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty() && document.contains("`src/"), "{missing:?}");
}

/// Lines of the table of one message's path whose function is not in their file.
fn missteps(document: &str) -> Vec<String> {
    let table = document.split("## The path of one message").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains("`src/"));
    let lost = rows.filter(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let code = fs::read_to_string(root().join(cells[1].trim_matches('`'))).unwrap_or_default();
        let name = cells[2].trim_matches('`');
        !["(", "<"].iter().any(|begin| code.contains(&format!("fn {name}{begin}")))
    });
    lost.map(str::to_owned).collect()
}

#[test]
fn one_message_can_be_followed_through_the_files() {
    let document = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    assert_eq!(missteps(&document), [""; 0]);
    assert_eq!(missteps(&document.replacen("| `typed` |", "| `spoken` |", 1)).len(), 1);
    assert_eq!(
        missteps(&document.replacen("`src/relay/mailbox.rs` | `push`", "`src/relay/box.rs` | `push`", 1)).len(),
        1
    );
}
