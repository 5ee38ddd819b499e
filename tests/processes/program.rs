//! The program as a whole: the demo in one command, help for everything, colours only where they belong.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::harness::{blindrelay, ended, eventually, home, run, run_command, signal};

#[test]
fn the_demo_plays_a_script_of_ones_own_and_ends_with_a_verdict() {
    let home = home();
    let script = home.path().join("script");
    std::fs::write(&script, "alice: the first needle\n\nbob: the second needle\n").unwrap();
    let path = script.to_str().unwrap();
    // Two outputs, so two runs, at the same time: each waits more than it works.
    let (from_file, from_stdin) = std::thread::scope(|scope| {
        let from_file = scope.spawn(|| run(home.path(), &["demo", "--json", "--script", path], "").ok());
        let from_stdin = run(home.path(), &["demo", "--script", "-"], "alice: typed into a pipe\n").ok();
        (from_file.join().unwrap(), from_stdin)
    });
    let report: Value = serde_json::from_str(&from_file).unwrap();
    assert_eq!(report["holds"], true, "{report}");
    let lines: Vec<&str> =
        report["lines"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(lines, ["the first needle", "the second needle"]);
    assert_eq!((&report["open_readable"], &report["sealed_blind"]), (&Value::Bool(true), &Value::Bool(true)));

    assert!(from_stdin.contains("typed into a pipe"), "{from_stdin}");
    assert!(!from_stdin.contains('\u{1b}'), "no colours into a pipe");
    assert!(from_stdin.lines().all(|line| line.chars().count() <= 80), "{from_stdin}");
    // It leaves nothing in the home: its relays and people have homes of their own.
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn a_demo_that_is_ended_leaves_no_relay_and_no_files() {
    let home = home();
    let script = home.path().join("script");
    std::fs::write(&script, "alice: a long conversation\n".repeat(200)).unwrap();
    for name in ["INT", "TERM", "HUP"] {
        let temp = tempfile::tempdir_in(home.path()).unwrap();
        let relays = |with: &str| {
            let processes = run_command(command("ps", &["-A", "-o", "args"]), "").ok();
            processes.lines().filter(|line| line.contains(temp.path().to_str().unwrap()) && line.contains(with)).count()
        };
        let mut demo = blindrelay(home.path(), &["demo", "--script", script.to_str().unwrap()]);
        let mut demo = demo.env("TMPDIR", temp.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("its relay runs, and would end by itself", || relays("--idle-exit") > 0);
        signal(name, demo.id());
        assert_eq!(ended(&mut demo).code(), Some(1), "{name}: not done, and said so");
        eventually("its relay has ended", || relays("") == 0);
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn a_script_that_cannot_be_played_is_refused_with_advice() {
    let home = home();
    let empty = run(home.path(), &["demo", "--script", "-"], "\n \n").fails(1);
    assert!(empty.contains("1 to 200 lines of the form `alice: text`"), "{empty}");
    let absent = run(home.path(), &["demo", "--script", "/nowhere/at/all"], "").fails(1);
    assert!(absent.contains("cannot read the script /nowhere/at/all"), "{absent}");
    let no_relay = run(home.path(), &["demo", "--relay-bin", "/nowhere/at/all"], "").fails(1);
    assert!(no_relay.contains("/nowhere/at/all"), "{no_relay}");
}

#[test]
fn every_command_has_help_and_says_what_it_does() {
    let home = home();
    let help = run(home.path(), &["--help"], "").ok();
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands: Vec<&str> =
        commands.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next()).collect();
    for command in ["demo", "chat", "send", "inbox", "verify", "relay", "watch", "platform", "account", "streamco"] {
        assert!(commands.contains(&command), "{command} is not in {commands:?}");
    }
    for command in commands.into_iter().filter(|command| *command != "help") {
        let help = run(home.path(), &[command, "--help"], "").ok();
        assert!(help.contains("Usage: blindrelay"), "{help}");
        assert!(help.lines().next().is_some_and(|first| first.len() > 10), "{command} says what it does: {help}");
    }
    run(home.path(), &["streamco", "inbox", "--help"], "").ok();
    let usage = run(home.path(), &["nonsense"], "").fails(2);
    assert!(usage.contains("unrecognized subcommand") && usage.contains("--help"), "{usage}");
    assert!(run(home.path(), &["--version"], "").ok().starts_with("blindrelay "));
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let home = home();
    for (shell, sign) in
        [("bash", "complete -F _blindrelay"), ("zsh", "#compdef blindrelay"), ("fish", "complete -c blindrelay")]
    {
        let script = run(home.path(), &["completions", shell], "").ok();
        assert!(script.contains(sign) && script.contains("inbox"), "{shell}");
    }
    run_command(command("bash", &["-n"]), run(home.path(), &["completions", "bash"], "").ok()).ok();
    let man = run(home.path(), &["man"], "").ok();
    assert!(man.contains(".TH blindrelay 1") && man.contains("streamco"), "{man}");
}

#[test]
fn without_a_place_to_keep_things_that_is_said() {
    let home = home();
    let mut command = blindrelay(home.path(), &["inbox", "alice"]);
    command.env_remove("BLINDRELAY_HOME").env_remove("HOME");
    let error = run_command(command, "").fails(1);
    assert!(error.contains("HOME is not set; give --home DIR or set BLINDRELAY_HOME"), "{error}");
    // A file where a directory should be.
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = run(&file, &["relay", "--listen", "127.0.0.1:0"], "").fails(1);
    assert!(error.contains("cannot use") && error.contains("--home"), "{error}");
    let error = run(&file, &["inbox", "alice"], "").fails(1);
    assert!(error.contains("--home"), "{error}");
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}
