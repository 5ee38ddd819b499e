//! The pages, in a real browser: headless Chromium, driven over its DevTools protocol by the small client in `browser/cdp.rs`.
//!
//! Where no Chromium is installed the tests say so and pass over; with `CI` set they fail instead.

#![allow(clippy::unwrap_used)]

#[path = "browser/cdp.rs"]
mod cdp;
#[path = "browser/drawer.rs"]
mod drawer;
#[path = "browser/eye.rs"]
mod eye;
#[path = "browser/hall.rs"]
mod hall;
#[path = "browser/hostile.rs"]
mod hostile;
#[path = "browser/keys.rs"]
mod keys;
#[path = "browser/load.rs"]
mod load;
#[path = "browser/look.rs"]
mod look;
#[path = "browser/partner.rs"]
mod partner;
#[path = "browser/relay.rs"]
mod relay;
#[path = "browser/report.rs"]
mod report;
#[path = "browser/stage.rs"]
mod stage;

#[test]
fn without_a_browser_that_is_said_once_and_is_a_failure_where_ci_is_set() {
    let pages = |ci: Option<&str>| {
        let mut tests = std::process::Command::new(std::env::current_exe().unwrap());
        tests.args(["eye::", "--test-threads=2"]).env("PATH", "").env_remove("CI").envs(ci.map(|ci| ("CI", ci)));
        let output = tests.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said.matches("passed over: no Chromium").count())
    };
    assert_eq!(pages(None), (true, 1));
    assert_eq!(pages(Some("true")), (false, 0));
}
