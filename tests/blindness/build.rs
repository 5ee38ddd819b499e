//! The relay-only build: no crate in it, and no line of the middle, knows an end-to-end cipher. (That it builds and runs is for
//! the continuous build; here its list of crates is read.)

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Exact names of crates: key agreement, signatures, sealing, key derivation, and TLS, which would bring all of them.
const CIPHERS: [&str; 14] = [
    "x25519-dalek",
    "curve25519-dalek",
    "ed25519-dalek",
    "chacha20poly1305",
    "aead",
    "hkdf",
    "hmac",
    "ml-kem",
    "argon2",
    "ring",
    "rustls",
    "aws-lc-rs",
    "aes-gcm",
    "sframe",
];

/// What of [`CIPHERS`] a build contains.
fn ciphers(features: &[&str]) -> Vec<&'static str> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let tree = Command::new(cargo)
        .args(["tree", "-e", "normal,build", "--offline", "--prefix", "none", "--format", "{p}"])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("blindrelay") && crates.contains("tokio"), "this is not the list: {crates:?}");
    CIPHERS.into_iter().filter(|name| crates.contains(name)).collect()
}

#[test]
fn the_relay_only_build_contains_no_end_to_end_cipher_and_the_default_build_does() {
    assert_eq!(ciphers(&["--no-default-features", "--features", "relay"]), [""; 0]);
    assert_eq!(ciphers(&[]), CIPHERS[..9]);
}

/// Lines of a floor's code, comments aside, that name the keys' floors. (`tests/architecture.rs` reads imports more closely.)
fn names_keys(floor: &str) -> Vec<String> {
    let mut named = Vec::new();
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(floor)];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            named.extend(lines_that_name_keys(&path));
        }
    }
    named
}

fn lines_that_name_keys(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let keys = ["crate::crypto", "crate::protocol", "crate::client"];
    let hits = code.filter(|line| keys.iter().any(|floor| line.contains(floor)));
    hits.map(|line| format!("{}: {line}", path.display())).collect()
}

#[test]
fn no_line_of_the_middle_names_the_floors_that_hold_keys_and_the_ends_do() {
    for floor in ["wire", "http.rs", "web", "relay", "partner", "eye", "streamco"] {
        assert_eq!(names_keys(floor), [""; 0]);
    }
    for floor in ["protocol", "client", "lab"] {
        assert!(!names_keys(floor).is_empty(), "the search finds nothing in {floor}: it is broken");
    }
}
