//! The demo's search as a test: the same conversation through two relay processes, looked for in all they had.

use blindrelay::lab::demo::{self, Place};

/// Lines that JSON escapes, that are too short to be looked for without their tag, and that are not ASCII.
const SCRIPT: &str = "\
alice: she said \"meet me\" at C:\\nine, really?
bob: ok
alice: Käthe 🎬 and the others come too, half past eight";
const LINES: usize = 3;

/// Memory that cannot be read here is left out; everything else must have been searched.
fn searched(places: &[Place]) -> impl Iterator<Item = &Place> {
    assert_eq!(places.iter().map(|place| place.name).collect::<Vec<_>>(), ["wire", "database", "log", "memory"]);
    places.iter().filter(|place| match place.searched {
        Some(bytes) => bytes > 0,
        None => {
            assert_eq!(place.name, "memory", "{:?}", place.not_searched);
            false
        }
    })
}

#[tokio::test]
async fn every_line_is_found_at_the_open_relay_and_none_at_the_sealed_one_which_has_the_blobs_and_the_names() {
    let report = demo::run(Some(SCRIPT), env!("CARGO_BIN_EXE_blindrelay").into()).await.unwrap();

    for place in searched(&report.open.sweep.places) {
        let lines: &[usize] = if place.name == "log" { &[] } else { &[1, 2, 3] };
        assert_eq!(place.lines, lines, "open, {}", place.name);
        assert_eq!(place.blobs, (0, 0));
    }
    for place in searched(&report.sealed.sweep.places) {
        assert_eq!(place.lines, [0; 0], "sealed, {}", place.name);
        assert_eq!(place.names, 2, "sealed, {}", place.name);
        // Each line and each receipt is a blob.
        let blobs = if place.name == "log" { 0 } else { 2 * LINES };
        assert_eq!(place.blobs, (blobs, 2 * LINES), "sealed, {}", place.name);
    }
    for run in [&report.open, &report.sealed] {
        assert_eq!(run.sweep.left_out, [""; 0]);
        let typed: Vec<&str> = report.lines.iter().map(|line| line.tagged.as_str()).collect();
        assert_eq!(run.played.rows.iter().map(|row| row.read.as_str()).collect::<Vec<_>>(), typed, "what was read");
    }
    for (row, line) in report.open.played.rows.iter().zip(&report.lines) {
        assert_eq!(row.streamco, line.tagged, "the partner reads the open line as it was typed");
    }
    for row in &report.sealed.played.rows {
        assert_eq!((row.streamco.contains(' '), row.stored.contains(' ')), (false, false), "base64 and hex only");
    }
    let (open, sealed) = (&report.open.business, &report.sealed.business);
    assert_eq!((open.found, sealed.found), (1, 0), "a search finds the open line and no sealed one");
    assert!(open.report == sealed.report && open.report != open.before, "{open:?}, {sealed:?}");
    assert!(open.reasons[0] > 0 && sealed.reasons[0] == 0 && open.reasons[1] == sealed.reasons[1]);
    assert!(report.open_readable && report.sealed_blind && report.business && report.holds());
    assert_eq!(report.open.played.alice_number, None);
    assert!(report.sealed.played.alice_number.is_some());
    assert_eq!(report.sealed.played.alice_number, report.sealed.played.bob_number);
}
