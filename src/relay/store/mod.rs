//! The store: one thread, one database, one transaction for everything that has queued up meanwhile.
//!
//! Question: how can an acknowledgement mean "survives a power cut" and still be fast?
//! Flushing a disk takes as long for a thousand messages as for one. So the thread takes whatever waits, runs it in one
//! transaction, flushes once, and only then answers. The batch sizes itself by the disk: the slower the flush, the more
//! has queued. Rows are appended by number with a small index by mailbox; clustering by mailbox would cost random writes.
//!
//! ```text
//! wait for the first op → take all that are queued → BEGIN … COMMIT (one flush) → answers, and committed mail in order
//! ```
//!
//! Acknowledgements alone wait a moment for company, because nobody waits for them: then they cost no flush of their own.
//! Every commit is flushed all the same. One that is not flushed would be a gap in the log if the next flush failed.
//! What was deleted is still in the write-ahead log; as soon as nobody has wanted anything for a second, the log is moved into the
//! database and emptied.

pub(super) mod index;
mod known;
mod local;
mod log;
mod op;
pub(super) mod read;
mod reserve;
mod sql;

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode as Sqlite, ffi};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::limits::Limits;
use crate::wire::RelayFrame;
use known::Known;
pub use local::{Handled, LocalRelay};
use op::Outcome;
pub(super) use op::{Answer, Committed, Op, Reply};
use reserve::Reserve;
pub use sql::Removed;

/// The most ops in one transaction.
const BATCH: usize = 1_000;
/// How long acknowledgements wait for another op, to share its flush.
const COMPANY: Duration = Duration::from_millis(10);
/// When nothing is asked for so long, the log is emptied: nobody waits for that.
const IDLE: Duration = Duration::from_secs(1);
/// How long a transaction waits for somebody else who uses the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// A handle to the store's thread. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    ops: Sender<(Op, Reply)>,
    committed: Mutex<Option<UnboundedReceiver<Vec<Committed>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The archive's own connection; none in memory.
    reader: Option<Mutex<Connection>>,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A later version of this program made it.
    #[error("the relay's database was written by a newer blindrelay; use that version, nothing was changed")]
    Newer,
    /// Not a database of a relay, or not readable any more.
    #[error(
        "the relay's database is damaged or another kind of file ({0}); restore it, or move it away: clients register again by themselves"
    )]
    Damaged(String),
    /// It cannot be opened.
    #[error("the relay's database cannot be used")]
    Db(#[from] rusqlite::Error),
    /// A read failed.
    #[error("the relay's database refused: {0}")]
    Refused(String),
    /// The archive's index is far behind, and is being made.
    #[error("the archive's index is being made, for the first time or after a long while; try again in a moment")]
    Behind,
    /// The store has stopped.
    #[error("the relay is stopping")]
    Stopped,
}

impl Store {
    /// Opens or makes the database at `path`. With `hoard` sealed mail is kept for ever.
    ///
    /// # Errors
    /// [`StoreError`]; an existing file is left as it was.
    pub fn open(path: &Path, hoard: bool) -> Result<Self, StoreError> {
        let db = match sql::open(path) {
            // To open is to write a little: the room that an earlier run kept is for that too.
            Err(StoreError::Db(error)) if is_full(&error) && Reserve::give_up(path) => sql::open(path)?,
            opened => opened?,
        };
        let checkpoints = Connection::open(path)?;
        let reader = read::open(path)?;
        Ok(Self::start(db, Some((checkpoints, reader)), Some(Reserve::beside(path)), hoard))
    }

    /// A store in memory, for simulations.
    ///
    /// # Errors
    /// [`StoreError::Db`] if SQLite cannot start.
    pub fn in_memory(hoard: bool) -> Result<Self, StoreError> {
        Ok(Self::start(sql::in_memory()?, None, None, hoard))
    }

    /// Queues an op. Should the thread end before it gets there, nobody answers: the relay then ends its connections.
    pub(super) fn submit(&self, op: Op, reply: Reply) -> Result<(), StoreError> {
        self.0.ops.send((op, reply)).map_err(|_| StoreError::Stopped)
    }

    /// A read, awaited.
    pub(super) async fn read(&self, op: Op) -> Result<Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.submit(op, Reply::Reader(reply))?;
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// Whether the thread answers and the database can be read.
    pub(super) async fn is_well(&self) -> bool {
        self.read(Op::Look).await.is_ok()
    }

    /// What was committed, a batch at a time and in order, until the thread ends. There is one taker, who gives it out: the
    /// thread would wake up each connection by itself, and that costs more than to store a message.
    pub(super) fn take_committed(&mut self) -> Option<UnboundedReceiver<Vec<Committed>>> {
        self.0.committed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Finishes what is queued and closes the database.
    pub fn stop(&self) {
        let _stopped_before = self.submit(Op::Stop, Reply::Nobody);
        let threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _panicked = thread.join();
        }
    }

    fn start(db: Connection, beside: Option<(Connection, Connection)>, reserve: Option<Reserve>, hoard: bool) -> Self {
        let (ops, queue) = channel();
        let (committed, receiver) = unbounded_channel();
        let (stopped, stop) = channel();
        let its_rest = log::Rest::default();
        let rest = its_rest.clone();
        let writer = std::thread::spawn(move || {
            Writer { db, known: Known::default(), reserve, hoard, rest, tidy: false, committed }.run(&queue);
            drop(stopped);
        });
        let mut threads = vec![writer];
        let (checkpoints, reader) = beside.unzip();
        let keep = |db| move || log::keep_short(&db, &its_rest, &stop, log::EVERY, log::LONG);
        threads.extend(checkpoints.map(|db| std::thread::spawn(keep(db))));
        let committed = Mutex::new(Some(receiver));
        Self(Arc::new(Handle { ops, committed, threads: Mutex::new(threads), reader: reader.map(Mutex::new) }))
    }
}

struct Writer {
    db: Connection,
    known: Known,
    reserve: Option<Reserve>,
    hoard: bool,
    /// The rest of a long write-ahead log.
    rest: log::Rest,
    /// Whether the write-ahead log was emptied after the last batch.
    tidy: bool,
    committed: UnboundedSender<Vec<Committed>>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<(Op, Reply)>) {
        let mut stopping = false;
        while !stopping && let Some(first) = self.next(queue) {
            let (mut ops, mut replies) = (vec![first.0], vec![first.1]);
            let company = Instant::now() + COMPANY;
            while let Some((op, reply)) = next_of(queue, &ops, company) {
                ops.push(op);
                replies.push(reply);
            }
            stopping = ops.iter().any(|op| matches!(op, Op::Stop));
            self.commit(&ops, replies);
            self.rest.move_if_long(&self.db);
            self.tidy = false;
        }
        self.empty_log();
    }

    /// Waits for the next op; none if nobody can ask any more.
    fn next(&mut self, queue: &Receiver<(Op, Reply)>) -> Option<(Op, Reply)> {
        while !self.tidy {
            match queue.recv_timeout(IDLE) {
                Err(RecvTimeoutError::Timeout) => self.empty_log(),
                next => return next.ok(),
            }
        }
        queue.recv().ok()
    }

    /// Somebody else who reads the file just now is not waited for: then it is tried again.
    fn empty_log(&mut self) {
        let patience = |time| self.db.busy_timeout(time);
        let checkpoint = || self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        let busy = patience(Duration::ZERO).and_then(|()| checkpoint());
        self.tidy = !patience(PATIENCE).and(busy).unwrap_or_else(|error| {
            tracing::warn!(%error, "the write-ahead log could not be emptied; tried again when it is quiet");
            true
        });
    }

    /// One transaction for the batch. If it fails, each op gets one of its own: a full disk then refuses new mail, and lets
    /// reads and acknowledgements through, in the room that was kept for them.
    fn commit(&mut self, ops: &[Op], replies: Vec<Reply>) {
        match self.transaction(ops) {
            Ok(outcomes) => {
                let committed = replies.into_iter().zip(outcomes).map(|(reply, outcome)| Committed(reply, outcome));
                drop(self.committed.send(committed.collect()));
            }
            Err(error) if is_full(&error) && !ops.iter().any(takes_room) && self.spend() => self.commit(ops, replies),
            Err(error) if ops.len() == 1 => {
                tracing::error!(%error, "the database refused");
                replies.into_iter().zip(ops).for_each(|(reply, op)| reply.refuse(op, &error));
            }
            Err(_) => replies.into_iter().zip(ops).for_each(|(reply, op)| {
                self.commit(std::slice::from_ref(op), vec![reply]);
            }),
        }
    }

    fn transaction(&mut self, ops: &[Op]) -> rusqlite::Result<Vec<Outcome>> {
        if ops.iter().any(takes_room) && self.reserve.as_mut().is_some_and(|reserve| !reserve.is_kept()) {
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None));
        }
        // A database that was moved or deleted while it is open takes writes all the same: nobody would find them again.
        let path = self.db.path().filter(|path| !path.is_empty()).map(Path::new);
        if let Some(gone) = path.filter(|path| !path.exists()) {
            return Err(rusqlite::Error::InvalidPath(gone.to_owned()));
        }
        let transaction = self.db.transaction()?;
        // Known again only if it is committed: what a transaction that failed has taught is not so.
        let mut known = std::mem::take(&mut self.known);
        let mut rows = sql::Rows { db: &transaction, known: &mut known, hoard: self.hoard };
        let outcomes = ops.iter().map(|op| apply(&mut rows, op)).collect::<rusqlite::Result<_>>()?;
        transaction.commit()?;
        self.known = known;
        Ok(outcomes)
    }

    fn spend(&mut self) -> bool {
        self.reserve.as_mut().is_some_and(Reserve::spend)
    }
}

/// What is not taken when the disk is full. All else makes room, or takes little.
fn takes_room(op: &Op) -> bool {
    matches!(op, Op::Put { .. } | Op::Publish { .. })
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(Sqlite::DiskFull)
}

/// What else belongs to this batch. Acknowledgements alone wait for it, until `company`.
fn next_of(queue: &Receiver<(Op, Reply)>, ops: &[Op], company: Instant) -> Option<(Op, Reply)> {
    if ops.len() == BATCH {
        return None;
    }
    let alone = ops.iter().all(|op| matches!(op, Op::Ack { .. }));
    if alone {
        queue.recv_timeout(company.saturating_duration_since(Instant::now())).ok()
    } else {
        queue.try_recv().ok()
    }
}

fn apply(rows: &mut sql::Rows, op: &Op) -> rusqlite::Result<Outcome> {
    let answer = match op {
        Op::Hello { user, token_hash, now, newcomers } => {
            Answer::frame(rows.hello(user, token_hash, *now, *newcomers)?)
        }
        Op::Publish { user, identity, prekey, one_time } => {
            Answer::frame(rows.publish(user, identity, prekey, one_time)?)
        }
        Op::Fetch { user } => Answer::frame(rows.fetch(user)?),
        Op::Put { from, to, id, at, payload, limits } => match rows.put(from, to, *id, *at, payload, limits)? {
            Ok(Some(envelope)) => return Ok(Outcome::Stored(Arc::new(envelope))),
            Ok(None) => Answer::frame(RelayFrame::Accepted { id: *id }),
            Err(refusal) => Answer::frame(refusal),
        },
        Op::Page { user, after } => {
            let (envelopes, full) = rows.page(user, *after)?;
            Answer::Page { envelopes, full }
        }
        Op::Ask(question) => {
            question.answer(rows.db);
            return Ok(Outcome::Nothing);
        }
        Op::Remove { user, seq } => Answer::Removed(rows.remove(user, *seq)?),
        Op::Ack { user, seq } => {
            rows.ack(user, *seq)?;
            Answer::Done
        }
        Op::Look => {
            rows.look()?;
            Answer::Done
        }
        Op::Stop => return Ok(Outcome::Nothing),
    };
    Ok(Outcome::Answer(answer))
}

#[cfg(test)]
mod tests;
