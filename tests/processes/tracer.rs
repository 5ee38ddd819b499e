//! A tracer around a process: `strace` ends it or fails a call at the N-th call of a kind, and writes down what it did to files.
//!
//! Question: how does one stop a program between two particular steps, when it has no switch for that and should have none?
//! From outside. Every step that matters ends in a call to the system: a file is flushed or cut off, a frame is sent. Stopped as
//! it enters its first such call, its second, its third, it has been stopped between any two.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::harness::eventually;

/// The calls by which something is kept or leaves.
pub const STEPS: &str = "fsync,fdatasync,ftruncate,unlink,sendto";
/// The calls that a replay needs.
const CALLS: &str = "openat,close,write,writev,pwrite64,fsync,fdatasync,ftruncate,unlink,rename,sendto";

/// Whether there is a tracer that may trace. Without one a test passes over, and says so; where everything must be tested it fails.
pub fn strace() -> bool {
    let mut strace = Command::new("strace");
    let works = strace.args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status().is_ok_and(|it| it.success());
    assert!(works || std::env::var_os("CI").is_none(), "strace is missing here, or may not trace");
    if !works {
        eprintln!("passed over: needs strace, and leave to trace");
    }
    works
}

/// The same, to record what a client does: it lets nobody read its memory, root excepted.
pub fn strace_of_a_client() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    assert!(root || std::env::var_os("CI").is_none(), "only root may record a client");
    if !root {
        eprintln!("passed over: only root may record a client");
    }
    root && strace()
}

/// The same command, with a tracer beside it. The process that is started is still the program's own.
pub fn traced(command: &Command, options: &[&str]) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-q", "--seccomp-bpf"]).args(options);
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// The same command, killed as the first of its threads enters its `n`-th of these calls.
pub fn killed_at(n: usize, calls: &str, command: &Command) -> Command {
    traced(command, &["-o", "/dev/null", "-e", &format!("inject={calls}:signal=KILL:when={n}")])
}

/// The same command; what it does to files and says to others is written to `log`.
pub fn recorded(command: &Command, log: &Path, more: &[&str]) -> Command {
    let log = log.to_str().unwrap();
    let trace = format!("trace={CALLS}");
    traced(command, &[&["-xx", "-s", "1000000", "-e", &trace, "-o", log], more].concat())
}

/// Something that a process did.
#[derive(Debug)]
pub enum Deed {
    /// Opened a file, perhaps a new one.
    Open(PathBuf),
    /// Wrote at a place of a file; without a place, at its end.
    Write(PathBuf, Option<u64>, Vec<u8>),
    /// Made it so long.
    Resize(PathBuf, u64),
    /// Asked for all of a file, or of a directory's names, to be on the disk; whether it was told that they are.
    Flush(PathBuf, bool),
    /// Took a name away.
    Unlink(PathBuf),
    /// Gave a file another name.
    Rename(PathBuf, PathBuf),
    /// Said something on a socket.
    Say(Vec<u8>),
}

/// What a process that has ended did, in order.
pub fn deeds(log: &Path) -> Vec<Deed> {
    // The last line is about its end, and is there when all others are.
    eventually("the tracer has written all", || {
        fs::read_to_string(log).is_ok_and(|text| text.lines().last().is_some_and(|line| line.ends_with(" +++")))
    });
    let text = fs::read_to_string(log).unwrap();
    let (mut begun, mut files, mut deeds) = (HashMap::new(), HashMap::new(), Vec::new());
    for line in text.lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let line = line.trim_start();
        // A call of one thread may have been written down in two pieces, with others between.
        if let Some(start) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start);
        } else if let Some((_, end)) = line.split_once(" resumed>") {
            let start = begun.remove(thread).unwrap_or_default();
            deeds.extend(deed(&format!("{start}{end}"), &mut files));
        } else {
            deeds.extend(deed(line, &mut files));
        }
    }
    deeds
}

/// `pwrite64(13, "\x0d\x00", 2, 4096) = 2` → what that did. None if nothing, or nothing to a file.
fn deed(line: &str, files: &mut HashMap<u64, PathBuf>) -> Option<Deed> {
    let (call, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments: Vec<&str> = arguments.trim_end().trim_end_matches(')').split(", ").collect();
    let failed = result.starts_with('-');
    let number = |n: usize| arguments.get(n)?.parse::<u64>().ok();
    let path = |n: usize| Some(PathBuf::from(OsString::from_vec(unquote(arguments.get(n)?))));
    let said = || arguments.iter().flat_map(|argument| unquote(argument)).collect::<Vec<u8>>();
    match call {
        "fsync" | "fdatasync" => Some(Deed::Flush(files.get(&number(0)?)?.clone(), !failed)),
        _ if failed => None,
        "openat" => {
            let path = path(1)?;
            files.insert(result.parse().ok()?, path.clone());
            Some(Deed::Open(path))
        }
        "close" => {
            files.remove(&number(0)?);
            None
        }
        "ftruncate" => Some(Deed::Resize(files.get(&number(0)?)?.clone(), number(1)?)),
        "unlink" => Some(Deed::Unlink(path(0)?)),
        "rename" => Some(Deed::Rename(path(0)?, path(1)?)),
        _ => {
            let length: usize = result.split(' ').next()?.parse().ok()?;
            let mut bytes = said();
            bytes.truncate(length);
            match (files.get(&number(0)?), call) {
                (Some(path), "pwrite64") => Some(Deed::Write(path.clone(), Some(number(3)?), bytes)),
                (Some(path), _) => Some(Deed::Write(path.clone(), None, bytes)),
                (None, "sendto" | "writev") => Some(Deed::Say(bytes)),
                (None, _) => None,
            }
        }
    }
}

/// The bytes between quotes, each written as `\x2f`.
fn unquote(argument: &str) -> Vec<u8> {
    let quoted = argument.split('"').nth(1).unwrap_or_default();
    quoted.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}
