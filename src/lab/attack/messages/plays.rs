//! The attacks on mail, played.

use std::time::Duration;

use anyhow::Result;

use super::FORGERY;
use super::hands::{
    Alter, Altered, ForgeOpen, ForgeReceipt, ForgeSender, HoldBack, Late, Oversized, Reflect, Reorder, Replay, Splice,
    Swallow,
};
use crate::client::contacts::{Arrival, Mode};
use crate::client::messenger::{Alarm, Event};
use crate::client::vault::{StoredMessage, StoredState};
use crate::clock::Clock;
use crate::lab::attack::cast::{Cast, House, id, text_of};
use crate::lab::attack::keys::withholding;
use crate::lab::attack::twin;
use crate::lab::attack::{MOMENT, Outcome, Side};
use crate::lab::copied::CopiedKeys;
use crate::lab::hand::{Hand, Note};
use crate::protocol::params::DAY;
use crate::wire::MessageId;

const PAIR: [&str; 2] = ["alice", "bob"];

fn one(hand: impl Hand + 'static) -> Vec<Box<dyn Hand>> {
    vec![Box::new(hand)]
}

fn set_aside(event: &Event) -> bool {
    matches!(event, Event::SetAside { .. })
}

fn alarm(event: &Event) -> bool {
    matches!(event, Event::Alarm { .. })
}

/// How each text that Bob was shown is marked.
fn marks(cast: &Cast) -> Vec<String> {
    let sign = |arrival| if arrival == Arrival::InOrder { "" } else { "▲ " };
    let said =
        |message: StoredMessage| format!("bob reads `{}`: {}{}", message.text, sign(message.arrival), message.arrival);
    cast.messages("bob").into_iter().map(said).collect()
}

/// How long forgeries may take to be noticed.
const SETTLE: Duration = Duration::from_secs(10);

/// How many things the relay has done since last asked.
fn notes(house: &mut House) -> usize {
    house.notes().iter().filter(|note| matches!(note, Note::Did(_))).count()
}

pub(super) async fn forge_open(side: Side) -> Result<Outcome> {
    let hands = one(ForgeOpen::default());
    let mut cast =
        if side == Side::Control { Cast::open(hands, &PAIR).await? } else { Cast::new(hands, &PAIR).await? };
    cast.say("alice", "bob", "hello")?;
    let heard = |cast: &Cast| cast.heard("bob").iter().any(|text| text == FORGERY);
    cast.until("bob's client decides about the forgery", |cast| heard(cast) || cast.saw("bob", set_aside)).await?;
    cast.wait(MOMENT).await;
    let taken = heard(&cast);
    let got = if taken { vec![format!("bob reads, as alice's: {FORGERY}")] } else { Vec::new() };
    Ok(Outcome::new(taken, got, cast.screen("bob")))
}

/// Altered copies before the genuine message, of a first contact and of a later message.
pub(super) async fn altered(side: Side, alter: Alter) -> Result<Outcome> {
    let said = "pay him 100 on Friday, not before";
    if side == Side::Control {
        let mut cast = Cast::open(one(Altered(alter)), &PAIR).await?;
        cast.say("alice", "bob", said)?;
        cast.until("bob reads", |cast| !cast.heard("bob").is_empty()).await?;
        let heard = cast.heard("bob").remove(0);
        return Ok(Outcome::new(
            heard != said,
            vec![format!("bob reads: {heard}")],
            vec![format!("alice wrote: {said}")],
        ));
    }
    let mut cast = Cast::new(one(Altered(alter)), &PAIR).await?;
    cast.tell("alice", "bob", said).await?;
    cast.tell("bob", "alice", "I will").await?;
    // Two at once: the first turns the ratchet, the second is in a chain that is known.
    cast.say("alice", "bob", "good")?;
    cast.tell("alice", "bob", "till then").await?;
    Ok(unharmed(cast, &[said, "good", "till then"]).await)
}

/// Bob read just this, in order, and everything else was put aside quietly, or an alarm was raised about it.
async fn unharmed(mut cast: Cast, said: &[&str]) -> Outcome {
    let (mut forged, mut aside, mut alarms) = (0, 0, 0);
    cast.within(SETTLE, |cast| {
        forged += notes(&mut cast.house);
        aside = ["alice", "bob", "carol"].iter().map(|name| cast.count(name, set_aside)).sum();
        alarms = PAIR.iter().map(|name| cast.count(name, alarm)).sum();
        forged > 0 && aside + alarms == forged
    })
    .await;
    // What is shown came under the id that its writer gave it, not under one that was made up.
    let ids: Vec<MessageId> = cast.house.proxy.seen().iter().map(|seen| seen.id).collect();
    let genuine = |message: &StoredMessage| message.arrival == Arrival::InOrder && ids.contains(&message.id);
    let heard = cast.heard("bob");
    let unharmed = heard == said
        && cast.messages("bob").iter().all(genuine)
        && aside + alarms == forged
        && cast.heard("carol").is_empty();
    let got = if unharmed { Vec::new() } else { cast.heard("carol").into_iter().chain(heard).collect() };
    let mut did = vec![format!("{forged} forgeries were delivered, {aside} were put aside, {alarms} alarms")];
    did.extend(marks(&cast));
    Outcome::new(!unharmed, got, did)
}

pub(super) async fn replay(side: Side) -> Result<Outcome> {
    if side == Side::Control {
        let (_house, mut alice, mut bob) = twin::pair(one(Replay)).await?;
        alice.say("bob", "pay him 100").await?;
        let heard = [bob.hear().await?, bob.hear().await?, bob.hear().await?];
        let taken = heard.iter().all(|text| text.ends_with("pay him 100"));
        return Ok(Outcome::new(taken, heard.map(|text| format!("bob reads: {text}")).to_vec(), Vec::new()));
    }
    let mut cast = Cast::new(one(Replay), &PAIR).await?;
    cast.tell("alice", "bob", "pay him 100").await?;
    cast.tell("bob", "alice", "done").await?;
    cast.tell("alice", "bob", "thank you").await?;
    cast.wait(MOMENT).await;
    let (heard, alarms) = (cast.heard("bob"), cast.count("bob", alarm) + cast.count("alice", alarm));
    let taken = heard != ["pay him 100", "thank you"] || cast.heard("alice") != ["done"] || alarms > 0;
    let forged = notes(&mut cast.house);
    let mut did = vec![format!("{forged} copies were delivered, {alarms} alarms")];
    did.extend(marks(&cast));
    Ok(Outcome::new(taken, if taken { heard } else { Vec::new() }, did))
}

pub(super) async fn replay_first(_: Side) -> Result<Outcome> {
    let hands: Vec<Box<dyn Hand>> = vec![withholding(), Box::new(HoldBack::new(1, 4))];
    let mut cast = Cast::new(hands, &PAIR).await?;
    // Both leave at once, before Bob can have answered: both carry the handshake.
    cast.say("alice", "bob", "first")?;
    cast.say("alice", "bob", "held back")?;
    cast.until("bob reads the first", |cast| !cast.heard("bob").is_empty()).await?;
    for n in 2..=5 {
        cast.client("alice").reset(&id("bob"))?;
        cast.tell("alice", "bob", &format!("session {n}")).await?;
    }
    let heard = |cast: &Cast| cast.heard("bob").iter().any(|text| text == "held back");
    cast.until("bob's client decides", |cast| heard(cast) || cast.saw("bob", alarm)).await?;
    let taken = heard(&cast);
    let got = if taken { vec!["the first session was begun again".to_owned()] } else { Vec::new() };
    let alarms = cast.screen("bob").into_iter().filter(|line| line.contains("first contact"));
    Ok(Outcome::new(taken, got, alarms.collect()))
}

pub(super) async fn reflect(side: Side) -> Result<Outcome> {
    if side == Side::Control {
        let (_house, mut alice, _bob) = twin::pair(one(Reflect)).await?;
        alice.say("bob", "I love you").await?;
        let heard = alice.hear().await?;
        return Ok(Outcome::new(heard == "bob: I love you", vec![format!("alice reads: {heard}")], Vec::new()));
    }
    let mut cast = Cast::new(one(Reflect), &PAIR).await?;
    cast.tell("alice", "bob", "I love you").await?;
    cast.tell("bob", "alice", "and I you").await?;
    cast.tell("alice", "bob", "till tomorrow").await?;
    cast.wait(MOMENT).await;
    let heard = cast.heard("alice");
    // What comes back as Alice's own was delivered to the wrong person, and she is told.
    let own = |event: &Event| matches!(event, Event::Alarm { alarm: Alarm::Misdelivered, .. });
    let taken =
        heard != ["and I you"] || cast.heard("bob") != ["I love you", "till tomorrow"] || !cast.saw("alice", own);
    let mut did = cast.screen("alice");
    did.dedup();
    Ok(Outcome::new(taken, if taken { heard } else { Vec::new() }, did))
}

pub(super) async fn splice(side: Side) -> Result<Outcome> {
    let hands = one(Splice::default());
    let people = ["alice", "bob", "carol"];
    if side == Side::Control {
        let mut cast = Cast::open(hands, &people).await?;
        cast.tell("alice", "bob", "yes, I will marry you").await?;
        cast.until("carol reads", |cast| !cast.heard("carol").is_empty()).await?;
        return Ok(Outcome::new(
            true,
            vec![format!("carol reads, from alice: {}", cast.heard("carol")[0])],
            Vec::new(),
        ));
    }
    let mut cast = Cast::new(hands, &people).await?;
    // Both leave at once: both carry the handshake.
    cast.say("alice", "bob", "yes, I will marry you")?;
    cast.tell("alice", "bob", "on Friday").await?;
    Ok(unharmed(cast, &["yes, I will marry you", "on Friday"]).await)
}

/// What naive Bob reads, one after the other; nothing marks anything.
async fn naive(hand: impl Hand + 'static, say: &[&str], hear: usize) -> Result<Vec<String>> {
    let (_house, mut alice, mut bob) = twin::pair(one(hand)).await?;
    for text in say {
        alice.say("bob", text).await?;
    }
    let mut heard = Vec::new();
    for _ in 0..hear {
        heard.push(format!("bob reads: {}", bob.hear().await?));
    }
    Ok(heard)
}

pub(super) async fn reorder(side: Side) -> Result<Outcome> {
    if side == Side::Control {
        let heard = naive(Reorder::default(), &["shall I sell?", "no, wait"], 2).await?;
        return Ok(Outcome::new(heard[1].ends_with("sell?"), heard, vec!["no word about the order".to_owned()]));
    }
    let mut cast = Cast::new(one(Reorder::default()), &PAIR).await?;
    cast.say("alice", "bob", "shall I sell?")?;
    cast.tell("alice", "bob", "no, wait").await?;
    cast.until("both arrive", |cast| cast.heard("bob").len() == 2).await?;
    let arrivals: Vec<Arrival> = cast.messages("bob").iter().map(|message| message.arrival).collect();
    let taken = arrivals != [Arrival::Gap(1), Arrival::Late];
    Ok(Outcome::new(taken, Vec::new(), marks(&cast)))
}

pub(super) async fn swallow(side: Side, many: usize) -> Result<Outcome> {
    let lost = |n: usize| format!("lost {n}");
    if side == Side::Control {
        let texts: Vec<String> = (0..many).map(lost).collect();
        let say: Vec<&str> = ["before"].into_iter().chain(texts.iter().map(String::as_str)).chain(["after"]).collect();
        let heard = naive(Swallow::new(many), &say, 2).await?;
        let did = vec![format!("{many} messages are missing, and no word about it")];
        return Ok(Outcome::new(heard[1].ends_with("after"), heard, did));
    }
    let mut cast = Cast::new(one(Swallow::new(many)), &PAIR).await?;
    cast.tell("alice", "bob", "before").await?;
    for n in 0..many {
        cast.say("alice", "bob", &lost(n))?;
    }
    cast.say("alice", "bob", "after")?;
    let after = |cast: &Cast| cast.heard("bob").iter().any(|text| text == "after");
    cast.until("bob's client decides", |cast| after(cast) || cast.saw("bob", set_aside)).await?;
    // Beyond the bound it takes a turn of the ratchet: Bob says something, and Alice answers.
    cast.tell("bob", "alice", "are you there?").await?;
    cast.tell("alice", "bob", "I am").await?;
    let missing = |arrival| if let Arrival::Gap(missing) = arrival { missing } else { 0 };
    let gaps: u64 = cast.messages("bob").iter().map(|message| missing(message.arrival)).sum();
    let taken = usize::try_from(gaps).is_ok_and(|gaps| gaps < many);
    let mut did: Vec<String> = cast.screen("bob").into_iter().filter(|line| line.contains("put aside")).collect();
    did.extend(marks(&cast));
    Ok(Outcome::new(taken, Vec::new(), did))
}

pub(super) async fn delay(side: Side) -> Result<Outcome> {
    if side == Side::Control {
        let heard = naive(Late::default(), &["do you want soup?", "or are you dead?"], 2).await?;
        return Ok(Outcome::new(heard[1].ends_with("soup?"), heard, vec!["no word about the order".to_owned()]));
    }
    let mut cast = Cast::new(one(Late::default()), &PAIR).await?;
    cast.say("alice", "bob", "do you want soup?")?;
    cast.say("alice", "bob", "or are you dead?")?;
    cast.until("both arrive", |cast| cast.heard("bob").len() == 2).await?;
    let arrivals: Vec<Arrival> = cast.messages("bob").iter().map(|message| message.arrival).collect();
    let taken = arrivals != [Arrival::Gap(1), Arrival::Late];
    Ok(Outcome::new(taken, Vec::new(), marks(&cast)))
}

pub(super) async fn forge_receipt(side: Side) -> Result<Outcome> {
    let hands = one(ForgeReceipt::default());
    let mut cast =
        if side == Side::Control { Cast::open(hands, &PAIR).await? } else { Cast::new(hands, &PAIR).await? };
    cast.say("alice", "bob", "the house is on fire")?;
    let stands = |cast: &Cast, at, sealed| {
        let so =
            |event: &Event| matches!(event, Event::State { state, sealed: way, .. } if *state == at && *way == sealed);
        cast.count("alice", so)
    };
    let sealed = side == Side::Real;
    // What stands before an acceptance has come by then: so the receipts for the second text, which leaves without delay and can
    // be guessed, have come when the third one is accepted.
    for n in 1..=3 {
        cast.until("the relay accepts", |cast| stands(cast, StoredState::Accepted, sealed) == n).await?;
        cast.say("alice", "bob", "come at once")?;
    }
    // Nor do open receipts count for what was sealed when the conversation is opened.
    cast.client("alice").set_mode(&id("bob"), Mode::Open)?;
    for n in 1..=2 {
        cast.say("alice", "bob", "in the open")?;
        cast.until("the relay confirms", |cast| stands(cast, StoredState::Delivered, false) >= n).await?;
    }
    let taken = stands(&cast, StoredState::Delivered, sealed) > 0;
    let state = if taken { "delivered" } else { "at the relay, and no more" };
    let did = vec![
        format!("alice's screen: her message is {state}"),
        format!("bob has read {} of them", cast.heard("bob").len()),
    ];
    let got = if taken { vec!["alice believes that bob has read it".to_owned()] } else { Vec::new() };
    Ok(Outcome::new(taken, got, did))
}

pub(super) async fn forge_sender(side: Side) -> Result<Outcome> {
    let (hands, people) = (one(ForgeSender::default()), ["alice", "bob", "carol"]);
    let mut cast =
        if side == Side::Control { Cast::open(hands, &people).await? } else { Cast::new(hands, &people).await? };
    cast.say("alice", "bob", "I have broken the vase")?;
    cast.until("bob's client decides", |cast| cast.saw("bob", set_aside) || !cast.heard("bob").is_empty()).await?;
    let got: Vec<String> = cast
        .messages("bob")
        .iter()
        .map(|message| format!("bob reads, from {}: {}", message.peer, message.text))
        .collect();
    Ok(Outcome::new(!got.is_empty(), got, cast.screen("bob")))
}

pub(super) async fn oversized(_: Side) -> Result<Outcome> {
    let mut cast = Cast::new(one(Oversized::default()), &PAIR).await?;
    cast.say("alice", "bob", "still here?")?;
    let offline = |event: &Event| matches!(event, Event::Offline { .. });
    cast.until("bob reads", |cast| !cast.heard("bob").is_empty()).await?;
    let taken = !cast.saw("bob", offline) || cast.saw("bob", set_aside);
    let got = if taken { vec!["bob's client took 4 MiB in".to_owned()] } else { Vec::new() };
    Ok(Outcome::new(taken, got, cast.screen("bob")))
}

pub(super) async fn old_session(_: Side) -> Result<Outcome> {
    let mut cast = Cast::new(one(HoldBack::new(0, 2)), &PAIR).await?;
    cast.say("alice", "bob", "in the first session")?;
    cast.until("it left", |cast| !cast.blobs("alice", "bob").is_empty()).await?;
    let mut thief = CopiedKeys::of(cast.client("alice").messenger(), &id("bob"))?;
    cast.client("alice").reset(&id("bob"))?;
    cast.tell("alice", "bob", "I begin anew").await?;
    cast.tell("alice", "bob", "nobody else has these keys").await?;
    cast.until("the held one arrives", |cast| cast.heard("bob").len() == 3).await?;
    cast.tell("bob", "alice", "only for you").await?;
    let now = Clock::system().now();
    let opened = cast.blobs("bob", "alice").iter().filter_map(|blob| thief.open(blob, now)).collect::<Vec<_>>();
    let got: Vec<String> = opened.iter().cloned().filter_map(text_of).collect();
    let mut did = marks(&cast);
    // Or whoever has Alice's keys dates a session of their own five days ahead: it would be the newest until then.
    let mut cast = Cast::strangers(Vec::new(), &["bob"]).await?;
    cast.join("alice", Clock::manual(Clock::system().now() + 5 * DAY)).await?;
    cast.say("alice", "bob", "newest of all")?;
    cast.until("bob's client decides", |cast| cast.saw("bob", set_aside) || !cast.heard("bob").is_empty()).await?;
    let first = !cast.heard("bob").is_empty();
    did.extend(cast.screen("bob"));
    Ok(Outcome::new(!opened.is_empty() || first, got, did))
}
