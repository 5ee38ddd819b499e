//! A relay as a process: how it starts, refuses to start, and ends.

use std::time::{Duration, Instant};

use super::harness::{Relay, Talk, blindrelay, ended, eventually, home, mode, run, signal};

#[test]
fn a_relay_stops_in_peace_when_it_is_asked_to_and_keeps_its_mail() {
    for name in ["TERM", "INT"] {
        let home = home();
        let mut relay = Relay::start(home.path());
        let url = relay.url();
        run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
        run(home.path(), &["send", "alice", "bob", "--relay", &url], "kept").ok();
        // With somebody connected, somebody watching, and somebody who will not hang up.
        let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
        let mut watch = Talk::start(home.path(), &["watch", "--relay", &url]);
        watch.wait("alice → bob");
        let _silent = std::net::TcpStream::connect(relay.address()).unwrap();
        let start = Instant::now();
        assert_eq!(relay.stop(name).code(), Some(0), "{name}");
        assert!(start.elapsed() < Duration::from_secs(10), "{name}");
        assert!(relay.log().trim_end().ends_with("stopped"), "{}", relay.log());
        alice.wait("! no relay: ");
        relay.restart();
        alice.wait("the relay answers again");
        let inbox = run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
        assert_eq!(inbox, "alice (sealed): kept\n");
    }
}

#[test]
fn a_port_that_is_taken_and_a_home_that_is_in_use_are_refused_with_advice() {
    let (first_home, other_home) = (home(), home());
    let relay = Relay::start(first_home.path());
    let taken = run(other_home.path(), &["relay", "--listen", &relay.address()], "").fails(1);
    assert!(taken.contains(&format!("{} is taken", relay.address())) && taken.contains("--listen"), "{taken}");
    let in_use = run(first_home.path(), &["relay", "--listen", "127.0.0.1:0"], "").fails(1);
    assert!(in_use.contains("a relay runs on") && in_use.contains("--home"), "{in_use}");
    // It says how to end the one that runs, though nobody remembers having started it (a chat may have).
    let same = run(first_home.path(), &["relay", "--listen", &relay.address()], "").fails(1);
    for advice in [in_use, same] {
        assert!(advice.contains(&format!("end it with `kill {}`", relay.id())), "{advice}");
    }
    // The first one goes on.
    run(first_home.path(), &["inbox", "bob", "--relay", &relay.url()], "").ok();
    let nonsense = run(first_home.path(), &["relay", "--listen", "nonsense"], "").fails(2);
    assert!(nonsense.contains("--listen"), "{nonsense}");
    let nowhere = run(other_home.path(), &["relay", "--listen", "192.0.2.1:0"], "").fails(1);
    assert!(nowhere.contains("cannot listen on 192.0.2.1:0"), "{nowhere}");
}

#[test]
fn a_relay_beyond_this_machine_warns_and_one_on_this_machine_does_not() {
    let (far_home, near_home) = (home(), home());
    let far = Relay::start_with_listen(far_home.path(), "0.0.0.0:0");
    assert!(far.log().contains("WARNING: 0.0.0.0:0 is reachable from other machines"), "{}", far.log());
    let near = Relay::start(near_home.path());
    assert!(!near.log().contains("WARNING"), "{}", near.log());
    // And clients do not carry their token there unless told to.
    let refused = run(near_home.path(), &["inbox", "bob", "--relay", "ws://192.0.2.1:4747"], "").fails(1);
    assert!(refused.contains("--plain-transport") && refused.contains("tunnel"), "{refused}");
}

#[test]
fn a_relay_that_was_started_for_a_chat_ends_when_nobody_needs_it() {
    let home = home();
    let mut relay = Relay::start_with(home.path(), &["--idle-exit", "1"]);
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    alice.wait("bob has not joined");
    std::thread::sleep(Duration::from_millis(2_500)); // longer than it would wait alone
    assert!(relay.is_running(), "somebody is there");
    alice.say("/quit");
    assert!(alice.end().0.success());
    assert_eq!(relay.ends().code(), Some(0));
}

#[test]
fn an_explicit_relay_is_never_started() {
    let home = home();
    let url = {
        let relay = Relay::start(home.path());
        relay.url()
    };
    std::fs::remove_dir_all(home.path().join("relay")).unwrap();
    let mut alice = Talk::start(home.path(), &["chat", "alice", "bob", "--relay", &url]);
    let told = alice.wait("! no relay: ");
    assert!(told.contains("What you write is kept") && told.contains("relay --listen"), "{told}");
    assert!(!home.path().join("relay").exists(), "none was started here");
    for command in [&["inbox", "alice"][..], &["send", "alice", "bob"], &["verify", "alice", "bob"]] {
        drop(std::mem::replace(&mut alice, Talk::start(home.path(), &["--version"])));
        let error = run(home.path(), &[command, &["--relay", &url]].concat(), "hello").fails(1);
        assert!(error.contains(&format!("no relay at {url}")), "{error}");
        assert!(error.contains("start one there with `blindrelay relay --listen 127.0.0.1:"), "{error}");
    }
    assert!(!home.path().join("relay").exists());
}

#[test]
fn a_relay_whose_log_and_output_nobody_reads_goes_on() {
    let home = home();
    let relay = Relay::start(home.path());
    let address = relay.address();
    drop(relay);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = blindrelay(home.path(), &["relay", "--listen", &address]);
    let mut relay = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    eventually("it listens", || std::net::TcpStream::connect(&address).is_ok());
    let url = format!("ws://{address}");
    for text in ["one", "two"] {
        run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
        run(home.path(), &["send", "alice", "bob", "--relay", &url], text).ok();
        assert_eq!(run(home.path(), &["inbox", "bob", "--relay", &url], "").ok(), format!("alice (sealed): {text}\n"));
    }
    signal("TERM", relay.id());
    assert!(ended(&mut relay).success());
}

#[test]
fn the_files_of_a_relay_are_its_owners_alone() {
    let home = home();
    let relay = Relay::start(home.path());
    let dir = home.path().join("relay");
    assert_eq!(mode(&dir), 0o700);
    let mut files: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    for file in ["relay.db", "relay.db-wal", "relay.lock", "operator.token", "platform.db"] {
        assert!(files.iter().any(|found| found == file), "{file} is not among {files:?}");
    }
    drop(relay);
}
