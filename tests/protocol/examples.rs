//! The examples run, as a student runs them. Cargo builds them together with the tests.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What an example prints, if it ends well.
pub fn run(name: &str, args: &[&str]) -> String {
    let test = std::env::current_exe().unwrap();
    let built: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let mut example = Command::new(&built);
    let out = example.args(args).stdin(Stdio::null()).output();
    let out = out.unwrap_or_else(|error| {
        panic!("{}: {error}; run plain `cargo test`, or `cargo build --examples` first", built.display())
    });
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn the_smallest_use_of_the_library_carries_a_message() {
    let out = run("hello", &[]);
    assert!(out.contains("\nbob read: hello, bob\n"), "{out}");
    let (_, seen) = out.split_once("the relay saw: ").unwrap();
    let seen = seen.lines().next().unwrap();
    // The control: what was typed and read is found by the same search that does not find it at the relay.
    assert_eq!(out.matches("hello, bob").count(), 2);
    assert!(seen.contains("1916 bytes") && seen.contains("sealed") && !seen.contains("hello"), "{seen}");
    let number = out.rsplit_once("both compare: ").unwrap().1;
    assert_eq!(number.chars().filter(char::is_ascii_digit).count(), 60);
}

#[test]
fn the_page_by_hand_is_the_same_for_everybody() {
    let page = run("by_hand", &[]);
    assert_eq!(page, run("by_hand", &[]));
    for label in ["dh1", "dh4", "ss", "session_ad", "SK", "hka", "nhkb", "rk", "ck", "mk", "salt", "commitment", "blob"]
    {
        assert!(page.contains(&format!("\n  {label} · ")), "{label}");
    }
}
