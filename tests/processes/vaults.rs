//! The vault of a user, as files: who may open it, what it says when it cannot be opened, and what lies in it.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use blindrelay::client::vault::{Passphrase, Vault};

use super::harness::{Ran, Relay, Talk, blindrelay, contains, eventually, home, mode, run, run_command, signal};

/// Makes `name`'s vault, with these options.
fn join(home: &Path, relay: &Relay, name: &str, more: &[&str]) -> Ran {
    run(home, &[&["inbox", name, "--relay", &relay.url()], more].concat(), "")
}

#[test]
fn a_vault_is_its_owners_alone_whatever_the_umask() {
    let home = home();
    let relay = Relay::start(home.path());
    let program = env!("CARGO_BIN_EXE_blindrelay");
    let mut shell = Command::new("sh");
    let line = format!("umask 000; exec '{program}' inbox alice --relay {}", relay.url());
    shell.args(["-c", &line]).env("BLINDRELAY_HOME", home.path().join("deep/er"));
    run_command(shell, "").ok();
    for dir in ["deep", "deep/er", "deep/er/users"] {
        assert_eq!(mode(&home.path().join(dir)), 0o700, "{dir}");
    }
    for file in ["alice.vault", "alice.lock"] {
        assert_eq!(mode(&home.path().join("deep/er/users").join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_second_process_on_one_vault_is_refused_and_the_first_goes_on() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    for command in
        [&["inbox", "alice"][..], &["chat", "alice", "bob"], &["send", "alice", "bob"], &["verify", "alice", "bob"]]
    {
        let error = run(home.path(), &[command, &["--relay", &relay.url()]].concat(), "hello").fails(1);
        assert!(error.contains("is open in another blindrelay; close that one first"), "{error}");
    }
    alice.say("still here");
    bob.wait("alice: still here");
}

#[test]
fn a_damaged_newer_or_foreign_file_is_refused_and_left_as_it_was() {
    let home = home();
    let relay = Relay::start(home.path());
    join(home.path(), &relay, "alice", &[]).ok();
    let path = home.path().join("users/alice.vault");
    let good = fs::read(&path).unwrap();

    let mut damaged = good.clone();
    damaged[..100].fill(0x55);
    let of_layout = |version: i64| {
        fs::write(&path, &good).unwrap();
        let db = rusqlite::Connection::open(&path).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        drop(db);
        fs::read(&path).unwrap()
    };
    let foreign = {
        let other = home.path().join("other.db");
        rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        fs::read(other).unwrap()
    };
    let cases = [
        (damaged, "is damaged or not a vault", "restore it from a backup"),
        (
            b"not a database at all, but long enough to look like a file of some kind".repeat(20),
            "is damaged",
            "move it away",
        ),
        (foreign, "another kind of file", "move it away"),
        (of_layout(1), "was written by an older blindrelay", "begin anew"),
        (of_layout(99), "was written by a newer blindrelay", "nothing was changed"),
    ];
    for (bytes, what, advice) in cases {
        fs::write(&path, &bytes).unwrap();
        let error = join(home.path(), &relay, "alice", &[]).fails(1);
        assert!(error.contains(what) && error.contains(advice), "{error}");
        assert!(fs::read(&path).unwrap() == bytes, "it was not touched: {what}");
    }
    // Somebody else's vault under this name.
    fs::write(&path, &good).unwrap();
    fs::rename(&path, home.path().join("users/carol.vault")).unwrap();
    let error = join(home.path(), &relay, "carol", &[]).fails(1);
    assert!(error.contains("holds the keys of alice, not of carol"), "{error}");
    // Put back, it is as good as before.
    fs::rename(home.path().join("users/carol.vault"), &path).unwrap();
    join(home.path(), &relay, "alice", &[]).ok();
}

#[test]
fn with_a_passphrase_neither_texts_nor_keys_are_in_the_file() {
    let home = home();
    let relay = Relay::start(home.path());
    let file = home.path().join("passphrase");
    fs::write(&file, "correct horse\nsecond line\n").unwrap();
    let option = ["--passphrase-file", file.to_str().unwrap()];
    join(home.path(), &relay, "alice", &option).ok();
    join(home.path(), &relay, "bob", &[]).ok();
    let send = |more: &[&str]| {
        run(home.path(), &[&["send", "alice", "bob", "--relay", &relay.url()], more].concat(), "needle-of-alice")
    };
    // Without it, or with a wrong one, nothing happens and nothing changes.
    let before = fs::read(home.path().join("users/alice.vault")).unwrap();
    let none = send(&[]).fails(1);
    assert!(none.contains("has a passphrase") && none.contains("--passphrase-file"), "{none}");
    fs::write(home.path().join("wrong"), "correct house\n").unwrap();
    let wrong = send(&["--passphrase-file", home.path().join("wrong").to_str().unwrap()]).fails(1);
    assert!(wrong.contains("wrong passphrase for the vault of alice; nothing was changed"), "{wrong}");
    assert!(!wrong.contains("house") && !wrong.contains("horse"), "it is not repeated: {wrong}");
    fs::write(home.path().join("empty"), "\n").unwrap();
    let empty = send(&["--passphrase-file", home.path().join("empty").to_str().unwrap()]).fails(1);
    assert!(empty.contains("the passphrase is empty"), "{empty}");
    let absent = send(&["--passphrase-file", "/nowhere/at/all"]).fails(1);
    assert!(absent.contains("cannot read the passphrase from /nowhere/at/all"), "{absent}");
    assert!(fs::read(home.path().join("users/alice.vault")).unwrap() == before);

    send(&option).ok();
    // Through a descriptor too, so that it is in no file that others might read and in no list of processes. With another than 0
    // the standard input is free for the text.
    let shell = |command: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("BLINDRELAY_HOME", home.path()).env("RELAY", relay.url());
        shell.env("PROGRAM", env!("CARGO_BIN_EXE_blindrelay"));
        run_command(shell, "a text")
    };
    shell(r#"echo 'correct horse' | "$PROGRAM" inbox alice --passphrase-fd 0 --relay "$RELAY""#).ok();
    let through_7 = |words: &str| {
        let send = r#""$PROGRAM" send alice bob --passphrase-fd 7 --relay "$RELAY" 7<<END"#;
        shell(&format!("{send}\n{words}\nEND\n"))
    };
    through_7("correct horse").ok();
    assert!(through_7("correct house").fails(1).contains("wrong passphrase"));

    let vault = |name: &str| home.path().join(format!("users/{name}.vault"));
    // What alice sent and what she got is in bob's vault, which has no passphrase, and not in hers.
    join(home.path(), &relay, "bob", &[]).ok();
    run(home.path(), &["send", "bob", "alice", "--relay", &relay.url()], "needle-of-bob").ok();
    assert!(join(home.path(), &relay, "alice", &option).ok().contains("needle-of-bob"));
    for needle in [&b"needle-of-alice"[..], b"needle-of-bob"] {
        assert_eq!(["alice", "bob"].map(|name| contains(&vault(name), needle)), [false, true]);
    }
    // Nor are the keys: what a search for hers in her file does not find, it finds for his in his.
    let keys = |name: &str, passphrase: Option<&Passphrase>| {
        let vault = Vault::open(&vault(name), &name.parse().unwrap(), passphrase, &mut rand::rng()).unwrap();
        let (me, token) = vault.rows().identity().unwrap();
        [*me.secrets()[0].expose(), *me.secrets()[1].expose(), *token.as_bytes()]
    };
    let (hers, his) = (keys("alice", Some(&Passphrase::new("correct horse".to_owned()))), keys("bob", None));
    assert_eq!(hers.map(|key| contains(&vault("alice"), &key)), [false; 3]);
    assert_eq!(his.map(|key| contains(&vault("bob"), &key)), [true; 3]);
    for secret in [&b"correct horse"[..], b"second line"] {
        assert!(!contains(&vault("alice"), secret));
        assert!(contains(&file, secret), "and the search works");
    }
    // A passphrase on a vault that was made without one is a mistake that is named.
    let needless = join(home.path(), &relay, "bob", &option).fails(1);
    assert!(needless.contains("was made without a passphrase"), "{needless}");
}

#[test]
fn no_command_takes_a_passphrase_or_a_text_as_an_argument() {
    let home = home();
    for command in ["chat", "send", "inbox", "verify"] {
        let help = run(home.path(), &[command, "--help"], "").ok();
        let options: Vec<&str> = help.lines().map(str::trim).filter(|line| line.starts_with("--passphrase")).collect();
        let [ask, others @ ..] = &options[..] else { panic!("{help}") };
        assert!(ask.starts_with("--passphrase  "), "it takes no value: {ask}");
        assert!(
            others.len() == 2 && others.iter().all(|option| option.contains("<FILE>") || option.contains("<N>")),
            "{options:?}"
        );
    }
    run(home.path(), &["send", "alice", "bob", "hello"], "").fails(2);
    // Where there is no terminal to ask at, that is said.
    let error = run(home.path(), &["inbox", "alice", "--passphrase"], "").fails(1);
    assert!(error.contains("no terminal") && error.contains("--passphrase-file"), "{error}");
}

#[test]
fn a_vault_that_was_killed_in_the_middle_of_a_step_still_asks_for_its_passphrase() {
    let home = home();
    let relay = Relay::start(home.path());
    let file = home.path().join("passphrase");
    fs::write(&file, "correct horse\n").unwrap();
    let option = ["--passphrase-file", file.to_str().unwrap()];
    join(home.path(), &relay, "alice", &option).ok();
    // A journal that must be rolled back first, as a power cut leaves one.
    let path = home.path().join("users/alice.vault");
    let (copy, journal) = (home.path().join("copy"), home.path().join("users/alice.vault-journal"));
    {
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode=DELETE; PRAGMA cache_size=1; BEGIN; CREATE TABLE t (x);").unwrap();
        db.execute_batch("INSERT INTO t SELECT randomblob(4000) FROM me, me;").unwrap();
        fs::copy(&path, &copy).unwrap();
        fs::copy(&journal, home.path().join("journal")).unwrap();
    }
    fs::copy(&copy, &path).unwrap();
    fs::copy(home.path().join("journal"), &journal).unwrap();
    let error = join(home.path(), &relay, "alice", &[]).fails(1);
    assert!(error.contains("has a passphrase"), "{error}");
    join(home.path(), &relay, "alice", &option).ok();
}

#[test]
fn a_client_that_crashes_leaves_no_core() {
    let home = home();
    let relay = Relay::start(home.path());
    // Cores are wanted here, as far as this machine allows them. The control is a program that is as willing to leave one.
    let willing = |command: &Command| {
        let mut shell = Command::new("sh");
        let script = "ulimit -c \"$(ulimit -H -c)\"; cd \"$BLINDRELAY_HOME\"; exec \"$0\" \"$@\"";
        shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
        shell.env("BLINDRELAY_HOME", home.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        shell
    };
    let limit = |id: u32| {
        let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
        line.split_whitespace().skip(4).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let crash = |mut child: std::process::Child| {
        signal("ABRT", child.id());
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(6));
        status.core_dumped()
    };
    let mut cat = willing(&Command::new("cat")).spawn().unwrap();
    let chat = blindrelay(home.path(), &["chat", "alice", "bob", "--relay", &relay.url()]);
    let mut chat = willing(&chat).spawn().unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(chat.stdout.as_mut().unwrap(), &mut first).unwrap();
    writeln!(cat.stdin.as_mut().unwrap()).unwrap();
    std::io::Read::read_exact(cat.stdout.as_mut().unwrap(), &mut first).unwrap();
    assert_eq!(limit(chat.id()), ["0", "0"]);
    let may = limit(cat.id());
    assert!(!crash(chat), "no core");
    assert_eq!(crash(cat), may[0] != "0", "the control, where the machine allows cores");
}

/// Whether a secret is in some bytes: as it is, as hexadecimal, or in either base64.
fn tells(bytes: &[u8], secret: &[u8]) -> bool {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let forms = [secret.to_vec(), hex.into(), STANDARD.encode(secret).into(), URL_SAFE_NO_PAD.encode(secret).into()];
    forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
}

#[test]
fn no_secret_is_in_the_arguments_the_environment_or_what_is_printed() {
    let home = home();
    let relay = Relay::start(home.path());
    let file = home.path().join("passphrase");
    fs::write(&file, "correct horse\n").unwrap();
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &["--passphrase-file", file.to_str().unwrap()]);
    let _bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    alice.say("hello");
    alice.wait("delivered");
    // For whoever may look: to others than root a client does not even show its environment.
    let outside =
        |id: u32| ["cmdline", "environ"].map(|what| fs::read(format!("/proc/{id}/{what}")).unwrap_or_default());
    let mut seen = [outside(alice.id()), outside(relay.id())].concat();
    alice.say("/who");
    alice.say("/verify");
    alice.say("/quit");
    let (status, lines) = alice.end();
    assert!(status.success());
    seen.extend([lines.join("\n").into_bytes(), relay.log().into_bytes()]);
    let passphrase = Passphrase::new("correct horse".to_owned());
    let path = home.path().join("users/alice.vault");
    let vault = Vault::open(&path, &"alice".parse().unwrap(), Some(&passphrase), &mut rand::rng()).unwrap();
    let (me, token) = vault.rows().identity().unwrap();
    let [ed25519, x25519] = me.secrets();
    let secrets = [&b"correct horse"[..], ed25519.expose(), x25519.expose(), token.as_bytes()];
    for secret in secrets {
        assert!(!seen.iter().any(|bytes| tells(bytes, secret)));
        // The control: a program that is given it in either way shows it.
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut cat = Command::new("sh")
            .args(["-c", "cat; exit", &hex])
            .env("SECRET", &hex)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        eventually("it shows", || outside(cat.id()).iter().all(|bytes| tells(bytes, secret)));
        drop(cat.stdin.take());
        cat.wait().unwrap();
    }
    assert!(seen.iter().any(|bytes| tells(bytes, b"chat")), "and it was looked at the right process");
}
