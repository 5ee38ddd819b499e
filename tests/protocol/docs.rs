//! The documents say what the code does: tables, frames, errors, and the tests that they name.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use blindrelay::crypto::{aead, kem};
use blindrelay::protocol::{message, params};
use blindrelay::wire::{self, ClientFrame, ErrorCode, RelayFrame};
use serde::{Serialize, de::DeserializeOwned};

use super::people::document;

/// The rows of the table under `| name | value |`: name and value, without ticks and thousands separators.
fn table(document: &str, head: &str) -> BTreeMap<String, String> {
    let (_, rest) = document.split_once(head).unwrap_or_else(|| panic!("no table {head}"));
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(cell);
        (cells.next().unwrap(), cells.next().unwrap())
    })
    .collect()
}

/// Names and values of constants, as the document writes them.
macro_rules! constants {
    ($($format:literal: $($name:path),*;)*) => {
        BTreeMap::from([$($((stringify!($name).replace("params::", ""), thousands(&format!($format, $name)))),*),*])
    };
}

fn thousands(value: &str) -> String {
    if value.len() < 4 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.to_owned();
    }
    let groups: Vec<&str> =
        value.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn every_label_and_constant_stands_in_the_table() {
    let found = table(&document("protocol.md"), "| name | value | what for |");
    let wanted = constants! {
        "{}": params::SUITE, params::IDENTITY, params::PREKEY, params::SESSION, params::RATCHET, params::HEADER,
            params::MESSAGE, params::SAFETY_NUMBER, params::MAX_SKIP, params::MAX_FORWARD, params::MAX_SKIP_SESSION,
            params::MAX_CHAINS, params::MAX_SESSIONS, params::DAY, params::PREKEY_ROTATE, params::PREKEY_REFUSE,
            params::PREKEY_FUTURE, params::PREKEY_DELETE, params::SKIPPED_DELETE, params::ONE_TIME_STOCK, params::PAD_MIN,
            params::PAD_MAX;
        "{:#04x}": params::TYPE_IDENTITY_ED25519, params::TYPE_IDENTITY_X25519, params::TYPE_SIGNED_PREKEY,
            params::TYPE_ONE_TIME_PREKEY, params::TYPE_KEM, params::TYPE_EPHEMERAL, params::TYPE_RATCHET,
            params::KIND_FIRST, params::KIND_MESSAGE;
    };
    assert_eq!(found, wanted);
    // And none is missing in this test.
    let source = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/protocol/params.rs")).unwrap();
    let declared = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    assert_eq!(declared.map(str::to_owned).collect::<std::collections::BTreeSet<_>>(), found.into_keys().collect());
}

#[test]
fn every_length_stands_in_the_table() {
    let found = table(&document("protocol.md"), "| name | value | what |");
    let wanted = constants! {
        "{}": message::SALT, message::HEADER_LEN, message::HANDSHAKE_LEN, message::OVERHEAD, aead::TAG,
            kem::ENCAPSULATION_KEY, kem::CIPHERTEXT, wire::VERSION, wire::MAX_FRAME, wire::MAX_TEXT, wire::MAX_ONE_TIME;
    };
    assert_eq!(found, wanted);
    assert!(document("protocol.md").contains(&format!("WebSocket at `{}`", wire::PATH)));
}

/// Each line of the blocks marked so is a frame, and comes out as it went in.
fn frames<F: DeserializeOwned + Serialize>(marked: &str) -> Vec<String> {
    let document = document("protocol.md");
    let (_, block) = document.split_once(&format!("```json {marked}\n")).unwrap();
    let lines = block.lines().take_while(|line| *line != "```");
    let kinds = lines.map(|line| {
        let frame: F = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&frame).unwrap(), line);
        line.split('"').nth(3).unwrap().to_owned()
    });
    let mut kinds: Vec<String> = kinds.collect();
    kinds.dedup();
    kinds
}

#[test]
fn every_frame_in_the_document_is_one() {
    assert_eq!(frames::<ClientFrame>("client"), ["hello", "publish", "fetch", "send", "ack"]);
    let relay = ["welcome", "published", "keys", "accepted", "deliver", "error"];
    assert_eq!(frames::<RelayFrame>("relay"), relay);
    // The control: a frame that is none is noticed, and so is a kind that nobody knows.
    assert!(serde_json::from_str::<ClientFrame>(r#"{"type":"hello","version":1}"#).is_err());
    assert!(serde_json::from_str::<ClientFrame>(r#"{"type":"shout"}"#).is_err());
}

#[test]
fn every_error_stands_in_the_table() {
    let known = |code: ErrorCode| match code {
        ErrorCode::BadFrame
        | ErrorCode::WrongVersion
        | ErrorCode::NameTaken
        | ErrorCode::HelloFirst
        | ErrorCode::Replaced
        | ErrorCode::UnknownUser
        | ErrorCode::MailboxFull
        | ErrorCode::TooFast
        | ErrorCode::TooLarge
        | ErrorCode::NotStored => serde_json::to_string(&code).unwrap(),
    };
    let found = table(&document("protocol.md"), "| `code` | conclude | connection |");
    assert_eq!(found.len(), 10);
    for code in found.keys() {
        assert_eq!(known(serde_json::from_str(&format!("\"{code}\"")).unwrap()), format!("\"{code}\""));
    }
}

/// Every function that is a test, by name.
fn tests() -> Vec<String> {
    fn sources(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut found = Vec::new();
    for dir in ["src", "tests"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut found);
    }
    let mut names = Vec::new();
    for source in found {
        let mut is_test = false;
        for line in source.lines().map(str::trim) {
            match line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
                Some(name) if is_test => names.push(name.split('(').next().unwrap().to_owned()),
                _ if line.starts_with("#[test]") || line.starts_with("#[tokio::test") => is_test = true,
                _ => {}
            }
            is_test &= line.starts_with("#[");
        }
    }
    names
}

/// The names in ticks that look like tests.
fn named(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() >= 2).collect()
}

#[test]
fn every_promise_in_the_threat_model_names_a_test_that_exists() {
    let (document, tests) = (document("threat-model.md"), tests());
    assert!(
        tests.len() > 100 && tests.contains(&"every_promise_in_the_threat_model_names_a_test_that_exists".to_owned())
    );
    for name in named(&document) {
        assert!(tests.iter().any(|test| test == name), "there is no test {name}");
    }
    let mut promises = 0;
    let others = |section: &&str| !section.starts_with("For comparison") && !section.starts_with("Nobody");
    for adversary in document.split("\n## ").skip(1).filter(others) {
        let title = adversary.lines().next().unwrap();
        let (_, cannot) =
            adversary.split_once("**Cannot**\n").unwrap_or_else(|| panic!("{title}: nothing is promised"));
        let (cannot, _) = cannot.split_once("**Limits.**").unwrap_or_else(|| panic!("{title}: no limits"));
        assert!(adversary.contains("**Can**\n"), "{title}");
        for promise in cannot.split("\n- ").skip(1) {
            assert!(!named(promise).is_empty(), "{title}: no test shows that it cannot {promise}");
            promises += 1;
        }
    }
    assert!(promises > 30, "{promises}");
}

#[test]
fn what_the_code_calls_for_in_the_document_is_there() {
    for heading in ["On the wire", "The sealed blob", "Padding"] {
        assert!(document("protocol.md").contains(&format!("\n## {heading}\n")), "{heading}");
    }
}
