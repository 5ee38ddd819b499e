//! What people write to each other: a few lines for each subject, with blanks.
//!
//! The lines are made up, and plain enough that nobody is in them. Each subject has openers, answers, and words for the blanks;
//! small talk fits everywhere. Titles and their makers are as fictional as StreamCo.

use rand::{Rng, RngExt};

/// A subject of conversation.
#[derive(Debug)]
pub(super) struct Topic {
    openers: &'static [&'static str],
    answers: &'static [&'static str],
    /// For the blank `{}`.
    words: &'static [&'static str],
    /// What somebody with this interest watches.
    pub(super) genre: &'static str,
}

/// A film or series that StreamCo has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Title {
    pub(super) name: &'static str,
    pub(super) genre: &'static str,
}

/// Everything that people here talk about. Films are number 0.
pub(super) const TOPICS: [Topic; 10] = [
    Topic {
        openers: &[
            "have you seen {} yet?",
            "we watched {} last night, the ending!",
            "film night on friday? I was thinking of {}",
            "is there another season of {}?",
            "I fell asleep during {} again",
        ],
        answers: &[
            "the second episode is where it gets good",
            "the trailer shows far too much",
            "no spoilers please, I am two episodes behind",
            "my sister cried through the whole film",
            "popcorn is on me",
        ],
        words: &["The Long Tide", "Paper Lanterns", "North of Nowhere", "The Quiet Orchard", "Station Eleven Hours"],
        genre: "drama",
    },
    Topic {
        openers: &[
            "flights to {} are cheap in March, shall we?",
            "we booked the hotel in {}!",
            "what do I need to see in {}?",
            "my passport runs out before the trip to {}",
            "the train to {} takes nine hours, worth it?",
        ],
        answers: &[
            "take the night train, you save a hotel",
            "the museum is free on sundays",
            "I can lend you a suitcase",
            "I would rather have a beach holiday",
            "the flight lands at six, who picks us up?",
        ],
        words: &["Lisbon", "Oslo", "Porto", "Naples", "Reykjavik", "Ljubljana", "Galway"],
        genre: "documentary",
    },
    Topic {
        openers: &[
            "I made {} and there is far too much of it",
            "does anyone have a good recipe for {}?",
            "the new place on the corner does {}",
            "dinner at ours on saturday? there will be {}",
            "my {} collapsed in the oven",
        ],
        answers: &[
            "more garlic, always more garlic",
            "we could order pizza instead",
            "the restaurant was booked out until May",
            "bring the good olive oil",
            "I am baking bread anyway",
        ],
        words: &["lasagne", "dumplings", "a lentil curry", "plum cake", "ramen", "shakshuka"],
        genre: "cooking",
    },
    Topic {
        openers: &[
            "did you see the match? {} in the last minute",
            "running on sunday, ten kilometres, you in?",
            "I have two tickets for {}",
            "training is at seven today, not eight",
            "my bike has a flat tyre again",
        ],
        answers: &[
            "the referee must have been asleep",
            "my running shoes are finished after last week",
            "we are playing at home next week",
            "only if we swim afterwards",
            "the league table looks better upside down",
        ],
        words: &["Rovers", "the Harbour Hawks", "United", "the under-twelves", "the women's team"],
        genre: "sports",
    },
    Topic {
        openers: &[
            "the landlord wants {} more rent from June",
            "can you send me the account number for the {}?",
            "the bank declined my loan",
            "do you understand the tax form?",
            "I am trying to save for {}",
        ],
        answers: &[
            "ask for a cheaper mortgage, they always start high",
            "I will transfer it tonight",
            "my salary comes on the 25th, can it wait?",
            "insurance should pay for that",
            "I keep a budget in a notebook, works better than any app",
        ],
        words: &["80 a month", "a deposit", "the electricity bill", "a new boiler", "a car"],
        genre: "documentary",
    },
    Topic {
        openers: &[
            "the doctor says it is {}",
            "I have an appointment about my {} on tuesday",
            "did the test come back?",
            "I cannot sleep, third night now",
            "does the pharmacy on the square open on sundays?",
        ],
        answers: &[
            "drink tea and stay in bed, I will bring soup",
            "is the therapy helping?",
            "that medicine made me so tired",
            "tell me when you are out of the hospital",
            "nobody needs to know, I will not tell",
        ],
        words: &["migraine", "knee", "blood pressure", "the pregnancy", "an allergy", "back"],
        genre: "wellness",
    },
    Topic {
        openers: &[
            "which colour for the {}?",
            "the flat on the second floor is free, two rooms",
            "we are moving on the 14th, can you carry a {}?",
            "the washing machine is flooding the kitchen",
            "I planted tomatoes on the balcony",
        ],
        answers: &[
            "I have a drill, and a free saturday",
            "not that green. not again",
            "the sofa will never fit through that door",
            "ask the neighbours about the lamp",
            "the garden needs rain",
        ],
        words: &["bedroom", "sofa", "hallway", "wardrobe", "kitchen shelves"],
        genre: "home",
    },
    Topic {
        openers: &[
            "{} are playing in town in spring, tickets go on sale on friday",
            "listen to the new album by {}",
            "choir is cancelled today",
            "I started guitar lessons, pity my neighbours",
            "which song was that at the party?",
        ],
        answers: &[
            "the concert last year was better",
            "I have it on vinyl",
            "the drummer alone is worth it",
            "put it on the playlist",
            "my piano is out of tune since the move",
        ],
        words: &["The Paper Boats", "Nine Foxes", "Mara Lind", "Low Harbour"],
        genre: "music",
    },
    Topic {
        openers: &[
            "the {} ate my headphones",
            "could you walk the dog on thursday?",
            "we are thinking of adopting a {}",
            "the vet says she must lose a kilo",
            "look at the kitten next door",
        ],
        answers: &[
            "I will bring a leash and treats",
            "she only likes you",
            "our cat does that too, at four in the morning",
            "puppies are lovely until you have one",
            "fur on everything",
        ],
        words: &["dog", "cat", "rabbit", "puppy", "parrot"],
        genre: "nature",
    },
    Topic {
        openers: &[
            "the baby has a {}!",
            "school called, {} again",
            "who picks up the children today?",
            "grandma turns eighty on sunday",
            "the wedding is on the 9th, do you have a dress?",
        ],
        answers: &[
            "daycare closes at five",
            "I can take the little one until six",
            "she wants a bicycle for her birthday",
            "what do you give to somebody who has everything?",
            "we have not slept since tuesday",
        ],
        words: &["tooth", "fever", "homework", "new word", "a lost jacket"],
        genre: "family",
    },
];

/// Fits everywhere.
const SMALL_TALK: [&str; 16] = [
    "ok",
    "haha",
    "on my way",
    "sounds good",
    "let me look and tell you tonight",
    "sorry, just saw this",
    "yes!",
    "not today, tomorrow?",
    "really?",
    "thank you!",
    "call you later",
    "👍",
    "wait, which one?",
    "I was about to ask you that",
    "good night",
    "are you awake?",
];

/// What StreamCo has.
pub(super) const TITLES: [Title; 18] = [
    Title { name: "The Long Tide", genre: "drama" },
    Title { name: "Paper Lanterns", genre: "drama" },
    Title { name: "The Quiet Orchard", genre: "drama" },
    Title { name: "North of Nowhere", genre: "documentary" },
    Title { name: "Rails and Rivers", genre: "documentary" },
    Title { name: "Salt, Smoke, Time", genre: "cooking" },
    Title { name: "Grandmother's Oven", genre: "cooking" },
    Title { name: "Ninety Minutes", genre: "sports" },
    Title { name: "The Last Lap", genre: "sports" },
    Title { name: "Breathe Out", genre: "wellness" },
    Title { name: "Night Ward", genre: "wellness" },
    Title { name: "Four Walls", genre: "home" },
    Title { name: "A Shed of Her Own", genre: "home" },
    Title { name: "Low Harbour Live", genre: "music" },
    Title { name: "Perfect Pitch Black", genre: "music" },
    Title { name: "The Fox at the Window", genre: "nature" },
    Title { name: "Small Giants", genre: "family" },
    Title { name: "Half Past Bedtime", genre: "family" },
];

impl Topic {
    /// How a conversation about it begins.
    pub(super) fn opener(&self, rng: &mut impl Rng) -> String {
        pick(self.openers, rng).replace("{}", pick(self.words, rng))
    }

    /// How it goes on.
    pub(super) fn answer(&self, rng: &mut impl Rng) -> String {
        let small = rng.random_ratio(2, 5);
        let line = if small { pick(&SMALL_TALK, rng) } else { pick(self.answers, rng) };
        line.to_owned()
    }
}

/// One of these.
pub(super) fn pick<T: Copy>(of: &[T], rng: &mut impl Rng) -> T {
    of[rng.random_range(0..of.len())]
}
