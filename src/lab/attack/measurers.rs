//! Measurers: who reads nothing and looks at the outside. Some of it is withstood, and some of it nobody here promises.

use std::collections::BTreeMap;

use anyhow::Result;

use super::cast::{Cast, id};
use super::twin;
use super::{Attack, Control, MOMENT, Outcome, Side};
use crate::lab::hand::{Hand, Table};
use crate::wire::{ClientFrame, Content, Payload, UserId};

/// The family.
pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "length",
        story: "The relay measures every message. Yes has three letters, no has two, and an address is longer than both.",
        wants: "to tell short answers apart",
        property: "A text is padded to 512 bytes, or to 1, 2, 4 … 128 KiB: within one size nothing is told.",
        source: "Coull and Dyer, Traffic Analysis of Encrypted Messaging Services: Apple iMessage and Beyond (2014)",
        place: ("src/protocol/padding.rs", "pad"),
        limit: "Which of nine sizes shows.",
        control: Control::Twin,
        hand: Some(|| Box::new(Measure)),
        play: |side| Box::pin(length(side)),
    },
    Attack {
        name: "same-text-twice",
        story: "The relay compares messages: is the one of today the one of yesterday?",
        wants: "to recognise a text without reading it",
        property: "Every message has a key and a salt of its own: the same text twice has not 24 bytes in common.",
        source: "Bellare et al., Deterministic and Efficiently Searchable Encryption (CRYPTO 2007), on what equality gives away",
        place: ("src/protocol/message.rs", "seal"),
        limit: "None known.",
        control: Control::Open,
        hand: Some(|| Box::new(Measure)),
        play: |side| Box::pin(twice(side)),
    },
    Attack {
        name: "timing",
        story: "The relay writes down when each message came, and who answered how soon.",
        wants: "who is awake, and who talks with whom at this moment",
        property: "Not promised: whoever carries mail knows when.",
        source: "Martiny et al., Improving Signal's Sealed Sender (NDSS 2021)",
        place: ("src/relay/sighting.rs", "record"),
        limit: "It succeeds.",
        control: Control::Unpromised,
        hand: Some(|| Box::new(Measure)),
        play: |side| Box::pin(timing(side)),
    },
    Attack {
        name: "contact-graph",
        story: "The relay counts who writes to whom.",
        wants: "who knows whom, and how well",
        property: "Not promised: the relay must know where mail goes, and quotas need to know from whom.",
        source: "Mayer, Mutchler and Mitchell, Evaluating the Privacy Properties of Telephone Metadata (PNAS 2016)",
        place: ("src/relay/tally.rs", "count"),
        limit: "It succeeds.",
        control: Control::Unpromised,
        hand: Some(|| Box::new(Measure)),
        play: |side| Box::pin(graph(side)),
    },
];

/// Writes down what it sees of each message from outside.
#[derive(Debug)]
struct Measure;

impl Hand for Measure {
    fn up(&mut self, who: &UserId, frame: ClientFrame, table: &mut Table) {
        if let ClientFrame::Send { to, payload, .. } = &frame {
            let time = crate::clock::time_of_day(table.now());
            table.got(format!("{time} {who} to {to}: {} bytes", payload.size()));
        }
        table.relay(who, frame);
    }
}

/// Sizes of what Alice's texts became.
fn sizes(cast: &Cast, since: usize) -> Vec<usize> {
    cast.blobs("alice", "bob").split_off(since).iter().map(Vec::len).collect()
}

async fn length(side: Side) -> Result<Outcome> {
    let answers = ["no", "yes", "at the harbour, behind the third boat on the left"];
    if side == Side::Control {
        let (_house, mut alice, _bob) = twin::pair(Vec::new()).await?;
        let mut got = Vec::new();
        for text in answers {
            if let ClientFrame::Send { payload, .. } = alice.say("bob", text).await? {
                got.push(payload.size() - 28);
            }
        }
        let taken = got == answers.map(str::len);
        let got = got.iter().map(|length| format!("a text of {length} letters")).collect();
        return Ok(Outcome::new(taken, got, Vec::new()));
    }
    let mut cast = Cast::new(Vec::new(), &["alice", "bob"]).await?;
    cast.tell("alice", "bob", "hello").await?;
    cast.tell("bob", "alice", "yes or no?").await?;
    cast.wait(MOMENT).await; // with her receipt for it
    let since = cast.blobs("alice", "bob").len();
    for text in answers {
        cast.tell("alice", "bob", text).await?;
    }
    let short = sizes(&cast, since);
    cast.tell("alice", "bob", &"a letter of four pages ".repeat(200)).await?;
    let long = sizes(&cast, since + short.len());
    let taken = short.iter().any(|size| *size != short[0]);
    let did = vec![format!("the three answers: {short:?} bytes"), format!("a letter of 4,600: {long:?} bytes")];
    let got = if taken {
        vec![format!("sizes that differ: {short:?}")]
    } else {
        vec!["that the letter is longer".to_owned()]
    };
    Ok(Outcome::new(taken, got, did))
}

async fn twice(side: Side) -> Result<Outcome> {
    let mut cast = match side {
        Side::Control => Cast::open(Vec::new(), &["alice", "bob"]).await?,
        Side::Real => Cast::new(Vec::new(), &["alice", "bob"]).await?,
    };
    for n in 1..=3 {
        cast.say("alice", "bob", "the usual")?;
        cast.until("bob reads it", |cast| cast.heard("bob").len() == n).await?;
        cast.tell("bob", "alice", &format!("number {n}")).await?;
    }
    // The relay compares all that it can: texts if it has them, else any 24 bytes of one blob with any of another. The handshake
    // of a first contact repeats, and says only who begins; so only blobs that are answers are compared.
    let texts = cast.house.proxy.seen().into_iter().filter(|seen| seen.from == id("alice"));
    let (mut open, mut blobs) = (Vec::new(), Vec::new());
    for seen in texts {
        match seen.payload {
            Payload::Open(Content::Text { text, .. }) => open.push(text),
            Payload::Sealed(blob) if blob.0[0] != crate::protocol::params::KIND_FIRST => blobs.push(blob.0),
            _ => {}
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    let repeated = blobs.iter().flat_map(|blob| blob[1..].windows(24)).filter(|window| !seen.insert(window.to_vec()));
    let taken = repeated.count() > 0 || open.windows(2).any(|two| two[0] == two[1]);
    let did = vec![format!("{} texts and {} blobs were compared", open.len(), blobs.len())];
    let got = if taken { vec!["alice has written the same as before".to_owned()] } else { Vec::new() };
    Ok(Outcome::new(taken, got, did))
}

async fn timing(_: Side) -> Result<Outcome> {
    let mut cast = Cast::new(Vec::new(), &["alice", "bob"]).await?;
    cast.tell("alice", "bob", "are you awake?").await?;
    cast.until("his receipt", |cast| !cast.blobs("bob", "alice").is_empty()).await?;
    cast.wait(MOMENT).await;
    cast.tell("bob", "alice", "now I am").await?;
    let seen = cast.house.proxy.seen();
    let asked = seen.iter().find(|seen| seen.from == id("alice"));
    // The receipt comes at once and says that the device is on; the next message says that somebody is there.
    let answers: Vec<_> = seen.iter().filter(|seen| seen.from == id("bob")).collect();
    let (Some(asked), [receipt, .., answer]) = (asked, &answers[..]) else {
        return Ok(Outcome::default());
    };
    let got = vec![
        format!("bob's device is on: it answered after {} ms", receipt.at - asked.at),
        format!("bob himself is there: something came after {} ms more", answer.at - receipt.at),
    ];
    Ok(Outcome::new(answer.at - receipt.at >= 100, got, vec!["all of it was sealed".to_owned()]))
}

async fn graph(_: Side) -> Result<Outcome> {
    let mut cast = Cast::new(Vec::new(), &["alice", "bob", "carol"]).await?;
    cast.tell("alice", "bob", "one").await?;
    cast.tell("bob", "alice", "two").await?;
    cast.tell("alice", "bob", "three").await?;
    cast.tell("carol", "bob", "and I").await?;
    cast.wait(MOMENT).await;
    let mut edges: BTreeMap<(UserId, UserId), usize> = BTreeMap::new();
    for seen in cast.house.proxy.seen() {
        *edges.entry((seen.from, seen.to)).or_default() += 1;
    }
    let knows = |a: &str, b: &str| edges.contains_key(&(id(a), id(b)));
    let taken = knows("alice", "bob") && knows("carol", "bob") && !knows("alice", "carol") && !knows("carol", "alice");
    let got = edges.iter().map(|((from, to), count)| format!("{from} wrote to {to} {count} times, receipts included"));
    Ok(Outcome::new(taken, got.collect(), vec!["all of it was sealed".to_owned()]))
}
