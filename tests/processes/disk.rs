//! A disk that forgets, at a power cut, what it was not asked to keep.
//!
//! Question: `kill -9` proves little, because the system still has what was written; who has pulled the plug?
//! Nobody needs to. From a record of what a process did to files, this rebuilds what lies on the disk at any moment: what was
//! flushed is there; of the rest nothing, or any part, for disks write in any order and tear what they write into sectors.
//!
//! ```text
//! write A · write B · flush · write C · cut      →  A B, and of C nothing, all, or some of its sectors
//! write A · flush (refused) · write B · flush    →  B: what a refused flush has dropped is not written again by the next one
//! ```
//!
//! Names are kept with their directory's flush, or with that of the file. That is what ext4, XFS and Btrfs do; POSIX promises
//! less. Source: Pillai and others, "All File Systems Are Not Created Equal", OSDI 2014; Rebello and others, "Can Applications
//! Recover from fsync Failures?", USENIX ATC 2020.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};

use super::tracer::Deed;

/// Disks write this much at once, or not at all.
const SECTOR: usize = 512;

/// The files below one directory.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    root: PathBuf,
    files: BTreeMap<PathBuf, Stored>,
    lies: bool,
}

/// A file: what is on the disk, and what was done since.
#[derive(Debug, Clone, Default)]
struct Stored {
    kept: Option<Vec<u8>>,
    since: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    /// The name now stands for a file with this in it.
    Named(Vec<u8>),
    Gone,
    Write(usize, Vec<u8>),
    Resize(usize),
}

/// What is left of that which was not flushed.
#[derive(Debug, Clone, Copy)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// Any part, as the dice fall.
    Part(u64),
}

impl Disk {
    /// One on which nothing is below `root` yet.
    pub fn empty(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// What lies below `root` now, all of it safe.
    pub fn of(root: &Path) -> Self {
        let mut disk = Self::empty(root);
        let mut dirs = vec![root.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if let Some(file) = disk.file(&path) {
                    file.kept = Some(fs::read(&path).unwrap());
                }
            }
        }
        disk
    }

    /// From here on it says "done" when it is asked to flush, and does nothing.
    pub fn lying(mut self) -> Self {
        self.lies = true;
        self
    }

    /// What a process did, done to this disk.
    pub fn take(&mut self, deed: &Deed) {
        let place = |n: u64| usize::try_from(n).unwrap();
        let (path, change) = match deed {
            Deed::Open(path) => (path, Change::Named(Vec::new())),
            Deed::Write(path, at, bytes) => (path, Change::Write(at.map_or(usize::MAX, place), bytes.clone())),
            Deed::Resize(path, length) => (path, Change::Resize(place(*length))),
            Deed::Unlink(path) => (path, Change::Gone),
            Deed::Rename(from, to) => {
                let Some(moved) = self.file(from) else { return };
                let Stored { kept, since } = moved.clone();
                moved.since.push(Change::Gone);
                self.file(to).unwrap().since.push(Change::Named(kept.unwrap_or_default()));
                self.file(to).unwrap().since.extend(since.into_iter().filter(|change| !change.is_of_a_name()));
                return;
            }
            Deed::Flush(path, done) if !self.lies => return self.flush(path, *done),
            Deed::Flush(..) | Deed::Say(_) => return,
        };
        if let Some(file) = self.file(path)
            && !(matches!(deed, Deed::Open(_)) && file.now().is_some())
        {
            file.since.push(change);
        }
    }

    fn flush(&mut self, path: &Path, done: bool) {
        if let Some(file) = self.files.get_mut(path) {
            if done {
                file.kept = file.now();
                file.since.clear();
            } else {
                // The system forgets that these pages were still to be written.
                file.since.retain(|change| !matches!(change, Change::Write(..)));
            }
        }
        for (_, file) in self.files.iter_mut().filter(|(name, _)| done && name.parent() == Some(path)) {
            let (names, rest): (_, Vec<_>) = file.since.drain(..).partition(Change::is_of_a_name);
            (file.kept, file.since) = (names.iter().fold(file.kept.take(), Change::of), rest);
        }
    }

    /// What a power cut at this moment leaves, laid out below another directory.
    pub fn cut(&self, left: Left, to: &Path) {
        let mut dice = ChaCha20Rng::seed_from_u64(if let Left::Part(seed) = left { seed } else { 0 });
        for (path, file) in &self.files {
            let parts = file.since.iter().flat_map(Change::sectors).filter(|_| match left {
                Left::Nothing => false,
                Left::Part(_) => dice.random(),
            });
            let after = parts.fold(file.kept.clone(), |bytes, part| Change::of(bytes, &part));
            if let Some(bytes) = after {
                let path = to.join(path.strip_prefix(&self.root).unwrap());
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
    }

    /// A file of this disk. SQLite's shared memory is made anew after a crash, and the relay's reserve is only room.
    fn file(&mut self, path: &Path) -> Option<&mut Stored> {
        let name = path.to_str().unwrap();
        let matters = !path.is_dir() && !name.ends_with("-shm") && !name.ends_with(".reserve");
        (matters && path.starts_with(&self.root)).then(|| self.files.entry(path.to_owned()).or_default())
    }
}

impl Stored {
    /// What whoever reads the file sees, power permitting.
    fn now(&self) -> Option<Vec<u8>> {
        self.since.iter().fold(self.kept.clone(), Change::of)
    }
}

impl Change {
    fn is_of_a_name(&self) -> bool {
        matches!(self, Self::Named(_) | Self::Gone)
    }

    fn of(file: Option<Vec<u8>>, change: &Self) -> Option<Vec<u8>> {
        match change {
            Self::Named(bytes) => Some(bytes.clone()),
            Self::Gone => None,
            Self::Resize(length) => file.map(|mut bytes| {
                bytes.resize(*length, 0);
                bytes
            }),
            Self::Write(at, new) => file.map(|mut bytes| {
                let at = if *at == usize::MAX { bytes.len() } else { *at };
                bytes.resize(bytes.len().max(at + new.len()), 0);
                bytes[at..at + new.len()].copy_from_slice(new);
                bytes
            }),
        }
    }

    /// The parts that a disk writes or does not write.
    fn sectors(&self) -> Vec<Self> {
        match self {
            Self::Write(at, bytes) if *at != usize::MAX => {
                let sectors = bytes.chunks(SECTOR).enumerate();
                sectors.map(|(n, sector)| Self::Write(at + n * SECTOR, sector.to_vec())).collect()
            }
            whole => vec![whole.clone()],
        }
    }
}
