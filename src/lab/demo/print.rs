//! The report as a page of 80 columns: what each party saw, what the search found, what the relay learnt anyway, and the verdict.

use super::{Business, Line, Place, Report, Row, Run};
use crate::clock::time_of_day;
use crate::wire::sanitise;

const LABEL: usize = 12;
const CELL: usize = 32;
const OPEN: &str = "33";
const SEALED: &str = "32";
const ALARM: &str = "1;31";
const BOLD: &str = "1";

struct Page {
    out: String,
    colour: bool,
}

/// The report for people; `colour` for a terminal.
#[must_use]
pub fn print(report: &Report, colour: bool) -> String {
    let mut page = Page { out: String::new(), colour };
    page.conversation(report);
    page.search(report);
    page.metadata(report);
    page.business(report);
    page.numbers(&report.sealed);
    page.verdict(report);
    page.out
}

impl Page {
    fn conversation(&mut self, report: &Report) {
        self.say("The same conversation twice, through two fresh relay processes of one build.");
        self.say("Each line carries a random #tag of this run. Teaching software, unaudited.");
        self.say("");
        let heads =
            [self.paint(OPEN, &fit("OPEN: partner-access mode")), self.paint(SEALED, "SEALED: end-to-end encrypted")];
        self.say(&format!("{:LABEL$}  {}  {}", "", heads[0], heads[1]));
        for (line, (open, sealed)) in
            report.lines.iter().zip(report.open.played.rows.iter().zip(&report.sealed.played.rows))
        {
            self.line(line, open, sealed);
        }
        self.say("");
    }

    fn line(&mut self, line: &Line, open: &Row, sealed: &Row) {
        let (writer, reader) = if line.from_alice { ("Alice", "Bob") } else { ("Bob", "Alice") };
        self.say(&"─".repeat(LABEL + 2 * CELL + 4));
        let typed = self.paint(BOLD, cut(&line.tagged, 2 * CELL + 2).trim_end());
        self.say(&format!("{:LABEL$}  {typed}", format!("{writer} typed")));
        self.row("on the wire", from_text(&open.wire), &sealed.wire);
        self.row("relay stored", from_text(&open.stored), &sealed.stored);
        self.row("StreamCo got", &open.streamco, &sealed.streamco);
        let got =
            |row: &Row| if row.read == line.tagged { "exactly what was typed".to_owned() } else { row.read.clone() };
        self.row(&format!("{reader} read"), &got(open), &got(sealed));
    }

    fn row(&mut self, label: &str, open: &str, sealed: &str) {
        let (open, sealed) = (self.paint(OPEN, &fit(open)), self.paint(SEALED, fit(sealed).trim_end()));
        self.say(&format!("{label:LABEL$}  {open}  {sealed}"));
    }

    fn search(&mut self, report: &Report) {
        self.say("Every line was searched for in all that each relay had: raw, hex, base64 and");
        self.say("base64url at all alignments, UTF-16, reversed. Lines found:");
        let all = report.lines.len();
        for (open, sealed) in report.open.sweep.places.iter().zip(&report.sealed.sweep.places) {
            let cell = |place: &Place| match place.searched {
                Some(bytes) => format!("{} of {all} in {}", place.lines.len(), size(bytes)),
                None => "not scanned".to_owned(),
            };
            self.row(open.name, &cell(open), &cell(sealed));
        }
        self.say("Control: the same search for the sealed blobs' own bytes and both names:");
        for place in &report.sealed.sweep.places {
            let ((found, blobs), names) = (place.blobs, place.names);
            let cell = match place.searched {
                Some(_) if place.name == "log" => {
                    format!("{names} of 2 names (the log holds no bodies in either mode)")
                }
                Some(_) => format!("{found} of {blobs} blobs, {names} of 2 names"),
                None => place.not_searched.clone().unwrap_or_default(),
            };
            self.say(&format!("{:LABEL$}  {}", place.name, cut(&cell, 2 * CELL + 2).trim_end()));
        }
        for (mode, run) in [("open", &report.open), ("sealed", &report.sealed)] {
            if !run.sweep.left_out.is_empty() {
                self.say(&format!(
                    "Left out ({mode}), there before anything was sent: {}",
                    run.sweep.left_out.join(", ")
                ));
            }
        }
        self.say("");
    }

    fn metadata(&mut self, report: &Report) {
        self.say("What the relay learnt in sealed mode all the same (receipts count as messages):");
        let sent = &report.sealed.played.metadata;
        for (from_alice, who) in [(true, "Alice to Bob"), (false, "Bob to Alice")] {
            let of: Vec<_> = sent.iter().filter(|(alice, ..)| *alice == from_alice).collect();
            let mut sizes: Vec<usize> = of.iter().map(|(.., size)| *size).collect();
            sizes.sort_unstable();
            sizes.dedup();
            let sizes: Vec<String> = sizes.iter().map(|size| format!("{size} B")).collect();
            let times = of.first().zip(of.last()).map_or_else(String::new, |(first, last)| {
                format!("{} to {}", time_of_day(first.1), time_of_day(last.1))
            });
            self.say(&format!("{who}: {} messages, sizes {}, {times} UTC", of.len(), sizes.join(" and ")));
        }
        self.say("Who, with whom, when, how often and a size bucket are not hidden by encryption.");
        self.say("");
    }

    fn business(&mut self, report: &Report) {
        let (open, sealed) = (&report.open.business, &report.sealed.business);
        self.say("StreamCo, let into every inbox (the broadest reading of what is *alleged*):");
        let found = |it: &Business| format!("{} found in Bob's inbox", it.found);
        self.row("search", &found(open), &found(sealed));
        self.row("recommend", "StreamCo writes it for Alice", "Alice's client seals the link");
        let read = |it: &Business| {
            if it.recommended.is_empty() { "nothing".to_owned() } else { "the title, and opens it".to_owned() }
        };
        self.row("Bob reads", &read(open), &read(sealed));
        let bytes = |it: &Business| format!("1 send, 1 click: {} bytes", it.report.len());
        self.row("report", &bytes(open), &bytes(sealed));
        let ads = |it: &Business| {
            let ads: Vec<String> = it.ads.iter().map(|(interest, points)| format!("{interest} {points}")).collect();
            ads.join(", ")
        };
        self.row("ads for Bob", &ads(open), &ads(sealed));
        let why = |it: &Business| {
            let [words, signals, metadata] = it.reasons;
            format!("words {words}, told {signals}, metadata {metadata}")
        };
        self.row("because of", &why(open), &why(sealed));
        let equal = if open.report == sealed.report { "equal, byte for byte" } else { "NOT equal" };
        self.say(&format!("The reports are {equal}. Sealing takes words away, and neither"));
        self.say("what StreamCo tells (that it did is *alleged*) nor who writes to whom.");
        self.say("");
    }

    fn numbers(&mut self, sealed: &Run) {
        let (Some(alice), Some(bob)) = (&sealed.played.alice_number, &sealed.played.bob_number) else { return };
        let groups =
            |digits: &str| digits.as_bytes().chunks(5).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
        self.say("Safety numbers");
        self.say(&format!("Alice: {}", groups(alice)));
        self.say(&format!("Bob:   {}", groups(bob)));
        let equal = "Equal: both hold the same two identities, so nobody stands between them. People\ncompare them by phone or in person; a relay that swaps a key cannot make them\nequal.";
        let differ = "They DIFFER: somebody stands between Alice and Bob.";
        self.say(if alice == bob { equal } else { differ });
        self.say("");
    }

    fn verdict(&mut self, report: &Report) {
        let half = |holds: bool, good: &str, bad: &str| if holds { good.to_owned() } else { bad.to_owned() };
        let open = half(
            report.open_readable,
            "open: the relay had every line",
            "open: the relay was NOT shown to have every line",
        );
        let sealed = half(report.sealed_blind, "sealed: it had none", "sealed: it was NOT shown to be blind");
        let scanned = |run: &Run| run.sweep.places.iter().all(|place| place.searched.is_some());
        let memory = if scanned(&report.open) && scanned(&report.sealed) { "" } else { " (memory not scanned)" };
        let business = half(report.business, "", " The partner's act did NOT go as it must.");
        let verdict = format!("VERDICT  {open}; {sealed}{memory}.{business}");
        let verdict = self.paint(if report.holds() { BOLD } else { ALARM }, &verdict);
        self.say(&verdict);
    }

    fn say(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// An open payload from where its text begins: what stands before it is bookkeeping.
fn from_text(json: &str) -> &str {
    json.find("\"text\":\"").map_or(json, |at| &json[at..])
}

/// Cut or filled to a cell.
fn fit(text: &str) -> String {
    cut(text, CELL)
}

fn cut(text: &str, width: usize) -> String {
    let text = sanitise(text);
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    let mut out: String = text.chars().take(width - 1).collect();
    out.push('…');
    out
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} KB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
