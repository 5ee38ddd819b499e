//! `send`, `inbox` and `verify`: what scripts stand on. Results on standard output, complaints on standard error, a status.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::harness::{Relay, Talk, home, run};

#[test]
fn a_message_is_sent_from_standard_input_and_printed_once() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    let inbox = |more: &[&str]| run(home.path(), &[&["inbox", "bob", "--relay", &url], more].concat(), "");
    let send = |text: &str, more: &[&str]| {
        run(home.path(), &[&["send", "alice", "bob", "--relay", &url], more].concat(), text)
    };
    assert_eq!(inbox(&[]).ok(), "", "bob has joined, and has no mail");

    assert_eq!(send("hello\n", &[]).ok(), "");
    assert_eq!(send("two\nlines\r\n", &[]).ok(), "");
    assert_eq!(inbox(&[]).ok(), "alice (sealed): hello\nalice (sealed): two⏎lines\n");
    assert_eq!(inbox(&[]).ok(), "", "each once");
    assert_eq!(inbox(&["--all"]).ok(), "alice (sealed): hello\nalice (sealed): two⏎lines\n");

    assert_eq!(send("third", &[]).ok(), "");
    let line: Value = serde_json::from_str(&inbox(&["--json"]).ok()).unwrap();
    let fields = ["from", "mode", "text"].map(|field| line[field].as_str().unwrap());
    assert_eq!(fields, ["alice", "sealed", "third"]);
    assert_eq!(line["counter"], 3);
    assert!(line["sent_at"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds since 1970");
    assert_eq!(inbox(&["--all", "--json"]).ok().lines().count(), 3);

    // An open conversation is begun with --open and stays open; a sealed one cannot be opened by an option.
    let sealed = send("again", &["--open"]).fails(1);
    assert!(sealed.contains("nothing was sent") && sealed.contains("/mode open"), "{sealed}");
    run(home.path(), &["inbox", "carol", "--relay", &url], "").ok();
    run(home.path(), &["send", "carol", "dave", "--open", "--relay", &url], "hi").fails(1);
    run(home.path(), &["inbox", "dave", "--relay", &url], "").ok();
    run(home.path(), &["send", "carol", "dave", "--open", "--relay", &url], "in the open").ok();
    let aside = run(home.path(), &["inbox", "dave", "--relay", &url], "");
    assert_eq!((aside.code, aside.out.as_str()), (Some(0), ""));
    assert!(aside.err.contains("1 in quarantine") && aside.err.contains("/quarantine"), "{}", aside.err);
}

#[test]
fn a_message_to_somebody_unknown_is_an_error_and_nothing_is_sent() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    for (peer, more) in [("nobody", &[][..]), ("nobody-else", &["--open"])] {
        let args = [&["send", "alice", peer, "--relay", &url], more].concat();
        let error = run(home.path(), &args, "hello").fails(1);
        assert!(error.contains(&format!("nothing was sent: {peer} has not joined this relay")), "{error}");
        assert!(error.contains(&format!("blindrelay chat {peer}")), "{error}");
    }
    // Nothing of it arrives later.
    run(home.path(), &["inbox", "nobody", "--relay", &url], "").ok();
    run(home.path(), &["send", "alice", "nobody", "--relay", &url], "only this").ok();
    assert_eq!(run(home.path(), &["inbox", "nobody", "--relay", &url], "").ok(), "alice (sealed): only this\n");
    let myself = run(home.path(), &["send", "alice", "alice", "--relay", &url], "hello").fails(1);
    assert!(myself.contains("you cannot write to yourself"), "{myself}");
}

#[test]
fn waiting_for_mail_ends_with_the_first_message_or_with_the_time() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    let start = Instant::now();
    let nothing = run(home.path(), &["inbox", "bob", "--wait", "1", "--relay", &url], "").ok();
    assert_eq!(nothing, "");
    assert!(start.elapsed() >= Duration::from_secs(1));
    let waiting = Talk::start(home.path(), &["inbox", "bob", "--wait", "60", "--relay", &url]);
    run(home.path(), &["send", "alice", "bob", "--relay", &url], "finally").ok();
    let (status, lines) = waiting.end();
    assert!(status.success());
    assert_eq!(lines, ["alice (sealed): finally"]);
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn both_sides_print_one_safety_number() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    let verify =
        |me, peer, more: &[&str]| run(home.path(), &[&["verify", me, peer, "--relay", &url], more].concat(), "");
    let nobody = verify("alice", "bob", &[]).fails(1);
    assert!(nobody.contains("blindrelay chat alice bob"), "{nobody}");
    run(home.path(), &["inbox", "alice", "--relay", &url], "").ok();
    let alone = verify("alice", "bob", &[]).fails(1);
    assert!(alone.contains("no key to compare") && alone.contains("bob has not joined"), "{alone}");
    run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();

    let [alices, bobs] = [("alice", "bob"), ("bob", "alice")].map(|(me, peer)| {
        let json: Value = serde_json::from_str(&verify(me, peer, &["--json"]).ok()).unwrap();
        assert_eq!((json["me"].as_str(), json["peer"].as_str()), (Some(me), Some(peer)));
        assert_eq!(json["state"], "not compared");
        json["safety_number"].as_str().unwrap().to_owned()
    });
    assert_eq!(alices, bobs);
    assert!(alices.len() == 60 && alices.bytes().all(|digit| digit.is_ascii_digit()), "{alices}");
    let text = verify("alice", "bob", &[]).ok();
    let digits: String = text.lines().take(3).flat_map(|line| line.split(' ')).collect();
    assert_eq!(digits, alices, "in groups: {text}");
    // With somebody else it is another number.
    run(home.path(), &["inbox", "carol", "--relay", &url], "").ok();
    let carols: Value = serde_json::from_str(&verify("alice", "carol", &["--json"]).ok()).unwrap();
    assert_ne!(carols["safety_number"], alices);
    // Once the key is on record no relay is needed.
    drop(relay);
    assert!(verify("alice", "bob", &[]).ok().contains("not compared"));
}
