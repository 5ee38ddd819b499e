//! Comparing safety numbers: the same, another one, somebody else's, none at all; and writing only to those who were compared.

use serde_json::Value;

use super::harness::{Ran, Relay, Talk, home, run};

struct Three {
    home: tempfile::TempDir,
    relay: Relay,
}

impl Three {
    fn joined() -> Self {
        let home = home();
        let three = Self { relay: Relay::start(home.path()), home };
        for me in ["alice", "bob", "carol"] {
            three.run(&["inbox", me], "").ok();
        }
        three
    }

    fn run(&self, args: &[&str], input: &str) -> Ran {
        run(self.home.path(), &[args, &["--relay", &self.relay.url()]].concat(), input)
    }

    fn json(&self, me: &str, peer: &str) -> Value {
        serde_json::from_str(&self.run(&["verify", me, peer, "--json"], "").ok()).unwrap()
    }
}

#[test]
fn a_number_is_compared_by_pasting_it_and_whose_it_is_is_told() {
    let three = Three::joined();
    let [bobs, carols] = ["bob", "carol"].map(|me| three.json(me, "alice"));
    let text = |json: &Value, field: &str| json[field].as_str().unwrap().to_owned();
    let state = || text(&three.json("alice", "bob"), "state");
    three.json("alice", "carol"); // her key is on record
    let compare = |shown: &str| three.run(&["verify", "alice", "bob", "--compare", shown], "");
    for whose in [text(&carols, "safety_number"), text(&carols, "code")] {
        let other = compare(&whose).fails(1);
        assert!(other.contains("the number of alice and carol"), "{other}");
    }
    for unreadable in ["", "12345", "bob", "blindrelay:alice:bob:1"] {
        assert!(compare(unreadable).fails(1).contains("that is no safety number"), "{unreadable}");
    }
    assert_eq!(state(), "not compared");
    for shown in [text(&bobs, "safety_number"), text(&bobs, "code")] {
        assert!(compare(&shown).ok().contains("nobody stands between"));
        assert_eq!(state(), "compared");
    }
    // One digit is another: it differs, and the mark is gone.
    let mut digits = text(&bobs, "safety_number").into_bytes();
    digits[59] = if digits[59] == b'0' { b'1' } else { b'0' };
    let differs = compare(&String::from_utf8(digits).unwrap()).fails(1);
    assert!(differs.contains("NOT the same") && differs.contains("begun anew"), "{differs}");
    assert_eq!(state(), "not compared");
}

#[test]
fn who_wants_it_writes_only_to_those_who_were_compared() {
    let three = Three::joined();
    let send = |text: &str| three.run(&["send", "alice", "bob", "--require-verified"], text);
    let refused = send("too early").fails(1);
    assert!(refused.contains("has not been compared") && refused.contains("verify alice bob"), "{refused}");
    let mut alice = Talk::chat(three.home.path(), &three.relay, "alice", "bob", &["--require-verified"]);
    alice.say("too early as well");
    alice.wait("not sent: the key of bob has not been compared");
    let number = three.json("bob", "alice")["safety_number"].as_str().unwrap().to_owned();
    alice.say(&format!("/verify {number}"));
    alice.wait("nobody stands between you and bob");
    alice.say("now");
    alice.wait("at the relay");
    assert!(alice.end().0.success());
    send("and now").ok();
    assert_eq!(three.run(&["inbox", "bob"], "").ok(), "alice (sealed): now\nalice (sealed): and now\n");
}
