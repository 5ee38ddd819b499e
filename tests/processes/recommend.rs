//! The disputed feature both ways: real clients, a real relay, StreamCo's own app. What is counted is the same; who reads is not.

use std::future::pending;
use std::path::Path;
use std::time::{Duration, Instant};

use blindrelay::clock::Clock;
use blindrelay::home::Home;
use blindrelay::partner::{self, Book};
use blindrelay::relay::{Limits, Relay as Middle, Store};
use blindrelay::streamco::{Credentials, DAY_MS, Day, Events, Platform, Recommendation, StreamcoError};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::harness::{Relay, Talk, blindrelay, home, run, signal};

/// Which buttons are pressed, and whether the link is opened.
const PRESSED: [(&str, &str, &str, bool); 3] =
    [("tv", "post-play", "B", true), ("phone", "details", "A", false), ("web", "search", "B", true)];

fn today() -> Day {
    Day::of(Clock::system().now())
}

/// What one way of recommending left.
struct Left {
    /// The report in each format.
    reports: Vec<String>,
    /// The same after one more click.
    more: Vec<String>,
    /// What a search for the title gives StreamCo in Bob's inbox.
    found: String,
    /// What Bob read, without links.
    read: Vec<String>,
}

fn reports(home: &Path, day: Day) -> Vec<String> {
    let formats = ["json", "csv", "table", "html"];
    let report =
        |format| run(home, &["streamco", "report", "--period", &format!("{day}..{day}"), "--format", format], "").ok();
    formats.map(report).into()
}

/// Alice recommends three titles to Bob, who opens some.
fn played(open: bool, day: Day) -> Left {
    let home = home();
    let (home, relay) = (home.path(), Relay::start(home.path()));
    let url = relay.url();
    run(home, &["platform", "agree", "streamco", "--access", "whitelisted", "--relay", &url], "").ok();
    let mut app = Talk::start(home, &["streamco", "serve", "--listen", "127.0.0.1:0"]);
    let app = app.wait("its app is at").rsplit_once("http://").unwrap().1.to_owned();
    run(home, &["inbox", "alice", "--relay", &url], "").ok();
    let mut bob = Talk::chat(home, &relay, "bob", "alice", if open { &["--open"] } else { &[] });
    let mut read = Vec::new();
    for (interface, surface, variant, opened) in PRESSED {
        let way: &[&str] = if open { &["streamco", "recommend"] } else { &["share"] };
        let button = ["--title", "Dark Harbour", "--interface", interface, "--surface", surface, "--variant", variant];
        let args = [way, &["alice", "bob"], &button, &["--app", &app, "--relay", &url]].concat();
        let sent = run(home, &args, "").ok();
        assert!(sent.contains(if open { "which reads it" } else { "cannot read it" }), "{sent}");
        read.push(bob.wait("recommends").split_once("http").unwrap().0.to_owned());
        if opened {
            // Twice, which counts once.
            for _ in 0..2 {
                bob.say("/open");
                bob.wait("StreamCo: “Dark Harbour”");
                bob.wait("StreamCo knows now that this link was opened");
            }
        }
    }
    let mut search = blindrelay(home, &["streamco", "search", "bob", "harbour", "--relay", &url]);
    let found = String::from_utf8(search.output().unwrap().stdout).unwrap();
    let before = reports(home, day);
    bob.say("/open 2");
    bob.wait("StreamCo: “Dark Harbour”");
    let more = reports(home, day);
    Left { reports: before, more, found, read }
}

#[test]
fn the_report_is_the_same_byte_for_byte_when_the_conversations_are_sealed() {
    // At midnight the days would differ: then once more.
    let (open, sealed) = loop {
        let day = today();
        let both = std::thread::scope(|scope| {
            let open = scope.spawn(|| played(true, day));
            let sealed = played(false, day);
            (open.join().unwrap(), sealed)
        });
        if today() == day {
            break both;
        }
    };
    assert_eq!(open.reports, sealed.reports);
    let report: Value = serde_json::from_str(&open.reports[0]).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let count = |what: &str| rows.iter().map(|row| row[what].as_u64().unwrap()).sum::<u64>();
    assert_eq!((rows.len(), count("sends"), count("clicks")), (3, 3, 2), "{report}");
    assert!(!open.reports.concat().contains("alice") && !open.reports.concat().contains("Harbour"));
    // The control: one click more is in every format of both.
    assert_eq!(open.more, sealed.more);
    assert!(open.reports.iter().zip(&open.more).all(|(before, after)| before != after));
    // And they were not the same conversations: in one StreamCo reads what it sent, in the other nothing.
    assert_eq!(open.found.lines().filter(|line| line.contains("open via StreamCo")).count(), 3, "{}", open.found);
    assert_eq!(sealed.found, "");
    assert!(open.read[0].starts_with("alice via StreamCo (open): alice recommends"), "{:?}", open.read);
    assert_eq!(sealed.read, ["alice: alice recommends “Dark Harbour” on StreamCo: "; 3]);
}

/// A relay in this process, whose agreement with StreamCo began thirty days ago.
fn old_agreement(home: &Path) -> (Runtime, String, Clock) {
    let place = Home::resolve(Some(home.to_owned())).unwrap();
    place.make_relay_dir().unwrap();
    let operator = place.token_or_new("operator").unwrap();
    let now = Clock::system().now();
    let clock = Clock::manual(now - 30 * DAY_MS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let serving = clock.clone();
    let url = runtime.block_on(async move {
        let relay = Middle::start(Store::in_memory(false).unwrap(), serving, Limits::default(), operator.hash());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let platform = partner::Platform::new(&relay, Book::in_memory().unwrap());
        let app = relay.router().merge(partner::router(platform));
        tokio::spawn(relay.serve(listener, app, pending()));
        url
    });
    run(home, &["platform", "agree", "streamco", "--access", "whitelisted", "--relay", &url], "").ok();
    clock.set(now);
    (runtime, url, clock)
}

/// A recommendation that was sent so many days ago.
fn sent(home: &Path, days_ago: u64) {
    let place = Home::resolve(Some(home.to_owned())).unwrap();
    let events = Events::open(&place.make_streamco_db().unwrap()).unwrap();
    let button = r#"{"from":"alice","title":"Dark Harbour","interface":"tv","surface":"post-play","variant":"B"}"#;
    let button: Recommendation = serde_json::from_str(button).unwrap();
    let link = events.make_link(&button, &mut rand::rng()).unwrap();
    assert!(events.sent(&link, Clock::system().now() - days_ago * DAY_MS).unwrap());
}

#[test]
fn a_report_is_filed_once_its_period_is_over_and_what_is_overdue_is_said() {
    let home = home();
    let home = home.path();
    let (_runtime, url, _clock) = old_agreement(home);
    let report = |more: &[&str]| run(home, &[&["streamco", "report", "--relay", &url], more].concat(), "");
    let reports = || run(home, &["streamco", "reports", "--relay", &url], "").ok();
    sent(home, 25);
    let listed = reports();
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.len() == 3 && lines[0].contains("OVERDUE since"), "{listed}");
    assert!(lines[1].contains("to be filed, due") && lines[2].contains("running, due"), "{listed}");
    let latest = report(&[]);
    assert_eq!(latest.code, Some(0));
    assert!(
        latest.err.contains("the report of period 1 (") && latest.err.contains("is OVERDUE since"),
        "{}",
        latest.err
    );
    let filed = |more: &[&str]| report(&[&["--file"], more].concat());
    assert!(filed(&["--period", "1"]).out.starts_with("filed with the platform: "));
    let again = filed(&["--period", "1"]);
    assert!(again.out.contains("(it had it already)") && again.out.ends_with(", 1 sends, 0 clicks\n"), "{again:?}");
    assert!(filed(&[]).err.is_empty(), "the latest that is over, and then nothing is due");
    assert!(reports().lines().take(2).all(|line| line.contains("filed on")), "{}", reports());
    // What was filed is not changed by what is counted later.
    sent(home, 25);
    let other = filed(&["--period", "1"]).fails(1);
    assert!(other.contains("the report was not filed") && other.contains("is not overwritten"), "{other}");
    let early = filed(&["--period", "3"]).fails(1);
    assert!(early.contains("is not over yet; file its report from"), "{early}");
    let stray = filed(&["--period", "2026-01-01..2026-01-14"]).fails(1);
    assert!(stray.contains("is no period of the agreement"), "{stray}");
    let future = report(&["--period", "4"]).fails(1);
    assert!(future.contains("still to come; the current one is period 3"), "{future}");
    let platform = run(home, &["platform", "reports", "--relay", &url], "").ok();
    assert!(platform.contains("streamco"), "{platform}");
}

#[test]
fn a_token_that_has_run_out_is_renewed_until_the_agreement_is_over() {
    let home = home();
    let (runtime, url, clock) = old_agreement(home.path());
    let place = Home::resolve(Some(home.path().to_owned())).unwrap();
    let credentials = Credentials::read(&place.streamco_file("credentials")).unwrap();
    assert!(!format!("{credentials:?}").contains(&credentials.client_secret));
    let mut platform = Platform::new(url.parse().unwrap(), credentials);
    let first = runtime.block_on(platform.agreement()).unwrap();
    assert_eq!((first.access.as_str(), first.period_days), ("whitelisted", 14));
    clock.set(clock.now() + 16 * 60_000);
    assert_eq!(runtime.block_on(platform.agreement()).unwrap(), first);
    run(home.path(), &["platform", "revoke", "streamco", "--relay", &url], "").ok();
    let refused = runtime.block_on(platform.agreement());
    assert!(matches!(refused, Err(StreamcoError::Refused(_))), "{refused:?}");
}

#[test]
fn a_live_stream_shows_what_passes_and_ends_with_the_agreement() {
    let home = home();
    let (home, relay) = (home.path(), Relay::start(home.path()));
    let url = relay.url();
    run(home, &["platform", "agree", "streamco", "--access", "whitelisted", "--relay", &url], "").ok();
    let _bob = Talk::chat(home, &relay, "bob", "alice", &["--open"]);
    run(home, &["send", "alice", "bob", "--open", "--relay", &url], "before").ok();
    let mut stream = Talk::start(home, &["streamco", "stream", "bob", "--after", "0", "--json", "--relay", &url]);
    assert!(stream.wait("before").contains("\"mode\":\"open\""));
    run(home, &["send", "alice", "bob", "--relay", &url], "as it happens").ok();
    stream.wait("as it happens");
    run(home, &["platform", "revoke", "streamco", "--relay", &url], "").ok();
    let revoked = Instant::now();
    let (status, _) = stream.end();
    assert_eq!(status.code(), Some(1));
    assert!(revoked.elapsed() < Duration::from_secs(2), "{:?}", revoked.elapsed());
    // A service that is asked to end ends well.
    let mut app = Talk::start(home, &["streamco", "serve", "--listen", "127.0.0.1:0"]);
    app.wait("its app is at");
    signal("TERM", app.id());
    assert!(app.end().0.success());
}
