//! The attacks on keys, played.

use anyhow::Result;

use super::hands::{self, Alter, Drain, Eavesdrop, Offer, Strip};
use crate::client::contacts::Mode;
use crate::client::messenger::{Alarm, Event};
use crate::clock::Clock;
use crate::lab::attack::cast::{Cast, id, text_of};
use crate::lab::attack::middle::Middle;
use crate::lab::attack::twin::{self, NaiveMiddle, Twin};
use crate::lab::attack::{MOMENT, Outcome, Side};
use crate::lab::copied::CopiedKeys;
use crate::protocol::params::DAY;
use crate::wire::Payload;

const SECRET: &str = "meet me at the harbour at nine";

pub(super) async fn eavesdrop(side: Side) -> Result<Outcome> {
    let hands: Vec<_> = vec![Box::new(Eavesdrop) as _];
    let mut cast = match side {
        Side::Control => Cast::open(hands, &["alice", "bob"]).await?,
        Side::Real => Cast::new(hands, &["alice", "bob"]).await?,
    };
    cast.tell("alice", "bob", SECRET).await?;
    let taken = cast.in_clear(SECRET);
    let sizes = cast.house.proxy.seen().into_iter().filter(|seen| seen.from == id("alice"));
    let did =
        sizes.map(|seen| format!("alice's client handed over {} bytes, {}", seen.payload.size(), seen.payload.mode()));
    Ok(Outcome::new(taken, cast.house.loot(), did.collect()))
}

pub(super) async fn swap_first(side: Side) -> Result<Outcome> {
    if side == Side::Control {
        let (mut house, mut alice, mut bob) = twin::pair(vec![NaiveMiddle::after(0, false)]).await?;
        alice.say("bob", SECRET).await?;
        let did = vec![format!("bob read: {}", bob.hear().await?), "there is no number to compare".to_owned()];
        let got = house.loot();
        return Ok(Outcome::new(!got.is_empty(), got, did));
    }
    let mut cast = Cast::new(vec![Middle::first()], &["alice", "bob"]).await?;
    cast.tell("alice", "bob", SECRET).await?;
    let (hers, his) = (cast.number("alice", "bob")?, cast.number("bob", "alice")?);
    let number = |whose: &str, number: &Option<String>| {
        let digits = number.as_deref().unwrap_or_default();
        format!("{whose} shows the number {} …", digits.get(..20).unwrap_or_default())
    };
    let differ = hers.is_some() && his.is_some() && hers != his;
    let verdict =
        if differ { "they compare: ▲ the numbers differ" } else { "they compare: the numbers are the same" };
    let alarm = |event: &Event| matches!(event, Event::Alarm { .. } | Event::KeyChanged(_));
    let alarms = cast.count("alice", alarm) + cast.count("bob", alarm);
    let did = vec![
        number("alice's screen", &hers),
        number("bob's screen", &his),
        format!("{alarms} alarms at both ends"),
        verdict.to_owned(),
    ];
    Ok(Outcome::new(!differ, cast.house.loot(), did))
}

pub(super) async fn swap_later(side: Side) -> Result<Outcome> {
    if side == Side::Control {
        // The first answer to each of them is honest.
        let (mut house, mut alice, mut bob) = twin::pair(vec![NaiveMiddle::after(2, false)]).await?;
        alice.say("bob", "hello").await?;
        let mut did = vec![format!("bob read: {}", bob.hear().await?)];
        alice.learn("bob").await?;
        alice.say("bob", SECRET).await?;
        did.push("alice's client asked again, and took the other key without a word".to_owned());
        let got = house.loot();
        return Ok(Outcome::new(!got.is_empty(), got, did));
    }
    let mut cast = Cast::new(vec![Middle::later()], &["alice", "bob"]).await?;
    cast.tell("alice", "bob", "hello").await?;
    cast.tell("bob", "alice", "hello yourself").await?;
    for (me, peer) in [("alice", "bob"), ("bob", "alice")] {
        cast.client(me).set_verified(&id(peer), true)?;
    }
    cast.client("alice").reset(&id("bob"))?;
    cast.say("alice", "bob", SECRET)?;
    let decided = |cast: &Cast| cast.saw("alice", |event| matches!(event, Event::KeyChanged(_)));
    let mut loot = Vec::new();
    cast.until_mut("alice's client decides", |cast| {
        loot.extend(cast.house.loot());
        decided(cast) || !loot.is_empty()
    })
    .await?;
    cast.wait(MOMENT).await;
    loot.extend(cast.house.loot());
    let contact = cast.contact("alice", "bob")?;
    let taken = !loot.is_empty() || contact.verified || !decided(&cast);
    Ok(Outcome::new(taken, loot, cast.screen("alice")))
}

pub(super) async fn ghost(side: Side) -> Result<Outcome> {
    if side == Side::Real {
        return refused(side, hands::ghost).await;
    }
    let (mut house, mut alice, _bob) = twin::pair(vec![NaiveMiddle::after(0, true)]).await?;
    alice.say("bob", SECRET).await?;
    let got = house.loot();
    Ok(Outcome::new(!got.is_empty(), got, vec!["alice's client took the first of two keys".to_owned()]))
}

/// The same for each of several ways; one that succeeds is enough.
pub(super) async fn mixed(side: Side) -> Result<Outcome> {
    let mut all = Outcome::default();
    for alter in hands::MIXES {
        let one = refused(side, alter).await?;
        all.taken |= one.taken;
        all.got.extend(one.got);
        all.did.extend(one.did);
    }
    Ok(all)
}

/// Alice writes to Bob, whose keys were tampered with: does anything leave?
pub(super) async fn refused(_: Side, alter: Alter) -> Result<Outcome> {
    let cast = Cast::new(vec![Box::new(Offer::new(alter))], &["alice", "bob"]).await?;
    nothing_leaves(cast, "bob").await
}

async fn nothing_leaves(mut cast: Cast, to: &str) -> Result<Outcome> {
    cast.say("alice", to, SECRET)?;
    let sent = |cast: &Cast| cast.house.proxy.seen().iter().any(|seen| seen.from == id("alice"));
    let refused = |event: &Event| matches!(event, Event::Alarm { alarm: Alarm::Keys(_), .. });
    cast.until("alice's client decides about the keys", |cast| cast.saw("alice", refused) || sent(cast)).await?;
    cast.wait(MOMENT).await;
    let mut did = cast.screen("alice");
    let taken = sent(&cast);
    did.push(if taken { "a message left".to_owned() } else { "nothing left alice's client".to_owned() });
    Ok(Outcome::new(taken, cast.house.loot(), did))
}

pub(super) async fn stale(_: Side) -> Result<Outcome> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("bob.vault");
    let mut cast = Cast::strangers(vec![Box::new(Offer::new(hands::stale))], &[]).await?;
    let now = Clock::system().now();
    cast.join_at("bob", &path, Clock::manual(now - 40 * DAY)).await?;
    cast.leave("bob").await?;
    cast.join_at("bob", &path, Clock::manual(now)).await?;
    cast.join("alice", Clock::system()).await?;
    nothing_leaves(cast, "bob").await
}

pub(super) async fn same_one_time(_: Side) -> Result<Outcome> {
    let mut cast = Cast::new(vec![Box::new(Offer::new(hands::same_one_time))], &["alice", "bob", "carol"]).await?;
    cast.tell("alice", "bob", SECRET).await?;
    cast.say("carol", "bob", "and from me")?;
    let from_carol = |event: &Event| {
        matches!(event, Event::SetAside { peer, .. } if *peer == id("carol"))
            || matches!(event, Event::Message { message } if message.peer == id("carol"))
    };
    cast.until("carol's message arrives", |cast| cast.saw("bob", from_carol)).await?;
    let recorded = cast.blobs("alice", "bob");
    let thief = CopiedKeys::of(cast.client("bob").messenger(), &id("alice"))?;
    let now = Clock::system().now();
    let got = recorded.iter().filter_map(|blob| text_of(thief.open_anew(blob, now)?)).collect::<Vec<_>>();
    let left = cast.client("bob").messenger().rows().prekeys()?.one_time.len();
    let mut did = cast.screen("bob");
    did.push(format!("bob's vault has {left} one-time keys: the one that was used is gone"));
    Ok(Outcome::new(!got.is_empty(), got, did))
}

pub(super) async fn drain(_: Side) -> Result<Outcome> {
    let mut cast = Cast::strangers(vec![Box::new(Drain::default())], &["alice", "bob", "carol"]).await?;
    cast.tell("alice", "bob", "hello").await?;
    let mut got = Vec::new();
    cast.until_mut("the attacker has all that it can get", |cast| {
        got.extend(cast.house.loot());
        !got.is_empty()
    })
    .await?;
    cast.tell("carol", "bob", SECRET).await?;
    let taken = cast.saw("carol", |event| matches!(event, Event::NoOneTimeKey(_)));
    let said = if taken { "carol's first message found none left" } else { "carol's first message had one" };
    Ok(Outcome::new(taken, got, vec!["the relay refused the rest: too fast".to_owned(), said.to_owned()]))
}

pub(super) async fn withhold(_: Side) -> Result<Outcome> {
    let mut cast = Cast::new(vec![Box::new(Offer::new(hands::withhold))], &["alice", "bob"]).await?;
    cast.tell("alice", "bob", SECRET).await?;
    let said = cast.saw("alice", |event| matches!(event, Event::NoOneTimeKey(_)));
    Ok(Outcome::new(!said, cast.house.loot(), cast.screen("alice")))
}

pub(super) async fn key_share(side: Side) -> Result<Outcome> {
    let hands: Vec<_> = vec![Box::new(Offer::new(hands::key_share)) as _];
    if side == Side::Real {
        return nothing_leaves(Cast::new(hands, &["alice", "bob", "carol"]).await?, "carol").await;
    }
    let (house, mut alice, mut bob) = twin::pair(hands).await?;
    let _carol = Twin::join(house.proxy.url(), "carol").await?;
    alice.learn("carol").await?;
    alice.say("carol", "to carol, and to nobody else").await?;
    let heard = bob.hear().await?;
    let taken = heard.ends_with("nobody else");
    Ok(Outcome::new(taken, vec![format!("bob's client shows, as if it were for him: {heard}")], Vec::new()))
}

pub(super) async fn downgrade(_: Side) -> Result<Outcome> {
    let mut cast = Cast::strangers(vec![Box::new(Strip)], &["alice", "bob"]).await?;
    cast.say("alice", "bob", SECRET)?;
    let open = |cast: &Cast| cast.in_clear(SECRET);
    cast.until("alice's client decides", |cast| {
        open(cast)
            || !cast.heard("alice").is_empty()
            || cast.saw("alice", |event| matches!(event, Event::SetAside { .. }))
    })
    .await?;
    cast.wait(MOMENT).await;
    let believed = cast.contact("alice", "bob")?.mode == Mode::Open || !cast.heard("alice").is_empty();
    let taken = open(&cast) || believed;
    let mut did = cast.screen("alice");
    did.push("alice's text is held".to_owned());
    let clear = cast.house.proxy.seen().into_iter().filter_map(|seen| match seen.payload {
        Payload::Open(crate::wire::Content::Text { text, .. }) => Some(text),
        _ => None,
    });
    Ok(Outcome::new(taken, clear.collect(), did))
}
