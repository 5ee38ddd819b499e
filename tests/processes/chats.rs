//! Two piped chats, as two terminals would hold them.

use super::harness::{Relay, Talk, agree, home, run};

#[test]
fn two_chats_hold_a_sealed_conversation_and_an_open_one() {
    for (more, mode, badge) in [(&[][..], "SEALED with bob", ""), (&["--open"][..], "OPEN with bob", " (open)")] {
        let home = home();
        let relay = Relay::start(home.path());
        let mut alice = Talk::start(home.path(), &[&["chat", "alice", "bob", "--relay", &relay.url()], more].concat());
        alice.wait("teaching software, unaudited");
        alice.wait(&relay.url());
        alice.wait(mode);
        let next = alice.wait("Type a line");
        assert!(next.contains("send it to bob"), "{next}");
        let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", more);
        alice.say("hello bob");
        bob.wait(&format!("alice{badge}: hello bob"));
        alice.wait("  1 · delivered");
        bob.say("  hello, with spaces before it");
        bob.say("/not a command, with a space before it".replacen('/', " /", 1).as_str());
        alice.wait(&format!("bob{badge}:   hello, with spaces before it"));
        alice.wait(&format!("bob{badge}:  /not a command"));
        bob.wait("  2 · delivered");
        let (status, _) = alice.end();
        assert!(status.success());
        // What is written to somebody who is away waits at the relay, and is there when they come back.
        bob.say("are you there?");
        bob.wait("  3 · at the relay, waits for alice");
        let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
        alice.wait(&format!("bob{badge}: are you there?"));
        bob.wait("  3 · delivered");
        bob.say("/quit");
        let (status, _) = bob.end();
        assert!(status.success());
        // The history is shown under its heading; nothing of it is new.
        let lines = alice.end().1;
        let earlier = lines.iter().position(|line| line == "Earlier:").unwrap();
        assert!(lines[earlier + 1].ends_with(&format!("alice{badge}: hello bob")), "{lines:#?}");
    }
}

#[test]
fn what_is_written_to_somebody_who_has_not_joined_is_held_and_reaches_them_when_they_do() {
    for more in [&[][..], &["--open"]] {
        let home = home();
        let relay = Relay::start(home.path());
        let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", more);
        let told = alice.wait("bob has not joined; what you write is held until they do");
        assert!(told.contains("blindrelay chat bob alice"), "{told}");
        for line in ["first", "second", "third"] {
            alice.say(line);
        }
        let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", more);
        alice.wait("bob has joined");
        for line in ["first", "second", "third"] {
            bob.wait(line);
        }
        alice.wait("3 · delivered");
    }
}

#[test]
fn a_pipe_that_ends_waits_for_what_can_leave_and_says_what_could_not() {
    let home = home();
    let relay = Relay::start(home.path());
    let chat = |me, peer, input| run(home.path(), &["chat", me, peer, "--relay", &relay.url()], input);
    // Bob has not joined: the text is kept, and the status says that it did not leave.
    let alone = chat("alice", "bob", "hello\n");
    assert_eq!(alone.code, Some(1));
    assert!(alone.out.contains("1 text has not left yet: kept in your vault"), "{}", alone.out);
    run(home.path(), &["inbox", "bob", "--relay", &relay.url()], "").ok();
    // Next time it leaves, with what is typed now.
    let both = chat("alice", "bob", "and hello again\n");
    assert_eq!(both.code, Some(0), "{}", both.out);
    let inbox = run(home.path(), &["inbox", "bob", "--relay", &relay.url()], "").ok();
    assert_eq!(inbox, "alice (sealed): hello\nalice (sealed): and hello again\n");
    // /quit is an end as well, and what was typed before it leaves.
    let quit = chat("alice", "bob", "last words\n/quit\nnot this\n");
    assert_eq!(quit.code, Some(0));
    let inbox = run(home.path(), &["inbox", "bob", "--relay", &relay.url()], "").ok();
    assert_eq!(inbox, "alice (sealed): last words\n");
    // Without a relay nothing is lost, and it does not wait for ever.
    let url = relay.url();
    drop(relay);
    let offline = run(home.path(), &["chat", "alice", "bob", "--relay", &url], "into the void\n");
    assert_eq!(offline.code, Some(1));
    assert!(offline.out.contains("! no relay: "), "{}", offline.out);
    assert!(offline.out.contains("blindrelay relay --listen 127.0.0.1:"), "{}", offline.out);
    assert!(offline.out.contains("1 text has not left yet"), "{}", offline.out);
}

#[test]
fn the_commands_of_a_chat_do_what_help_says() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    alice.say("/help");
    let commands =
        ["/mode", "/verify", "/accept", "/reject", "/who", "/to", "/forget", "/reset", "/quarantine", "/quit"];
    for command in commands {
        let line = alice.wait(command);
        assert!(line.starts_with(command), "{line}");
    }
    alice.say("one");
    bob.wait("alice: one");
    alice.wait("1 · delivered");

    alice.say("/who");
    assert_eq!(alice.wait("bob").split_whitespace().collect::<Vec<_>>(), ["bob", "sealed", "not", "compared"]);
    alice.say("/verify");
    bob.say("/verify");
    let numbers = [&mut alice, &mut bob].map(|talk| {
        let rows: Vec<String> = (0..3).map(|_| talk.wait(" ")).collect();
        talk.wait("by phone or in person");
        rows.join(" ")
    });
    assert_eq!(numbers[0], numbers[1]);
    let groups: Vec<&str> = numbers[0].split_whitespace().collect();
    assert!(groups.len() == 12 && groups.iter().all(|group| group.len() == 5 && group.parse::<u32>().is_ok()));
    alice.say("/verify yes");
    alice.wait("You have compared it with bob.");
    alice.say("/who");
    alice.wait(" compared");
    alice.say("/verify no");
    alice.wait("by phone or in person");
    for command in ["/accept", "/reject"] {
        alice.say(command);
        alice.wait("the key of bob has not changed; there is nothing to decide");
    }

    alice.say("/mode");
    alice.wait("SEALED with bob");
    alice.say("/mode open");
    alice.wait("OPEN with bob");
    alice.say("not sealed");
    let aside = bob.wait("put aside");
    assert!(aside.contains("it came open into a sealed conversation"), "{aside}");
    bob.say("/quarantine");
    bob.wait("alice: open text, 10 bytes");
    bob.say("/mode open");
    bob.wait("alice (open): not sealed");
    bob.say("/quarantine");
    bob.wait("nothing is in quarantine");
    alice.say("/mode sealed");
    alice.wait("SEALED with bob");
    alice.say("sealed again");
    bob.wait("alice: sealed again"); // opened and without a badge, though bob's side is open

    alice.say("/reset");
    alice.wait("your next line begins a fresh session with bob");
    alice.say("in a fresh session");
    bob.wait("alice: in a fresh session");
    bob.say("in the open");
    alice.wait("a message from bob was put aside"); // bob's side is open, alice's is sealed
}

#[test]
fn forgotten_texts_are_gone_from_the_vault() {
    let home = home();
    let relay = Relay::start(home.path());
    let vault = home.path().join("users/alice.vault");
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &[]);
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    alice.say("needle-in-the-vault");
    bob.wait("needle-in-the-vault");
    alice.wait("1 · delivered");
    assert!(super::harness::contains(&vault, b"needle-in-the-vault"), "it was there");
    alice.say("/forget 3");
    alice.wait("0 texts of all conversations deleted");
    alice.say("/forget soon");
    alice.wait("/forget DAYS with a number");
    alice.say("/forget");
    alice.wait("1 text of all conversations deleted");
    assert!(!super::harness::contains(&vault, b"needle-in-the-vault"));
    alice.say("/quit");
    let (status, _) = alice.end();
    assert!(status.success());
    let all = run(home.path(), &["inbox", "bob", "--all", "--relay", &relay.url()], "");
    assert!(all.err.contains("open in another blindrelay"), "the other copy is bob's: {}", all.err);
    drop(bob);
}

#[test]
fn nothing_a_peer_writes_reaches_the_terminal_as_a_command() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &["--open"]);
    let mut alice = Talk::chat(home.path(), &relay, "alice", "bob", &["--open"]);
    let evil = "a\u{1b}[2J\u{1b}]0;title\u{7}\u{202e}b\u{200b}\u{9b}31mc\rbob: forged";
    alice.say(evil);
    let shown = bob.wait("alice (open): a");
    assert!(shown.starts_with(r"alice (open): a\u{1b}[2J\u{1b}]0;title\u{7}\u{202e}b"), "{shown}");
    assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{200b}'), "{shown:?}");
    alice.say(&format!("zalgo e{}", "\u{301}".repeat(300)));
    assert!(bob.wait("zalgo").chars().count() < 40);
    let inbox = {
        drop(bob);
        run(home.path(), &["inbox", "bob", "--all", "--relay", &relay.url()], "").ok()
    };
    assert!(inbox.contains(r"\u{1b}[2J") && !inbox.contains('\u{1b}'), "{inbox:?}");
    agree(home.path(), &relay);
    let company = run(home.path(), &["streamco", "inbox", "bob", "--relay", &relay.url()], "").ok();
    assert!(company.contains(r"\u{1b}[2J") && !company.contains('\u{1b}'), "{company:?}");
}

#[test]
fn with_several_people_a_chat_says_whom_a_remark_is_about() {
    let home = home();
    let relay = Relay::start(home.path());
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &[]);
    let mut carol = Talk::chat(home.path(), &relay, "carol", "alice", &[]);
    let mut alice = Talk::start(home.path(), &["chat", "alice", "--relay", &relay.url()]);
    alice.wait("You are alice. /to NAME chooses");
    alice.say("to nobody");
    alice.wait("To whom?");
    alice.say("/mode open");
    alice.wait("With whom?");
    alice.say("/to Bob");
    alice.wait("a name is 1 to 32");
    alice.say("/to alice");
    alice.wait("you cannot write to yourself");
    alice.say("/to bob");
    alice.wait("Type a line");
    alice.say("hi bob");
    bob.wait("alice: hi bob");
    alice.wait("  1 · delivered");
    drop(bob);
    alice.say("still there, bob?");
    alice.say("/to carol");
    alice.wait("  to bob: 2 · at the relay, waits for bob");
    carol.say("hello from carol");
    alice.wait("carol: hello from carol");
    alice.say("hi carol");
    carol.wait("alice: hi carol");
}
