//! Somebody takes the file: what it says, and what it no longer says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use blindrelay::client::contacts::Arrival;
use blindrelay::client::vault::{Passphrase, StoredMessage, StoredState, Vault, VaultError};
use blindrelay::protocol::SessionId;
use blindrelay::protocol::params::PREKEY_DELETE;
use blindrelay::protocol::session::Recipient;
use blindrelay::wire::MessageId;
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;

use super::people::{NOW, Person, id};

fn dice() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

/// Puts what Bob has into a vault, as his client does after every message.
fn save(vault: &mut Vault, bob: &Person) {
    let saved: Result<(), VaultError> = vault.transaction(|rows| {
        rows.save_prekeys(&bob.prekeys, &mut dice())?;
        rows.save_sessions(&id("alice"), &bob.sessions, &mut dice())
    });
    saved.unwrap();
}

/// What whoever holds the file can open of a recording.
fn opens(file: &Path, bob: &Person, recorded: &[Vec<u8>]) -> usize {
    let vault = Vault::open(file, &id("bob"), None, &mut dice()).unwrap();
    let (prekeys, from) = (vault.rows().prekeys().unwrap(), id("alice"));
    let opened = recorded.iter().filter(|blob| {
        let mut sessions = vault.rows().sessions(&from).unwrap();
        let recipient = Recipient { me: &bob.me, prekeys: &prekeys, from: &from, pinned: None, remembered: &|_| false };
        sessions.decrypt(recipient, blob, NOW, &mut dice()).is_ok()
    });
    opened.count()
}

#[test]
fn a_stolen_vault_file_does_not_open_what_was_read_before() {
    let dir = tempfile::tempdir().unwrap();
    let stolen = |name: &str| {
        let copy = dir.path().join(name);
        fs::copy(dir.path().join("bob.vault"), &copy).unwrap();
        copy
    };
    let mut vault = Vault::open(&dir.path().join("bob.vault"), &id("bob"), None, &mut dice()).unwrap();
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let recorded: Vec<_> = (0..4).map(|n| alice.write(&format!("secret {n}"))).collect();
    save(&mut vault, &bob);
    let offered = bob.copy(3).prekeys.one_time;
    let before = stolen("before.vault");
    for blob in &recorded {
        bob.read(&id("alice"), blob).unwrap();
        save(&mut vault, &bob);
    }
    let after = stolen("after.vault");
    // The one-time key that was used is not left over in the bytes of the file. (Looked for first: opening a copy tidies it.)
    let used = offered.iter().find(|offered| bob.prekeys.one_time.iter().all(|left| left.id != offered.id)).unwrap();
    let found = |file: &Path| fs::read(file).unwrap().windows(32).any(|bytes| bytes == used.pair.secret().expose());
    assert_eq!((found(&before), found(&after)), (true, false));
    assert_eq!(opens(&after, &bob, &recorded), 0);
    // The control: the same file, taken before he had read, opens all of it.
    assert_eq!(opens(&before, &bob, &recorded), recorded.len());
}

#[test]
fn a_first_contact_is_remembered_as_long_as_its_prekey_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Vault::open(&dir.path().join("bob.vault"), &id("bob"), None, &mut dice()).unwrap();
    let (mut vault, mut bob) = (open(), Person::new("bob", 2));
    save(&mut vault, &bob);
    let (read, other) = (SessionId([1; 32]), SessionId([2; 32]));
    let prekey = bob.prekeys.newest().unwrap().id;
    let consumed: Result<(), VaultError> = vault.transaction(|rows| rows.consume(None, &read, prekey));
    consumed.unwrap();
    drop(vault);
    let mut vault = open();
    assert_eq!([&read, &other].map(|session| vault.rows().remembers(session).unwrap()), [true, false]);
    bob.prekeys.renew(NOW + PREKEY_DELETE, &mut dice());
    save(&mut vault, &bob);
    assert!(!vault.rows().remembers(&read).unwrap(), "without its prekey nobody can begin it again");
}

#[test]
fn without_its_passphrase_a_vault_tells_neither_texts_nor_keys() {
    let dir = tempfile::tempdir().unwrap();
    let text = "a text to be looked for in the file";
    for sealed in [true, false] {
        let path = dir.path().join(format!("{sealed}.vault"));
        let passphrase = sealed.then(|| Passphrase::new("correct horse".to_owned()));
        let mut vault = Vault::open(&path, &id("bob"), passphrase.as_ref(), &mut dice()).unwrap();
        let message = StoredMessage {
            n: 0,
            peer: id("alice"),
            outgoing: false,
            sealed: true,
            id: MessageId([1; 16]),
            counter: 1,
            at: NOW,
            state: StoredState::Read,
            arrival: Arrival::InOrder,
            via: None,
            text: text.to_owned(),
        };
        let saved: Result<i64, VaultError> = vault.transaction(|rows| rows.add_message(&message, &mut dice()));
        saved.unwrap();
        let key = *vault.rows().identity().unwrap().0.secrets()[1].expose();
        vault.close().unwrap();
        let file = fs::read(&path).unwrap();
        let found = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
        // The control: without a passphrase both lie there in the clear.
        assert_eq!([found(text.as_bytes()), found(&key)], [!sealed; 2]);
        if sealed {
            let wrong = Passphrase::new("incorrect horse".to_owned());
            let refused = |with| Vault::open(&path, &id("bob"), with, &mut dice()).unwrap_err();
            assert!(matches!(refused(Some(&wrong)), VaultError::WrongPassphrase(_)));
            assert!(matches!(refused(None), VaultError::NeedsPassphrase(_)));
        }
    }
}

#[test]
fn a_vault_is_for_its_owner_alone_and_for_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users").join("bob.vault");
    let vault = Vault::open(&path, &id("bob"), None, &mut dice()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert!(matches!(Vault::open(&path, &id("bob"), None, &mut dice()), Err(VaultError::Busy(_))));
    drop(vault);
    assert!(Vault::open(&path, &id("bob"), None, &mut dice()).is_ok(), "the control");
}
