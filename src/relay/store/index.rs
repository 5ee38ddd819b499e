//! What an archive can be asked quickly: who took part in which message, and which words are in open texts. Of a sealed one there are none.
//!
//! Question: how does a search over a million messages find one user's in milliseconds, and what does that cost the relay?
//! By an inverted index (SQLite's FTS5): for each word the numbers of the messages it is in, ascending. The participants are
//! words of a column of their own, so "Alice's, with this word" is the intersection of two lists, and nobody else's mail is looked at. The
//! index keeps no second copy of the texts. It lies in a file of its own and is made by whoever asks, from where it ended the last time:
//! to carry mail needs none, so a relay that lets nobody read pays nothing for it.
//!
//! ```text
//! relay.db   messages  1 2 3 … 40 41 42          index.db   done 40 ──question──► 41 42 are added ──► answer
//! who    u17 → 3 9 12 40 …      u42 → 9 10 …
//! text   harbour → 9 31 …       search(u17, harbour) = 9
//! ```

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::wire::{Content, UserId};

/// In which messages a user took part, the sums by conversation, and how far the index has come; `first` tells another relay's database, which begins with another id.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS derived.done (seq INTEGER NOT NULL, first BLOB);
CREATE TABLE IF NOT EXISTS derived.took_part (
  user INTEGER NOT NULL, seq INTEGER NOT NULL, peer INTEGER NOT NULL, sealed INTEGER NOT NULL,
  PRIMARY KEY (user, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS derived.with_one ON took_part (user, peer, seq);
CREATE TABLE IF NOT EXISTS derived.threads (
  user INTEGER NOT NULL, peer INTEGER NOT NULL, messages INTEGER NOT NULL, sealed INTEGER NOT NULL, latest INTEGER NOT NULL,
  PRIMARY KEY (user, peer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS derived.forgotten (seq INTEGER PRIMARY KEY);
CREATE VIRTUAL TABLE IF NOT EXISTS derived.texts USING fts5 (
  who, text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2');
INSERT INTO derived.texts (texts, rank) VALUES ('secure-delete', 1);
";

const ADD: &str = "
INSERT INTO took_part SELECT sender, seq, recipient, sealed FROM messages WHERE seq > ?1 AND seq <= ?2 UNION ALL
                      SELECT recipient, seq, sender, sealed FROM messages WHERE seq > ?1 AND seq <= ?2 AND recipient <> sender";
const ADD_SUMS: &str = "
INSERT INTO threads SELECT user, peer, count(*), sum(sealed), max(seq) FROM (
  SELECT sender AS user, recipient AS peer, sealed, seq FROM messages WHERE seq > ?1 AND seq <= ?2 UNION ALL
  SELECT recipient, sender, sealed, seq FROM messages WHERE seq > ?1 AND seq <= ?2 AND recipient <> sender)
WHERE true GROUP BY user, peer ON CONFLICT (user, peer) DO UPDATE SET
  messages = messages + excluded.messages, sealed = sealed + excluded.sealed, latest = max(latest, excluded.latest)";
const ADD_TEXTS: &str = "
INSERT INTO texts (rowid, who, text)
SELECT seq, 'u' || sender || ' u' || recipient, json_extract(said, '$.text')
FROM (SELECT seq, sender, recipient, CAST(body AS TEXT) AS said FROM messages
      WHERE seq > ?1 AND seq <= ?2 AND NOT sealed AND body IS NOT NULL)
WHERE json_valid(said) AND json_extract(said, '$.kind') = 'text'";

/// Makes the tables beside a database: in a file beside it, or in memory.
pub(super) fn beside(db: &Connection, file: Option<&Path>) -> rusqlite::Result<()> {
    // A path is bytes, not always UTF-8.
    let file = file.map_or(b":memory:".as_slice(), |file| file.as_os_str().as_encoded_bytes());
    db.execute("ATTACH CAST(?1 AS TEXT) AS derived", [file])?;
    // What a power cut takes from an index is made again; only its parts must not get mixed up.
    db.execute_batch(
        "PRAGMA derived.synchronous=OFF; PRAGMA derived.journal_mode=WAL; PRAGMA derived.synchronous=NORMAL;
         PRAGMA derived.secure_delete=ON;",
    )?;
    at_once(db, || db.execute_batch(TABLES))
}

/// Messages that one step adds: whoever else asks waits no longer than for one.
const STEP: i64 = 10_000;

/// Goes one step towards the newest message. True when it is there.
pub(in crate::relay) fn catch_up(db: &Connection) -> rusqlite::Result<bool> {
    let first: Option<Vec<u8>> =
        db.prepare_cached("SELECT id FROM messages WHERE seq = 1")?.query_row([], |row| row.get(0)).optional()?;
    let newest: i64 =
        db.prepare_cached("SELECT coalesce(max(seq), 0) FROM messages")?.query_row([], |row| row.get(0))?;
    let done = db.prepare_cached("SELECT seq, first FROM done")?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
    let same = done.optional()?.filter(|(seq, known): &(i64, Option<Vec<u8>>)| *seq <= newest && *known == first);
    let done = same.as_ref().map_or(0, |(seq, _)| *seq);
    if done == newest {
        return Ok(true);
    }
    let next = newest.min(done + STEP);
    at_once(db, || {
        if same.is_none() {
            db.execute_batch(
                "DELETE FROM took_part; DELETE FROM threads; DELETE FROM forgotten; INSERT INTO texts (texts) VALUES ('delete-all');",
            )?;
        }
        db.prepare_cached(ADD)?.execute([done, next])?;
        db.prepare_cached(ADD_SUMS)?.execute([done, next])?;
        db.prepare_cached(ADD_TEXTS)?.execute([done, next])?;
        db.execute("DELETE FROM done", [])?;
        db.execute("INSERT INTO done VALUES (?1, ?2)", params![next, first]).map(|_| ())
    })?;
    Ok(next == newest)
}

/// Takes the words of a message of this user's out of the index, before the archive forgets them. It must have caught up.
pub(in crate::relay) fn forget(db: &Connection, user: &UserId, seq: u64) -> rusqlite::Result<()> {
    // What is not in the index yet is not taken out of it; what is removed before it gets there never does.
    let done = "SELECT 1 FROM done WHERE seq >= ?1";
    if !db.prepare_cached(done)?.exists([seq.cast_signed()])? {
        return Ok(());
    }
    let sql = "SELECT m.sender, m.recipient, m.body FROM messages m
               JOIN users s ON s.n = m.sender JOIN users r ON r.n = m.recipient
               WHERE m.seq = ?1 AND NOT m.sealed AND m.body IS NOT NULL AND (s.name = ?2 OR r.name = ?2)";
    let found = db.prepare_cached(sql)?.query_row(params![seq.cast_signed(), user.as_str()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
    });
    let Some((sender, recipient, body)) = found.optional()? else { return Ok(()) };
    let Ok(Content::Text { text, .. }) = serde_json::from_slice(&body) else { return Ok(()) };
    at_once(db, || {
        // To take words out that are in it no more would damage the index.
        let sql = "INSERT OR IGNORE INTO forgotten VALUES (?1)";
        if db.prepare_cached(sql)?.execute([seq.cast_signed()])? == 1 {
            let sql = "INSERT INTO texts (texts, rowid, who, text) VALUES ('delete', ?1, ?2, ?3)";
            let row = params![seq.cast_signed(), format!("u{sender} u{recipient}"), text];
            db.prepare_cached(sql)?.execute(row)?;
        }
        Ok(())
    })
}

/// All of it or nothing, inside a transaction or not.
fn at_once(db: &Connection, work: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    db.execute_batch("SAVEPOINT at_once")?;
    match work() {
        Ok(()) => db.execute_batch("RELEASE at_once"),
        Err(error) => db.execute_batch("ROLLBACK TO at_once; RELEASE at_once").and(Err(error)),
    }
}

#[cfg(test)]
#[cfg(feature = "ends")] // which brings a directory for it
mod tests {
    use super::super::known::Known;
    use super::super::read::{messages, search, threads};
    use super::super::sql::Rows;
    use super::super::{read, sql};
    use super::*;
    use crate::relay::Limits;
    use crate::wire::{MessageId, Payload};

    struct Kept {
        dir: tempfile::TempDir,
        db: Connection,
        archive: Connection,
    }

    impl Kept {
        fn new(dir: tempfile::TempDir) -> Self {
            let path = dir.path().join("relay.db");
            let db = sql::open(&path).unwrap();
            let archive = read::open(&path).unwrap();
            Self { dir, db, archive }
        }

        fn say(&self, id: u8, from: &str, to: &str, text: &str) {
            let mut rows = Rows { db: &self.db, known: &mut Known::default(), hoard: false };
            let [from, to] = [from, to].map(|name| name.parse().unwrap());
            for user in [&from, &to] {
                rows.hello(user, &[0; 32], 0, 9).unwrap();
            }
            let payload = Payload::Open(Content::Text { sent_at: 0, counter: 1, text: text.to_owned(), via: None });
            rows.put(&from, &to, MessageId([id; 16]), 0, &payload, &Limits::default()).unwrap().unwrap();
        }

        fn catch_up(&self) {
            while !catch_up(&self.archive).unwrap() {}
        }

        fn found(&self, user: &str, words: &str) -> Vec<u64> {
            self.catch_up();
            let found = search(&self.archive, &user.parse().unwrap(), words, u64::MAX, 9).unwrap();
            found.unwrap().iter().map(|message| message.seq).collect()
        }
    }

    #[test]
    fn the_index_is_made_by_whoever_asks_and_knows_whose_a_word_is() {
        let kept = Kept::new(tempfile::tempdir().unwrap());
        let indexed =
            || kept.archive.query_row("SELECT count(*) FROM took_part", [], |row| row.get::<_, i64>(0)).unwrap();
        kept.say(1, "alice", "bob", "the harbour at night");
        kept.say(2, "carol", "bob", "another harbour");
        assert_eq!(indexed(), 0, "to carry mail costs nothing");
        assert_eq!((kept.found("alice", "harbour"), kept.found("bob", "HARBOUR")), (vec![1], vec![2, 1]));
        assert_eq!(indexed(), 4);
        kept.say(3, "bob", "alice", "which harbour?");
        assert_eq!((kept.found("alice", "harbour"), kept.found("alice", "night harbour")), (vec![3, 1], vec![1]));
        let alice = "alice".parse().unwrap();
        let peers = threads(&kept.archive, &alice, u64::MAX, 9).unwrap().unwrap();
        assert_eq!(
            peers.iter().map(|thread| (thread.with.as_str(), thread.messages)).collect::<Vec<_>>(),
            [("bob", 2)]
        );
        let page = messages(&kept.archive, &alice, None, 1, 9).unwrap().unwrap();
        assert_eq!(page.iter().map(|message| message.seq).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn what_is_forgotten_is_found_no_more_however_often_that_is_asked() {
        let kept = Kept::new(tempfile::tempdir().unwrap());
        kept.say(1, "alice", "bob", "the harbour");
        kept.say(2, "alice", "bob", "a harbour too");
        let [bob, carol] = ["bob", "carol"].map(|name| name.parse().unwrap());
        kept.catch_up();
        forget(&kept.archive, &carol, 1).unwrap();
        assert_eq!(kept.found("bob", "harbour"), [2, 1], "not hers to forget");
        for _ in 0..2 {
            forget(&kept.archive, &bob, 1).unwrap();
            assert_eq!(kept.found("bob", "harbour"), [2]);
        }
    }

    #[test]
    fn a_damaged_index_is_made_anew() {
        let kept = Kept::new(tempfile::tempdir().unwrap());
        for id in 1..=200 {
            kept.say(id, "alice", "bob", &format!("the harbour {id}"));
        }
        assert_eq!(kept.found("bob", "harbour 7"), [7]);
        let Kept { dir, db, archive } = kept;
        drop((db, archive));
        let file = dir.path().join("index.db");
        let whole = std::fs::read(&file).unwrap();
        let mut holes = whole.clone();
        holes[4096..].fill(0xAA);
        for damage in [b"no database at all".to_vec(), whole[..whole.len() / 2].to_vec(), holes] {
            assert_ne!(damage, whole);
            std::fs::write(&file, damage).unwrap();
            let mut archive = read::open(&dir.path().join("relay.db")).unwrap();
            let bob = "bob".parse().unwrap();
            let found = read::ask(&mut archive, |db| {
                while !catch_up(db)? {}
                search(db, &bob, "harbour 7", u64::MAX, 9)
            });
            assert_eq!(found.unwrap().unwrap().len(), 1);
        }
    }

    #[test]
    fn an_index_of_another_relay_is_made_anew() {
        let kept = Kept::new(tempfile::tempdir().unwrap());
        kept.say(1, "alice", "bob", "the harbour");
        assert_eq!(kept.found("bob", "harbour"), [1]);
        let Kept { dir, db, archive } = kept;
        drop((db, archive));
        for name in ["relay.db", "relay.db-wal", "relay.db-shm"] {
            let _not_there = std::fs::remove_file(dir.path().join(name));
        }
        let kept = Kept::new(dir);
        kept.say(2, "bob", "alice", "a lighthouse");
        assert_eq!((kept.found("bob", "harbour"), kept.found("bob", "lighthouse")), (vec![], vec![1]));
    }
}
