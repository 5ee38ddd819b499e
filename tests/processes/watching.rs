//! Who reads along: the operator's `watch` and the fictional partner's `streamco inbox`. Open texts are theirs, sealed ones are not.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::mpsc::channel;

use blindrelay::wire::Token;
use serde_json::Value;

use super::harness::{PATIENCE, Relay, Talk, agree, blindrelay, home, run};

/// What was said, and to whom.
const OPEN: &str = "needle-in-the-open";
const SEALED: &str = "needle-in-the-seal";

fn speak(home: &std::path::Path, relay: &Relay) {
    for (peer, more, text) in [("bob", &["--open"][..], OPEN), ("carol", &[], SEALED)] {
        run(home, &["inbox", peer, "--relay", &relay.url()], "").ok();
        run(home, &[&["send", "alice", peer, "--relay", &relay.url()], more].concat(), text).ok();
    }
}

#[test]
fn the_operator_watches_open_texts_and_sealed_noise_go_by() {
    let home = home();
    let mut relay = Relay::start(home.path());
    let url = relay.url();
    let mut early = Talk::start(home.path(), &["watch", "--relay", &url]);
    early.wait("What the relay at");
    speak(home.path(), &relay);
    let open = early.wait("alice → bob");
    assert!(open.contains("18 B OPEN") && open.contains(OPEN), "{open}");
    let sealed = early.wait("alice → carol");
    assert!(sealed.contains("B sealed ") && !sealed.contains("needle"), "{sealed}");
    assert!(sealed.chars().count() <= 80, "{sealed}");
    // Who comes later sees what has passed, for a program as JSON.
    let mut late = Talk::start(home.path(), &["watch", "--json", "--relay", &url]);
    let open: Value = serde_json::from_str(&late.wait("\"to\":\"bob\"")).unwrap();
    assert_eq!(open["payload"]["open"]["text"], OPEN);
    let sealed: Value = serde_json::from_str(&late.wait("\"to\":\"carol\"")).unwrap();
    let blob = sealed["payload"]["sealed"].as_str().unwrap();
    assert!(blob.len() > 600 && sealed["size"].as_u64().unwrap() > 500 && sealed["payload"]["open"].is_null());
    // It outlives the relay.
    relay.kill();
    relay.restart();
    run(home.path(), &["send", "alice", "bob", "--relay", &url], "after the restart").ok();
    assert!(early.wait("alice → bob").contains("after the restart"));
}

#[test]
fn json_on_a_terminal_holds_no_command_of_a_peer_and_says_what_was_written() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    agree(home.path(), &relay);
    let evil = "\u{9b}31m\u{202e}txt\u{7f}\u{1b}[2J";
    // Bob began it too: what comes in the open is for him.
    for (me, peer) in [("bob", "alice"), ("alice", "bob")] {
        run(home.path(), &["inbox", peer, "--relay", &url], "").ok();
        run(home.path(), &["send", me, peer, "--open", "--relay", &url], evil).ok();
    }
    let mut watch = Talk::start(home.path(), &["watch", "--json", "--relay", &url]);
    let inbox = |command: &[&str]| run(home.path(), &[command, &["--json", "--relay", &url]].concat(), "").ok();
    let streamco = inbox(&["streamco", "inbox", "bob"]);
    for (line, text) in [
        (watch.wait("\"kind\":\"text\""), "/payload/open/text"),
        (inbox(&["inbox", "bob"]), "/text"),
        (streamco.lines().last().unwrap().to_owned(), "/text"),
    ] {
        assert!(line.trim_end().is_ascii() && !line.trim_end().contains(char::is_control), "{line:?}");
        let json: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json.pointer(text).unwrap(), evil, "{line}");
    }
}

#[test]
fn a_line_without_an_end_is_not_collected() {
    let home = home();
    fs::create_dir(home.path().join("relay")).unwrap();
    fs::write(home.path().join("relay/operator.token"), Token::random(&mut rand::rng()).expose()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let endless = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _request = stream.read(&mut [0; 1024]).unwrap();
        let mut sent = 0;
        let mut next = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\ndata: ");
        while next.is_ok() && sent < 256 << 20 {
            next = stream.write_all("x".repeat(1 << 16).as_bytes());
            sent += 1 << 16;
        }
        sent
    });
    let mut command = blindrelay(home.path(), &["watch", "--json", "--relay", &url]);
    let mut watch = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(watch.stderr.take().unwrap());
    let (line, told) = channel();
    std::thread::spawn(move || {
        let mut told = String::new();
        stderr.read_line(&mut told).map(|_| line.send(told))
    });
    let told = told.recv_timeout(PATIENCE).unwrap_or_default();
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(told.contains("a line without an end") && told.contains("waiting for a relay there"), "{told}");
    let sent = endless.join().unwrap();
    assert!(sent < 32 << 20, "{sent} bytes were taken");
}

#[test]
fn a_wrong_operator_token_is_refused_with_advice() {
    let (relays_home, other_home) = (home(), home());
    let relay = Relay::start(relays_home.path());
    let other = Relay::start(other_home.path());
    let watch = |home: &std::path::Path| run(home, &["watch", "--json", "--relay", &relay.url()], "").fails(1);
    let wrong = watch(other_home.path());
    assert!(wrong.contains("does not take this home's operator token") && wrong.contains("--home"), "{wrong}");
    fs::write(other_home.path().join("relay/operator.token"), "nonsense").unwrap();
    let nonsense = watch(other_home.path());
    assert!(nonsense.contains("does not hold a token; delete it"), "{nonsense}");
    let far = run(relays_home.path(), &["watch", "--relay", "ws://192.0.2.1:4747"], "").fails(1);
    assert!(far.contains("for the relay's own machine"), "{far}");
    drop(other);
}

#[test]
fn streamco_reads_open_inboxes_and_only_the_outside_of_sealed_ones() {
    let home = home();
    let relay = Relay::start(home.path());
    agree(home.path(), &relay);
    speak(home.path(), &relay);
    let inbox = |user: &str, more: &[&str]| {
        run(home.path(), &[&["streamco", "inbox", user, "--relay", &relay.url()], more].concat(), "")
    };
    let (time, open) =
        inbox("bob", &[]).ok().split_once(' ').map(|(time, line)| (time.len(), line.to_owned())).unwrap();
    assert_eq!((time, open), ("HH:MM:SS".len(), format!("alice → bob open 18 B: {OPEN}\n")));
    let sealed = inbox("carol", &[]).ok();
    assert!(sealed.contains(" alice → carol sealed ") && !sealed.contains("needle"), "{sealed}");
    // The sender's inbox shows both; a program gets JSON.
    let both = inbox("alice", &["--json"]).ok();
    let lines: Vec<Value> = both.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["text"].as_str(), lines[0]["sealed"].as_str()), (Some(OPEN), None));
    assert!(lines[1]["text"].is_null() && lines[1]["sealed"].as_str().unwrap().len() > 600);
    // When she has read it only the outside is left.
    run(home.path(), &["inbox", "carol", "--relay", &relay.url()], "").ok();
    super::harness::eventually("the blob is gone", || {
        inbox("carol", &[]).ok().contains("(blob deleted after delivery)")
    });
}

/// All that comes to Bob's screen in an open conversation, less the relay's address; and what StreamCo read meanwhile.
fn bobs_screen(streamco_reads: bool) -> (Vec<String>, String) {
    let home = home();
    let relay = Relay::start(home.path());
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &["--open"]);
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &["--open"]);
    alice.wait("first key of bob");
    alice.say(OPEN);
    alice.wait("1 · delivered");
    let read = if streamco_reads {
        agree(home.path(), &relay);
        run(home.path(), &["streamco", "inbox", "bob", "--relay", &relay.url()], "").ok()
    } else {
        String::new()
    };
    alice.say("and on");
    alice.wait("2 · delivered");
    bob.wait("and on");
    let (status, mut lines) = bob.end();
    assert!(status.success());
    lines.retain(|line| !line.contains(&relay.url()));
    // When he has joined, Alice has or has not been there before: that is between the two of them.
    lines.retain(|line| !line.contains("joined") && !line.contains("first key"));
    (lines, read)
}

#[test]
fn nobody_is_told_that_streamco_reads() {
    let ((watched, read), (alone, nothing)) = (bobs_screen(true), bobs_screen(false));
    assert!(read.contains(OPEN) && nothing.is_empty(), "it did read");
    assert_eq!(watched, alone);
    assert!(alone.iter().any(|line| line.contains(OPEN)), "{alone:#?}");
}

#[test]
fn an_open_receipt_is_seen_going_back_and_a_sealed_one_looks_like_any_blob() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    for (peer, more) in [("bob", &["--open"][..]), ("carol", &[])] {
        let _theirs = Talk::chat(home.path(), &relay, peer, "alice", more);
        let mut alice = Talk::chat(home.path(), &relay, "alice", peer, more);
        alice.say("confirm this");
        alice.wait("1 · delivered");
    }
    let mut watch = Talk::start(home.path(), &["watch", "--relay", &url]);
    let open = watch.wait("bob → alice");
    assert!(open.contains("0 B OPEN") && open.contains("[receipt for message 1]"), "{open}");
    let sealed = watch.wait("carol → alice");
    assert!(sealed.contains("B sealed ") && !sealed.contains("receipt"), "{sealed}");
    let mut json = Talk::start(home.path(), &["watch", "--json", "--relay", &url]);
    let open: Value = serde_json::from_str(&json.wait("\"from\":\"bob\"")).unwrap();
    let receipt = &open["payload"]["open"];
    assert_eq!((receipt["kind"].as_str(), receipt["of"].as_u64()), (Some("receipt"), Some(1)), "{open}");
}

#[test]
fn streamco_is_told_why_it_gets_nothing() {
    let (home_of_relay, other_home) = (home(), home());
    let relay = Relay::start(home_of_relay.path());
    let url = relay.url();
    let inbox = |home: &std::path::Path| run(home, &["streamco", "inbox", "nobody", "--relay", &url], "").fails(1);
    agree(home_of_relay.path(), &relay);
    assert!(inbox(home_of_relay.path()).contains("nobody of that name"));
    let without = inbox(other_home.path());
    assert!(without.contains("no agreement was made on this home") && without.contains("--home"), "{without}");
    let other = Relay::start(other_home.path());
    agree(other_home.path(), &other);
    let wrong = inbox(other_home.path());
    assert!(wrong.contains("refuses StreamCo's credentials") && wrong.contains("--home"), "{wrong}");
    drop((relay, other));
    let gone = inbox(home_of_relay.path());
    assert!(gone.contains("no platform answers at ws://127.0.0.1:"), "{gone}");
}
