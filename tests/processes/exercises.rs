//! The exercises' checker: who did the attack and saw it has got it; who answers wrongly, or has done nothing, has not.

use super::harness::{Talk, home, run};

/// Does exercise 4 with two answers: what the checker says.
fn replayed(answers: &str) -> Vec<String> {
    let home = home();
    let args = ["lab", "exercise", "4", "--answer", answers, "--listen", "127.0.0.1:0"];
    let mut checker = Talk::start(home.path(), &args);
    let url = checker.wait("blindrelay lab exercise: ").split_whitespace().last().unwrap().to_owned();
    run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
    run(home.path(), &["send", "alice", "bob", "--relay", &url], "pay him 100").ok();
    let read = run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
    assert_eq!(read.matches("pay him 100").count(), 1, "{read}");
    checker.wait("In code: src/");
    checker.kill()
}

#[test]
fn who_did_it_and_saw_it_has_got_it_and_who_saw_something_else_has_not() {
    let said = |lines: &[String], what: &str| lines.iter().any(|line| line.contains(what));
    let right = replayed("b,b");
    assert!(said(&right, "You predicted it.") && said(&right, "You got it."), "{right:#?}");
    let wrong = replayed("a,c");
    assert!(said(&wrong, "You predicted: three times. It is: once.") && said(&wrong, "Not yet."), "{wrong:#?}");
    assert!(!said(&wrong, "You got it."), "{wrong:#?}");
}

#[test]
fn who_has_done_nothing_has_not_done_it_whatever_they_answer() {
    let home = home();
    for number in ["1", "2", "3", "4", "5", "6"] {
        let args = ["lab", "exercise", number, "--listen", "127.0.0.1:0"];
        let ran = run(home.path(), &args, "b\nb\n");
        assert!(ran.code == Some(1) && ran.out.contains("You have not done it yet"), "{}", ran.out);
    }
    let args = ["lab", "exercise", "5", "--answer", "b,b", "--within", "0", "--listen", "127.0.0.1:0"];
    assert_eq!(run(home.path(), &args, "").code, Some(1));
    let listed = run(home.path(), &["lab", "exercise"], "").ok();
    assert!(listed.contains("6  tamper") && listed.lines().count() == 7, "{listed}");
    let error = run(home.path(), &["lab", "exercise", "7"], "").fails(1);
    assert!(error.contains("there is no exercise 7; there are 1 to 6"), "{error}");
}
