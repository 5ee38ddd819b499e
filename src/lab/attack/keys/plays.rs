//! The attacks on keys, played.

use anyhow::Result;

use super::hands::{self, Alter, Drain, Eavesdrop, Offer, Strip};
use crate::client::contacts::Mode;
use crate::client::messenger::{Alarm, Event};
use crate::clock::Clock;
use crate::lab::attack::cast::{Cast, id, text_of};
use crate::lab::attack::messages::swallowing;
use crate::lab::attack::middle::{LETTER, Middle};
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
    let mut did = vec![
        number("alice's screen", &hers),
        number("bob's screen", &his),
        format!("{alarms} alarms at both ends"),
        verdict.to_owned(),
    ];
    let mut halves = true;
    for (victim, alter) in [("alice", hands::swap_for_alice as Alter), ("bob", hands::swap_for_bob)] {
        let half = swap_half(alter).await?;
        halves &= half;
        let verdict = if half { "differ" } else { "are the same" };
        did.push(format!("only {victim} is given a wrong key: the numbers {verdict}"));
    }
    Ok(Outcome::new(!differ || !halves, cast.house.loot(), did))
}

/// The relay lies to one of the two: do the numbers differ?
async fn swap_half(alter: Alter) -> Result<bool> {
    let hands = vec![Box::new(Offer::new(alter)) as _, swallowing()];
    let mut cast = Cast::new(hands, &["alice", "bob"]).await?;
    cast.say("alice", "bob", SECRET)?;
    cast.say("bob", "alice", "are you there?")?;
    let mut numbers = [None, None];
    cast.until_mut("both have a number", |cast| {
        numbers = [("alice", "bob"), ("bob", "alice")].map(|(me, peer)| cast.number(me, peer).ok().flatten());
        numbers.iter().all(Option::is_some)
    })
    .await?;
    Ok(numbers[0] != numbers[1])
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
    let mut cast = Cast::new(vec![Middle::writing()], &["alice", "bob"]).await?;
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
    // Meanwhile Bob is written to in Alice's name, by keys that he does not know.
    let aside = |event: &Event| matches!(event, Event::SetAside { .. } | Event::KeyChanged(_));
    let fooled = |cast: &Cast| cast.heard("bob").iter().any(|text| text == LETTER);
    cast.until("bob's client decides", |cast| cast.saw("bob", aside) || fooled(cast)).await?;
    cast.wait(MOMENT).await;
    loot.extend(cast.house.loot());
    let contact = cast.contact("alice", "bob")?;
    let taken = !loot.is_empty() || contact.verified || !decided(&cast) || fooled(&cast);
    Ok(Outcome::new(taken, loot, [cast.screen("alice"), cast.screen("bob")].concat()))
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
    cast.say("carol", "bob", SECRET)?;
    // With a key that somebody else has used it would be put aside.
    let aside = |event: &Event| matches!(event, Event::SetAside { .. });
    let read = |cast: &Cast| cast.heard("bob").iter().any(|text| text == SECRET);
    cast.until("bob's client decides", |cast| cast.saw("bob", aside) || read(cast)).await?;
    let none = cast.saw("carol", |event| matches!(event, Event::NoOneTimeKey(_)));
    let said = match (none, read(&cast)) {
        (true, _) => "carol's first message found none left",
        (_, true) => "carol's first message had one",
        (_, false) => "carol's first message had one that was used before, and is lost",
    };
    Ok(Outcome::new(
        none || !read(&cast),
        got,
        vec!["the relay refused the rest: too fast".to_owned(), said.to_owned()],
    ))
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
        let people = ["alice", "bob", "carol"];
        let mut shared = nothing_leaves(Cast::new(hands, &people).await?, "carol").await?;
        // The other way: Bob's agreement keys, signed in Carol's name by a key that the relay has. Nobody can see that they are his.
        let mut cast = Cast::new(vec![Box::new(Offer::new(hands::keys_signed_anew)) as _], &people).await?;
        cast.say("alice", "carol", SECRET)?;
        let aside = |event: &Event| matches!(event, Event::SetAside { .. });
        cast.until("bob's client decides", |cast| cast.saw("bob", aside) || !cast.heard("bob").is_empty()).await?;
        let heard = cast.heard("bob");
        shared.taken |= !heard.is_empty();
        shared.got.extend(heard.iter().map(|text| format!("bob's client shows, as if it were for him: {text}")));
        shared.did.extend(cast.screen("bob"));
        return Ok(shared);
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
