//! Disks that are full, or refuse: nothing is confirmed that is not kept, what makes room goes on, and no restart is needed.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use blindrelay::wire::{ClientFrame, ErrorCode, RelayFrame, Token};

use super::crashes::{inbox, taken};
use super::harness::{PATIENCE, Relay, blindrelay, effort, home, home_in_memory, run, run_command};
use super::raw::{Raw, open};
use super::steps::difference;
use super::tracer::{strace, traced};

/// A small disk as the relay's directory, which nobody else sees, mounted by whoever may do that in a name space of their own.
const SMALL_DISK: &str = "mount -t tmpfs -o size=4m,mode=700 disk \"$BLINDRELAY_HOME/relay\" && exec \"$0\" \"$@\"";

fn on_a_small_disk(command: &Command) -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["-rm", "sh", "-c", SMALL_DISK]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

fn may_mount() -> bool {
    let mut try_it = Command::new("unshare");
    try_it.args(["-rm", "mount", "-t", "tmpfs", "disk", "/mnt"]).stderr(Stdio::null());
    let ran = try_it.status();
    assert!(ran.is_ok() || std::env::var_os("CI").is_none(), "unshare, of util-linux, is missing");
    let works = ran.is_ok_and(|status| status.success());
    if !works {
        eprintln!("passed over: needs leave to mount in a name space of its own (unshare -rm)");
    }
    works
}

#[tokio::test]
async fn a_relay_whose_disk_is_full_refuses_mail_hands_out_what_it_has_and_recovers_by_itself() {
    if !may_mount() {
        return;
    }
    let home = home();
    fs::create_dir(home.path().join("relay")).unwrap();
    let relay = Relay::start_as(home.path(), |command| on_a_small_disk(&command));
    let dir = PathBuf::from(format!("/proc/{}/root{}/relay", relay.id(), home.path().display()));
    let bobs = Token::random(&mut rand::rng());
    Raw::hello(&relay.url(), "bob", &bobs).await;
    let mut alice = Raw::join(&relay.url(), "alice").await;
    for id in 1..=3 {
        alice.say(id, "bob", "kept").await;
        alice.accepted(id).await;
    }
    // Somebody fills the disk, in the moment before the log is moved into the database.
    let ballast = dir.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    drop(file);
    let refused = |(code, detail): (ErrorCode, String)| {
        assert_eq!(code, ErrorCode::NotStored);
        assert!(detail.contains("disk is full; nothing was taken"), "{detail}");
    };
    let long = "x".repeat(60_000);
    for id in 4..=8 {
        alice.say(id, "bob", &long).await;
        refused(alice.error().await);
    }
    // Bob reads and acknowledges, and that is kept: when he comes again nothing waits.
    let (mut bob, welcome) = Raw::hello(&relay.url(), "bob", &bobs).await;
    assert_eq!(welcome.waiting, 3);
    for _ in 0..3 {
        let mail = bob.mail().await;
        assert_eq!(mail.payload, open("kept"));
        bob.send(&ClientFrame::Ack { seq: mail.seq }).await;
    }
    bob.nothing_more().await;
    assert_eq!(Raw::hello(&relay.url(), "bob", &bobs).await.1.waiting, 0);
    // The room that this took is not for new mail.
    alice.say(4, "bob", &long).await;
    refused(alice.error().await);
    // Somebody makes room: it takes mail again, and what it confirmed before is still sent once.
    fs::remove_file(&ballast).unwrap();
    let (mut bob, _) = Raw::hello(&relay.url(), "bob", &bobs).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        alice.say(4, "bob", &long).await;
        match alice.next().await {
            Some(RelayFrame::Accepted { .. }) => break,
            Some(RelayFrame::Error { code: ErrorCode::NotStored, .. }) if Instant::now() < deadline => {}
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(bob.mail().await.payload, open(&long));
    alice.say(1, "bob", "kept").await;
    alice.accepted(1).await;
    bob.nothing_more().await;
}

#[test]
fn a_client_whose_disk_refuses_any_step_says_so_and_loses_nothing() {
    if !strace() {
        return;
    }
    let home = home_in_memory();
    let relay = Relay::start(home.path());
    let url = relay.url();
    run(home.path(), &["inbox", "bob", "--relay", &url], "").ok();
    let send = ["send", "alice", "bob", "--relay", &url];
    let read = ["inbox", "bob", "--json", "--relay", &url];
    let (mut refused, mut untidy, mut printed) = (0, 0, String::new());
    for (error, n) in
        ["ENOSPC", "EIO"].into_iter().flat_map(|error| (1..200).step_by(effort(29, 5)).map(move |n| (error, n)))
    {
        let fault = format!("inject=pwrite64,fsync,ftruncate:error={error}:when={n}");
        let faulty = |args: &[&str], input: &str| {
            let ran = run_command(traced(&blindrelay(home.path(), args), &["-o", "/dev/null", "-e", &fault]), input);
            assert!(!ran.err.contains("panicked"), "{}", ran.err);
            assert!(ran.code == Some(0) || ran.err.contains("blindrelay: "), "{ran:?}");
            ran
        };
        let text = format!("{error} {n}");
        let ran = faulty(&send, &text);
        refused += usize::from(ran.code != Some(0));
        untidy += usize::from(ran.code == Some(0) && ran.err.contains("not tidied"));
        run(home.path(), &send, &format!("{text}, whole")).ok();
        // Done means done.
        assert!(ran.code != Some(0) || taken(home.path(), "alice").contains(&text), "{text}: {}", ran.err);
        printed += &faulty(&read, "").out;
    }
    assert!(refused > 3 && untidy > 0, "{refused} were refused, {untidy} were sent and not tidied up after");
    printed += &run(home.path(), &read, "").out;
    let taken = taken(home.path(), "alice");
    assert_eq!(difference(&taken, &inbox(home.path(), "bob", &relay, "alice")), [""; 0]);
    assert!(taken.iter().all(|text| printed.contains(&format!("{text}\""))), "each was printed when it was new");
}
