//! Reporting a message: one end tells. Of an open message the platform has its own copy, of a sealed one a claim.

use serde_json::Value;

use super::harness::{Relay, Talk, home, run};

#[test]
fn a_reported_message_is_a_claim_unless_the_platform_could_read_it_itself() {
    let home = home();
    let relay = Relay::start(home.path());
    let on = |args: &[&str], input: &str| run(home.path(), &[args, &["--relay", &relay.url()]].concat(), input);
    for me in ["alice", "bob", "carol"] {
        on(&["inbox", me], "").ok();
    }
    on(&["send", "alice", "bob"], "sealed words").ok();
    on(&["send", "alice", "carol", "--open"], "!!! 🎬").ok();
    on(&["send", "alice", "carol", "--open"], "open words").ok();
    assert_eq!(on(&["inbox", "bob"], "").ok(), "alice (sealed): sealed words\n");
    on(&["inbox", "carol", "--open"], "");
    let mut carol = Talk::chat(home.path(), &relay, "carol", "alice", &["--open"]);
    carol.wait("open words");
    assert_eq!(on(&["platform", "complaints"], "").ok(), "nobody has reported a message\n");

    // In the chat nothing leaves before it was seen.
    carol.say("/report 1");
    carol.wait("“open words” would go to the platform");
    assert_eq!(on(&["platform", "complaints"], "").ok(), "nobody has reported a message\n");
    carol.say("/report 1 yes");
    carol.wait("the platform finds the same words in its own archive");
    carol.say("/report 2 yes");
    carol.wait("the platform finds the same words in its own archive");
    carol.say("/report 7");
    carol.wait("no text of alice with that number");
    let told = on(&["report", "bob", "alice"], "").ok();
    assert!(told.contains("“sealed words”") && told.contains("your word and no proof"), "{told}");
    assert!(on(&["report", "bob", "alice", "2"], "").fails(1).contains("no text of alice"));
    assert!(on(&["report", "nobody", "alice"], "").fails(1).contains("no vault"));

    let all: Value = serde_json::from_str(&on(&["platform", "complaints", "--json"], "").ok()).unwrap();
    let rows: Vec<_> =
        all["complaints"].as_array().unwrap().iter().map(|row| (&row["by"], &row["text"], &row["confirmed"])).collect();
    let [sealed, _, open] = rows.as_slice() else { panic!("{all}") };
    assert_eq!(
        (sealed.0.as_str(), sealed.1.as_str(), sealed.2.as_bool()),
        (Some("bob"), Some("sealed words"), Some(false))
    );
    assert_eq!((open.0.as_str(), open.1.as_str(), open.2.as_bool()), (Some("carol"), Some("open words"), Some(true)));
}

#[test]
fn in_a_chat_a_user_connects_a_partner_and_is_told_of_it() {
    let home = home();
    let relay = Relay::start(home.path());
    let on = |args: &[&str], input: &str| run(home.path(), &[args, &["--relay", &relay.url()]].concat(), input);
    on(&["inbox", "alice"], "").ok();
    let mut bob = Talk::chat(home.path(), &relay, "bob", "alice", &["--open"]);
    bob.say("/account connect streamco");
    bob.wait("! ");
    on(&["platform", "agree", "streamco", "--scopes", "inbox.read"], "").ok();
    bob.say("/account connect streamco");
    bob.wait("StreamCo is connected: on your account it may inbox.read");
    assert_eq!(on(&["streamco", "inbox", "bob"], "").ok(), "");
    bob.say("/account disclosures");
    bob.wait("inbox.read used 1 times");
    bob.wait("This is the platform's word");
    bob.say("/account ads");
    bob.wait("nothing is known of bob");
    bob.say("/account disconnect streamco");
    bob.wait("streamco is not connected any more");
    assert!(on(&["streamco", "inbox", "bob"], "").fails(1).contains("not connected this partner"));
    bob.say("/account close");
    bob.wait("/account connect NAME");
    // The command cannot do it meanwhile: a vault is open in one program.
    assert!(on(&["account", "connect", "bob", "streamco"], "").fails(1).contains("close that one first"));
}
