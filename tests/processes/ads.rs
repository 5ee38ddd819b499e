//! Which ad, and why: the same conversations in the clear and sealed, and who may ask.

use blindrelay::partner::Signal;
use blindrelay::partner::ads::{AdChoice, Reason};
use blindrelay::wire::{RelayFrame, Token};
use serde_json::{Value, json};

use super::desk::{Desk, NOW};
use super::harness::{Relay, home, run};
use super::raw::{self, message_id, open, send};

/// Who writes what: words of travel and health, and small talk.
const LINES: [(&str, &str, &str); 5] = [
    ("alice", "bob", "flights to Oslo are cheap"),
    ("bob", "alice", "the hotel is booked"),
    ("alice", "carol", "the doctor says migraine"),
    ("bob", "alice", "nothing of interest"),
    ("carol", "alice", "<script>alert(1)</script> \u{202e} pharmacy"),
];

/// A platform on which that was said, a minute each, and of which StreamCo has told two things. With Alice's token.
async fn town(sealed: bool) -> (Desk, Token) {
    let desk = Desk::new().await;
    let ((mut alice, token), (mut bob, _), (mut carol, _)) =
        (desk.join("alice").await, desk.join("bob").await, desk.join("carol").await);
    for (id, (from, to, text)) in (1..).zip(LINES) {
        desk.clock.set(NOW + u64::from(id) * 60_000);
        let who = match from {
            "alice" => &mut alice,
            "bob" => &mut bob,
            _ => &mut carol,
        };
        let payload = if sealed { raw::sealed(&[id; 300]) } else { open(text) };
        who.send(&send(id, to, payload)).await;
        // Mail of others may come first.
        while who.next().await.unwrap() != (RelayFrame::Accepted { id: message_id(id) }) {}
    }
    let told = |user: &str, title: &str, genre: &str| -> Signal {
        let signal =
            json!({"user": user, "kind": "watched", "title": title, "genre": genre, "device": "tv", "at": NOW});
        serde_json::from_value(signal).unwrap()
    };
    let told = [told("alice", "Salt, Smoke, Time", "cooking"), told("bob", "The Last Lap", "sports")];
    desk.book.take(&"streamco".parse().unwrap(), &told).unwrap();
    (desk, token)
}

async fn ads(desk: &Desk, token: &Token) -> AdChoice {
    serde_json::from_value(desk.get("/account/v1/alice/ads", token).await.fine(200)).unwrap()
}

/// Words with the numbers of their messages; and all other reasons, by interest.
struct Reasons {
    words: Vec<(String, u64)>,
    others: Vec<(String, Reason)>,
}

fn reasons(choice: &AdChoice) -> Reasons {
    let (mut words, mut others) = (Vec::new(), Vec::new());
    for ad in &choice.ads {
        for reason in ad.why.clone() {
            match reason {
                Reason::Word { word, seq, .. } => words.push((word, seq)),
                other => others.push((ad.interest.clone(), other)),
            }
        }
    }
    words.sort_by_key(|(_, seq)| *seq);
    others.sort_by(|(one, _), (other, _)| one.cmp(other));
    Reasons { words, others }
}

#[tokio::test]
async fn words_are_found_in_the_clear_and_not_when_sealed_while_signals_and_metadata_stay() {
    let (desk, token) = town(false).await;
    let clear = ads(&desk, &token).await;
    let Reasons { words, others } = reasons(&clear);
    let expected = [("flights", 1), ("hotel", 2), ("doctor", 3), ("pharmacy", 5)];
    assert_eq!(words, expected.map(|(word, seq)| (word.to_owned(), seq)));
    assert_eq!((clear.texts, clear.sealed, clear.signals, clear.contacts), (5, 0, 1, 2));

    let (desk, token) = town(true).await;
    let shut = ads(&desk, &token).await;
    let Reasons { words: no_words, others: same } = reasons(&shut);
    assert_eq!(no_words, []);
    assert_eq!((shut.texts, shut.sealed, shut.signals, shut.contacts), (0, 5, 1, 2));
    assert!(shut.note.contains("(a) is empty") && !clear.note.contains("(a) is empty"), "{}", shut.note);
    assert_eq!(others, same);
    let kinds: Vec<_> = same.iter().map(|(interest, _)| interest.as_str()).collect();
    assert_eq!(kinds, ["food", "one close contact", "sports"], "a signal, a habit, a contact's signal");
}

#[tokio::test]
async fn only_the_user_asks_for_their_ads_and_only_the_operator_for_the_audience() {
    let (desk, token) = town(false).await;
    let (_, bobs) = (desk.join("dave").await, Token::random(&mut rand::rng()));
    for wrong in [&bobs, &desk.operator] {
        desk.get("/account/v1/alice/ads", wrong).await.refused(401);
    }
    desk.get("/account/v1/nobody/ads", &token).await.refused(401);
    desk.get("/account/v1/Not%20A%20Name/ads", &token).await.refused(401);
    for wrong in [&bobs, &token] {
        desk.get("/operator/v1/audience", wrong).await.refused(401);
    }
    for at in ["x", "-1", "1e3", "18446744073709551616", ""] {
        desk.get(&format!("/account/v1/alice/ads?at={at}"), &token).await.refused(400);
        desk.get(&format!("/operator/v1/audience?at={at}"), &desk.operator).await.refused(400);
    }
    let path = format!("/account/v1/alice/ads?token={}", token.expose());
    desk.get(&path, &token).await.refused(400);
    // The control: each with their own token. And the moment counts: what comes later is not known yet, what is long past forgotten.
    ads(&desk, &token).await;
    let texts = async |at: u64| {
        let choice = desk.get(&format!("/account/v1/alice/ads?at={at}"), &token).await.fine(200);
        choice["texts"].as_u64().unwrap()
    };
    assert_eq!((texts(0).await, texts(NOW + 120_000).await, texts(NOW + 29 * 86_400_000).await), (0, 2, 0));
    assert_eq!(texts(u64::MAX).await, 0);
    let audience = desk.get("/operator/v1/audience", &desk.operator).await.fine(200);
    assert_eq!(audience["users"], 4);
    let segment = |name: &str| {
        let all = audience["segments"].as_array().unwrap();
        all.iter().find(|segment| segment["interest"] == name).cloned().unwrap_or(Value::Null)
    };
    assert_eq!(segment("travel")["by_words"], 2, "alice and bob: {audience:#}");
    assert_eq!(segment("money"), Value::Null);
}

#[test]
fn a_made_up_month_is_served_and_its_ads_and_its_exception_are_shown() {
    let home = home();
    std::fs::remove_dir_all(home.path()).unwrap();
    let args = ["lab", "populate", "--users", "6", "--days", "15", "--messages", "120", "--seed", "3"];
    let played = run(home.path(), &args, "");
    assert!(played.code == Some(0) && played.out.contains("120 messages among 6 people in 15 days"), "{}", played.err);
    assert!(
        played.err.lines().count() >= 10 && played.err.contains("120 of 120 messages, day 15 of 15"),
        "{}",
        played.err
    );
    let refused = run(home.path(), &args, "").fails(1);
    assert!(refused.contains("is not empty"), "{refused}");

    let relay = Relay::start(home.path());
    let ask = |args: &[&str]| run(home.path(), &[args, &["--relay", &relay.url()]].concat(), "").ok();
    let inbox = ask(&["streamco", "inbox", "alice"]);
    assert!(inbox.contains("alice → ") && inbox.contains(" sealed "), "{inbox}");
    let ads = ask(&["account", "ads", "alice"]);
    assert!(ads.contains("alice would be shown") && ads.contains("(b)") && ads.contains("*alleged*"), "{ads}");
    let audience = ask(&["platform", "audience"]);
    assert!(audience.contains("6 users") && audience.contains("sealing does not stop them"), "{audience}");
    assert!(ask(&["platform", "ads"]).lines().any(|line| line.starts_with("bob ")));
    assert!(ask(&["platform", "reports"]).contains(": due"), "the first period is over");

    // Two who seal theirs, and two who do not.
    let except = |peer: &str| run(home.path(), &["platform", "except", "streamco", "alice", peer], "");
    let peers = ["bob", "carol", "dave", "erin", "frank"].map(except);
    let tried = peers.iter().find(|ran| ran.code == Some(0)).expect("alice seals with somebody");
    for outcome in ["NOISE", "STOPPED", "WORKS UNTIL COMPARED", "WORKS, and nobody notices"] {
        assert!(tried.out.contains(outcome), "{outcome}: {}", tried.out);
    }
    assert!(peers.iter().any(|ran| ran.err.contains("no exception is needed")), "alice is open with somebody");
}
