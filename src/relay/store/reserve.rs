//! Room that is kept for a full disk.
//!
//! Question: a full disk refuses all that is written, and to acknowledge is to write; how does a mailbox get empty then?
//! A file lies beside the database. When the disk is full the file goes, and what it leaves free is for acknowledgements, logins and
//! questions for keys. New mail and new keys are refused until there is enough room for such a file again. So a full relay can be
//! read empty, and goes on by itself when somebody has made room.
//!
//! Limits: to acknowledge is to overwrite what was delivered, so it takes as much for a moment. Others who write to the same disk may take
//! the room; and a file system that compresses keeps less of it than it seems.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Enough for some hundred ordinary acknowledgements, or five of the largest; every second the log is moved on.
const SIZE: usize = 1 << 20;
/// How often to look whether there is room again.
const AGAIN: Duration = Duration::from_secs(1);

/// The room, or the lack of it.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    /// Since when there is none, or when that was last looked at.
    spent: Option<Instant>,
}

impl Reserve {
    /// Keeps room beside the database, if there is any.
    pub(super) fn beside(database: &std::path::Path) -> Self {
        let mut reserve = Self { path: database.with_extension("reserve"), spent: None };
        reserve.spent = reserve.fill().err().map(|_| Instant::now());
        reserve
    }

    /// Gives away the room that an earlier run kept. False if there was none.
    pub(super) fn give_up(database: &std::path::Path) -> bool {
        fs::remove_file(database.with_extension("reserve")).is_ok()
    }

    /// Gives the room away. False if it was given away before.
    pub(super) fn spend(&mut self) -> bool {
        let had = self.spent.is_none();
        self.spent.get_or_insert_with(Instant::now);
        had && fs::remove_file(&self.path).is_ok()
    }

    /// Whether new mail may be taken: the room is kept, or can be again.
    pub(super) fn is_kept(&mut self) -> bool {
        if self.spent.is_some_and(|looked| looked.elapsed() >= AGAIN) {
            self.spent = self.fill().err().map(|_| Instant::now());
        }
        self.spent.is_none()
    }

    fn fill(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let filled = options.open(&self.path).and_then(|mut file| file.write_all(&vec![0; SIZE]));
        if filled.is_err() {
            let _nothing_there = fs::remove_file(&self.path);
        }
        filled
    }
}
