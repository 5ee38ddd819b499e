//! The list of bad input in `docs/bad-input.md`: every row is done, and what it says is said.
//!
//! The document is the test's table: a row without a case, a case without a row, another text or another status fails.

use std::collections::BTreeSet;

use super::cases::{CASES, Case};
use super::company;
use super::harness::{Ran, home};

/// A row: what is done, what is said (in backquotes), and the exit status.
struct Row {
    case: String,
    says: Vec<String>,
    exit: Option<i32>,
}

impl Row {
    /// What differs between the row and what happened.
    fn differs(&self, ran: &Ran) -> Vec<String> {
        let all = format!("{}\n{}", ran.out, ran.err);
        let unsaid = self.says.iter().filter(|text| !all.contains(*text)).map(|text| format!("does not say: {text}"));
        let panicked = ["panicked", "RUST_BACKTRACE"].into_iter().filter(|sign| all.contains(sign));
        let status = (ran.code != self.exit).then(|| format!("exits with {:?}", ran.code));
        unsaid.chain(panicked.map(str::to_owned)).chain(status).collect()
    }
}

fn cases() -> Vec<Case> {
    CASES.iter().chain(company::CASES).copied().collect()
}

fn rows() -> Vec<Row> {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-input.md")).unwrap();
    let lines = document.lines().filter(|line| line.starts_with("| ")).skip(1);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [case, _done, says, exit] = cells[..] else { panic!("{line}") };
            let says = says.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Row { case: case.to_owned(), says, exit: exit.parse().ok() }
        })
        .collect()
}

#[test]
fn the_table_and_the_cases_are_the_same() {
    let (rows, cases) = (rows(), cases());
    let listed: BTreeSet<&str> = rows.iter().map(|row| row.case.as_str()).collect();
    let checked: BTreeSet<&str> = cases.iter().map(|(case, _)| *case).collect();
    assert_eq!(listed, checked);
    assert_eq!((rows.len(), cases.len()), (listed.len(), checked.len()), "each once");
    assert!(rows.iter().all(|row| !row.says.is_empty() && row.exit.is_some()));
}

#[test]
fn every_mistake_is_answered_as_the_table_says() {
    let rows = rows();
    let failed: Vec<String> = std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            let (rows, cases) = (&rows, cases().into_iter().skip(half).step_by(2));
            scope.spawn(move || {
                let mut failed = Vec::new();
                for (case, make) in cases {
                    let home = home();
                    let ran = make(home.path());
                    let row = rows.iter().find(|row| row.case == case).unwrap();
                    failed.extend(row.differs(&ran).into_iter().map(|what| format!("{case} {what}\n{ran:?}")));
                }
                failed
            })
        });
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_row_that_says_something_else_is_noticed() {
    let ran = |code, err: &str| Ran { code, out: String::new(), err: err.to_owned() };
    let row = Row { case: String::new(), says: vec!["--help".to_owned()], exit: Some(2) };
    assert!(row.differs(&ran(Some(2), "see --help")).is_empty());
    assert_eq!(row.differs(&ran(Some(2), "see the manual")), ["does not say: --help"]);
    assert_eq!(row.differs(&ran(Some(1), "see --help")), ["exits with Some(1)"]);
    assert_eq!(row.differs(&ran(None, "see --help")), ["exits with None"]);
    assert_eq!(row.differs(&ran(Some(2), "see --help; thread 'main' panicked at")), ["panicked"]);
}
