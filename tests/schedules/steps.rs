//! What can happen: a menu with weights. A schedule is a few hundred draws from it.

use blindrelay::client::contacts::Mode;
use blindrelay::protocol::params::DAY;
use blindrelay::wire::{Content, Envelope, MessageId, Payload};
use rand::{RngExt, SeedableRng, rngs::ChaCha20Rng};

use super::world::{Weakness, Weather, World};
use blindrelay::lab::model::oracle::Check;
use blindrelay::lab::model::relay::tamper;

type Step = fn(&mut World) -> Check;

/// The same for all weathers: an honest relay, a bad network, programs that are killed.
const HONEST: [(u32, Step); 11] = [
    (30, say),
    (8, |world| with_somebody(world, World::tick)),
    (40, up),
    (40, down),
    (14, connect),
    (3, disconnect),
    (2, restart),
    (1, relay_restarts),
    (1, relay_is_busy),
    (1, one_time_keys_run_out),
    (2, days),
];
/// A relay that lies, or loses its disk, and people who change the mode.
const LIES: [(u32, Step); 10] = [
    (5, drop_one),
    (5, duplicate),
    (5, reorder),
    (5, hold),
    (8, release),
    (4, alter),
    (4, replay),
    (3, forge),
    (2, change_mode),
    (1, wipe),
];
/// People who copy and restore their vaults, and begin anew.
const COPIES: [(u32, Step); 3] = [(4, copy), (2, restore), (2, reset)];

/// One draw from the menu.
pub fn step(world: &mut World) -> Check {
    world.now += world.rng.random_range(1..5_000);
    let lies =
        if world.weather >= Weather::Lies || world.weak == Some(Weakness::CallsLiesHonest) { &LIES[..] } else { &[] };
    let copies = if world.weather >= Weather::Copies { &COPIES[..] } else { &[] };
    let menu = || HONEST.iter().chain(lies).chain(copies);
    let mut draw = world.rng.random_range(0..menu().map(|(weight, _)| weight).sum());
    for (weight, step) in menu() {
        if draw < *weight {
            return step(world);
        }
        draw -= weight;
    }
    Ok(())
}

fn with_somebody(world: &mut World, step: fn(&mut World, usize) -> Check) -> Check {
    let who = world.somebody();
    step(world, who)
}

fn some_pair(world: &mut World) -> (usize, usize) {
    let pairs = world.pairs();
    pairs[world.rng.random_range(0..pairs.len())]
}

// ---- honest ----

fn say(world: &mut World) -> Check {
    let (who, to) = some_pair(world);
    world.say(who, to)
}

fn up(world: &mut World) -> Check {
    let (who, most) = (world.somebody(), world.rng.random_range(1..8));
    world.up(who, most)
}

fn down(world: &mut World) -> Check {
    let (who, most) = (world.somebody(), world.rng.random_range(1..8));
    world.down(who, most)
}

fn connect(world: &mut World) -> Check {
    let who = world.somebody();
    if world.people[who].line.is_none() {
        world.note(format!("{} connects", world.name(who)));
        world.people[who].connect();
    }
    Ok(())
}

fn disconnect(world: &mut World) -> Check {
    let who = world.somebody();
    world.note(format!("{}'s line breaks", world.name(who)));
    world.people[who].disconnect();
    Ok(())
}

fn restart(world: &mut World) -> Check {
    let (who, clean) = (world.somebody(), world.rng.random());
    world.note(format!(
        "{} {}",
        world.name(who),
        if clean { "quits and starts again" } else { "is killed and starts again" }
    ));
    world.count("restarted");
    world.restart(who, clean)
}

fn relay_restarts(world: &mut World) -> Check {
    world.note("the relay restarts");
    world.count("relay restarted");
    (0..world.people.len()).for_each(|who| world.people[who].disconnect());
    Ok(())
}

fn relay_is_busy(world: &mut World) -> Check {
    world.count("relay busy");
    world.relay.busy = world.rng.random_range(1..6);
    world.note(format!("the relay refuses {} requests for now", world.relay.busy));
    Ok(())
}

fn one_time_keys_run_out(world: &mut World) -> Check {
    let who = world.somebody();
    world.note(format!("the one-time keys of {} run out", world.name(who)));
    world.relay.drain_one_time(&world.people[who].id);
    Ok(())
}

/// Up to four weeks in all: that is how long the keys of late messages are kept.
fn days(world: &mut World) -> Check {
    let days = world.rng.random_range(1..10);
    if world.day() + days < 29 {
        world.note(format!("{days} days pass"));
        world.count("days passed");
        world.now += days * DAY;
    }
    Ok(())
}

// ---- lies ----

/// Does something to one envelope in somebody's mailbox, given its place. It counts as harmed if that says so.
fn with_mail(world: &mut World, what: &'static str, act: impl FnOnce(&mut Vec<Envelope>, usize, &mut ChaCha20Rng)) {
    let Some(mail) = world.relay.some_mail(&mut world.rng) else { return };
    let place = world.rng.random_range(0..mail.len());
    let Envelope { from, to, id, .. } = &mail[place];
    let note = format!("the relay {what} {id} from {from} to {to}");
    act(mail, place, &mut world.rng);
    world.note(note);
    world.count(what);
}

fn drop_one(world: &mut World) -> Check {
    let mut dropped = None;
    with_mail(world, "drops", |mail, place, _| dropped = Some(mail.remove(place)));
    world.oracle.harmed.extend(dropped.map(|envelope| envelope.id));
    Ok(())
}

fn duplicate(world: &mut World) -> Check {
    let mut copy = None;
    with_mail(world, "duplicates", |mail, place, _| copy = Some(mail[place].clone()));
    if let Some(copy) = copy {
        let place = world.rng.random_range(0..10);
        world.relay.post(copy, place);
    }
    Ok(())
}

fn reorder(world: &mut World) -> Check {
    with_mail(world, "reorders", |mail, place, rng| {
        let other = rng.random_range(0..mail.len());
        mail.swap(place, other);
    });
    Ok(())
}

fn hold(world: &mut World) -> Check {
    let mut held = None;
    with_mail(world, "holds", |mail, place, _| held = Some(mail.remove(place)));
    world.relay.held.extend(held);
    Ok(())
}

pub fn release(world: &mut World) -> Check {
    if world.relay.held.is_empty() {
        return Ok(());
    }
    let place = world.rng.random_range(0..world.relay.held.len());
    let envelope = world.relay.held.swap_remove(place);
    world.note(format!("the relay releases {} from {} to {}", envelope.id, envelope.from, envelope.to));
    let place = world.rng.random_range(0..10);
    world.relay.post(envelope, place);
    Ok(())
}

fn alter(world: &mut World) -> Check {
    let people: Vec<_> = world.people.iter().map(|person| person.id.clone()).collect();
    let mut altered = None;
    with_mail(world, "alters", |mail, place, rng| {
        tamper(&mut mail[place], &people, rng);
        altered = Some(mail[place].clone());
    });
    if let Some(altered) = altered {
        world.oracle.harmed.insert(altered.id);
        made_up(world, &altered);
    }
    Ok(())
}

/// Anything it was ever handed, to anybody, under any name.
fn replay(world: &mut World) -> Check {
    if world.relay.hoard.is_empty() {
        return Ok(());
    }
    let place = world.rng.random_range(0..world.relay.hoard.len());
    let genuine = world.relay.hoard[place].clone();
    let mut envelope = genuine.clone();
    match world.rng.random_range(0..4) {
        0 => std::mem::swap(&mut envelope.from, &mut envelope.to),
        1 => envelope.to = world.people[world.rng.random_range(0..world.people.len())].id.clone(),
        _ => {}
    }
    if envelope != genuine {
        made_up(world, &envelope);
    }
    world.note(format!("the relay replays {} from {} to {}", envelope.id, envelope.from, envelope.to));
    world.count("replays");
    world.relay.post(envelope, usize::MAX);
    Ok(())
}

/// The relay wrote this, or wrote another name on it. That it can, in open mode, is no news to the oracle.
fn made_up(world: &mut World, envelope: &Envelope) {
    match &envelope.payload {
        Payload::Open(Content::Text { text, .. }) if world.weak != Some(Weakness::BelievesForgedTexts) => {
            world.oracle.forged.insert((envelope.from.clone(), envelope.to.clone(), text.clone()));
            world.oracle.misquoted.insert(envelope.id);
        }
        Payload::Open(Content::Receipt { .. }) => {
            world.oracle.forged_receipts |= world.weak != Some(Weakness::BelievesForgedReceipts);
        }
        _ => {}
    }
}

/// An open text that nobody wrote, or an open receipt that nobody sent, for a text about which the relay has guessed everything.
fn forge(world: &mut World) -> Check {
    let (from, to) = some_pair(world);
    let (mut from, mut to) = (world.people[from].id.clone(), world.people[to].id.clone());
    let text = format!("{from} never wrote this ({})", world.now);
    let mut content = Content::Text { sent_at: world.now, counter: world.rng.random_range(1..40), text, via: None };
    if !world.oracle.said.is_empty() && world.rng.random() {
        let said = &world.oracle.said[world.rng.random_range(0..world.oracle.said.len())];
        (from, to) = (said.to.clone(), said.from.clone());
        content = Content::Receipt { sent_at: world.now, of: said.counter, of_sent_at: said.at };
    }
    world.note(format!("the relay forges {content:?} from {from} to {to}"));
    world.count("forges");
    let id = MessageId::random(&mut world.rng);
    let envelope = Envelope { seq: 0, id, from, to, at: world.now, payload: Payload::Open(content) };
    made_up(world, &envelope);
    world.relay.post(envelope, usize::MAX);
    Ok(())
}

fn change_mode(world: &mut World) -> Check {
    let (who, peer) = some_pair(world);
    let mode = if world.rng.random() { Mode::Open } else { Mode::Sealed };
    set_mode(world, who, peer, mode)
}

pub fn set_mode(world: &mut World, who: usize, peer: usize, mode: Mode) -> Check {
    let peer = world.people[peer].id.clone();
    world.note(format!("{}'s conversation with {peer} is {mode:?} from now on", world.name(who)));
    world.act(who, |messenger, now, dice| Ok(messenger.set_mode(&peer, mode, now, dice)?.1))
}

fn wipe(world: &mut World) -> Check {
    world.note("the relay loses its disk");
    world.count("relay wiped");
    world.oracle.harmed.extend(world.relay.mail().chain(&world.relay.held).map(|envelope| envelope.id));
    world.relay.wipe();
    (0..world.people.len()).for_each(|who| world.people[who].disconnect());
    Ok(())
}

/// 1,500 texts in a row that never arrive.
pub fn burst(world: &mut World, from: usize, to: usize) -> Check {
    world.note(format!("the relay drops 1,500 in a row from {} to {}", world.name(from), world.name(to)));
    world.count("1,500 dropped");
    let calm = std::mem::replace(&mut world.calm, true);
    // Both are known to the relay: what is said leaves at once.
    world.visit(to)?;
    world.visit(from)?;
    for n in 0..1_500 {
        world.say(from, to)?;
        world.log.pop();
        if n % 50 == 0 {
            world.up(from, usize::MAX)?;
            world.down(from, usize::MAX)?;
            let (from, to) = (world.people[from].id.clone(), world.people[to].id.clone());
            let dropped = world.relay.drop_all(&from, &to);
            world.oracle.harmed.extend(dropped.iter().map(|envelope| envelope.id));
        }
    }
    world.calm = calm;
    Ok(())
}

// ---- copies ----

fn copy(world: &mut World) -> Check {
    let who = world.somebody();
    world.note(format!("{} copies the vault", world.name(who)));
    let id = world.people[who].id.clone();
    let dice = world.rng.random();
    if world.weak == Some(Weakness::RewoundDice) {
        world.people[who].dice = ChaCha20Rng::seed_from_u64(dice);
    }
    world.copies.push((who, world.people[who].copy(), world.oracle.ledger(&id).clone(), dice));
    rewound(world, who)
}

/// If the dice are copied and restored with the vault, as in a machine's snapshot: what is said right afterwards shows it.
fn rewound(world: &mut World, who: usize) -> Check {
    if world.weak != Some(Weakness::RewoundDice) {
        return Ok(());
    }
    world.say(who, (who + 1) % world.people.len())?;
    world.visit(who)
}

fn restore(world: &mut World) -> Check {
    if world.copies.is_empty() {
        return Ok(());
    }
    let place = world.rng.random_range(0..world.copies.len());
    let (who, file, ledger, dice) = world.copies.swap_remove(place);
    world.note(format!("{} restores a copy of the vault", world.name(who)));
    world.count("vault restored");
    let id = world.people[who].id.clone();
    world.oracle.restored.insert(id.clone());
    world.oracle.ledgers.insert(id, ledger);
    if world.weak == Some(Weakness::RewoundDice) {
        world.people[who].dice = ChaCha20Rng::seed_from_u64(dice);
    }
    world.people[who].restart(false, |path| std::fs::write(path, file).unwrap(), world.now);
    world.show_unread(who)?;
    rewound(world, who)
}

fn reset(world: &mut World) -> Check {
    let (who, peer) = some_pair(world);
    begin_anew(world, who, peer)
}

pub fn begin_anew(world: &mut World, who: usize, peer: usize) -> Check {
    let peer = world.people[peer].id.clone();
    world.note(format!("{}: /reset with {peer}", world.name(who)));
    world.act(who, |messenger, _, _| messenger.reset(&peer))
}
