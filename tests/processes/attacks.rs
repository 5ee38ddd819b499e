//! The attack lab: every attack takes its control, and none takes the real client. Where the control is a patch, `tests/mutants/run`
//! applies it, and it is this table that must then fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use blindrelay::lab::attack::{self, Attack, Control};
use serde_json::Value;

use super::harness::{Relay, Talk, home, run};

/// Attacks that get something from the real client too: what their limit says.
const LIMITED: [&str; 7] = [
    "swap-keys-first",
    "drain-prekeys",
    "steal-vault-then-read-yesterday",
    "steal-vault-before-and-heal",
    "length",
    "timing",
    "contact-graph",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_takes_its_control_and_none_takes_the_real_client() {
    let played = attack::play_all().await.unwrap();
    assert!(played.len() > 40, "these are not all");
    let wrong: Vec<_> = played.iter().filter(|played| !played.holds).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for played in &played {
        let control = Attack::named(played.name).unwrap().control;
        let by_the_tests = matches!(control, Control::Patch(_) | Control::Unpromised);
        assert_eq!(played.against_control.is_none(), by_the_tests, "{}", played.name);
        assert!(
            played
                .against_control
                .iter()
                .all(|outcome| outcome.taken && !outcome.got.is_empty() || !outcome.did.is_empty())
        );
        let limited = LIMITED.contains(&played.name);
        assert_eq!(played.against_real.got.is_empty(), !limited, "{}: {:?}", played.name, played.against_real.got);
        assert!(!played.against_real.did.is_empty(), "{} shows what the client did", played.name);
    }
}

#[test]
fn the_catalogue_names_controls_files_and_functions_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lacks = |attack: &Attack| {
        let (file, function) = attack.place;
        let code = fs::read_to_string(root.join(file)).unwrap_or_default();
        let patch = match attack.control {
            Control::Patch(name) => {
                let patch = fs::read_to_string(root.join(format!("tests/mutants/{name}.patch")));
                patch.is_ok_and(|patch| patch.contains("\n# tests: processes::attacks\n"))
            }
            _ => true,
        };
        !patch || !code.contains(&format!("fn {function}(")) && !code.contains(&format!("fn {function}<"))
    };
    let lacking: Vec<&str> = attack::all().filter(|attack| lacks(attack)).map(|attack| attack.name).collect();
    assert_eq!(lacking, [""; 0]);
    let names: BTreeSet<&str> = attack::all().map(|attack| attack.name).collect();
    assert_eq!(names.len(), attack::all().count(), "no name twice");
    // The controls: a file, a function and a patch that are not there are reported.
    let some = attack::all().next().unwrap();
    let (place, control) = (some.place, some.control);
    for (place, control) in [
        ((place.0, "no_such_function"), control),
        (("src/no/such/file.rs", place.1), control),
        (place, Control::Patch("no-such-patch")),
    ] {
        assert!(lacks(&some.with(place, control)));
    }
}

/// A relay that lies, before an honest one.
fn liar(home: &Path, relay: &Relay, attacks: &str) -> (Talk, String) {
    let url = relay.url();
    let args = ["lab", "relay", "--upstream", &url, "--attack", attacks, "--listen", "127.0.0.1:0"];
    let mut liar = Talk::start(home, &args);
    let line = liar.wait("blindrelay lab relay: ");
    let url = line.split_whitespace().last().unwrap().to_owned();
    liar.wait("in other terminals");
    (liar, url)
}

fn chat(home: &Path, url: &str, me: &str, peer: &str) -> Talk {
    let mut talk = Talk::start(home, &["chat", me, peer, "--relay", url]);
    talk.wait("Type a line");
    talk
}

/// The safety number on somebody's screen.
fn number(talk: &mut Talk) -> String {
    talk.say("/verify");
    let rows: Vec<String> = (0..3).map(|_| talk.wait(" ")).collect();
    talk.wait("by phone or in person");
    rows.join(" ")
}

#[test]
fn two_chats_through_a_relay_that_swaps_keys_show_two_numbers_and_through_one_that_only_looks_one() {
    for (attack, got) in [("swap-keys-first", true), ("eavesdrop,replay", false)] {
        let home = home();
        let relay = Relay::start(home.path());
        let (mut liar, url) = liar(home.path(), &relay, attack);
        let mut alice = chat(home.path(), &url, "alice", "bob");
        let mut bob = chat(home.path(), &url, "bob", "alice");
        alice.say("meet me at the harbour");
        bob.wait("alice: meet me at the harbour");
        alice.wait("1 · delivered");
        bob.say("at nine");
        alice.wait("bob: at nine");
        bob.wait("1 · delivered");
        let numbers = [number(&mut alice), number(&mut bob)];
        assert_eq!(numbers[0] != numbers[1], got, "{attack}: {numbers:?}");
        if got {
            liar.wait("GOT alice to bob: meet me at the harbour");
            liar.wait("GOT bob to alice: at nine");
        }
        let screens = [alice.kill(), bob.kill()].concat();
        let loud: Vec<_> = screens.iter().filter(|line| line.starts_with('!') || line.contains("put aside")).collect();
        assert!(loud.is_empty(), "{attack}: {loud:#?}");
        let notes = liar.kill();
        let loot = notes.iter().filter(|line| line.contains("GOT")).count();
        assert_eq!(loot > 0, got, "{notes:#?}");
        assert!(notes.iter().any(|line| line.contains("  did ")), "it has done something: {notes:#?}");
    }
}

#[test]
fn two_chats_notice_a_key_that_is_swapped_later_and_nothing_leaves() {
    let home = home();
    let relay = Relay::start(home.path());
    let (liar, url) = liar(home.path(), &relay, "swap-keys-later");
    let mut alice = chat(home.path(), &url, "alice", "bob");
    let mut bob = chat(home.path(), &url, "bob", "alice");
    alice.say("hello");
    bob.wait("alice: hello");
    alice.wait("1 · delivered");
    assert_eq!(number(&mut alice), number(&mut bob));
    alice.say("/verify yes");
    alice.wait("You have compared it");
    alice.say("/reset");
    alice.wait("THE KEY OF bob HAS CHANGED");
    alice.say("for bob alone");
    alice.wait("held: the key of bob has changed");
    let notes = liar.kill();
    assert!(notes.iter().all(|line| !line.contains("GOT")), "{notes:#?}");
    assert!(
        notes.iter().any(|line| line.contains("did alice asks for bob's keys and is given keys of mine")),
        "{notes:#?}"
    );
}

#[test]
fn the_lab_tells_an_attack_as_a_story_and_as_json() {
    let home = home();
    let story = run(home.path(), &["lab", "attack", "replay"], "").ok();
    for part in [
        "REPLAY",
        "Story ",
        "Wants ",
        "Against the control (naive twin)",
        "GOT     bob reads",
        "Against the real client",
        "It holds.",
        "Property ",
        "Source ",
        "In code   src/",
        "Limit ",
    ] {
        assert!(story.contains(part), "{part}: {story}");
    }
    assert!(story.lines().all(|line| line.chars().count() <= 80), "{story}");
    let patched = run(home.path(), &["lab", "attack", "low-order-point"], "").ok();
    assert!(patched.contains("tests/mutants/contributory-unchecked.patch"), "{patched}");
    let json: Value =
        serde_json::from_str(&run(home.path(), &["lab", "attack", "terminal-escape", "--json"], "").ok()).unwrap();
    assert_eq!((&json["holds"], &json["against_control"]["taken"]), (&Value::Bool(true), &Value::Bool(true)));
    let raw = run(home.path(), &["lab", "attack", "terminal-escape"], "").ok();
    assert!(raw.contains(r"\u{1b}[2J") && !raw.contains('\u{1b}'), "the lab itself is no way to a terminal: {raw:?}");
}

#[test]
fn a_seed_of_random_hostility_is_played_and_played_again() {
    let home = home();
    let [once, again] =
        [(); 2].map(|()| run(home.path(), &["lab", "fuzz", "--seed", "7", "--steps", "40", "--json"], "").ok());
    assert_eq!(once, again);
    let json: Value = serde_json::from_str(&once).unwrap();
    assert_eq!((&json["holds"], json["seeds"].as_array().unwrap().len()), (&Value::Bool(true), 1));
    let text = run(home.path(), &["lab", "fuzz", "--seed", "7", "--steps", "40"], "").ok();
    assert!(text.contains("seed 7: ") && text.contains("1 seeds of 40 steps, 0 broken"), "{text}");
}

#[test]
fn an_attack_that_cannot_be_performed_says_why_and_what_there_is() {
    let home = home();
    for args in [&["lab", "attack", "nonsense"][..], &["lab", "relay", "--attack", "replay,nonsense"]] {
        let error = run(home.path(), args, "").fails(1);
        assert!(
            error.contains("there is no attack `nonsense`; there are:") && error.contains("swap-keys-first"),
            "{error}"
        );
    }
    let error = run(home.path(), &["lab", "relay", "--attack", "huge-counter"], "").fails(1);
    assert!(error.contains("takes more than a relay (`blindrelay lab attack huge-counter` performs it)"), "{error}");
    assert!(error.contains("swap-keys-first") && !error.contains("copy-vault"), "{error}");
    let nobody = ["lab", "relay", "--attack", "replay", "--upstream", "ws://127.0.0.1:1"];
    let error = run(home.path(), &nobody, "").fails(1);
    assert!(
        error.contains(
            "no relay answers at ws://127.0.0.1:1; start one in another terminal: blindrelay relay --listen 127.0.0.1:1"
        ),
        "{error}"
    );
    let error = run(home.path(), &["lab", "relay", "--attack", "replay", "--listen", "0.0.0.0:0"], "").fails(1);
    assert!(error.contains("for this machine alone"), "{error}");
    run(home.path(), &["lab", "attack"], "").fails(2);
    run(home.path(), &["lab", "attack", "replay", "--all"], "").fails(2);
}
