//! # Exercises: be the relay, with your own hands
//!
//! Question: what does an attack look like to the two people whom it is done to?
//! Somebody who has read the answer forgets it, and who has predicted it, done it and seen it does not. Each exercise runs one lie
//! of [`super::attack`] between an honest relay and two real clients in other terminals, and watches what passes: so it knows
//! whether it was done, and what was there to be seen. A text is never looked at.
//!
//! ```text
//! predict (a, b or c) → do it in two terminals → see (a, b or c) → why
//! ```

mod traffic;

pub use traffic::{Look, Party, Traffic};

use super::attack::{Attack, Unknown};
use super::hand::Hand;

/// One exercise.
#[derive(Debug)]
pub struct Exercise {
    /// What the relay does: an attack of the catalogue.
    pub attack: &'static str,
    /// What it asks, in a line.
    pub title: &'static str,
    /// How long it takes.
    pub minutes: u8,
    /// What to do; `URL` stands for the address.
    pub task: &'static [&'static str],
    /// What is to be predicted.
    pub predict: Question,
    /// What is to be seen.
    pub see: Question,
    /// Why it is so.
    pub why: &'static str,
    seen: fn(&Traffic) -> Seen,
}

/// A question with three answers.
#[derive(Debug)]
pub struct Question {
    /// The question.
    pub ask: &'static str,
    /// The answers a, b and c.
    pub answers: [&'static str; 3],
}

/// What was there to be seen: the answer, or what has not happened yet.
pub type Seen = Result<Answer, &'static str>;

/// One of three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The first.
    A,
    /// The second.
    B,
    /// The third.
    C,
}

use Answer::{A, B};

/// All six.
pub const ALL: [Exercise; 6] = [
    Exercise {
        attack: "eavesdrop",
        title: "What does the carrier read?",
        minutes: 5,
        task: &[
            "blindrelay inbox bob --relay URL; blindrelay inbox carol --relay URL",
            "echo 'meet me at the harbour' | blindrelay send alice bob --relay URL",
            "echo 'meet me at the harbour' | blindrelay send alice carol --open --relay URL",
        ],
        predict: Question {
            ask: "The relay keeps a copy of everything. Which of the two sentences can it read?",
            answers: ["both", "only the open one", "neither"],
        },
        see: Question {
            ask: "The relay's notes are above. Which did it read?",
            answers: ["both", "only the open one", "neither"],
        },
        why: "Only the two ends have keys. Of the sealed one the relay has names, time and size. What was sent in the open it was \
              handed.",
        seen: |traffic| match (traffic.sum(|party| party.sealed), traffic.sum(|party| party.open)) {
            (0, _) => Err("no sealed message has passed"),
            (_, 0) => Err("no open message has passed"),
            _ => Ok(B),
        },
    },
    Exercise {
        attack: "swap-keys-first",
        title: "Both conversations work. With whom?",
        minutes: 8,
        task: &[
            "blindrelay chat alice bob --relay URL",
            "blindrelay chat bob alice --relay URL   # in a third; write a line in each, then /verify in both",
        ],
        predict: Question {
            ask: "The relay gives each of them keys of its own. What do the two programs say?",
            answers: ["an alarm", "that the keys are forged", "nothing at all: each has a key, and it is a sound one"],
        },
        see: Question {
            ask: "Compare the two numbers of 60 digits.",
            answers: ["they are the same", "they differ", "there is no number"],
        },
        why: "A key does not say whose it is; the relay does. The number is made of both names and all keys: two people who compare \
              it see that somebody stands between. Who does not compare never learns of it.",
        seen: |traffic| {
            let talking = traffic.parties.values().filter(|party| party.sealed > 0 && party.taken > 0).count();
            match (traffic.sum(|party| party.wrong_keys), talking) {
                (0, 0 | 1) => Err("nobody has asked for keys: do it with a fresh home"),
                (0, _) => Err("both know each other's keys from before: do it with a fresh home"),
                (_, 0 | 1) => Err("a message must pass in each direction, and be read"),
                _ => Ok(B),
            }
        },
    },
    Exercise {
        attack: "downgrade-to-open",
        title: "“Please write in the open”",
        minutes: 5,
        task: &["blindrelay inbox bob --relay URL", "echo 'the code is 4711' | blindrelay send alice bob --relay URL"],
        predict: Question {
            ask: "The relay says that Bob has no keys, and writes to Alice in his name to do without. What becomes of her text?",
            answers: ["it leaves in the open", "it does not leave", "it leaves sealed, with an older key"],
        },
        see: Question {
            ask: "What became of it?",
            answers: ["it left in the open", "it did not leave", "it left sealed"],
        },
        why: "Nothing is negotiated, so there is nothing to talk down: without keys a sealed text does not leave. Only Alice herself \
              can open the conversation.",
        seen: |traffic| {
            let mut stripped = traffic.parties.values().filter(|party| party.no_keys > 0).peekable();
            if stripped.peek().is_none() {
                return Err("nobody has asked for keys and was told that there are none");
            }
            Ok(if stripped.any(|party| party.open > 0) { A } else { B })
        },
    },
    Exercise {
        attack: "replay",
        title: "Pay him 100, three times",
        minutes: 5,
        task: &[
            "blindrelay inbox bob --relay URL",
            "echo 'pay him 100\' | blindrelay send alice bob --relay URL",
            "blindrelay inbox bob --relay URL",
        ],
        predict: Question {
            ask: "The relay delivers every message three times, and each copy is genuine. How often does Bob read it?",
            answers: ["three times", "once", "once, and an alarm with it"],
        },
        see: Question { ask: "How often did he?", answers: ["three times", "once", "once, and an alarm with it"] },
        why: "What was shown is remembered for ever, and the key of a message that was read is gone. A copy says nothing about who \
              made it, so it raises no alarm.",
        seen: |traffic| {
            let copied = traffic.parties.values().any(|party| party.reached.len() > party.meant && party.taken > 0);
            if copied { Ok(B) } else { Err("no message has been taken in, with copies after it") }
        },
    },
    Exercise {
        attack: "drop",
        title: "The one that is missing",
        minutes: 6,
        task: &[
            "blindrelay inbox bob --relay URL",
            "for text in one two three; do echo $text | blindrelay send alice bob --relay URL; done",
            "blindrelay inbox bob --relay URL",
        ],
        predict: Question {
            ask: "The relay accepts Alice's second message and throws it away. When can Bob know?",
            answers: ["at once", "when the next one arrives", "never"],
        },
        see: Question {
            ask: "What does Bob's screen say?",
            answers: ["nothing: one, three", "three, and that one is missing before it", "an alarm"],
        },
        why: "Each text has its number under the seal, so a gap is marked with the next text that comes. A last message that is \
              thrown away is missed by nobody but its writer, who sees no receipt: silence looks like silence.",
        seen: |traffic| match (traffic.sum(|party| party.lost), traffic.sum(|party| party.after)) {
            (0, _) => Err("nothing has been thrown away: write a second message"),
            (_, 0) => Err("nothing has come after the one that was thrown away, so nobody can know yet"),
            _ if traffic.parties.values().any(|party| party.taken > 1) => Ok(B),
            _ => Err("what came through has not been read"),
        },
    },
    Exercise {
        attack: "tamper",
        title: "Turned bits",
        minutes: 5,
        task: &[
            "blindrelay inbox bob --relay URL",
            "echo 'pay him 100\' | blindrelay send alice bob --relay URL",
            "blindrelay inbox bob --relay URL",
        ],
        predict: Question {
            ask: "Eight copies, each with one bit turned over, arrive before the genuine message. What does Bob read?",
            answers: ["a text with another amount", "the genuine text, once", "nothing: the session is broken"],
        },
        see: Question {
            ask: "What did he read?",
            answers: ["a text with another amount", "the genuine text, once", "nothing"],
        },
        why: "The tag is checked before anything is shown or changed, so what was altered is put aside and the genuine one still \
              opens. An open text has no tag: there the relay writes what it likes.",
        seen: |traffic| {
            let altered = |party: &&Party| party.reached.len() > party.meant || party.reached.contains(&true);
            match traffic.parties.values().filter(altered).find(|party| party.taken > 0) {
                None => Err("nothing that was altered has come to a client and been taken in"),
                Some(party) => Ok(if party.reached.iter().all(|open| *open) { A } else { B }),
            }
        },
    },
];

impl Exercise {
    /// The hands that perform it, a look before the lie and one after it; and the look to ask.
    ///
    /// # Errors
    /// If there is no such attack, which a test sees to.
    pub fn hands(&self) -> Result<(Vec<Box<dyn Hand>>, Look), Unknown> {
        let (front, back) = Look::both();
        Ok((vec![Box::new(front.clone()), Attack::named(self.attack)?.hand()?, Box::new(back)], front))
    }

    /// What was there to be seen, or what has not happened yet.
    ///
    /// # Errors
    /// What is still to be done.
    pub fn seen(&self, traffic: &Traffic) -> Seen {
        (self.seen)(traffic)
    }

    /// What would be right to predict if all is done as the task says.
    #[must_use]
    pub fn right(&self) -> Answer {
        if self.attack == "swap-keys-first" { Answer::C } else { B }
    }
}

impl Question {
    /// What an answer says.
    #[must_use]
    pub fn says(&self, answer: Answer) -> &'static str {
        self.answers[answer as usize]
    }
}

impl std::str::FromStr for Answer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "a" | "A" => Ok(A),
            "b" | "B" => Ok(B),
            "c" | "C" => Ok(Self::C),
            _ => Err("an answer is a, b or c"),
        }
    }
}
