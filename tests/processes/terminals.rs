//! Terminals: a narrow one, a dumb one, one whose owner wants no colours. Each is a real one, made by `script`.

use std::path::Path;
use std::process::Command;

use super::harness::{Relay, Talk, home, run};

/// A command at a terminal of 20 columns; none if this machine cannot make one.
fn at_terminal(home: &Path, args: &[&str], settings: &[(&str, &str)]) -> Option<Talk> {
    if Command::new("script").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "script, of util-linux, is missing");
        eprintln!("passed over: script, of util-linux, is missing");
        return None;
    }
    let line = format!("stty cols 20; exec '{}' {}", env!("CARGO_BIN_EXE_blindrelay"), args.join(" "));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]);
    command.env("BLINDRELAY_HOME", home).env_remove("NO_COLOR").env("TERM", "xterm").envs(settings.iter().copied());
    Some(Talk::of(command))
}

/// Alice at a terminal of this kind is written to and answers; all that came to her screen.
fn conversation(settings: &[(&str, &str)]) -> Option<Vec<String>> {
    let home = home();
    let relay = Relay::start(home.path());
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    let mut alice = at_terminal(home.path(), &["chat", "alice", "bob", "--relay", &relay.url()], settings)?;
    alice.wait("Type a line");
    bob.say("a line that is much longer than such a terminal is wide");
    alice.wait("wide");
    alice.say("and so is this one, which she types at it");
    bob.wait("alice: and so is this one, which she types at it");
    alice.wait("delivered");
    alice.say("/quit");
    let (status, lines) = alice.end();
    assert!(status.success(), "{lines:#?}");
    Some(lines)
}

#[test]
fn a_narrow_terminal_holds_a_conversation_in_colours_unless_none_are_wanted() {
    for (settings, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")], false), (&[("NO_COLOR", "")], true)] {
        let Some(lines) = conversation(settings) else { return };
        let colour = |line: &String| line.contains("\u{1b}[2m") || line.contains("\u{1b}[32m");
        assert_eq!(lines.iter().any(colour), coloured, "{settings:?} {lines:#?}");
    }
}

#[test]
fn a_dumb_terminal_gets_lines_and_nothing_else() {
    let Some(lines) = conversation(&[("TERM", "dumb")]) else { return };
    assert!(lines.iter().all(|line| !line.contains('\u{1b}')), "{lines:#?}");
}

#[test]
fn what_an_operator_watches_is_coloured_at_a_terminal_unless_none_is_wanted() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
    run(home.path(), &["send", "alice", "bob", "--open", "--relay", &url], "in the open").ok();
    for (settings, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let Some(mut watch) = at_terminal(home.path(), &["watch", "--relay", &url], settings) else { return };
        let line = watch.wait("alice → bob");
        assert_eq!(line.contains("\u{1b}[33m"), coloured, "{line:?}");
        assert!(line.contains("in the open"), "{line:?}");
    }
}
