//! `blindrelay lab exercise N`: an attack for two terminals; what was predicted, what was seen, and whether it was.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::cli::{print, signals};
use crate::clock::{Clock, time_of_day};
use crate::lab::attack::Attack;
use crate::lab::exercise::{ALL, Answer, Exercise, Look, Question};
use crate::lab::hand::Note;
use crate::lab::proxy::Proxy;
use crate::relay::{Limits, Relay, Store};
use crate::wire::{RelayUrl, sanitise};

/// How often it is looked whether it has been done.
const LOOK: Duration = Duration::from_millis(50);
/// When nothing has passed for so long, a script has come to its end.
const REST: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which; without it they are listed
    #[arg(value_name = "N")]
    number: Option<usize>,
    /// The honest relay behind it [default: one in memory]
    #[arg(long, value_name = "URL")]
    upstream: Option<RelayUrl>,
    /// Where clients connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4749")]
    listen: SocketAddr,
    /// What you predict and what you see, for scripts; asked otherwise
    #[arg(long, value_name = "a,b", value_delimiter = ',')]
    answer: Vec<Answer>,
    /// How many seconds a script has to do it
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "answer")]
    within: u64,
}

pub(super) async fn run(Args { number, upstream, listen, answer, within }: Args) -> Result<ExitCode> {
    let Some(number) = number else { return list() };
    let exercise = number.checked_sub(1).and_then(|at| ALL.get(at));
    let exercise = exercise.with_context(|| format!("there is no exercise {number}; there are 1 to {}", ALL.len()))?;
    let answers = match answer[..] {
        [] => None,
        [predicted, seen] => Some((predicted, seen)),
        _ => bail!("--answer takes two: what you predict, and what you see"),
    };
    ensure!(listen.ip().is_loopback(), "a lying relay is for this machine alone: --listen 127.0.0.1:PORT");
    let (upstream, _stop) = honest(upstream).await?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another with --listen 127.0.0.1:PORT"))?;
    let end = signals::end()?;
    let (hands, look) = exercise.hands()?;
    let (proxy, mut notes) = Proxy::start(listener, upstream, hands, 1, Clock::system())?;
    tell(number, exercise, proxy.url())?;
    let write = async {
        while let Some(note) = notes.recv().await {
            let (Note::Did(what) | Note::Got(what)) = &note;
            let kind = if matches!(note, Note::Got(_)) { "GOT" } else { "did" };
            print(&sanitise(&format!("{}  {kind} {what}", time_of_day(Clock::system().now()))))?;
            print("\n")?;
        }
        std::future::pending::<Result<bool>>().await
    };
    let got_it = tokio::select! {
        written = write => written?,
        got_it = async {
            match answers {
                Some((predicted, seen)) => script(exercise, &look, predicted, seen, within).await,
                None => person(exercise, &look).await,
            }
        } => got_it?,
        () = end => false,
    };
    Ok(if got_it { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list() -> Result<ExitCode> {
    let line = |(at, exercise): (usize, &Exercise)| {
        format!("{}  {:<18} {:<36} {} minutes\n", at + 1, exercise.attack, exercise.title, exercise.minutes)
    };
    print(&ALL.iter().enumerate().map(line).collect::<String>())?;
    print("Begin one: blindrelay lab exercise N\n")?;
    Ok(ExitCode::SUCCESS)
}

/// The honest relay: the one that is named, or one in memory, which ends with what is given back.
async fn honest(upstream: Option<RelayUrl>) -> Result<(RelayUrl, Option<oneshot::Sender<()>>)> {
    if let Some(upstream) = upstream {
        let upstream = upstream.check(false)?;
        let authority = upstream.authority();
        TcpStream::connect(&authority).await.with_context(|| {
            format!(
                "no relay answers at {upstream}; start one in another terminal: blindrelay relay --listen {authority}"
            )
        })?;
        return Ok((upstream, None));
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let upstream = format!("ws://{}", listener.local_addr()?).parse()?;
    let relay = Relay::start(Store::in_memory(false)?, Clock::system(), Limits::default(), [0; 32]);
    let (stop, stopped) = oneshot::channel::<()>();
    let app = relay.router();
    tokio::spawn(relay.serve(listener, app, async { drop(stopped.await) }));
    Ok((upstream, Some(stop)))
}

fn tell(number: usize, exercise: &Exercise, url: &RelayUrl) -> Result<()> {
    let task: String =
        exercise.task.iter().map(|line| format!("  {}\n", line.replace("URL", &url.to_string()))).collect();
    let story = Attack::named(exercise.attack)?.story;
    print(&format!("Exercise {number}: {} ({} minutes)\n{story}\n", exercise.title, exercise.minutes))?;
    print(&format!("blindrelay lab exercise: {url}\n"))?;
    print(&format!(
        "With a fresh home (export BLINDRELAY_HOME=$(mktemp -d)), in another terminal, after your prediction:\n{task}"
    ))?;
    print("Two chats do as well: blindrelay chat NAME PEER --relay with the same address.\n")
}

fn asked(kind: &str, Question { ask, answers: [a, b, c] }: &Question) -> Result<()> {
    print(&format!("\n{kind}: {ask}\n  a  {a}\n  b  {b}\n  c  {c}\n"))
}

/// Asks a person, until it has been done and all is answered, or nothing more comes.
async fn person(exercise: &Exercise, look: &Look) -> Result<bool> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    asked("Predict", &exercise.predict)?;
    let Some(predicted) = answer(&mut lines).await? else { return not_done(exercise, look) };
    asked("Now do it, and see", &exercise.see)?;
    loop {
        let Some(seen) = answer(&mut lines).await? else { return not_done(exercise, look) };
        match exercise.seen(&look.traffic()) {
            Ok(there) => return verdict(exercise, look, predicted, seen, there),
            Err(missing) => print(&format!("You have not done it yet: {missing}. Do it, and answer again.\n"))?,
        }
    }
}

async fn answer(lines: &mut Lines<BufReader<Stdin>>) -> Result<Option<Answer>> {
    while let Some(line) = lines.next_line().await? {
        match line.parse() {
            Ok(answer) => return Ok(Some(answer)),
            Err(why) => print(&format!("{why}\n"))?,
        }
    }
    Ok(None)
}

/// Waits until it has been done.
async fn script(exercise: &Exercise, look: &Look, predicted: Answer, seen: Answer, within: u64) -> Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(within);
    while Instant::now() < deadline {
        if let Ok(there) = exercise.seen(&look.traffic()) {
            // Whoever is still reading may finish: what passes must have come to rest.
            let mut before = String::new();
            while before != look.traffic().to_string() {
                before = look.traffic().to_string();
                sleep(REST).await;
            }
            return verdict(exercise, look, predicted, seen, there);
        }
        sleep(LOOK).await;
    }
    not_done(exercise, look)
}

fn not_done(exercise: &Exercise, look: &Look) -> Result<bool> {
    let traffic = look.traffic();
    let missing = exercise.seen(&traffic).err().unwrap_or("it was not answered");
    print(&format!("\nYou have not done it yet: {missing}.\n{traffic}"))?;
    Ok(false)
}

fn verdict(exercise: &Exercise, look: &Look, predicted: Answer, seen: Answer, there: Answer) -> Result<bool> {
    let got_it = seen == there;
    let foretold = if predicted == exercise.right() {
        "You predicted it.".to_owned()
    } else {
        format!(
            "You predicted: {}. It is: {}.",
            exercise.predict.says(predicted),
            exercise.predict.says(exercise.right())
        )
    };
    let told = if got_it {
        "You got it.".to_owned()
    } else {
        format!("Not yet. You say: {}. What passed says: {}.", exercise.see.says(seen), exercise.see.says(there))
    };
    let (file, function) = Attack::named(exercise.attack)?.place;
    print(&format!("\n{}{foretold}\n{told}\n{}\nIn code: {file}, fn {function}\n", look.traffic(), exercise.why))?;
    Ok(got_it)
}
