//! Bad input at the company's commands, case by case, as `cases.rs` has them for the others.

use std::fs;
use std::path::Path;

use super::cases::Case;
use super::harness::{Ran, Relay, agree, run};

pub const CASES: &[Case] = &[
    ("StreamCo without an agreement", |home| run(home, &["streamco", "inbox", "bob"], "")),
    ("credentials that are none", |home| {
        fs::create_dir(home.join("streamco")).unwrap();
        fs::write(home.join("streamco/credentials"), "nonsense").unwrap();
        run(home, &["streamco", "threads", "bob"], "")
    }),
    ("StreamCo without a platform", |home| {
        let url = agreed(home, str::to_owned);
        run(home, &["streamco", "inbox", "bob", "--relay", &url], "")
    }),
    ("the inbox of somebody unknown", |home| {
        agreed(home, |url| run(home, &["streamco", "inbox", "nobody", "--relay", url], ""))
    }),
    ("a message that is not there", |home| {
        agreed(home, |url| {
            run(home, &["inbox", "bob", "--relay", url], "").ok();
            run(home, &["streamco", "delete", "bob", "99", "--relay", url], "")
        })
    }),
    ("a recommendation in a sealed conversation, by StreamCo", |home| {
        agreed(home, |url| {
            run(home, &["inbox", "bob", "--relay", url], "").ok();
            run(home, &["send", "alice", "bob", "--relay", url], "sealed").ok();
            let ran = run(home, &["streamco", "recommend", "alice", "bob", "--title", "x", "--relay", url], "");
            let report = run(home, &["streamco", "report", "--format", "csv", "--relay", url], "").ok();
            assert_eq!(report, "day,interface,surface,variant,sends,clicks\n", "nothing is counted");
            ran
        })
    }),
    ("a title that is none", |home| run(home, &["streamco", "recommend", "alice", "bob", "--title", "a\u{1b}[2J"], "")),
    ("a surface that is none", |home| {
        run(home, &["streamco", "recommend", "alice", "bob", "--title", "x", "--surface", "=1+1"], "")
    }),
    ("StreamCo's app is not running", |home| {
        let app = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let ran = agreed(home, |url| {
            run(home, &["share", "alice", "bob", "--title", "x", "--app", &app, "--relay", url], "")
        });
        assert!(!home.join("streamco/streamco.db").exists());
        ran
    }),
    ("StreamCo's app beyond this machine", |home| run(home, &["streamco", "serve", "--listen", "0.0.0.0:0"], "")),
    ("a period that ends before it begins", |home| period(home, "2026-11-22..2026-11-09")),
    ("a period that is none", |home| period(home, "next")),
    ("a period of a thousand years", |home| period(home, "2026-01-01..3026-01-01")),
    ("a report over a file that is there", |home| {
        let file = home.join("report.html");
        fs::write(&file, "mine").unwrap();
        let ran = out(home, &file);
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        ran
    }),
    ("a report where there is no directory", |home| out(home, &home.join("none/report.html"))),
    ("a damaged database of StreamCo's", |home| {
        period(home, "2026-11-09..2026-11-22").ok();
        fs::write(home.join("streamco/streamco.db"), [0x55; 8192]).unwrap();
        period(home, "2026-11-09..2026-11-22")
    }),
];

/// With an agreement, and a relay that is gone afterwards.
fn agreed<R>(home: &Path, act: impl FnOnce(&str) -> R) -> R {
    let relay = Relay::start(home);
    agree(home, &relay);
    act(&relay.url())
}

fn period(home: &Path, period: &str) -> Ran {
    run(home, &["streamco", "report", "--period", period], "")
}

fn out(home: &Path, file: &Path) -> Ran {
    let period = "2026-11-09..2026-11-22";
    run(home, &["streamco", "report", "--period", period, "--format", "html", "--out", file.to_str().unwrap()], "")
}
