//! # The attack lab: every attack that this program claims to withstand, performed
//!
//! Question: why believe that a lying relay learns nothing?
//! Because you can be the lying relay. Each attack of this catalogue is played through real sockets twice: against a control that
//! must lose, and against the real client, which must do what its property says. What no client here withstands (who talks to
//! whom, and when) is in the catalogue too, and is shown to succeed.
//!
//! ```text
//! control     what plays the loser
//! twin        the naive twin (`lab::naive`), if it has such a mechanism at all
//! open        the same client in an open conversation
//! a patch     one of `tests/mutants`: the defence is cut out of the program, and the tests see this attack succeed
//! ```
//!
//! One file, or one directory, a family: `keys`, `messages`, `thieves`, `peers`, `measurers`.

mod cast;
mod keys;
mod measurers;
mod messages;
mod middle;
mod peers;
pub mod print;
mod salamander;
mod thieves;
mod twin;

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::hand::Hand;

/// One attack: a lesson.
#[derive(Debug)]
pub struct Attack {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What happens, for somebody who has never heard of it.
    pub story: &'static str,
    /// What the attacker wants.
    pub wants: &'static str,
    /// What holds against it; of an attack that succeeds, what is not promised.
    pub property: &'static str,
    /// Where the property, or the attack, was published.
    pub source: &'static str,
    /// The file and the function that see to it.
    pub place: (&'static str, &'static str),
    /// What does not hold.
    pub limit: &'static str,
    /// Who loses.
    pub control: Control,
    /// What a lying relay does, for `lab relay`; none if it takes more than a relay.
    hand: Option<fn() -> Box<dyn Hand>>,
    play: fn(Side) -> Play,
}

type Play = Pin<Box<dyn Future<Output = Result<Outcome>> + Send>>;

/// What loses to an attack, to show that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The naive twin.
    Twin,
    /// An open conversation.
    Open,
    /// The program without the defence: this patch of `tests/mutants`.
    Patch(&'static str),
    /// None is needed: the real client loses, and nobody promised otherwise.
    Unpromised,
}

/// Against whom an attack is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The naive twin, or an open conversation.
    Control,
    /// The client that people use, sealed.
    Real,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What the attacker got: texts that were read, lies that were believed.
    pub got: Vec<String>,
    /// What the clients showed, or did.
    pub did: Vec<String>,
    /// Whether the attack came to what it wanted.
    pub taken: bool,
}

/// An attack that was played.
#[derive(Debug, Serialize)]
pub struct Played {
    /// Which.
    pub name: &'static str,
    /// Its family.
    pub family: &'static str,
    /// What the control is.
    pub control: String,
    /// What came of it there; none if the control is a patch, which the tests run.
    pub against_control: Option<Outcome>,
    /// What came of it with the real client.
    pub against_real: Outcome,
    /// In milliseconds.
    pub took: u64,
    /// Whether both came out as they must.
    pub holds: bool,
}

/// The families, in the order of the catalogue.
const FAMILIES: [(&str, &[Attack]); 5] = [
    ("a lying relay: keys", keys::ATTACKS),
    ("a lying relay: messages", messages::ATTACKS),
    ("thieves", thieves::ATTACKS),
    ("other people", peers::ATTACKS),
    ("measurers", measurers::ATTACKS),
];

/// All attacks.
pub fn all() -> impl Iterator<Item = &'static Attack> {
    FAMILIES.iter().flat_map(|(_, attacks)| *attacks)
}

/// There is no attack of this name, or it is none that `lab relay` can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}; there are:\n{}", known.join(", "))]
pub struct Unknown {
    wrong: String,
    known: Vec<&'static str>,
}

impl Attack {
    /// The attack of this name.
    ///
    /// # Errors
    /// [`Unknown`], with those that there are.
    pub fn named(name: &str) -> Result<&'static Self, Unknown> {
        let known = || all().map(|attack| attack.name).collect();
        let wrong = || format!("there is no attack `{}`", crate::wire::sanitise(name));
        all().find(|attack| attack.name == name).ok_or_else(|| Unknown { wrong: wrong(), known: known() })
    }

    /// What a relay does to perform it.
    ///
    /// # Errors
    /// [`Unknown`], if it takes more than a relay.
    pub fn hand(&self) -> Result<Box<dyn Hand>, Unknown> {
        let known = || all().filter(|attack| attack.hand.is_some()).map(|attack| attack.name).collect();
        let wrong = || {
            format!("`{0}` takes more than a relay (`blindrelay lab attack {0}` performs it); a relay can", self.name)
        };
        self.hand.map(|hand| hand()).ok_or_else(|| Unknown { wrong: wrong(), known: known() })
    }

    /// Its family.
    #[must_use]
    pub fn family(&self) -> &'static str {
        let mine = |(_, attacks): &&(&str, &[Self])| attacks.iter().any(|attack| attack.name == self.name);
        FAMILIES.iter().find(mine).map_or("", |(family, _)| family)
    }

    /// The same with another place in the code, and another control: for whoever checks the catalogue.
    #[must_use]
    pub fn with(&self, place: (&'static str, &'static str), control: Control) -> Self {
        Self { place, control, ..*self }
    }

    /// Plays it against one side.
    ///
    /// # Errors
    /// If something did not happen that had to happen for it to be played.
    pub async fn against(&self, side: Side) -> Result<Outcome> {
        (self.play)(side).await
    }

    /// Plays it against both.
    ///
    /// # Errors
    /// As [`Self::against`].
    pub async fn play(&self) -> Result<Played> {
        let start = Instant::now();
        let against_control = match self.control {
            Control::Twin | Control::Open => Some(self.against(Side::Control).await?),
            Control::Patch(_) | Control::Unpromised => None,
        };
        let against_real = self.against(Side::Real).await?;
        let lost = against_control.as_ref().is_none_or(|outcome| outcome.taken);
        let holds = lost && against_real.taken == (self.control == Control::Unpromised);
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (name, family, control) = (self.name, self.family(), self.control.to_string());
        Ok(Played { name, family, control, against_control, against_real, took, holds })
    }
}

/// How many attacks are played at a time.
const AT_ONCE: usize = 4;

/// Plays all, and gives what came of each, in the order of the catalogue.
///
/// # Errors
/// If one could not be played.
pub async fn play_all() -> Result<Vec<Played>> {
    let mut queue = all().enumerate();
    let mut playing = tokio::task::JoinSet::new();
    let mut played = Vec::new();
    loop {
        while playing.len() < AT_ONCE
            && let Some((at, attack)) = queue.next()
        {
            playing.spawn(async move {
                let played = attack.play().await;
                played.map(|played| (at, played)).map_err(|error| error.context(format!("attack {}", attack.name)))
            });
        }
        let Some(done) = playing.join_next().await else { break };
        played.push(done??);
    }
    played.sort_by_key(|(at, _)| *at);
    Ok(played.into_iter().map(|(_, played)| played).collect())
}

/// A moment in which what must not happen would have happened.
const MOMENT: Duration = Duration::from_millis(150);

impl Outcome {
    fn new(taken: bool, got: Vec<String>, did: Vec<String>) -> Self {
        Self { got, did, taken }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twin => write!(f, "naive twin"),
            Self::Open => write!(f, "open mode"),
            Self::Patch(name) => write!(f, "patch {name}"),
            Self::Unpromised => write!(f, "none: not promised"),
        }
    }
}
