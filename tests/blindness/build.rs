//! The relay-only build: no crate in it knows an end-to-end cipher. (That it builds and runs is for the continuous build; here its
//! list of crates is read. That no line of the middle names the floors that hold keys is for `tests/architecture.rs`.)

use std::collections::BTreeSet;
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
