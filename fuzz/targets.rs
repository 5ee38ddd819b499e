//! One function for each parser: any bytes go in, and what must hold of them is asserted.
//!
//! What is random is drawn from a fixed seed, so that the same bytes always do the same.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use blindrelay::client::contacts::{Arrival, Contact, Mode};
use blindrelay::client::messenger::{Messenger, Step};
use blindrelay::client::vault::{OutboxRow, QuarantineRow, SetAside, StoredMessage, StoredState, Vault, VaultError};
use blindrelay::crypto::{Secret, ed25519::SigningKey};
use blindrelay::protocol::session::Recipient;
use blindrelay::protocol::{IdentityKeyPair, IdentityStatement, PreKeyBundle, Sessions, content, padding, params};
use blindrelay::wire::{Bytes, ClientFrame, Content, MessageId, Payload, RelayFrame, Welcome, sanitise};
use rand::SeedableRng;
use rand::rngs::ChaCha20Rng;
use rusqlite::Connection;
use rusqlite::types::Value;
use serde::{Serialize, de::DeserializeOwned};

pub use http::{TOKEN, http};

use crate::people::{NOW, Person, acquainted, id};

#[path = "http.rs"]
mod http;

/// A parser's name, which is that of its corpus, and the function that tries bytes on it.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 7] = [
    ("frame", frame),
    ("statement", statement),
    ("first_contact", first_contact),
    ("header", header),
    ("content", content),
    ("vault", vault),
    ("http", http),
];

fn dice() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A frame of either side. What parses is written and parsed again to the same; a relay's frame goes on to a messenger, twice,
/// and nothing that it makes people read can command their terminal.
pub fn frame(bytes: &[u8]) {
    again::<ClientFrame>(bytes);
    let Some(frame) = again::<RelayFrame>(bytes) else { return };
    let (mut rng, bob) = (dice(), id("bob"));
    let mut alice = Messenger::open(Vault::in_memory(&id("alice"), &mut rng).unwrap(), NOW, &mut rng).unwrap();
    let welcome = Welcome { identity: None, prekey: None, one_time_left: 0, waiting: 1 };
    alice.receive(RelayFrame::Welcome(welcome), NOW, &mut rng).unwrap();
    alice.converse(&bob, true, NOW, &mut rng).unwrap();
    alice.send(&bob, "hello", NOW, &mut rng).unwrap();
    for frame in [frame.clone(), frame] {
        let Step { frames: _, events } = alice.receive(frame, NOW, &mut rng).unwrap();
        assert!(events.iter().all(|event| !event.to_string().contains(char::is_control)), "{events:?}");
    }
    alice.tick(NOW, &mut rng).unwrap();
}

/// What parses, after checking that it comes back as it went out.
fn again<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let value = serde_json::from_slice(bytes).ok()?;
    assert_eq!(serde_json::from_slice::<T>(&serde_json::to_vec(&value).unwrap()).unwrap(), value);
    Some(value)
}

/// The key of a peer that signs whatever it is given.
pub fn cheat() -> IdentityKeyPair {
    IdentityKeyPair::from_secrets(id("bob"), &Secret::new([7; 32]), &Secret::new([8; 32]))
}

/// Statements, as they are and signed by a peer that cheats. What verifies has one encoding, and its keys agree or are refused.
pub fn statement(bytes: &[u8]) {
    static ME: LazyLock<IdentityKeyPair> = LazyLock::new(|| Person::new("alice", 1).me);
    let key = SigningKey::from_secret(&cheat().secrets()[0]);
    let signed = |label| [bytes, &key.sign(label, bytes)].concat();
    for bytes in [bytes, &signed(params::IDENTITY)] {
        if let Ok(statement) = IdentityStatement::from_bytes(bytes) {
            assert_eq!(statement.to_bytes(), bytes);
        }
    }
    let me = &*ME;
    let one_time = bytes.first_chunk::<37>().map(|key| Bytes(key.to_vec()));
    for (prekey, one_time) in
        [(bytes.to_vec(), None), (signed(params::PREKEY), None), (signed(params::PREKEY), one_time)]
    {
        let identities = vec![Bytes(cheat().statement().to_bytes())];
        let bundle = PreKeyBundle { user: id("bob"), identities, prekey: Some(Bytes(prekey)), one_time };
        if let Ok(bundle) = bundle.verify(me.statement(), NOW) {
            let mut sessions = Sessions::default();
            if sessions.initiate(me, &bundle, &mut dice()).is_ok() {
                assert!(sessions.encrypt(&[], &mut dice()).is_some());
            }
        }
    }
}

/// What somebody holds who may be written to, and what Alice genuinely wrote.
struct Mail {
    bob: Person,
    sessions: Vault,
    genuine: Vec<Vec<u8>>,
}

impl Mail {
    fn new(bob: Person, genuine: Vec<Vec<u8>>) -> Mutex<Self> {
        let mut sessions = Vault::in_memory(bob.id(), &mut dice()).unwrap();
        save(&mut sessions, &bob.sessions);
        Mutex::new(Self { bob, sessions, genuine })
    }

    /// Only what is genuine opens, and after anything else the genuine still does.
    fn check(&self, bytes: &[u8]) {
        let (mut sessions, from) = (self.sessions.rows().sessions(&id("alice")).unwrap(), id("alice"));
        let Person { me, prekeys, pinned, .. } = &self.bob;
        let recipient = Recipient { me, prekeys, from: &from, pinned: pinned.as_ref(), remembered: &|_| false };
        let opened = sessions.decrypt(recipient, bytes, NOW, &mut dice()).is_ok();
        assert_eq!(opened, self.genuine.iter().any(|blob| blob == bytes));
        let next = self.genuine.iter().find(|blob| *blob != bytes).unwrap();
        sessions.decrypt(recipient, next, NOW, &mut dice()).unwrap();
    }
}

fn save(vault: &mut Vault, sessions: &Sessions) {
    let saved: Result<(), VaultError> =
        vault.transaction(|rows| rows.save_sessions(&id("alice"), sessions, &mut dice()));
    saved.unwrap();
}

/// First messages of a stranger, genuine ones.
pub fn first_messages() -> (Person, Vec<Vec<u8>>) {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    (bob, vec![alice.write("hello"), alice.write("hello again")])
}

/// A blob to somebody who knows nobody yet: handshake, agreement, header, body.
pub fn first_contact(bytes: &[u8]) {
    static MAIL: LazyLock<Mutex<Mail>> = LazyLock::new(|| {
        let (bob, genuine) = first_messages();
        Mail::new(bob, genuine)
    });
    lock(&MAIL).check(bytes);
}

/// Messages of a conversation that goes on: of the chain before, of the current one, and of the next.
pub fn later_messages() -> (Person, Vec<Vec<u8>>) {
    let (mut alice, mut bob) = acquainted();
    let mut genuine = vec![alice.write("late")];
    for n in 0..2 {
        let there = alice.write("ping");
        bob.read(&id("alice"), &there).unwrap();
        let back = bob.write("pong");
        if n == 1 {
            genuine.push(alice.write("of the current chain"));
        }
        alice.read(&id("bob"), &back).unwrap();
    }
    genuine.push(alice.write("of the next chain"));
    (bob, genuine)
}

/// A blob in a session: which header key opens it, and then its body.
pub fn header(bytes: &[u8]) {
    static MAIL: LazyLock<Mutex<Mail>> = LazyLock::new(|| {
        let (bob, genuine) = later_messages();
        Mail::new(bob, genuine)
    });
    lock(&MAIL).check(bytes);
}

/// What a peer may have sealed, with and without padding that is right. What decodes is encoded and decoded again to the same, and
/// is safe to print.
pub fn content(bytes: &[u8]) {
    let padded = padding::pad(bytes.to_vec());
    if let Some(padded) = &padded {
        assert_eq!(padding::unpad(padded), Some(bytes));
    }
    for bytes in [Some(bytes), padded.as_deref()].into_iter().flatten() {
        let Ok(content) = content::decode(bytes) else { continue };
        assert_eq!(content::decode(&content::encode(&content).unwrap()).unwrap(), content);
        if let Content::Text { text, .. } = &content {
            assert!(!sanitise(text).contains(char::is_control));
        }
    }
    again::<Content>(bytes);
    again::<Payload>(bytes);
}

/// Where a vault's rows hold something that is parsed.
pub const CELLS: [&str; 20] = [
    "me SET value = ? WHERE what = 'id'",
    "me SET value = ? WHERE what = 'ed25519'",
    "me SET value = ? WHERE what = 'token'",
    "me SET value = ? WHERE what = 'next one-time'",
    "prekeys SET created = ?",
    "prekeys SET secret = ?",
    "one_time SET secret = ?",
    "contacts SET peer = ?",
    "contacts SET identity = ?",
    "numbers SET next_out = ? WHERE sealed",
    "numbers SET next_in = ? WHERE sealed",
    "numbers SET missing = ? WHERE sealed",
    "sessions SET secret = ?",
    "messages SET state = ?",
    "messages SET body = ?",
    "messages SET id = ?",
    "outbox SET payload = ?",
    "quarantine SET payload = ?",
    "quarantine SET peer = ?",
    "quarantine SET why = ?",
];

/// Bob's vault as a file, a second connection that damages it, and Alice, who reads what he writes with what is left.
pub struct Rows {
    vault: Vault,
    pub db: Connection,
    alice: Mail,
    _dir: tempfile::TempDir,
}

/// A vault with something in every table.
pub static ROWS: LazyLock<Mutex<Rows>> = LazyLock::new(|| {
    let (mut alice, mut bob) = acquainted();
    for _ in 0..3 {
        alice.write("never arrives");
    }
    let late = alice.write("leaves a gap");
    bob.read(&id("alice"), &late).unwrap();
    bob.prekeys.one_time.truncate(2);
    let genuine = vec![bob.write("one"), bob.write("two")];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bob.vault");
    let mut vault = Vault::open(&path, &id("bob"), None, &mut dice()).unwrap();
    let mut contact = Contact::new(id("alice"), Mode::Sealed);
    contact.meet(alice.me.statement());
    contact.numbers(true).arrived(3);
    let text = || Payload::Open(Content::Text { sent_at: NOW, counter: 1, text: "in the open".to_owned(), via: None });
    let message = StoredMessage {
        n: 0,
        peer: id("alice"),
        outgoing: true,
        sealed: true,
        id: MessageId([1; 16]),
        counter: 1,
        at: NOW,
        state: StoredState::Held,
        arrival: Arrival::InOrder,
        via: None,
        text: "held".to_owned(),
    };
    let why = SetAside::Open;
    let filled: Result<(), VaultError> = vault.transaction(|rows| {
        let rng = &mut dice();
        rows.save_prekeys(&bob.prekeys, rng)?;
        rows.save_sessions(&id("alice"), &bob.sessions, rng)?;
        rows.save_contact(&contact)?;
        rows.add_message(&message, rng)?;
        rows.add_outbox(&OutboxRow { id: MessageId([2; 16]), peer: id("alice"), payload: text() }, rng)?;
        rows.add_quarantine(
            &QuarantineRow { n: 0, peer: id("alice"), id: message.id, at: NOW, why, payload: text() },
            rng,
        )
    });
    filled.unwrap();
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY").unwrap();
    let alice = Mail::new(alice, genuine).into_inner().unwrap();
    Mutex::new(Rows { vault, db, alice, _dir: dir })
});

/// One cell of a vault holds something else. Whatever is read of the vault is then read, or refused; what was read can be written
/// again; and a session that was read seals messages that do their reader no harm.
///
/// ```text
/// which cell (1 byte) || as what: blob, text, number (1 byte) || the value
/// ```
pub fn vault(bytes: &[u8]) {
    let [cell, kind, value @ ..] = bytes else { return };
    let cell = CELLS[usize::from(*cell) % CELLS.len()];
    let number = value.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    let (cast, value) = match kind % 3 {
        0 => ("?", Value::Blob(value.to_vec())),
        1 => ("CAST(? AS TEXT)", Value::Blob(value.to_vec())),
        _ => ("?", Value::Integer(number)),
    };
    let rows = &mut *lock(&ROWS);
    let before = dump(&rows.db, cell);
    rows.db.execute(&format!("UPDATE {}", cell.replace('?', cast)), [value]).unwrap();
    match cell.split_once(' ').unwrap().0 {
        "contacts" | "numbers" => contacts(&rows.vault),
        "sessions" => sessions(&rows.vault, &rows.alice),
        _ => others(&rows.vault),
    }
    rows.db.execute(&format!("UPDATE {cell}"), [before]).unwrap();
}

/// The value of a cell.
pub fn dump(db: &Connection, cell: &str) -> Value {
    let (table, rest) = cell.split_once(" SET ").unwrap();
    let (column, condition) = rest.split_once(" = ?").unwrap();
    db.query_row(&format!("SELECT {column} FROM {table}{condition} LIMIT 1"), [], |row| row.get(0)).unwrap()
}

fn others(vault: &Vault) {
    let (rows, peer) = (vault.rows(), id("alice"));
    let _keys_or_not = (rows.identity().is_ok(), rows.prekeys().is_ok());
    let _mail_or_not = (rows.messages(None, None, 9).is_ok(), rows.held_for().is_ok(), rows.quarantine(None).is_ok());
    let _post_or_not = (rows.outbox().is_ok(), rows.next_out(&peer).is_ok());
}

fn contacts(vault: &Vault) {
    let Ok(contacts) = vault.rows().contacts() else { return };
    let mut rng = dice();
    let mut scratch = Vault::in_memory(&id("bob"), &mut rng).unwrap();
    let saved: Result<(), VaultError> =
        scratch.transaction(|rows| contacts.iter().try_for_each(|contact| rows.save_contact(contact)));
    saved.unwrap();
    let mut bob = Messenger::open(scratch, NOW, &mut rng).unwrap();
    for contact in contacts.iter().filter(|contact| contact.peer != id("bob")) {
        bob.send(&contact.peer, "a text", NOW, &mut rng).unwrap();
    }
}

fn sessions(vault: &Vault, alice: &Mail) {
    let Ok(mut sessions) = vault.rows().sessions(&id("alice")) else { return };
    let mut scratch = Vault::in_memory(&id("bob"), &mut dice()).unwrap();
    save(&mut scratch, &sessions);
    scratch.rows().sessions(&id("alice")).unwrap();
    sessions.forget_old(NOW);
    if let Some(blob) = sessions.encrypt(b"sealed by a peer that cheats", &mut dice()) {
        alice.survives(&blob);
    }
}

impl Mail {
    /// A peer may seal whatever they like: it opens or it does not.
    fn survives(&self, blob: &[u8]) {
        let (mut sessions, from) = (self.sessions.rows().sessions(&id("alice")).unwrap(), id("bob"));
        let Person { me, prekeys, pinned, .. } = &self.bob;
        let recipient = Recipient { me, prekeys, from: &from, pinned: pinned.as_ref(), remembered: &|_| false };
        let _opened = sessions.decrypt(recipient, blob, NOW, &mut dice()).is_ok();
    }
}
