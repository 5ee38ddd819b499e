//! Processes of the program, in homes of their own. Whatever a test started is gone when it ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Nothing here takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How many times something is repeated: `EFFORT=full` does more.
pub fn effort(quick: usize, full: usize) -> usize {
    if std::env::var("EFFORT").is_ok_and(|effort| effort == "full") { full } else { quick }
}

/// A fresh home directory.
pub fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// One in memory, if there is such a place: for many cycles in which no disk is at stake.
pub fn home_in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| home())
}

/// The program with a home, without this machine's settings.
pub fn blindrelay(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blindrelay"));
    command.args(args).env("BLINDRELAY_HOME", home).env_remove("NO_COLOR").env_remove("XDG_DATA_HOME");
    command
}

/// What a finished command left.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Its output, if it succeeded and complained about nothing.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// Its complaint, if it failed with this status and printed no result.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }
}

/// Runs a command to its end with this standard input.
#[track_caller]
pub fn run(home: &Path, args: &[&str], input: &str) -> Ran {
    run_command(blindrelay(home, args), input)
}

/// Runs any command to its end with this standard input.
#[track_caller]
pub fn run_command(mut command: Command, input: impl AsRef<[u8]>) -> Ran {
    command.stdout(Stdio::piped());
    run_unread(command, input)
}

/// Runs any command to its end with this standard input, and leaves its standard output as it is.
#[track_caller]
pub fn run_unread(mut command: Command, input: impl AsRef<[u8]>) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_owned();
    std::thread::spawn(move || stdin.write_all(&input));
    let (done, waiting) = channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let Ok(output) = waiting.recv_timeout(PATIENCE) else {
        signal("KILL", id);
        panic!("{command:?} does not end");
    };
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Sends a signal to a process that this test started.
pub fn signal(name: &str, id: u32) {
    let kill = format!("kill -{name} {id}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
}

/// Waits until something holds.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a process to end.
#[track_caller]
pub fn ended(child: &mut Child) -> ExitStatus {
    let mut status = None;
    eventually("the process ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// Lines of a pipe, read as they come.
struct Lines {
    incoming: Receiver<String>,
    seen: Vec<String>,
    /// How far `wait` has looked.
    next: usize,
}

impl Lines {
    fn of(pipe: impl std::io::Read + Send + 'static) -> Self {
        let (sender, incoming) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                if line.map(|line| sender.send(line)).is_err() {
                    return;
                }
            }
        });
        Self { incoming, seen: Vec::new(), next: 0 }
    }

    /// The next line that contains `needle`, after the one found last.
    #[track_caller]
    fn wait(&mut self, needle: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(line) = self.seen.get(self.next) {
                self.next += 1;
                if line.contains(needle) {
                    return line.clone();
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.incoming.recv_timeout(left) else {
                panic!("no line with {needle:?}; there were: {:#?}", self.seen);
            };
            self.seen.push(line);
        }
    }

    /// All lines until the pipe is closed.
    fn all(mut self) -> Vec<String> {
        while let Ok(line) = self.incoming.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        self.seen
    }
}

/// A relay process.
pub struct Relay {
    child: Child,
    home: PathBuf,
    port: u16,
}

impl Relay {
    /// Starts one on a free port.
    #[track_caller]
    pub fn start(home: &Path) -> Self {
        Self::start_with(home, &[])
    }

    /// Starts one on a free port with more arguments.
    #[track_caller]
    pub fn start_with(home: &Path, args: &[&str]) -> Self {
        Self::try_start(home, "127.0.0.1:0", args, Command::from).expect("the relay starts")
    }

    /// Starts one on another address.
    #[track_caller]
    pub fn start_with_listen(home: &Path, listen: &str) -> Self {
        Self::try_start(home, listen, &[], Command::from).expect("the relay starts")
    }

    /// Starts one on a free port, with something wrapped around its command.
    #[track_caller]
    pub fn start_as(home: &Path, wrap: impl Fn(Command) -> Command) -> Self {
        Self::try_start(home, "127.0.0.1:0", &[], wrap).expect("the relay starts")
    }

    /// One on a free port, or none if it does not start; the log says why.
    pub fn if_it_starts(home: &Path) -> Option<Self> {
        Self::try_start(home, "127.0.0.1:0", &[], Command::from)
    }

    fn try_start(home: &Path, listen: &str, args: &[&str], wrap: impl Fn(Command) -> Command) -> Option<Self> {
        let mut command = blindrelay(home, &["relay", "--listen", listen]);
        command.args(args);
        let log = File::options().create(true).append(true).open(home.join("log")).unwrap();
        let mut command = wrap(command);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let Some(port) = port else {
            child.wait().unwrap();
            return None;
        };
        Some(Self { child, home: home.to_owned(), port })
    }

    /// `ws://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The log of all relays of this home.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap()
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.home.join("relay/relay.db")
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without warning, so that clients lose it in mid-sentence.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same home and port. Somebody's outgoing connection may hold the port for a moment.
    #[track_caller]
    pub fn restart(&mut self) {
        eventually("the relay starts again", || self.restarted_as(Command::from));
    }

    /// Starts it again with something wrapped around its command; whether it came as far as to listen.
    pub fn restarted_as(&mut self, wrap: impl Fn(Command) -> Command) -> bool {
        let started = Self::try_start(&self.home, &self.address(), &[], wrap);
        started.map(|relay| *self = relay).is_some()
    }

    /// Asks it to stop, and waits for that.
    #[track_caller]
    pub fn stop(&mut self, name: &str) -> ExitStatus {
        signal(name, self.child.id());
        ended(&mut self.child)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        ended(&mut self.child)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A chat, or another command that goes on, on pipes.
pub struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    out: Option<Lines>,
}

impl Talk {
    /// `blindrelay chat ME PEER --relay URL …`, after its first words.
    #[track_caller]
    pub fn chat(home: &Path, relay: &Relay, me: &str, peer: &str, more: &[&str]) -> Self {
        let mut talk = Self::start(home, &[&["chat", me, peer, "--relay", &relay.url()], more].concat());
        talk.wait("Type a line");
        talk
    }

    /// Any command.
    pub fn start(home: &Path, args: &[&str]) -> Self {
        Self::of(blindrelay(home, args))
    }

    /// Any other program.
    pub fn of(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let out = Some(Lines::of(child.stdout.take().unwrap()));
        Self { stdin: child.stdin.take(), child, out }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for the next line that contains `needle`.
    #[track_caller]
    pub fn wait(&mut self, needle: &str) -> String {
        self.out.as_mut().unwrap().wait(needle)
    }

    /// Kills it without warning; all that it had printed.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.out.take().unwrap().all()
    }

    /// Ends its input, waits for it, and gives its status and all that it printed.
    #[track_caller]
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        self.stdin = None;
        let status = ended(&mut self.child);
        (status, self.out.take().unwrap().all())
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// StreamCo gets an agreement: every inbox, everything.
#[track_caller]
pub fn agree(home: &Path, relay: &Relay) {
    let made = ["platform", "agree", "streamco", "--access", "whitelisted", "--relay", &relay.url()];
    run(home, &made, "").ok();
}

/// Whether a file's bytes contain these.
pub fn contains(file: &Path, needle: &[u8]) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Whether any file below a directory contains these bytes.
pub fn any_contains(dir: &Path, needle: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { any_contains(&path, needle) } else { contains(&path, needle) }
    })
}

/// The bits of a file's mode that say who may use it.
pub fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}
