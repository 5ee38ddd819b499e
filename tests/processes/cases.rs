//! Bad input, case by case: each makes a mistake in a fresh home, checks that nothing was lost, and gives what the program said.
//!
//! What it should say, and its exit status, stand in `docs/bad-input.md`; `listed.rs` compares the two.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::harness::{Ran, Relay, Talk, blindrelay, run, run_command, run_unread};

/// A mistake, under the name that it has in the table.
pub type Case = (&'static str, fn(&Path) -> Ran);

pub const CASES: &[Case] = &[
    ("a name that is none", |home| run(home, &["chat", "Alice", "bob"], "")),
    ("an unknown option", |home| run(home, &["inbox", "alice", "--nonsense"], "")),
    ("an argument that is not UTF-8", |home| {
        let mut command = blindrelay(home, &["inbox"]);
        command.arg(OsStr::from_bytes(b"al\xffce"));
        run_command(command, "")
    }),
    ("a text as an argument", |home| run(home, &["send", "alice", "bob", "hello"], "")),
    ("oneself as the other", |home| with_relay(home, |url| run(home, &["chat", "alice", "alice", "--relay", url], ""))),
    ("an address that is none", |home| run(home, &["inbox", "alice", "--relay", "http://127.0.0.1"], "")),
    ("an address with TLS", |home| run(home, &["inbox", "alice", "--relay", "wss://example.org"], "")),
    ("an address beyond this machine", |home| run(home, &["inbox", "alice", "--relay", "ws://192.0.2.1"], "")),
    ("no relay there", |home| {
        let url = with_relay(home, str::to_owned);
        run(home, &["inbox", "alice", "--relay", &url], "")
    }),
    ("a name that is taken", |home| {
        with_relay(home, |url| {
            run(home, &["inbox", "alice", "--relay", url], "").ok();
            run(&home.join("other"), &["inbox", "alice", "--relay", url], "")
        })
    }),
    ("somebody who has not joined", |home| send(home, b"hello", false)),
    ("no text", |home| send(home, b"\n", true)),
    ("a text over the limit", |home| send(home, &[b'x'; 65_537], true)),
    ("a text that is not UTF-8", |home| send(home, b"a\xffb\n", true)),
    ("a line that is not UTF-8, in a chat", a_line_that_is_not_text),
    ("the vault is open elsewhere", |home| {
        let relay = Relay::start(home);
        let mut alice = Talk::chat(home, &relay, "alice", "bob", &[]);
        let ran = run(home, &["inbox", "alice", "--relay", &relay.url()], "");
        alice.say("/who");
        alice.wait("bob"); // the first one goes on
        ran
    }),
    ("no vault yet", |home| run(home, &["verify", "alice", "bob"], "")),
    ("a damaged vault", |home| vault(home, |bytes| bytes[..100].fill(0x55))),
    ("a flipped bit in a vault", |home| vault(home, |bytes| bytes[100] ^= 1)),
    ("a vault of a newer version", |home| vault(home, |bytes| bytes[63] += 1)),
    ("a vault of an older version", |home| vault(home, |bytes| bytes[63] -= 1)),
    ("another kind of file as the vault", |home| vault(home, |bytes| bytes[71] ^= 1)),
    ("a vault under another name", |home| {
        with_relay(home, |url| run(home, &["inbox", "alice", "--relay", url], "").ok());
        fs::rename(home.join("users/alice.vault"), home.join("users/carol.vault")).unwrap();
        run(home, &["inbox", "carol"], "")
    }),
    ("a vault that asks for its passphrase", |home| passphrase(home, None)),
    ("a wrong passphrase", |home| passphrase(home, Some("correct house\n"))),
    ("an empty passphrase", |home| from_file(home, b"\n")),
    ("a passphrase that is not UTF-8", |home| from_file(home, b"a\xffb\n")),
    ("a passphrase from a descriptor that is not open", |home| {
        run(home, &["inbox", "alice", "--passphrase-fd", "9"], "")
    }),
    ("a passphrase without a terminal", |home| run(home, &["inbox", "alice", "--passphrase"], "")),
    ("a damaged database", |home| database(home, |bytes| bytes[..100].fill(0x55))),
    ("a flipped bit in a database", |home| database(home, |bytes| bytes[100] ^= 1)),
    ("a database of a newer version", |home| database(home, |bytes| bytes[63] += 1)),
    ("another kind of file as the database", |home| database(home, |bytes| bytes[71] ^= 1)),
    ("two relays on one home", |home| {
        let relay = Relay::start(home);
        let ran = run(home, &["relay", "--listen", "127.0.0.1:0"], "");
        run(home, &["inbox", "bob", "--relay", &relay.url()], "").ok();
        ran
    }),
    ("a port that is taken", |home| {
        let relay = Relay::start(home);
        run(&home.join("other"), &["relay", "--listen", &relay.address()], "")
    }),
    ("a token file that holds none", |home| {
        let relay = Relay::start(home);
        fs::write(home.join("relay/operator.token"), "nonsense").unwrap();
        run(home, &["watch", "--relay", &relay.url()], "")
    }),
    ("a home that is a file", |home| {
        fs::write(home.join("file"), "mine").unwrap();
        let ran = run(&home.join("file"), &["inbox", "alice"], "");
        assert_eq!(fs::read(home.join("file")).unwrap(), b"mine");
        ran
    }),
    ("a home that may not be written", |home| not_writable(home, &["inbox", "alice"])),
    ("a home that may not be written, for a relay", |home| not_writable(home, &["relay", "--listen", "127.0.0.1:0"])),
    ("a vault that may not be written", a_vault_that_may_not_be_written),
    ("a home that vanishes under a chat", a_home_that_vanishes),
    ("a home that vanishes under a relay", a_home_that_vanishes_under_a_relay),
    ("a home whose name is not UTF-8", |home| {
        let home = home.join(OsStr::from_bytes(b"h\xffme"));
        fs::create_dir(&home).unwrap();
        with_relay(&home, |url| {
            run(&home, &["inbox", "bob", "--relay", url], "").ok();
            run(&home, &["send", "alice", "bob", "--relay", url], "kept").ok();
            run(&home, &["inbox", "bob", "--relay", url], "")
        })
    }),
    ("neither HOME nor --home", |home| {
        let mut command = blindrelay(home, &["inbox", "alice"]);
        command.env_remove("BLINDRELAY_HOME").env_remove("HOME");
        run_command(command, "")
    }),
    ("output that nobody reads", output_that_nobody_reads),
    ("a full disk as output", |home| {
        let mut command = blindrelay(home, &["man"]);
        command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        run_unread(command, "")
    }),
    ("a chat whose output nobody reads", |home| {
        with_relay(home, |url| unread(home, &["chat", "alice", "bob", "--relay", url], "hello\n"))
    }),
    ("a script that is none", |home| run(home, &["demo", "--script", "-"], "\n \n")),
    ("a script that is not UTF-8", |home| run_command(blindrelay(home, &["demo", "--script", "-"]), b"alice: \xff\n")),
    ("an attack that is none", |home| run(home, &["lab", "attack", "swap-keys"], "")),
    ("an attack that takes more than a relay", |home| run(home, &["lab", "relay", "--attack", "copy-vault"], "")),
    ("a lying relay before no relay", |home| {
        let url = with_relay(home, str::to_owned);
        run(home, &["lab", "relay", "--attack", "replay", "--upstream", &url], "")
    }),
];

/// With a relay on this home, which is gone afterwards.
fn with_relay<R>(home: &Path, act: impl FnOnce(&str) -> R) -> R {
    act(&Relay::start(home).url())
}

/// Sends bytes to bob; if he has joined he gets nothing of them.
fn send(home: &Path, text: &[u8], joined: bool) -> Ran {
    with_relay(home, |url| {
        let bob = || run(home, &["inbox", "bob", "--relay", url], "").ok();
        if joined {
            bob();
        }
        let ran = run_command(blindrelay(home, &["send", "alice", "bob", "--relay", url]), text);
        assert_eq!(bob(), "");
        ran
    })
}

fn a_line_that_is_not_text(home: &Path) -> Ran {
    with_relay(home, |url| {
        run(home, &["inbox", "bob", "--relay", url], "").ok();
        run_command(blindrelay(home, &["chat", "alice", "bob", "--relay", url]), b"a\xffb\n");
        run(home, &["inbox", "bob", "--relay", url], "")
    })
}

/// Alice's vault, with a text in it, is altered. What is said of it; the file stays as it is, and put back it is as good as before.
fn vault(home: &Path, alter: impl FnOnce(&mut Vec<u8>)) -> Ran {
    with_relay(home, |url| {
        let inbox = || run(home, &["inbox", "alice", "--all", "--relay", url], "");
        inbox().ok();
        run(home, &["send", "bob", "alice", "--relay", url], "kept").ok();
        inbox().ok();
        let ran = refused(&home.join("users/alice.vault"), alter, inbox);
        assert_eq!(inbox().ok(), "bob (sealed): kept\n");
        ran
    })
}

/// The relay's database, with mail in it, is altered.
fn database(home: &Path, alter: impl FnOnce(&mut Vec<u8>)) -> Ran {
    let mut relay = Relay::start(home);
    run(home, &["inbox", "alice", "--relay", &relay.url()], "").ok();
    run(home, &["send", "bob", "alice", "--relay", &relay.url()], "kept").ok();
    relay.stop("TERM");
    let start = || run(home, &["relay", "--listen", "127.0.0.1:0"], "");
    let ran = refused(&home.join("relay/relay.db"), alter, start);
    with_relay(home, |url| assert_eq!(run(home, &["inbox", "alice", "--relay", url], "").ok(), "bob (sealed): kept\n"));
    ran
}

/// What is said of an altered file, which is left as it is; then it is put back.
fn refused(file: &Path, alter: impl FnOnce(&mut Vec<u8>), open: impl Fn() -> Ran) -> Ran {
    let good = fs::read(file).unwrap();
    let mut bad = good.clone();
    alter(&mut bad);
    fs::write(file, &bad).unwrap();
    let ran = open();
    assert!(fs::read(file).unwrap() == bad, "{} was touched", file.display());
    fs::write(file, good).unwrap();
    ran
}

fn from_file(home: &Path, passphrase: &[u8]) -> Ran {
    let file = home.join("passphrase");
    fs::write(&file, passphrase).unwrap();
    run(home, &["inbox", "alice", "--passphrase-file", file.to_str().unwrap()], "")
}

/// A vault with a passphrase, opened with another one or with none.
fn passphrase(home: &Path, other: Option<&str>) -> Ran {
    let (right, wrong) = (home.join("right"), home.join("wrong"));
    fs::write(&right, "correct horse\n").unwrap();
    fs::write(&wrong, other.unwrap_or_default()).unwrap();
    with_relay(home, |url| {
        let inbox = |file: Option<&Path>| {
            let option = file.map(|file| ["--passphrase-file", file.to_str().unwrap()]);
            run(
                home,
                &[&["inbox", "alice", "--relay", url][..], option.as_ref().map_or(&[][..], |both| both)].concat(),
                "",
            )
        };
        inbox(Some(&right)).ok();
        let before = fs::read(home.join("users/alice.vault")).unwrap();
        let ran = inbox(other.is_some().then_some(&wrong));
        assert!(fs::read(home.join("users/alice.vault")).unwrap() == before);
        ran
    })
}

/// Somebody whom a file's mode stops. Root is stopped by none, so there the program runs as nobody.
fn not_writable(home: &Path, args: &[&str]) -> Ran {
    let dir = home.join("locked");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    let ran = run_command(as_anybody(home, &dir, args), "");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    ran
}

fn as_anybody(home: &Path, dir: &Path, args: &[&str]) -> Command {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return blindrelay(dir, args);
    }
    // Where the program lies nobody else may look.
    let program = home.join("blindrelay");
    fs::copy(env!("CARGO_BIN_EXE_blindrelay"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).args(args);
    command.env("BLINDRELAY_HOME", dir);
    command
}

fn a_vault_that_may_not_be_written(home: &Path) -> Ran {
    with_relay(home, |url| run(home, &["inbox", "alice", "--relay", url], "").ok());
    for dir in [home, &home.join("users")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for file in ["users/alice.vault", "users/alice.lock"] {
        fs::set_permissions(home.join(file), fs::Permissions::from_mode(0o444)).unwrap();
    }
    let before = fs::read(home.join("users/alice.vault")).unwrap();
    let ran = run_command(as_anybody(home, home, &["inbox", "alice"]), "");
    assert!(fs::read(home.join("users/alice.vault")).unwrap() == before);
    ran
}

/// The vault's directory goes; the chat goes on, and says what it cannot keep.
fn a_home_that_vanishes(home: &Path) -> Ran {
    let people = home.join("people");
    let relay = Relay::start(home);
    run(home, &["inbox", "bob", "--relay", &relay.url()], "").ok();
    let mut alice = Talk::chat(&people, &relay, "alice", "bob", &[]);
    alice.wait("first key of bob");
    fs::rename(people.join("users"), people.join("elsewhere")).unwrap();
    alice.say("into nowhere");
    alice.wait("! not sent");
    // It comes back, and with it the chat.
    fs::rename(people.join("elsewhere"), people.join("users")).unwrap();
    alice.say("kept");
    alice.wait("at the relay");
    let (status, lines) = alice.end();
    assert_eq!(run(home, &["inbox", "bob", "--relay", &relay.url()], "").ok(), "alice (sealed): kept\n");
    Ran { code: status.code(), out: lines.join("\n"), err: String::new() }
}

/// Nothing is accepted that nobody would find again.
fn a_home_that_vanishes_under_a_relay(home: &Path) -> Ran {
    let relay = Relay::start(home);
    let url = relay.url();
    run(home, &["inbox", "bob", "--relay", &url], "").ok();
    let mut alice = Talk::chat(home, &relay, "alice", "bob", &[]);
    alice.wait("first key of bob");
    fs::rename(home.join("relay"), home.join("elsewhere")).unwrap();
    alice.say("waits");
    alice.wait("the relay asks to wait");
    fs::rename(home.join("elsewhere"), home.join("relay")).unwrap();
    alice.wait("at the relay");
    let (status, lines) = alice.end();
    assert_eq!(run(home, &["inbox", "bob", "--relay", &url], "").ok(), "alice (sealed): waits\n");
    Ran { code: status.code(), out: lines.join("\n"), err: String::new() }
}

/// A command whose output was closed before it began.
fn unread(home: &Path, args: &[&str], input: &str) -> Ran {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = blindrelay(home, args);
    command.stdout(writer);
    run_unread(command, input)
}

/// What was not printed is printed the next time. Other commands do not panic either.
fn output_that_nobody_reads(home: &Path) -> Ran {
    with_relay(home, |url| {
        run(home, &["inbox", "bob", "--relay", url], "").ok();
        run(home, &["send", "alice", "bob", "--relay", url], "kept").ok();
        run(home, &["platform", "agree", "streamco", "--access", "whitelisted", "--relay", url], "").ok();
        let others: [&[&str]; 4] = [
            &["man"],
            &["completions", "bash"],
            &["verify", "alice", "bob"],
            &["streamco", "inbox", "bob", "--relay", url],
        ];
        for args in others {
            let error = unread(home, args, "").fails(1);
            assert!(error.contains("standard output is closed"), "{args:?}: {error}");
        }
        let ran = unread(home, &["inbox", "bob", "--relay", url], "");
        assert_eq!(run(home, &["inbox", "bob", "--relay", url], "").ok(), "alice (sealed): kept\n");
        ran
    })
}
