//! What secrets say of themselves, and where they stay: nothing in print, and in no file once they have done their work.
//!
//! The secrets are taken from where all of them are written down, the rows of a vault without a passphrase. A row that was
//! overwritten or deleted must not be found anywhere in the files, free pages and journal included.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use blindrelay::client::messenger::Messenger;
use blindrelay::client::vault::{Passphrase, Vault, VaultError};
use blindrelay::crypto::Secret;
use blindrelay::crypto::aead::SealKey;
use blindrelay::protocol::pqxdh;
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;
use rusqlite::Connection;

use super::people::{NOW, Person, effort, id};

/// So much of a secret is found or not.
const PIECE: usize = 16;
/// A session's row begins with what is no secret: its length, its id, when it began, and whether it is pending.
const PUBLIC: usize = 4 + 32 + 8 + 2;

fn dice() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(9)
}

/// The secret rows in a vault's file, as they are now.
fn rows(file: &Path) -> Vec<Vec<u8>> {
    let db = Connection::open(file).unwrap();
    let all = "SELECT secret FROM one_time UNION ALL SELECT secret FROM prekeys UNION ALL SELECT secret FROM sessions
               UNION ALL SELECT value FROM me WHERE what IN ('ed25519', 'x25519', 'token')";
    let mut query = db.prepare(all).unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// What is random in them, in pieces.
fn pieces(rows: &[Vec<u8>]) -> BTreeSet<Vec<u8>> {
    let secret = rows.iter().map(|row| if row.len() > 1_000 { &row[PUBLIC..] } else { row });
    let random = |piece: &&[u8]| piece.iter().collect::<HashSet<_>>().len() > PIECE / 2;
    secret.flat_map(|row| row.chunks_exact(PIECE)).filter(random).map(<[u8]>::to_vec).collect()
}

/// Every run of bytes as long as a piece.
fn runs(bytes: &[u8]) -> HashSet<&[u8]> {
    bytes.windows(PIECE).collect()
}

/// All bytes of all files in a directory.
fn files(dir: &Path) -> Vec<u8> {
    fs::read_dir(dir).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn save(vault: &mut Vault, bob: &Person) {
    let saved: Result<(), VaultError> = vault.transaction(|rows| {
        rows.save_prekeys(&bob.prekeys, &mut dice())?;
        rows.save_sessions(&id("alice"), &bob.sessions, &mut dice())
    });
    saved.unwrap();
}

/// A conversation with turns and with losses; after each message Bob's vault is shown to `look`.
fn conversation(vault: &mut Vault, mut look: impl FnMut()) -> (Person, Person) {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    save(vault, &bob);
    look();
    alice.begin(bob.bundle());
    for turn in 0..effort(4, 40) {
        for n in 0..3 {
            let blob = alice.write(&format!("{turn}, {n}"));
            if n != 1 {
                bob.read(&id("alice"), &blob).unwrap();
                save(vault, &bob);
                look();
            }
        }
        let answer = bob.write("yes");
        save(vault, &bob);
        look();
        alice.read(&id("bob"), &answer).unwrap();
    }
    (alice, bob)
}

#[test]
fn keys_that_have_done_their_work_are_in_no_file_of_the_vault() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bob.vault");
    let mut vault = Vault::open(&path, &id("bob"), None, &mut dice()).unwrap();
    let (mut ever, mut most) = (BTreeSet::new(), 0);
    conversation(&mut vault, || {
        let (rows, files) = (rows(&path), files(dir.path()));
        let (now, kept, found) = (pieces(&rows), rows.concat(), runs(&files));
        assert!(now.iter().all(|piece| found.contains(&piece[..])), "the search finds what is there");
        ever.extend(now);
        let kept = runs(&kept);
        let gone: Vec<_> = ever.iter().filter(|piece| !kept.contains(&piece[..])).collect();
        assert!(!gone.iter().any(|piece| found.contains(&piece[..])), "what is gone is gone");
        most = gone.len();
    });
    assert!(most > 50, "{most} pieces of secrets were gone in the end");
    println!("tried: {most} pieces of retired secrets looked for in the files of a vault");
    // The control: the same file, and somebody deletes from it who does not overwrite what he deletes.
    let deleted = pieces(&rows(&path));
    drop(vault);
    let careless = Connection::open(&path).unwrap();
    careless.execute_batch("PRAGMA secure_delete=OFF; DELETE FROM sessions; DELETE FROM one_time;").unwrap();
    let (rows, files) = (rows(&path).concat(), files(dir.path()));
    let (kept, found) = (runs(&rows), runs(&files));
    assert!(deleted.iter().any(|piece| !kept.contains(&piece[..]) && found.contains(&piece[..])));
}

#[test]
fn secrets_do_not_print() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bob.vault");
    let mut vault = Vault::open(&path, &id("bob"), None, &mut dice()).unwrap();
    let (alice, mut bob) = conversation(&mut vault, || ());
    let mut secrets = pieces(&rows(&path));
    let (me, token) = vault.rows().identity().unwrap();
    let [ed25519, x25519] = me.secrets();
    let bundle = bob.bundle().verify(alice.me.statement(), NOW).unwrap();
    let (_, agreement) = pqxdh::initiate(&alice.me, &bundle, NOW, &mut dice()).unwrap();
    secrets.extend([agreement.sk.expose()[..PIECE].to_vec(), [0xab; PIECE].to_vec(), b"correct horse ba".to_vec()]);
    let (passphrase, secret) = (Passphrase::new("correct horse battery".to_owned()), Secret::new([0xab; 32]));
    let sealed = Vault::open(&dir.path().join("sealed"), &id("bob"), Some(&passphrase), &mut dice()).unwrap();
    let printed = [
        format!("{me:?} {:?} {:?} {ed25519:?} {x25519:?} {agreement:?} {token:?}", bob.me, alice.me),
        format!("{:?} {:?} {:#?}", bob.prekeys, bob.sessions, bob.sessions),
        format!("{secret:?} {:?} {passphrase:?} {sealed:?}", SealKey::new(Secret::new([0xab; 32]), [0; 12])),
        {
            let messenger = Messenger::open(vault, NOW, &mut dice()).unwrap();
            format!("{:?} {messenger:?} {messenger:#?}", messenger.hello())
        },
    ]
    .concat();
    let printed: String = printed.split_whitespace().collect();
    let says = |bytes: &[u8]| {
        let list = format!("{bytes:?}").replace(' ', "");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = std::str::from_utf8(bytes).is_ok_and(|text| printed.contains(&text.replace(' ', "")));
        text || printed.contains(list.trim_matches(['[', ']'])) || printed.contains(&hex)
    };
    assert!(!secrets.iter().any(|secret| says(secret)) && printed.contains("Secret(…)"));
    assert!(secrets.len() > 20 && !printed.contains(&token.expose()));
    // The control: public halves do print, in the same notation.
    assert!(says(&bob.me.statement().x25519().0));
}
