//! The plan of some weeks: who writes what to whom and when, before anybody has written it.
//!
//! Question: how can the same life be lived in the clear and sealed, so that the two can be compared?
//! It is written down first, from a seed and nothing else; how it then travels changes no word and no minute of it. People have a
//! rhythm of the day, a few interests, and friends of whom some are closer; conversations come in bursts, and go to and fro.
//!
//! ```text
//! seed → people, ties → day by day: who begins · with whom · about what · when → lines, recommendations, clicks, evenings at StreamCo
//! ```

use rand::rngs::ChaCha20Rng;
use rand::{RngExt, SeedableRng};

use super::texts::{TITLES, TOPICS, Title, pick};
use crate::wire::UserId;

pub(super) const HOUR: u64 = 3_600_000;
pub(super) const DAY: u64 = 24 * HOUR;

/// From this hour of the last day some phones are off: their mail waits at the relay.
const LIGHTS_OUT: u64 = 18;

/// How likely somebody writes in each hour of a day.
const RHYTHM: [u32; 24] = [4, 2, 1, 1, 1, 3, 10, 22, 30, 24, 20, 22, 34, 28, 20, 20, 24, 32, 44, 52, 56, 48, 30, 14];

const NAMES: [&str; 60] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "karim", "lena", "mallory",
    "nadia", "olivia", "peggy", "quentin", "rosa", "sybil", "trent", "ursula", "victor", "wendy", "xavier", "yara",
    "zoe", "amir", "bella", "chen", "dora", "emil", "fatima", "goran", "hana", "ines", "jonas", "kofi", "luca", "mina",
    "noor", "oscar", "priya", "rafael", "sofia", "tariq", "uma", "vera", "wim", "ximena", "yusuf", "zelda", "anton",
    "britta", "cyrus", "daria", "elif", "fred", "greta", "hugo", "isla",
];

/// Everything that will happen.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) people: Vec<Person>,
    pub(super) ties: Vec<Tie>,
    /// In the order of time.
    pub(super) acts: Vec<Act>,
    pub(super) recommendations: usize,
}

/// Somebody.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: UserId,
    /// How much they write, compared with others.
    talkative: u32,
    /// Hours later than others.
    late: u64,
    /// Weight of each topic.
    interests: [u32; TOPICS.len()],
    /// Watches StreamCo.
    subscriber: bool,
    /// The phone is off from then on.
    pub(super) off_from: u64,
}

/// Two people who write to each other.
#[derive(Debug)]
pub(super) struct Tie {
    pub(super) a: usize,
    pub(super) b: usize,
    weight: u32,
    /// In a mixed population: sealed.
    pub(super) careful: bool,
}

/// Something happens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) at: u64,
    pub(super) what: What,
}

/// What happens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A line.
    Say { from: usize, to: usize, text: String },
    /// A title is recommended in StreamCo's app. They are numbered as they were thought of.
    Recommend { n: usize, from: usize, to: usize, title: Title, place: Place },
    /// The link in the recommendation of this number is opened.
    Click { n: usize },
    /// StreamCo notes what somebody does in its app.
    Signal { user: usize, kind: &'static str, title: Title, device: &'static str },
}

/// Where in StreamCo's app a recommendation begins: what its report counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) interface: &'static str,
    pub(super) surface: &'static str,
    pub(super) variant: &'static str,
}

impl Plan {
    /// `messages` texts among `users` people in `days` days from `start` on.
    pub(super) fn new(seed: u64, users: usize, start: u64, days: u64, messages: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let lights_out = start + (days - 1) * DAY + LIGHTS_OUT * HOUR;
        let people: Vec<Person> = (0..users).map(|n| Person::new(n, lights_out, &mut rng)).collect();
        let ties = ties(users, &mut rng);
        let mut plan = Self { people, ties, acts: Vec::new(), recommendations: 0 };
        let weights: Vec<u64> = (0..days).map(|day| if weekend(start + day * DAY) { 5 } else { 4 }).collect();
        let (end, whole) = (start + days * DAY, weights.iter().sum::<u64>());
        let (mut so_far, mut said) = (0, 0);
        for (day, weight) in (0..days).zip(weights) {
            so_far += weight;
            let due = messages * so_far / whole;
            while said < due {
                said += plan.conversation(start + day * DAY, end, due - said, &mut rng);
            }
            plan.evening(start + day * DAY, &mut rng);
        }
        plan.acts.retain(|act| act.at < end);
        plan.acts.sort_by_key(|act| act.at);
        plan
    }

    /// Some lines to and fro on this day, at most `most`. Returns how many.
    fn conversation(&mut self, day: u64, end: u64, most: u64, rng: &mut ChaCha20Rng) -> u64 {
        let first = weighted(self.people.iter().map(|person| person.talkative), rng);
        let near = |tie: &Tie| if tie.a == first || tie.b == first { tie.weight } else { 0 };
        let Tie { a, b, .. } = self.ties[weighted(self.ties.iter().map(near), rng)];
        let other = if a == first { b } else { a };
        let (one, two) = (&self.people[first], &self.people[other]);
        let subject = weighted(one.interests.iter().zip(two.interests).map(|(mine, theirs)| mine * theirs), rng);
        let topic = &TOPICS[subject];
        let hour = weighted(RHYTHM.into_iter(), rng) as u64;
        let mut at = day + (hour + one.late) % 24 * HOUR + rng.random_range(0..HOUR);
        let last = end - 1;
        let turns = u64::from(rng.random_range(2..=9_u32)).min(most);
        let (mut from, mut to, mut said) = (first, other, 0);
        while said < turns {
            if at >= self.people[from].off_from {
                (from, to) = (to, from); // whose phone is off does not answer
                if at >= self.people[from].off_from {
                    at = at.min(last) - 6 * HOUR; // both are off: then it was earlier in the day
                    continue;
                }
            }
            let recommends = self.people[from].subscriber && rng.random_ratio(1 + u32::from(subject == 0), 24);
            if recommends {
                self.recommend(from, to, at.min(last), topic.genre, rng);
            } else {
                let text = if said == 0 { topic.opener(rng) } else { topic.answer(rng) };
                self.acts.push(Act { at: at.min(last), what: What::Say { from, to, text } });
            }
            said += 1;
            at += rng.random_range(8_000..240_000);
            if rng.random_ratio(3, 4) {
                (from, to) = (to, from);
            }
        }
        said
    }

    fn recommend(&mut self, from: usize, to: usize, at: u64, genre: &str, rng: &mut ChaCha20Rng) {
        let title = title_of(genre, rng);
        let place = Place {
            interface: pick(&["tv", "tv", "phone", "web"], rng),
            surface: pick(&["post-play", "details", "browse"], rng),
            variant: pick(&["A", "B"], rng),
        };
        let n = self.recommendations;
        self.recommendations += 1;
        self.acts.push(Act { at, what: What::Recommend { n, from, to, title, place } });
        let clicks = rng.random_ratio(9, 20);
        let later = at + rng.random_range(60_000..20 * HOUR);
        if clicks && later < self.people[to].off_from {
            self.acts.push(Act { at: later, what: What::Click { n } });
        }
    }

    /// Who sits down in front of StreamCo tonight.
    fn evening(&mut self, day: u64, rng: &mut ChaCha20Rng) {
        for user in 0..self.people.len() {
            let Person { subscriber, interests, .. } = &self.people[user];
            if !subscriber || !rng.random_ratio(1, 2) {
                continue;
            }
            let genre = TOPICS[weighted(interests.iter().copied(), rng)].genre;
            let (title, device) = (title_of(genre, rng), pick(&["tv", "phone", "web"], rng));
            let at = day + 19 * HOUR + rng.random_range(0..3 * HOUR);
            let kind = pick(&["watched", "watched", "watched", "searched", "intent"], rng);
            self.acts.push(Act { at, what: What::Signal { user, kind, title, device } });
        }
    }
}

impl Person {
    fn new(n: usize, lights_out: u64, rng: &mut ChaCha20Rng) -> Self {
        let (name, round) = (NAMES[n % NAMES.len()], n / NAMES.len());
        let name = if round == 0 { name.to_owned() } else { format!("{name}{}", round + 1) };
        let mut interests = [1; TOPICS.len()];
        for _ in 0..3 {
            interests[rng.random_range(0..TOPICS.len())] += 6;
        }
        Self {
            name: name.parse().expect("a first name and a number are a name"),
            talkative: rng.random_range(2..12),
            late: rng.random_range(0..4),
            interests,
            subscriber: rng.random_ratio(2, 3),
            off_from: if n % 5 == 4 { lights_out } else { u64::MAX },
        }
    }
}

/// A ring, so that nobody is alone, and some more: each about six, of whom one or two are close.
fn ties(users: usize, rng: &mut ChaCha20Rng) -> Vec<Tie> {
    let mut ties: Vec<Tie> = Vec::new();
    for a in 0..users {
        for n in 0..3 {
            let b = if n == 0 { (a + 1) % users } else { rng.random_range(0..users) };
            let weight = if rng.random_ratio(1, 4) { 12 } else { rng.random_range(1..5) };
            let careful = rng.random();
            let (a, b) = (a.min(b), a.max(b));
            if a != b && !ties.iter().any(|tie| (tie.a, tie.b) == (a, b)) {
                ties.push(Tie { a, b, weight, careful });
            }
        }
    }
    ties
}

fn title_of(genre: &str, rng: &mut ChaCha20Rng) -> Title {
    let fitting: Vec<Title> = TITLES.into_iter().filter(|title| title.genre == genre).collect();
    // Tastes are not walls.
    if fitting.is_empty() || rng.random_ratio(1, 5) { pick(&TITLES, rng) } else { pick(&fitting, rng) }
}

/// A place in a list, more likely the heavier it is.
fn weighted(weights: impl Iterator<Item = u32> + Clone, rng: &mut ChaCha20Rng) -> usize {
    let mut left = rng.random_range(0..weights.clone().sum::<u32>().max(1));
    for (place, weight) in weights.enumerate() {
        if left < weight {
            return place;
        }
        left -= weight;
    }
    0
}

/// Saturday or Sunday, in UTC: 1 January 1970 was a Thursday.
fn weekend(at: u64) -> bool {
    matches!((at / DAY + 4) % 7, 0 | 6)
}
