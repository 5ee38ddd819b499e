//! What people mistype: each mistake has a message that says what to do next, a status that is not zero, and costs nothing.

use super::harness::{Relay, Talk, home, run};

const LIMIT: usize = 65_536;

#[test]
fn a_name_that_is_none_is_refused_everywhere_before_anything_is_made() {
    let home = home();
    let long = "a".repeat(33);
    for name in ["Alice", "", "al ice", "../alice", "alice.", "ålice", &long] {
        for args in [&["chat", name][..], &["chat", "alice", name], &["send", "alice", name], &["inbox", name]] {
            let error = run(home.path(), args, "hello").fails(2);
            assert!(error.contains("1 to 32 characters out of a-z, 0-9, _ and -"), "{error}");
        }
    }
    let company = run(home.path(), &["streamco", "inbox", "A"], "").fails(2);
    assert!(company.contains("1 to 32"), "{company}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_name_that_is_taken_at_the_relay_is_refused_and_its_owner_is_not_disturbed() {
    let (home, other_home) = (home(), home());
    let relay = Relay::start(home.path());
    let url = relay.url();
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    for args in [&["inbox", "alice"][..], &["send", "alice", "bob"]] {
        let error = run(other_home.path(), &[args, &["--relay", &url]].concat(), "hello").fails(1);
        assert!(error.contains("the name alice is taken at this relay; choose another name"), "{error}");
    }
    let chat = run(other_home.path(), &["chat", "alice", "bob", "--relay", &url], "hello\n");
    assert_eq!(chat.code, Some(1));
    assert!(chat.out.contains("! the relay refuses: the name alice is taken"), "{}", chat.out);
    alice.say("still me");
    bob.wait("alice: still me");
}

#[test]
fn a_text_over_the_limit_is_refused_whole_and_one_at_the_limit_arrives() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
    let send = |text: &str| run(home.path(), &["send", "alice", "bob", "--relay", &url], text);
    // Of characters of two, three and four bytes, none of which ends where the limit is.
    let long = [
        &"x".repeat(LIMIT + 1),
        &"é".repeat(LIMIT),
        &format!("a{}", "語".repeat(LIMIT)),
        &format!("ab{}", "🦀".repeat(LIMIT)),
    ];
    for text in long {
        let error = send(text).fails(1);
        assert!(
            error.contains("at most 64 KiB") && error.contains("in parts") && error.contains("nothing was sent"),
            "{error}"
        );
    }
    for (text, says) in [("", "there is no text"), ("\n", "there is no text")] {
        let error = send(text).fails(1);
        assert!(error.contains(says) && error.contains("nothing was sent"), "{error}");
    }
    let whole = "x".repeat(LIMIT);
    send(&format!("{whole}\r\n")).ok();
    assert_eq!(run(home.path(), &["inbox", "bob", "--relay", &url], "").ok(), format!("alice (sealed): {whole}\n"));

    // In a chat the line is refused and the next one leaves.
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    alice.say(&"y".repeat(LIMIT + 1));
    let error = alice.wait("! not sent");
    assert!(error.contains("at most 64 KiB"), "{error}");
    alice.say("short");
    bob.wait("alice: short");
}

#[test]
fn bytes_that_are_no_text_are_refused_by_send_and_replaced_in_a_chat() {
    let home = home();
    let relay = Relay::start(home.path());
    let url = relay.url();
    run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
    let program = env!("CARGO_BIN_EXE_blindrelay");
    let shell = |command: &str| {
        let mut shell = std::process::Command::new("sh");
        let line = format!(r"printf 'a\377b\n' | '{program}' {command} --relay {url}");
        shell.args(["-c", &line]).env("BLINDRELAY_HOME", home.path());
        super::harness::run_command(shell, "")
    };
    let error = shell("send alice bob").fails(1);
    assert!(error.contains("is not UTF-8 text; nothing was sent"), "{error}");
    assert_eq!(shell("chat alice bob").code, Some(0));
    assert_eq!(run(home.path(), &["inbox", "bob", "--relay", &url], "").ok(), "alice (sealed): a\u{fffd}b\n");
}

#[test]
fn an_address_that_is_no_relay_is_named() {
    let home = home();
    let inbox = |url: &str, code| run(home.path(), &["inbox", "alice", "--relay", url], "").fails(code);
    assert!(inbox("http://127.0.0.1", 2).contains("write ws://HOST or ws://HOST:PORT"));
    assert!(inbox("wss://example.org", 2).contains("needs TLS"));
    assert!(inbox("ws://example.org", 1).contains("--plain-transport"));
    // Something else answers there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _some = std::io::Read::read(&mut stream, &mut request).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let error = inbox(&format!("ws://{address}"), 1);
    assert!(error.contains("something else than a blindrelay relay answers there"), "{error}");
    server.join().unwrap();
}

#[test]
fn a_database_that_is_damaged_newer_or_of_another_kind_is_refused_and_left_as_it_was() {
    let home = home();
    drop(Relay::start(home.path()));
    let path = home.path().join("relay/relay.db");
    let fresh = |sql: &str| {
        let other = home.path().join("other.db");
        let _gone = std::fs::remove_file(&other);
        rusqlite::Connection::open(&other).unwrap().execute_batch(sql).unwrap();
        std::fs::read(other).unwrap()
    };
    let newer = fresh(&format!("CREATE TABLE t (x); PRAGMA user_version=99; PRAGMA application_id={};", 0x626c_7232));
    let cases = [
        (b"no database".repeat(500), "damaged"),
        (fresh("CREATE TABLE t (x)"), "another kind of file"),
        (newer, "written by a newer blindrelay"),
    ];
    for (bytes, says) in cases {
        for beside in ["relay.db-wal", "relay.db-shm"] {
            let _gone = std::fs::remove_file(home.path().join("relay").join(beside));
        }
        std::fs::write(&path, &bytes).unwrap();
        let error = run(home.path(), &["relay", "--listen", "127.0.0.1:0"], "").fails(1);
        assert!(error.contains(says) && error.contains("relay.db"), "{error}");
        assert!(std::fs::read(&path).unwrap() == bytes, "{says}: it was not touched");
    }
}
