//! The mutants of `tests/mutants` fit the tree: each has its head, and each still applies. Whether a test notices them is seen by
//! `tests/mutants/run`, which takes longer.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::root;

const BINARIES: [&str; 6] = ["lib", "protocol", "blindness", "schedules", "processes", "browser"];

/// What a patch's head lacks, if anything.
fn head_lacks(patch: &str) -> Option<&'static str> {
    let mut lines = patch.lines();
    let mut said = |prefix: &str| lines.next().and_then(|line| line.strip_prefix(prefix)).filter(|text| text.len() > 2);
    if said("# ").is_none() {
        return Some("does not say what it sabotages");
    }
    if said("# breaks: ").is_none() {
        return Some("does not say what that breaks");
    }
    let binary = said("# tests: ").and_then(|place| place.split("::").next());
    if binary.is_none_or(|binary| !BINARIES.contains(&binary)) {
        return Some("names no test binary");
    }
    (!lines.next().is_some_and(|line| line.starts_with("--- a/src/"))).then_some("changes nothing of the program")
}

/// Whether git would apply a patch to the tree; why not, if not.
fn applies(patch: &Path) -> Result<(), String> {
    let git = Command::new("git").current_dir(root()).args(["apply", "--check"]).arg(patch).output().unwrap();
    if git.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&git.stderr).into_owned()) }
}

#[test]
fn every_mutant_says_what_it_breaks_and_applies() {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--is-inside-work-tree"]).current_dir(root()).stdout(Stdio::null()).stderr(Stdio::null());
    let checkout = git.status().is_ok_and(|status| status.success());
    assert!(checkout || std::env::var_os("CI").is_none(), "git is missing here, or this is no checkout");
    if !checkout {
        eprintln!("passed over: needs git, and a checkout");
        return;
    }
    let patches = fs::read_dir(root().join("tests/mutants")).unwrap().map(|entry| entry.unwrap().path());
    let patches: Vec<_> = patches.filter(|path| path.extension().is_some_and(|kind| kind == "patch")).collect();
    let wrong = patches.iter().filter_map(|path| {
        let text = fs::read_to_string(path).unwrap();
        let why = head_lacks(&text).map(str::to_owned).or_else(|| applies(path).err())?;
        Some(format!("{}: {why}", path.file_stem().unwrap().display()))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(patches.len() >= 25 && wrong.is_empty(), "{wrong:#?}");

    // The control: a patch that is right but for one word is reported.
    let text = fs::read_to_string(&patches[0]).unwrap();
    let stale = tempfile::NamedTempFile::new().unwrap();
    let (head, hunk) = text.split_once("\n@@").unwrap();
    fs::write(stale.path(), format!("{head}\n@@{}", hunk.replacen("\n ", "\n once ", 1))).unwrap();
    assert!(applies(&patches[0]).is_ok() && applies(stale.path()).is_err());
}

#[test]
fn a_head_that_lacks_something_is_reported() {
    let lines = ["# It does.", "# breaks: all", "# tests: protocol::trust", "--- a/src/lib.rs"];
    assert_eq!(head_lacks(&lines.join("\n")), None);
    for (at, instead, lacks) in [
        (0, "#", "what it sabotages"),
        (1, "# breaks: ", "what that breaks"),
        (2, "# tests: architecture", "no test binary"),
        (2, "# tests:", "no test binary"),
        (3, "--- a/tests/protocol.rs", "nothing of the program"),
    ] {
        let mut changed = lines;
        changed[at] = instead;
        assert!(head_lacks(&changed.join("\n")).is_some_and(|why| why.contains(lacks)), "{instead}");
    }
}
