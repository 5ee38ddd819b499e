//! The search: every line and tag of the script, in every place of the relay, with controls that must be found.

use std::fs::File;
use std::io::BufReader;

use anyhow::Result;
use serde::Serialize;

use super::Line;
use super::play::Scene;
use crate::lab::memory;
use crate::lab::scanner::{Found, SHORTEST, Scanner};

/// A line without its tag is searched for too if it is this long; a shorter one counts only with its tag.
const LONG: usize = 16;
/// How much of a blob is searched for: enough to be unique, short enough to lie in one database page.
const BLOB: usize = 64;

/// One place that was searched.
#[derive(Debug, Clone, Serialize)]
pub struct Place {
    /// `wire`, `database`, `log` or `memory`.
    pub name: &'static str,
    /// Bytes searched; none if the place could not be read.
    pub searched: Option<u64>,
    /// Why it was not searched.
    pub not_searched: Option<String>,
    /// Lines found, by number from 1.
    pub lines: Vec<usize>,
    /// Sealed blobs found, and how many there were.
    pub blobs: (usize, usize),
    /// Names found, of two.
    pub names: usize,
}

/// The search of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Sweep {
    /// Wire, database, log, memory.
    pub places: Vec<Place>,
    /// Needles that were there before anything was sent, and so were left out.
    pub left_out: Vec<String>,
}

impl Sweep {
    /// Every line was found on the wire, in the database and in memory (if memory could be read).
    #[must_use]
    pub fn reads_every_line(&self, lines: usize) -> bool {
        let counts = |place: &&Place| place.name != "log" && place.not_searched.is_none();
        self.places.iter().filter(counts).all(|place| place.lines.len() == lines) && self.has_looked()
    }

    /// No line was found anywhere, while the blobs and both names were found wherever they must be.
    #[must_use]
    pub fn reads_no_line(&self) -> bool {
        let control = |place: &Place| {
            place.name == "log"
                || place.not_searched.is_some()
                || (place.blobs.0 == place.blobs.1 && place.blobs.1 > 0 && place.names == 2)
        };
        self.places.iter().all(|place| place.lines.is_empty() && control(place)) && self.has_looked()
    }

    fn has_looked(&self) -> bool {
        self.places.iter().filter(|place| place.name != "memory").all(|place| place.searched.is_some())
    }
}

/// What is looked for.
pub(super) struct Needles {
    /// Which line each needle belongs to (from 1), and how it is called.
    owners: Vec<(usize, String)>,
    bytes: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
}

impl Needles {
    pub(super) fn new(lines: &[Line], scene: &Scene) -> Self {
        let (mut owners, mut bytes) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(lines) {
            owners.push((number, format!("tag of line {number}")));
            bytes.push(line.tag.clone().into_bytes());
            if line.text.len() >= LONG.max(SHORTEST) {
                owners.push((number, format!("line {number}")));
                bytes.push(line.text.clone().into_bytes());
            }
        }
        let names = [&scene.alice, &scene.bob].map(|name| name.as_str().as_bytes().to_vec()).to_vec();
        Self { owners, bytes, names }
    }

    /// Needles that are there before anything was sent.
    pub(super) async fn baseline(&self, scene: &Scene) -> Result<Vec<usize>> {
        let mut there: Vec<usize> = Vec::new();
        for (_, found) in search(scene, &self.bytes).await? {
            there.extend(found.map(|(_, found)| found.into_keys().collect::<Vec<_>>()).unwrap_or_default());
        }
        there.sort_unstable();
        there.dedup();
        Ok(there)
    }

    pub(super) async fn sweep(&self, scene: &Scene, blobs: Vec<Vec<u8>>, before: Vec<usize>) -> Result<Sweep> {
        let blobs: Vec<Vec<u8>> =
            blobs.into_iter().map(|blob| blob[blob.len().saturating_sub(BLOB)..].to_vec()).collect();
        let (lines_end, blobs_end) = (self.bytes.len(), self.bytes.len() + blobs.len());
        let all = [&self.bytes[..], &blobs, &self.names].concat();
        let mut places = Vec::new();
        for (name, result) in search(scene, &all).await? {
            let (searched, not_searched, found) = match result {
                Ok((searched, found)) => (Some(searched), None, found),
                Err(error) => (None, Some(error.to_string()), Found::new()),
            };
            let among = |from: usize, to: usize| found.keys().filter(|&&needle| (from..to).contains(&needle)).count();
            let mut lines: Vec<usize> = found
                .keys()
                .filter(|needle| **needle < lines_end && !before.contains(needle))
                .map(|&needle| self.owners[needle].0)
                .collect();
            lines.dedup();
            places.push(Place {
                name,
                searched,
                not_searched,
                lines,
                blobs: (among(lines_end, blobs_end), blobs.len()),
                names: among(blobs_end, all.len()),
            });
        }
        let left_out = before.into_iter().map(|needle| self.owners[needle].1.clone()).collect();
        Ok(Sweep { places, left_out })
    }
}

type Searched = (&'static str, Result<(u64, Found)>);

/// Looks in each place. Scanning is work for a thread of its own: the clients stay responsive meanwhile.
async fn search(scene: &Scene, needles: &[Vec<u8>]) -> Result<Vec<Searched>> {
    let scanner = Scanner::new(needles)?;
    let wire: String = scene.tap.crossings().into_iter().map(|crossing| crossing.text + "\n").collect();
    let pid = scene.relay.id();
    let dir = scene.home.relay_dir();
    let search = move || {
        let files = |names: &[&str]| -> Result<(u64, Found)> {
            let (mut searched, mut found) = (0, Found::new());
            for file in names.iter().map(|name| dir.join(name)).filter(|path| path.exists()) {
                let file = File::open(file)?;
                searched += file.metadata()?.len();
                scanner.scan(BufReader::new(file), &mut found)?;
            }
            Ok((searched, found))
        };
        let wire = || {
            let mut found = Found::new();
            scanner.scan(wire.as_bytes(), &mut found)?;
            Ok((wire.len() as u64, found))
        };
        let memory = || {
            let mut found = Found::new();
            let pid = pid.ok_or_else(|| anyhow::anyhow!("not scanned: the relay has ended"))?;
            let searched = memory::scan(pid, &scanner, &mut found)?;
            Ok((searched, found))
        };
        vec![
            ("wire", wire()),
            ("database", files(&["relay.db", "relay.db-wal", "platform.db", "platform.db-wal"])),
            ("log", files(&["relay.log"])),
            ("memory", memory()),
        ]
    };
    Ok(tokio::task::spawn_blocking(search).await?)
}
