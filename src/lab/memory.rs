//! A process's writable memory: what it holds at this moment, as its owner (or root) may read it.
//!
//! Linux shows it as files: `/proc/PID/maps` lists the regions, `/proc/PID/mem` is the memory itself. Elsewhere, or where the
//! system forbids it, nothing is scanned, and whoever asks is told so.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::scanner::{Found, Scanner};

/// Memory could not be read: it is left out of every verdict.
#[derive(Debug, thiserror::Error)]
#[error("not scanned: {0}")]
pub struct NotScanned(#[from] io::Error);

/// Scans all readable and writable regions of a process. Returns how many bytes were read.
///
/// # Errors
/// [`NotScanned`] where there is no such view or no permission.
pub fn scan(pid: u32, scanner: &Scanner, found: &mut Found) -> Result<u64, NotScanned> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut scanned = 0;
    for (start, end) in maps.lines().filter_map(writable) {
        memory.seek(SeekFrom::Start(start))?;
        let mut region = Counted { inner: (&mut memory).take(end - start), read: 0 };
        // A region can vanish while it is read: what was read of it counts.
        let _vanished = scanner.scan(BufReader::with_capacity(1 << 20, &mut region), found);
        scanned += region.read;
    }
    if scanned == 0 { Err(io::Error::from(io::ErrorKind::PermissionDenied).into()) } else { Ok(scanned) }
}

/// `start-end rw-p … [path]` → the region's addresses, if it is readable and writable.
fn writable(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    fields.next()?.starts_with("rw").then_some(())?;
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_another_process_holds_is_found_and_what_it_does_not_hold_is_not() {
        let held = b"held by the child 7f3a91";
        let mut child = Command::new("sh")
            .args(["-c", "read x; echo ready; read y"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(&[held, &b"\n"[..]].concat()).unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let scanner = Scanner::new(&[held.to_vec(), b"held by nobody 0c55d2".to_vec()]).unwrap();
        let mut found = Found::new();
        let scanned = scan(child.id(), &scanner, &mut found);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(scanned.unwrap() > 4096);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0]);
    }
}
