//! The write-ahead log, kept short.
//!
//! Question: every second the log is moved into the database; how can it grow to gigabytes all the same?
//! SQLite begins the log anew only when all of it has been moved. Moving takes tens of milliseconds, so it is done beside the writer,
//! who does not wait; and under a load that never pauses something was always added meanwhile. So when the log is long, the
//! writer moves the little that is left by itself, between two batches, when nobody can add to it.
//!
//! ```text
//! writer      batch  batch  batch  batch  [the rest]  batch …      the log begins anew
//! beside it         [     most of it     ]
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::Connection;

/// How often the log is moved into the database.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// Pages of a log that is long: 16 MiB.
pub(super) const LONG: u32 = 4096;

/// Whether the writer has to move the rest. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Rest(Arc<AtomicBool>);

impl Rest {
    /// To be called between two batches.
    pub(super) fn move_if_long(&self, db: &Connection) {
        if self.0.swap(false, Ordering::Relaxed) {
            move_log(db);
        }
    }
}

/// Off the writer's thread. Ends with the writer.
pub(super) fn keep_short(db: &Connection, rest: &Rest, stop: &Receiver<()>, every: Duration, long: u32) {
    while stop.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let length = move_log(db);
        rest.0.store(length > long, Ordering::Relaxed);
    }
}

/// Moves what can be moved without anybody waiting; how many pages the log has.
fn move_log(db: &Connection) -> u32 {
    // Without a log it says -1.
    let length = |row: &rusqlite::Row| Ok(u32::try_from(row.get::<_, i64>("log")?).unwrap_or(0));
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], length).unwrap_or_else(|error| {
        tracing::warn!(%error, "checkpoint failed; tried again in a second");
        0
    })
}

#[cfg(test)]
#[cfg(feature = "ends")] // which brings a directory for it
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// Mebibytes that are written.
    const WRITTEN: u64 = 48;

    /// Mebibytes of the log after a load without a pause; the writer moves the rest, or does not.
    fn log_after_load(moves: bool) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.db");
        let db = super::super::sql::open(&path).unwrap();
        db.execute_batch("CREATE TABLE load (body BLOB)").unwrap();
        let (beside, rest, (stopped, stop)) = (Connection::open(&path).unwrap(), Rest::default(), channel());
        let keeper = std::thread::spawn({
            let rest = rest.clone();
            move || keep_short(&beside, &rest, &stop, Duration::from_millis(20), 256)
        });
        for _ in 0..16 * WRITTEN {
            db.execute("INSERT INTO load VALUES (zeroblob(65536))", []).unwrap();
            if moves {
                rest.move_if_long(&db);
            }
        }
        drop(stopped);
        keeper.join().unwrap();
        std::fs::metadata(path.with_extension("db-wal")).unwrap().len() >> 20
    }

    #[test]
    fn the_log_stays_short_under_a_load_that_never_pauses() {
        let short = log_after_load(true);
        assert!(short < WRITTEN / 2, "{short} MiB");
    }

    #[test]
    fn a_log_that_is_only_moved_beside_the_writer_grows() {
        let long = log_after_load(false);
        assert!(long > WRITTEN / 2, "{long} MiB");
    }
}
