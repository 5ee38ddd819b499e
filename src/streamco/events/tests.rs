//! What counts, what counts once, and what is the same whoever sent the message.

use super::super::report::{Period, Report};
use super::*;

const NOON: u64 = 1_795_694_400_000;

fn recommendation(from: &str, variant: &str) -> Recommendation {
    let [title, interface, surface] = ["Dark Harbour", "tv", "post-play"];
    Recommendation {
        from: from.parse().unwrap(),
        title: title.parse().unwrap(),
        interface: interface.parse().unwrap(),
        surface: surface.parse().unwrap(),
        variant: variant.parse().unwrap(),
    }
}

fn counts(events: &Events) -> Vec<(String, String, u64, u64)> {
    let rows = events.daily(Day::of(0), Day::of(u64::MAX)).unwrap();
    rows.into_iter().map(|row| (row.day.to_string(), row.variant, row.sends, row.clicks)).collect()
}

#[test]
fn a_link_counts_when_it_is_sent_and_when_it_is_opened_and_each_once() {
    let events = Events::in_memory().unwrap();
    let link = events.make_link(&recommendation("alice", "B"), &mut rand::rng()).unwrap();
    assert_eq!(counts(&events), []);
    assert!(events.sent(&link, NOON).unwrap() && events.sent(&link, NOON + 5).unwrap());
    let row = |variant: &str, sends, clicks| ("2026-11-26".to_owned(), variant.to_owned(), sends, clicks);
    assert_eq!(counts(&events), [row("B", 1, 0)]);
    for later in [NOON + 1, NOON + 2] {
        assert_eq!(events.opened(&link, later).unwrap().as_deref(), Some("Dark Harbour"));
        assert_eq!(counts(&events), [row("B", 1, 1)]);
    }
    // Opened, and nobody lived to say that it was sent.
    let other = events.make_link(&recommendation("bob", "A"), &mut rand::rng()).unwrap();
    events.opened(&other, NOON).unwrap();
    assert_eq!(counts(&events), [row("A", 1, 1), row("B", 1, 1)]);
    let unknown = LinkId::random(&mut rand::rng());
    assert_eq!((events.sent(&unknown, NOON).unwrap(), events.opened(&unknown, NOON).unwrap()), (false, None));
}

#[test]
fn a_click_counts_on_its_own_day() {
    let events = Events::in_memory().unwrap();
    let link = events.make_link(&recommendation("alice", "B"), &mut rand::rng()).unwrap();
    events.sent(&link, NOON).unwrap();
    events.opened(&link, NOON + super::super::day::DAY_MS).unwrap();
    let days: Vec<_> = counts(&events).into_iter().map(|(day, _, sends, clicks)| (day, sends, clicks)).collect();
    assert_eq!(days, [("2026-11-26".to_owned(), 1, 0), ("2026-11-27".to_owned(), 0, 1)]);
    let period: Period = "2026-11-26..2026-11-26".parse().unwrap();
    assert_eq!(Report::make(&events, period).unwrap().total().clicks, 0);
}

#[test]
fn the_count_reads_the_index_and_sorts_nothing() {
    let events = Events::in_memory().unwrap();
    let plan = |sql: &str| -> String {
        let mut query = events.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = query.query_map([1, 2], |row| row.get::<_, String>("detail")).unwrap();
        rows.map(|row| row.unwrap()).collect::<Vec<_>>().join("; ")
    };
    let good = plan(DAILY);
    assert!(good.contains("USING COVERING INDEX events_by_day") && !good.contains("TEMP B-TREE"), "{good}");
    // The control: another order would be sorted.
    let bad = plan(&DAILY.replace("ORDER BY day", "ORDER BY variant"));
    assert!(bad.contains("TEMP B-TREE"), "{bad}");
}

#[test]
fn a_recommendation_becomes_a_signal_with_the_genre_that_is_known() {
    let events = Events::in_memory().unwrap();
    let watched = Signal {
        user: "bob".parse().unwrap(),
        kind: "watched".to_owned(),
        title: "Dark Harbour".parse().unwrap(),
        genre: "thriller".parse().unwrap(),
        device: "phone".parse().unwrap(),
        at: NOON,
    };
    events.keep_signal(&watched).unwrap();
    let link = events.make_link(&recommendation("alice", "B"), &mut rand::rng()).unwrap();
    events.sent(&link, NOON + 1).unwrap();
    let signals = events.signals_to_give(0, 10).unwrap();
    assert_eq!(signals[0].1, watched);
    let (n, derived) = &signals[1];
    let derived = (derived.user.as_str(), derived.kind.as_str(), derived.genre.as_str(), derived.at);
    assert_eq!((signals.len(), derived), (2, ("alice", "intent", "thriller", NOON + 1)));
    assert_eq!(events.signals_to_give(0, 1).unwrap()[..], signals[..1]);
    events.signal_given(*n).unwrap();
    assert_eq!(events.signals_to_give(0, 10).unwrap()[..], signals[..1]);
    assert_eq!(events.signals_to_give(signals[0].0, 10).unwrap(), []);
}

#[test]
fn another_kind_of_file_is_not_taken_for_the_database() {
    let dir = std::env::temp_dir().join(format!("streamco-events-{}", LinkId::random(&mut rand::rng()).as_str()));
    std::fs::create_dir(&dir).unwrap();
    let path = dir.join("streamco.db");
    drop(Events::open(&path).unwrap());
    drop(Events::open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA user_version=2").unwrap();
    assert!(matches!(Events::open(&path), Err(EventsError::Newer(_))));
    db.execute_batch("PRAGMA application_id=7").unwrap();
    assert!(matches!(Events::open(&path), Err(EventsError::Damaged(_))));
    drop(db);
    std::fs::write(&path, "not a database, and long enough to be looked at".repeat(100)).unwrap();
    assert!(matches!(Events::open(&path), Err(EventsError::Damaged(_))));
    assert!(matches!(Events::open(&dir.join("none/streamco.db")), Err(EventsError::Db(..))));
    std::fs::remove_dir_all(dir).unwrap();
}
