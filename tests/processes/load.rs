//! Many at once: idle, busy, slow, greedy, and all back at the same moment after the relay was killed.
//!
//! Relay and clients are separate processes. A ledger notes what was sent, what the relay accepted and what arrived: whatever was
//! accepted and did not arrive is lost. Memory and latency are printed; of time only so much is asserted that a relay which makes the
//! others wait for one would fail. The names were registered before, for a relay takes only so many new ones in a minute.

use std::process::Command;
use std::time::Duration;

use blindrelay::relay::{Limits, Store};
use blindrelay::wire::{ClientFrame, ErrorCode, RelayFrame};
use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::harness::{PATIENCE, Relay, effort, home, signal};
use super::ledger::{Crowd, Ledger, SETTLED, connect, hear, join, name, say, token};
use super::raw::small_relay;

/// Whoever does nothing unusual waits no longer than this, whatever others do.
const BOUND: Duration = Duration::from_secs(8);

/// A home whose relay knows so many names.
fn known(names: usize) -> TempDir {
    let home = home();
    let dir = home.path().join("relay");
    std::fs::create_dir(&dir).unwrap();
    Store::open(&dir.join("relay.db"), false).unwrap().stop();
    let mut db = rusqlite::Connection::open(dir.join("relay.db")).unwrap();
    let rows = db.transaction().unwrap();
    for n in 0..names {
        let sql = "INSERT INTO users (name, token_hash, joined) VALUES (?1, ?2, 0)";
        rows.execute(sql, rusqlite::params![name(n), token().hash()]).unwrap();
    }
    rows.commit().unwrap();
    home
}

/// Lets a process have as many descriptors as it may; whether that is enough.
fn descriptors(process: u32, needed: usize) -> bool {
    let limits = || {
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap_or_default();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).map(str::to_owned);
        let numbers = line.iter().flat_map(|line| line.split_whitespace()).filter_map(|word| word.parse().ok());
        numbers.collect::<Vec<usize>>()
    };
    if let [soft, hard] = limits()[..]
        && soft < needed
    {
        let raise = format!("--nofile={hard}:{hard}");
        let _is_seen_below = Command::new("prlimit").args(["--pid", &process.to_string(), &raise]).status();
    }
    limits().first().is_some_and(|&soft| soft >= needed)
}

/// Of the relay, in MiB.
fn memory(relay: &Relay) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", relay.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

#[tokio::test(flavor = "multi_thread")]
async fn many_idle_busy_slow_greedy_and_returning_clients_lose_nothing() {
    let (idle, busy, returning) = (effort(300, 10_000), effort(50, 1_000), effort(100, 2_000));
    let (slow, each) = (effort(5, 50), 10);
    let quick = Duration::from_millis(1);
    let home = known(idle + busy + 2 * slow + 20);
    let mut relay = Relay::start(home.path());
    let enough = |relay: &Relay| {
        descriptors(std::process::id(), idle + 2 * busy + 1_000) && descriptors(relay.id(), idle + 2 * busy + 200)
    };
    if !enough(&relay) {
        assert!(std::env::var_os("CI").is_none(), "too few descriptors");
        println!("passed over: this needs more descriptors than the limit allows");
        return;
    }

    let before = memory(&relay);
    let mut sockets = Vec::new();
    for n in 0..idle {
        sockets.push(join(&relay.address(), &name(n)).await);
    }
    let after = memory(&relay);
    #[allow(clippy::cast_precision_loss)]
    let each_kib = (after - before) * 1024.0 / idle as f64;
    println!("tried: {idle} idle connections: {before:.0} → {after:.0} MiB, {each_kib:.1} KiB each");

    // Ten clients, two hundred messages a second.
    let first = idle..idle + 10;
    let ticks = effort(10, 200);
    let crowd = Crowd::start(&relay, first.clone(), ticks, Duration::from_millis(50));
    crowd.finish(&format!("{idle} idle, 200 messages/s"), BOUND).await;
    let crowd = Crowd::start(&relay, idle..idle + busy, each, quick);
    crowd.finish(&format!("{busy} busy"), SETTLED).await;

    slow_readers(&relay, first.clone(), idle + busy + 20, slow, ticks).await;
    flooder(&relay, first, idle + busy + 10, ticks).await;
    for socket in &mut sockets {
        socket.send(Message::Ping(vec![1].into())).await.unwrap();
        assert!(matches!(socket.next().await, Some(Ok(Message::Pong(_)))), "whoever was idle is still there");
    }
    println!("tried: {idle} idle ones are still there; the relay has {:.0} MiB", memory(&relay));
    drop(sockets);

    // In the middle the relay is killed, and all come back at once.
    let crowd = Crowd::start(&relay, 0..returning, each, Duration::from_millis(50));
    while crowd.ledger.accepted_so_far() < crowd.total / 3 {
        sleep(Duration::from_millis(5)).await;
    }
    block_in_place(|| {
        relay.kill();
        relay.restart();
    });
    assert!(enough(&relay), "as before");
    crowd.finish(&format!("{returning} returning after kill -9"), SETTLED).await;
}

/// They read nothing for a while, with much for each; then they read it all. Others do not notice.
async fn slow_readers(relay: &Relay, others: std::ops::Range<usize>, from: usize, slow: usize, ticks: usize) {
    // More than the buffers of a connection hold, and more than the relay keeps ready for one.
    let (count, size) = (80, 8 * 1024);
    let (ledger, address) = (Ledger::default(), relay.address());
    let (mut readers, mut writers) = (Vec::new(), Vec::new());
    for n in from..from + slow {
        readers.push(connect(&address, &name(n), Some(4096)).await.unwrap().0);
        writers.push((join(&address, &name(n + slow)).await, name(n)));
    }
    let crowd = Crowd::start(relay, others, ticks, Duration::from_millis(50));
    for _ in 0..count {
        for (writer, to) in &mut writers {
            assert!(say(writer, &ledger.send(to, size).1).await);
        }
        for (writer, _) in &mut writers {
            let Some(RelayFrame::Accepted { id }) = hear(writer).await else { panic!("not accepted") };
            ledger.accepted(id);
        }
    }
    crowd.finish(&format!("beside {slow} who do not read"), BOUND).await;
    assert_eq!(ledger.lost(), count * slow, "they have read nothing yet");
    for socket in &mut readers {
        for _ in 0..count {
            match timeout(PATIENCE, hear(socket)).await.expect("mail") {
                Some(RelayFrame::Deliver(mail)) => {
                    ledger.arrived(mail.id);
                    say(socket, &ClientFrame::Ack { seq: mail.seq }).await;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    ledger.settle(&format!("{slow} slow readers"), count * slow, SETTLED).await;
}

/// She sends more than she may, to somebody who reads: what was accepted arrives, the rest is refused, and others do not notice.
async fn flooder(relay: &Relay, others: std::ops::Range<usize>, me: usize, ticks: usize) {
    let ledger = Ledger::default();
    let (mut greedy, mut reader) =
        (join(&relay.address(), &name(me)).await, join(&relay.address(), &name(me + 1)).await);
    let crowd = Crowd::start(relay, others, ticks, Duration::from_millis(50));
    let (mut sent, mut answered, mut refused) = (0_usize, 0, 0);
    let flooding = crowd.finish("beside one who floods", BOUND);
    tokio::pin!(flooding);
    let mut over = false;
    while !over || answered < sent || refused == 0 {
        while sent - answered < 200 && (!over || refused == 0) {
            let (_, frame) = ledger.send(&name(me + 1), 256);
            greedy.feed(Message::text(serde_json::to_string(&frame).unwrap())).await.unwrap();
            sent += 1;
        }
        greedy.flush().await.unwrap();
        tokio::select! {
            () = &mut flooding, if !over => over = true,
            frame = hear(&mut greedy) => {
                answered += 1;
                match frame {
                    Some(RelayFrame::Accepted { id }) => ledger.accepted(id),
                    Some(RelayFrame::Error { code: ErrorCode::TooFast | ErrorCode::MailboxFull, .. }) => refused += 1,
                    other => panic!("{other:?}"),
                }
            }
            frame = hear(&mut reader) => match frame {
                Some(RelayFrame::Deliver(mail)) => {
                    ledger.arrived(mail.id);
                    say(&mut reader, &ClientFrame::Ack { seq: mail.seq }).await;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    while ledger.lost() > 0 {
        let Some(RelayFrame::Deliver(mail)) = timeout(PATIENCE, hear(&mut reader)).await.expect("mail") else {
            panic!()
        };
        ledger.arrived(mail.id);
        say(&mut reader, &ClientFrame::Ack { seq: mail.seq }).await;
    }
    let accepted = ledger.accepted_so_far();
    println!("tried: the one who floods: {sent} sent, {refused} refused");
    ledger.settle("what was accepted of it", accepted, SETTLED).await;
    let Limits { send, .. } = Limits::default();
    assert!(accepted >= send.burst as usize, "she got what anybody gets");
}

/// Somebody is sent five messages, the relay goes and comes, and they read; `hasty` acknowledges before it has noted anything, and
/// is killed. How many are lost.
async fn lost(before: &str, hasty: bool, goes_and_comes: impl FnOnce() -> String) -> usize {
    let ledger = Ledger::default();
    let mut writer = join(before, &name(0)).await;
    drop(join(before, &name(1)).await);
    for _ in 0..5 {
        say(&mut writer, &ledger.send(&name(1), 256).1).await;
        let Some(RelayFrame::Accepted { id }) = hear(&mut writer).await else { panic!("not accepted") };
        ledger.accepted(id);
    }
    let after = block_in_place(goes_and_comes);
    for killed in [hasty, false] {
        let (mut reader, welcome) = connect(&after, &name(1), None).await.unwrap();
        for _ in 0..welcome.waiting {
            let Some(RelayFrame::Deliver(mail)) = hear(&mut reader).await else { panic!("no mail") };
            if !killed {
                ledger.arrived(mail.id);
            }
            say(&mut reader, &ClientFrame::Ack { seq: mail.seq }).await;
        }
        // The answer to this comes after the acknowledgements.
        say(&mut reader, &ClientFrame::Fetch { user: "nobody-of-this-name".parse().unwrap() }).await;
        assert!(matches!(hear(&mut reader).await, Some(RelayFrame::Error { code: ErrorCode::UnknownUser, .. })));
    }
    ledger.lost()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_forgets_and_a_reader_who_acknowledges_too_soon_are_found_out_by_the_ledger() {
    let in_memory = async || small_relay(Limits::unlimited()).await.trim_start_matches("ws://").to_owned();
    let (first, second) = (in_memory().await, in_memory().await);
    assert_eq!(lost(&first, false, || second).await, 5, "a store in memory dies with its relay");
    for (hasty, expected) in [(false, 0), (true, 5)] {
        let home = home();
        let mut relay = Relay::start(home.path());
        let address = relay.address();
        let goes_and_comes = || {
            relay.kill();
            relay.restart();
            relay.address()
        };
        assert_eq!(lost(&address, hasty, goes_and_comes).await, expected, "acknowledged too soon: {hasty}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_makes_everybody_wait_is_found_out_by_the_ledger() {
    let (home, longer) = (known(2), Duration::from_millis(300));
    let relay = Relay::start(home.path());
    let crowd = Crowd::start(&relay, 0..2, 20, Duration::from_millis(20));
    while crowd.ledger.accepted_so_far() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    signal("STOP", relay.id());
    let before = crowd.ledger.sent_so_far();
    while crowd.ledger.sent_so_far() == before {
        sleep(Duration::from_millis(5)).await;
    }
    sleep(longer).await; // the relay stands still for so long
    signal("CONT", relay.id());
    let complaint = crowd.ledger.settled(crowd.total, longer).await.unwrap_err();
    assert!(complaint.contains("somebody waited"), "{complaint}");
}
