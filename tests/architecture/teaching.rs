//! The lessons, as `docs/teaching.md` has them: what it tells people to type exists, the minutes add up, and each exercise gives
//! what its answer says.
//!
//! Commands are parsed by the program's own command line, steps are looked up in the stage's tour, and the exercises are run by a
//! shell exactly as they stand in the document: a relay on a free port, a fresh home, and `…` for what differs each time.
//! Every check is a function of the text, so that a text with a mistake in it can be given to it as well.

use std::env;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use blindrelay::lab::exercise::ALL;

use super::root;

/// An exercise that takes longer is ended, and has failed.
const PATIENCE: Duration = Duration::from_mins(1);

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Language and text of each fenced block.
pub fn blocks(document: &str) -> Vec<(&str, &str)> {
    let fenced = document.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap_or((block, ""))).collect()
}

/// What stands below a heading, until the next of its level.
pub fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let level = heading.split(' ').next().unwrap();
    let Some((_, rest)) = document.split_once(&format!("\n{heading}\n")) else { return "" };
    rest.split(&format!("\n{level} ")).next().unwrap()
}

/// Lines of shell: fenced ones, and code in a sentence.
fn shell_lines(document: &str) -> Vec<&str> {
    let fenced = blocks(document).into_iter().filter(|(language, _)| *language == "sh");
    let prose = document.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    fenced.flat_map(|(_, block)| block.lines()).chain(prose).collect()
}

/// The words of each call of this program in a line of shell. A variable is some text, `$URL` and `$APP` are addresses.
fn calls(line: &str) -> Vec<Vec<String>> {
    let starts = ["blindrelay ", "cargo run"].iter().flat_map(|name| line.match_indices(name));
    let starts = starts.filter(|(at, _)| *at == 0 || line[..*at].ends_with([' ', '(']));
    starts.map(|(at, _)| words(&line[at..])).collect()
}

/// The words of one command, up to a redirection: in these documents those come last.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in command.replace(" 2>", " >").chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') if !word.is_empty() => words.push(std::mem::take(&mut word)),
            (None, ' ') => {}
            (None, '|' | ';' | '&' | '<' | '>' | ')' | '#') => break,
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    let value = |word: String| match word.as_str() {
        "$URL" => "ws://127.0.0.1:1".to_owned(),
        "$APP" => "127.0.0.1:1".to_owned(),
        "$N" => "1".to_owned(),
        "$BOTH" => "a,b".to_owned(),
        variable if variable.contains('$') => "x".to_owned(),
        _ => word,
    };
    words.into_iter().map(value).collect()
}

/// Why the program does not take these words, if it does not.
fn refusal(words: &[String]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["cargo", "run", "--example", name, ..] => {
            (!root().join(format!("examples/{name}.rs")).exists()).then(|| format!("there is no example {name}"))
        }
        ["cargo", "run", "--release", "--", ref arguments @ ..] | ["blindrelay", ref arguments @ ..] => {
            parse(arguments)
        }
        _ => Some(format!("not a way to run it: {words:?}")),
    }
}

fn parse(arguments: &[&str]) -> Option<String> {
    let words = [&["blindrelay"], arguments].concat();
    blindrelay::cli::command().try_get_matches_from(words).err().map(|error| error.to_string())
}

/// Commands of a document that do not exist, and how many do.
pub fn unknown_commands(document: &str) -> (Vec<String>, usize) {
    let calls: Vec<_> = shell_lines(document).into_iter().flat_map(calls).collect();
    let refused = calls.iter().filter_map(|words| Some(format!("{}: {}", words.join(" "), refusal(words)?)));
    (refused.collect(), calls.len())
}

#[test]
fn every_command_in_the_documents_is_one_that_the_program_takes() {
    for (path, least) in [("docs/teaching.md", 50), ("README.md", 8)] {
        let (unknown, calls) = unknown_commands(&read(path));
        assert!(unknown.is_empty(), "{path}: {unknown:#?}");
        assert!(calls >= least, "only {calls} commands were found in {path}");
    }
}

#[test]
fn a_made_up_command_is_reported() {
    for line in [
        "blindrelay sned alice bob",
        "blindrelay send alice",
        "blindrelay watch --colour",
        "echo hello | blindrelay send alice bob --relay http://$URL",
        "X=$(blindrelay verify alice 'Not A Name')",
        "until blindrelay relay --listen nowhere > file & do :; done",
        "cargo run --release -- demo --scrpt file",
        "cargo run --example nothing -- alice bob",
        "cargo run --relaese",
    ] {
        for text in [format!("```sh\n{line}\n```\n"), format!("Type `{line}`.")] {
            let (unknown, calls) = unknown_commands(&text);
            assert_eq!((unknown.len(), calls), (1, 1), "{text}: {unknown:?}");
        }
    }
    let fine = "echo 'a | b' | blindrelay send alice bob --relay $URL 2> \"$X/log\" | tail -n 1 # comment";
    assert_eq!(calls(fine), [["blindrelay", "send", "alice", "bob", "--relay", "ws://127.0.0.1:1"]]);
    assert_eq!(unknown_commands(&format!("`{fine}`")), (vec![], 1));
}

/// Titles and buttons of the tour's steps.
fn tour(script: &str) -> Vec<(&str, &str)> {
    let all = |key: &str| -> Vec<&str> {
        let values = script.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": \""));
        values.filter_map(|value| value.strip_suffix("\",")).collect()
    };
    all("title").into_iter().zip(all("press")).collect()
}

/// `**0–2 · Title**`: from, to, title.
fn marks(script: &str) -> Vec<(u32, u32, &str)> {
    let inside = script.lines().filter_map(|line| line.strip_prefix("**")?.strip_suffix("**")?.split_once(" · "));
    inside
        .filter_map(|(minutes, title)| minutes.split_once('–').map(|minutes| (minutes, title)))
        .map(|((from, to), title)| (from.parse().unwrap(), to.parse().unwrap(), title))
        .collect()
}

/// What is wrong with the lesson plan.
fn faults(document: &str, tour: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (heading, minutes) in
        [("## Sixteen minutes with the page", 16), ("## Fifteen minutes with terminals", 15), ("## Fifty minutes", 50)]
    {
        let marks = marks(section(document, heading));
        let ends = [0].into_iter().chain(marks.iter().map(|(_, to, _)| *to));
        let gaps = marks.iter().zip(ends).any(|((from, to, _), end)| *from != end || to <= from);
        if gaps || marks.last().is_none_or(|(_, to, _)| *to != minutes) {
            faults.push(format!("{heading}: the minutes do not add up: {marks:?}"));
        }
    }
    let page = section(document, "## Sixteen minutes with the page");
    let played: Vec<&str> = marks(page).into_iter().map(|(.., title)| title).collect();
    let pressed = page.lines().filter_map(|line| line.strip_prefix("- Press “")?.strip_suffix("”."));
    if !played.into_iter().zip(pressed).eq(tour.iter().copied()) {
        faults.push("the script with the page is not the tour".to_owned());
    }
    for named in document.split("step “").skip(1).filter_map(|rest| rest.split('”').next()) {
        if !tour.iter().any(|(title, _)| *title == named) {
            faults.push(format!("the tour has no step {named}"));
        }
    }
    let exercises: Vec<&str> = section(document, "## Ten exercises").split("\n### Exercise ").skip(1).collect();
    let answered = |text: &&str| text.contains("```sh\n") && text.contains("```text\n") && text.contains("**Answer.**");
    if exercises.len() != 10 || !exercises.iter().all(answered) {
        faults.push(format!("{} exercises, or one without question, outcome and answer", exercises.len()));
    }
    let by_hand: Vec<&str> = section(document, "## Six attacks by hand").split("\n### By hand ").skip(1).collect();
    let named = (1..).zip(&ALL).map(|(n, exercise)| format!("{n}: {}", exercise.title));
    if !by_hand.iter().map(|text| text.lines().next().unwrap_or("")).eq(named) {
        faults.push("the attacks by hand are not those of `lab exercise`".to_owned());
    }
    let parts = ["minutes. **Predict.** ", "```sh\n", "**Explain.**"];
    if by_hand.iter().any(|text| parts.iter().any(|part| !text.contains(part))) {
        faults.push("an attack by hand without minutes, prediction, outcome or explanation".to_owned());
    }
    let mistakes: Vec<&str> = section(document, "## Twenty misunderstandings").split("\n### ").skip(1).collect();
    if mistakes.len() != 20 {
        faults.push(format!("{} misunderstandings", mistakes.len()));
    }
    for (n, mistake) in (1..).zip(mistakes) {
        let tried = mistake.split_once("*Try:*").is_some_and(|(_, things)| {
            ["exercise ", "step “", "`blindrelay ", "`cargo ", "```sh", "free play"]
                .iter()
                .any(|thing| things.contains(thing))
        });
        if !mistake.starts_with(&format!("{n}. “")) || !tried {
            faults.push(format!("misunderstanding {n} has no number, or nothing to try"));
        }
    }
    faults.extend(untagged(document));
    faults
}

/// Paragraphs and items that name the companies of the case and do not say whether it is alleged, denied, conceded, or what
/// somebody says.
pub fn untagged(document: &str) -> Vec<String> {
    let bullets = document.replace("\n- ", "\n\n");
    let items = (1..10).fold(bullets, |text, n| text.replace(&format!("\n{n}. "), "\n\n"));
    let paragraphs = items.split("\n\n").filter(|text| !text.starts_with('#') && !text.contains("Klein v. Meta"));
    let named = paragraphs.filter(|text| ["Netflix", "Meta ", "Facebook"].iter().any(|name| text.contains(name)));
    let tags = ["*alleged*", "*Alleged*", "*denied*", "*Denied*", "*conceded*", "*Conceded*", "Meta *says*"];
    let bare = named.filter(|text| !tags.iter().any(|tag| text.contains(tag)));
    bare.map(|text| format!("no tag: {text}")).collect()
}

#[test]
fn the_lesson_plan_adds_up_and_names_only_steps_that_the_tour_has() {
    let script = read("src/lab/stage/page/tour.js");
    let tour = tour(&script);
    assert!(tour.len() > 9, "these are not all steps: {tour:?}");
    assert_eq!(faults(&read("docs/teaching.md"), &tour), [""; 0]);
}

#[test]
fn a_lesson_plan_with_a_mistake_in_it_is_reported() {
    let script = read("src/lab/stage/page/tour.js");
    let (tour, document) = (tour(&script), read("docs/teaching.md"));
    for (here, instead) in [
        ("**0–3 · Four hands**", "**0–2 · Four hands**"),
        ("**14–15 · What it does not do**", "**14–16 · What it does not do**"),
        ("· Seal it**\n- Say: \"Same", "· Seal this**\n- Say: \"Same"),
        ("- Press “Seal, and send it again”.", "- Press “Go”."),
        ("*Try:* step “Whose consent?”", "*Try:* step “Whose fault?”"),
        ("### Exercise 8", "### The last exercise"),
        ("### 20.", "#### 20."),
        ("### 7. ", "### 8. "),
        ("*Try:* exercise 2, or step", "*Try:* to believe it. Exercise 2 or"),
        ("**Answer.** Three,", "Three,"),
        ("### By hand 5: The one", "### By hand 5: The two"),
        ("**Explain.** Each text", "Each text"),
        ("- Ask: Meta *says* of", "- Ask: Meta knows of"),
        ("4. Netflix read private messages. *Denied* by", "4. Netflix read private messages, says"),
    ] {
        let mistaken = document.replacen(here, instead, 1);
        assert_ne!(mistaken, document, "`{here}` is not there");
        assert!(!faults(&mistaken, &tour).is_empty(), "{instead}");
    }
}

/// A block to run, and what is then to be seen.
fn exercises(document: &str) -> Vec<(String, &str)> {
    let blocks = blocks(document);
    let setup = blocks.iter().find(|(_, text)| text.contains("begin() {")).unwrap().1;
    let here = Path::new(env!("CARGO_BIN_EXE_blindrelay")).parent().unwrap().display();
    let cargo = env::var("CARGO").unwrap_or_default();
    let cargo = Path::new(&cargo).parent().unwrap_or(Path::new("")).display();
    let pairs = blocks.windows(2).filter(|pair| pair[0].0 == "sh" && pair[1].0 == "text");
    pairs.map(|pair| (format!("exec 2>&1\n{setup}\nPATH='{here}:{cargo}':$PATH\n{}", pair[0].1), pair[1].1)).collect()
}

/// A shell and all that it started, which end with it.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _all_gone = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        let _status = self.0.wait();
    }
}

/// What a shell prints.
pub fn output(script: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(root()).env("TMPDIR", dir.path()).process_group(0);
    let mut shell = Shell(shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut pipe = shell.0.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _whole = pipe.read_to_end(&mut text);
        sender.send(String::from_utf8_lossy(&text).into_owned())
    });
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| "it does not end".to_owned())
}

/// Whether a text is as expected, line by line; `…` stands for anything, and spaces are counted once.
pub fn fits(expected: &str, got: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let (expected, got) = (lines(expected), lines(got));
    expected.len() == got.len() && expected.iter().zip(&got).all(|(expected, got)| line_fits(expected, got))
}

fn line_fits(expected: &str, got: &str) -> bool {
    let Some((before, after)) = expected.split_once('…') else { return expected == got };
    let Some(rest) = got.strip_prefix(before) else { return false };
    (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| line_fits(after, rest))
}

#[test]
fn every_exercise_gives_what_its_answer_says() {
    let document = read("docs/teaching.md");
    let exercises = exercises(&document);
    assert_eq!(exercises.len(), 11, "ten, and the crates of both builds");
    std::thread::scope(|scope| {
        for (script, expected) in &exercises {
            scope.spawn(move || {
                let got = output(script);
                assert!(fits(expected, &got), "{script}\nEXPECTED\n{expected}\nGOT\n{got}");
            });
        }
    });
}

#[test]
fn an_exercise_with_another_outcome_is_reported() {
    let document = read("docs/teaching.md");
    let exercises = exercises(&document);
    let (script, expected) = &exercises[0];
    let open = script.replace("send alice bob --relay", "send alice bob --open --relay");
    let got = output(&open);
    assert!(got.contains("harbour: in relay") && got.contains("open 22 B: meet me at the harbour"), "{got}");
    assert!(!fits(expected, &got));
    assert!(fits("a …\n…b…c", "a 1\n  ABBbxc") && fits("a\n…", "a\n\n") && fits("…x…", "xx"));
    for (expected, got) in [("a", "a\nb"), ("a\nb", "a"), ("a…b", "ab c"), ("…a", "b"), ("a…", "ba"), ("", "a")] {
        assert!(!fits(expected, got), "{expected} {got}");
    }
}
