//! The end of a schedule: the faults stop, and everything must work again.

use std::collections::BTreeSet;

use blindrelay::client::contacts::Mode;
use blindrelay::client::vault::StoredState;
use blindrelay::wire::MessageId;

use super::steps;
use super::world::{Weather, World};
use blindrelay::lab::model::oracle::{Broken, Check, Rule, Said, brief, broken};

/// The most sessions that two people keep: with more, the oldest are forgotten and what comes late in them is lost.
const SESSIONS: usize = 4;
/// The most that a quarantine holds: with more, the oldest are given up.
const QUARANTINE: usize = 100;

pub fn recover(world: &mut World) -> Check {
    world.note("— the faults stop —");
    world.calm = true;
    if world.oracle.handshakes.values().any(|sessions| sessions.len() > 1) {
        world.count("two sessions at once");
    }
    world.relay.busy = 0;
    while !world.relay.held.is_empty() {
        steps::release(world)?;
    }
    world.settle()?;
    for (who, peer) in world.pairs() {
        steps::set_mode(world, who, peer, Mode::Sealed)?;
        // Whoever restored a copy begins anew: that is the user's part.
        if world.oracle.restored.contains(&world.people[who].id) {
            steps::begin_anew(world, who, peer)?;
        }
    }
    world.settle()?;
    // Somebody has to speak first: a chain of which over 1,000 are missing goes on when the other side has spoken.
    everybody_speaks(world)?;
    for _ in 0..2 {
        let fresh = everybody_speaks(world)?;
        arrived(world, fresh)?;
    }
    keys_turn(world)?;
    nothing_is_left(world)?;
    nothing_is_lost(world)
}

/// Each says something to each, and it all arrives. Returns which texts these are.
fn everybody_speaks(world: &mut World) -> Result<std::ops::Range<usize>, Broken> {
    let first = world.oracle.said.len();
    for (who, to) in world.pairs() {
        world.say(who, to)?;
    }
    world.settle()?;
    Ok(first..world.oracle.said.len())
}

fn arrived(world: &mut World, fresh: std::ops::Range<usize>) -> Check {
    for n in fresh {
        let Said { from, to, text, .. } = &world.oracle.said[n];
        let (from, to, text) = (from.clone(), to.clone(), text.clone());
        if !world.oracle.ledger(&to).shown.contains(&n) {
            return broken(
                Rule::Recovers,
                format!("the faults are over, and {to} does not see {from}'s {}", brief(&text)),
            );
        }
        let sender = world.people.iter_mut().find(|person| person.id == from).unwrap();
        let mine = sender.messenger().0.rows().messages(Some(&to), None, 10).unwrap();
        if !mine.iter().any(|message| message.text == text && message.state == StoredState::Delivered) {
            return broken(
                Rule::Recovers,
                format!("the faults are over, and {from}'s {} is not marked delivered", brief(&text)),
            );
        }
    }
    Ok(())
}

/// Everybody was answered by everybody: no blob carries a handshake any more, so the ratchets turn.
fn keys_turn(world: &mut World) -> Check {
    let before = world.oracle.first_contacts;
    everybody_speaks(world)?;
    if world.oracle.first_contacts > before {
        return broken(Rule::Recovers, "somebody still repeats a handshake: two sessions are used, and neither turns");
    }
    Ok(())
}

fn nothing_is_left(world: &mut World) -> Check {
    for person in &mut world.people {
        let id = person.id.clone();
        let rows = person.messenger().0.rows();
        let waiting = rows.outbox().unwrap().len();
        let all = rows.messages(None, None, u32::MAX).unwrap();
        for message in &all {
            world.oracle.labelled(&id, message)?;
        }
        let mut stuck = all.iter().filter(|message| matches!(message.state, StoredState::Held | StoredState::Saved));
        if let Some(message) = stuck.next() {
            return broken(
                Rule::NothingLeftBehind,
                format!("{id}'s {} is still {:?}", brief(&message.text), message.state),
            );
        }
        if waiting > 0 {
            return broken(Rule::NothingLeftBehind, format!("{waiting} frames in {id}'s outbox"));
        }
    }
    Ok(())
}

/// Every text that no relay harmed and no restored copy forgot was shown, or waits in quarantine.
fn nothing_is_lost(world: &mut World) -> Check {
    let mut aside: BTreeSet<MessageId> = BTreeSet::new();
    for person in &mut world.people {
        aside.extend(person.messenger().0.rows().quarantine(None).unwrap().iter().map(|row| row.id));
    }
    for (n, Said { from, to, text, id, .. }) in world.oracle.said.iter().enumerate() {
        let pair = if from < to { (from.clone(), to.clone()) } else { (to.clone(), from.clone()) };
        let sessions = world.oracle.handshakes.get(&pair).map_or(0, BTreeSet::len);
        let excused = world.oracle.harmed.contains(id)
            || [from, to].iter().any(|who| world.oracle.restored.contains(who))
            || sessions > SESSIONS
            || world.oracle.set_aside.get(to).is_some_and(|&aside| aside > QUARANTINE);
        if !excused && !aside.contains(id) && !world.oracle.ledgers[to].shown.contains(&n) {
            return broken(
                Rule::NothingLost,
                format!("nobody harmed {from}'s {}, and {to} has not got it", brief(text)),
            );
        }
    }
    let sender = |world: &mut World, who: usize| -> Vec<_> {
        world.people[who].messenger().0.rows().messages(None, None, u32::MAX).unwrap()
    };
    if world.weather == Weather::Honest {
        for who in 0..world.people.len() {
            for message in sender(world, who).iter().filter(|message| message.outgoing) {
                if message.state != StoredState::Delivered {
                    let what = format!("an honest relay, and {} is only {:?}", brief(&message.text), message.state);
                    return broken(Rule::NothingLost, what);
                }
            }
        }
    }
    Ok(())
}
