//! The attack drawer: a dozen of the laboratory's attacks, played while the room looks.
//!
//! Question: where does an audience look when somebody lies?
//! At three places at once: what the attacker got stands in the middle, what the devices showed stands at both ends. So whatever
//! came of an attack is sorted by whose it is, once for the control that must lose and once for the real client, side by side. Nothing here
//! is told: [`crate::lab::attack`] plays it when it is asked for, through sockets of this process, and with its own cast.
//!
//! ```text
//!            control           real client
//! Alice      what it showed    the alarm
//! attacker   what was got      nothing
//! Bob        what it showed    the alarm
//! ```

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Serialize;

use super::board::Board;
use crate::lab::attack::{Attack, Control, Outcome};
use crate::wire::sanitise;

/// The dozen, as a room calls them.
const DOZEN: [(&str, &str); 12] = [
    ("eavesdrop", "Read along"),
    ("swap-keys-first", "Swap the first key"),
    ("swap-keys-later", "Swap a key later"),
    ("ghost-identity", "Add a ghost"),
    ("downgrade-to-open", "Talk down to open"),
    ("tamper", "Turn bits over"),
    ("replay", "Deliver it thrice"),
    ("reflect", "Send it back"),
    ("drop", "Throw one away"),
    ("forge-sender", "Forge the sender"),
    ("steal-vault-then-read-yesterday", "Steal, read yesterday"),
    ("length", "Measure lengths"),
];
/// Lines of one party.
const LINES: usize = 6;
/// Characters of a line.
const SHOWN: usize = 200;

/// What the drawer shows.
#[derive(Debug)]
pub(super) struct Drawer {
    cards: Vec<Card>,
    /// How many were played.
    n: u32,
    played: Option<Lesson>,
}

/// One attack to choose.
#[derive(Debug, Serialize)]
struct Card {
    name: &'static str,
    title: &'static str,
    wants: &'static str,
}

/// One that was played.
#[derive(Debug, Serialize)]
struct Lesson {
    n: u32,
    name: &'static str,
    title: &'static str,
    story: &'static str,
    /// What must lose.
    control: String,
    /// The patch of `tests/mutants` that must lose, where the control is one: the tests run it.
    patch: Option<&'static str>,
    against_control: Option<Sorted>,
    against_real: Sorted,
    holds: bool,
    property: &'static str,
    source: &'static str,
    file: &'static str,
    function: &'static str,
    limit: &'static str,
    took: u64,
}

/// What came of it on one side, by whose it is.
#[derive(Debug, Default, Serialize)]
struct Sorted {
    taken: bool,
    got: Vec<String>,
    alice: Vec<String>,
    middle: Vec<String>,
    bob: Vec<String>,
}

impl Drawer {
    pub(super) fn new() -> Self {
        let cards = DOZEN.iter().filter_map(|(name, title)| {
            let attack = Attack::named(name).ok()?;
            Some(Card { name: attack.name, title, wants: attack.wants })
        });
        Self { cards: cards.collect(), n: 0, played: None }
    }

    /// Plays one of the dozen.
    pub(super) async fn play(&mut self, name: &str) -> Result<()> {
        let card = self.cards.iter().find(|card| card.name == name);
        let names: Vec<&str> = self.cards.iter().map(|card| card.name).collect();
        let Card { name, title, .. } =
            *card.with_context(|| format!("this is not in the drawer; there are: {}", names.join(", ")))?;
        let attack = Attack::named(name)?;
        let played = attack.play().await.with_context(|| format!("the attack {name} could not be played"))?;
        self.n += 1;
        self.played = Some(Lesson {
            n: self.n,
            name,
            title,
            story: attack.story,
            control: match attack.control {
                Control::Twin => "The naive twin".to_owned(),
                Control::Open => "An open conversation".to_owned(),
                other => other.to_string(),
            },
            patch: if let Control::Patch(patch) = attack.control { Some(patch) } else { None },
            against_control: played.against_control.map(Sorted::of),
            against_real: Sorted::of(played.against_real),
            holds: played.holds,
            property: attack.property,
            source: attack.source,
            file: attack.place.0,
            function: attack.place.1,
            limit: attack.limit,
            took: played.took,
        });
        Ok(())
    }

    /// Back to the choice.
    pub(super) fn clear(&mut self) {
        self.played = None;
    }

    pub(super) fn show(&self, board: &Board) {
        board.put("attacks", &self.cards);
        board.put("attack", &self.played);
    }
}

impl Sorted {
    fn of(outcome: Outcome) -> Self {
        let mut sorted = Self { taken: outcome.taken, ..Self::default() };
        for line in outcome.did {
            let (hers, his) = (concerns(&line, "alice"), concerns(&line, "bob"));
            sorted.alice.extend(hers.then(|| line.clone()));
            sorted.bob.extend(his.then(|| line.clone()));
            sorted.middle.extend((!hers && !his).then_some(line));
        }
        // A lie that was believed is loot, and stands on the screen of whoever believes it.
        for (name, party) in [("alice", &mut sorted.alice), ("bob", &mut sorted.bob)] {
            if party.is_empty() {
                let read = format!("{name} reads");
                party.extend(outcome.got.iter().filter(|got| got.starts_with(&read)).cloned());
            }
            *party = shown(party, &format!("{name}'s screen: "));
        }
        sorted.middle = shown(&sorted.middle, "");
        sorted.got = shown(&outcome.got, "");
        sorted
    }
}

/// Whether a line tells what happened at this person's device.
fn concerns(line: &str, name: &str) -> bool {
    line.starts_with("they ") || line.starts_with(&format!("{name} ")) || line.contains(&format!("{name}'s "))
}

/// Lines as a page shows them: alarms first, each once with how often, without what the heading says, not too many nor too long.
fn shown(lines: &[String], heading: &str) -> Vec<String> {
    let times = |line: &String| lines.iter().filter(|other| *other == line).count();
    let mut before = BTreeSet::new();
    let mut fresh: Vec<&String> = lines.iter().filter(|line| before.insert(*line)).collect();
    fresh.sort_by_key(|line| !line.contains('▲'));
    let cut = |line: &&String| {
        let text: String = line.strip_prefix(heading).unwrap_or(line).chars().take(SHOWN).collect();
        let often = if times(line) > 1 { format!(" (×{})", times(line)) } else { String::new() };
        sanitise(&text) + &often
    };
    let mut out: Vec<String> = fresh.iter().take(LINES).map(cut).collect();
    out.extend((fresh.len() > LINES).then(|| format!("and {} more", fresh.len() - LINES)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawer_holds_twelve_attacks_of_the_catalogue_and_at_most_one_whose_control_is_a_patch() {
        let drawer = Drawer::new();
        assert_eq!(drawer.cards.len(), DOZEN.len(), "every name is in the catalogue");
        let patched = |card: &&Card| matches!(Attack::named(card.name).unwrap().control, Control::Patch(_));
        assert!(drawer.cards.iter().filter(patched).count() <= 1);
    }

    #[test]
    fn lines_come_to_the_party_that_they_are_about_and_are_inert() {
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<String>>();
        let did = [
            "alice's screen: hm",
            "alice's screen: ▲ no",
            "alice's screen: ▲ no",
            "3 copies",
            "they compare",
            "alice's client sent\u{1b}",
        ];
        let got = ["bob reads: x", "bob reads: x"];
        let sorted = Sorted::of(Outcome { got: lines(&got), did: lines(&did), taken: true });
        assert_eq!(sorted.alice, ["▲ no (×2)", "hm", "they compare", "alice's client sent\\u{1b}"]);
        assert_eq!((sorted.middle, sorted.bob), (lines(&["3 copies"]), lines(&["they compare"])));
        assert_eq!(sorted.got, ["bob reads: x (×2)"]);
        let many: Vec<String> = (0..9).map(|n| format!("bob reads: {n}")).collect();
        let believed = Sorted::of(Outcome { got: many, did: Vec::new(), taken: true });
        assert_eq!((believed.bob.len(), believed.bob[6].as_str()), (7, "and 3 more"));
        assert_eq!(shown(&lines(&[&"é".repeat(300)]), "")[0].chars().count(), SHOWN);
    }
}
