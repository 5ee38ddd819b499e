//! The two-world game: Alice says one of two texts, chosen by the toss of a coin; can whoever holds the envelope tell which?
//!
//! The adversary has chosen both texts, and may look at 200 envelopes of each beforehand, knowing which is which. Then come 4,000
//! tosses and five ways of guessing. With nothing to go by, about 2,000 are won: fewer than 1,849 or more than 2,151
//! happen once in half a million games (4.8 standard deviations). Too few betray as much as too many. The seed is fixed.
//!
//! ```text
//! toss b → text[b] → payload → envelope, as the relay stores it → guess      wins in 1,849..=2,151: it tells nothing
//! ```

use std::collections::HashSet;
use std::ops::RangeInclusive;

use blindrelay::crypto::Secret;
use blindrelay::lab::naive;
use blindrelay::wire::{Content, Envelope, MessageId, Payload};
use rand::{RngExt, SeedableRng, rngs::ChaCha20Rng};

use super::pair::{ALICE, BOB, Dice, Pair};

const TOSSES: usize = 4_000;
const FAIR: RangeInclusive<usize> = 1_849..=2_151;
/// Envelopes of each text that the adversary may study.
const KNOWN: usize = 200;

/// Two texts of one bucket that differ in everything: length, letters, how well they compress.
const TEXTS: [&str; 2] = ["nononononononono", PROSE];
pub const PROSE: &str = "Dear all, the meeting is moved to Friday at half past nine, in the small room upstairs. Käthe brings \
                         the figures for the quarter; Jürgen & Zoë, please check pages 12-17 beforehand. Quiz: who wrote it?";

/// One envelope as the relay has it: the whole as JSON, and the payload's bytes (the blob, or the text).
struct View {
    envelope: Vec<u8>,
    body: Vec<u8>,
}

/// Answers 0 or 1.
type Guess = Box<dyn Fn(&View) -> usize>;

/// Wins of each way of guessing.
type Wins = [(&'static str, usize); 5];

/// Plays with whatever makes a payload out of a text. Five ways of guessing look at the same 4,000 envelopes.
fn play(texts: [&str; 2], mut payload: impl FnMut(&str) -> Payload) -> Wins {
    let mut rng = ChaCha20Rng::seed_from_u64(42);
    let mut seq = 0;
    let mut view = |world: usize, rng: &mut ChaCha20Rng| {
        seq += 1;
        let (from, to) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let at = 1_700_000_000_000 + seq * 1000;
        let envelope = Envelope { seq, id: MessageId::random(rng), from, to, at, payload: payload(texts[world]) };
        let body = match &envelope.payload {
            Payload::Sealed(blob) => blob.0.clone(),
            Payload::Open(Content::Text { text, .. }) => text.clone().into_bytes(),
            Payload::Open(Content::Receipt { .. }) => Vec::new(),
        };
        View { envelope: serde_json::to_vec(&envelope).unwrap(), body }
    };
    let mut known = [Vec::new(), Vec::new()];
    for _ in 0..KNOWN {
        known[0].push(view(0, &mut rng));
        known[1].push(view(1, &mut rng));
    }
    let guesses: [(&str, Guess); 5] = [
        ("equality", Box::new(equality(&known))),
        ("length", Box::new(threshold(&known, |view| view.envelope.len()))),
        ("header bytes", Box::new(header(&known))),
        ("histogram", Box::new(histogram(&known))),
        ("compressed size", Box::new(threshold(&known, |view| compressed(&view.body)))),
    ];
    let mut wins = [0; 5];
    for _ in 0..TOSSES {
        let world = usize::from(rng.random::<bool>());
        let view = view(world, &mut rng);
        for (wins, (_, guess)) in wins.iter_mut().zip(&guesses) {
            *wins += usize::from(guess(&view) == world);
        }
    }
    std::array::from_fn(|n| (guesses[n].0, wins[n]))
}

// ---- five ways of guessing: each learns from the known envelopes, and answers 0 or 1 ----

/// Have I seen exactly this payload for the second text?
fn equality([_, one]: &[Vec<View>; 2]) -> impl Fn(&View) -> usize + use<> {
    let ones: HashSet<Vec<u8>> = one.iter().map(|view| view.body.clone()).collect();
    move |view| usize::from(ones.contains(&view.body))
}

/// On which side of the middle between the two averages does this measure lie?
fn threshold(known: &[Vec<View>; 2], measure: fn(&View) -> usize) -> impl Fn(&View) -> usize + use<> {
    let [zero, one] = [0, 1].map(|world: usize| known[world].iter().map(measure).sum::<usize>());
    move |view| usize::from((measure(view) * 2 * KNOWN > zero + one) == (one > zero))
}

/// Which text's payloads begin with such bytes? Each of the first 48 bytes has a say, by how often it stood at its place.
fn header(known: &[Vec<View>; 2]) -> impl Fn(&View) -> usize + use<> {
    let mut says = vec![[0.0; 256]; 48];
    for (place, says) in says.iter_mut().enumerate() {
        *says = evidence(known, |view| view.body.get(place..=place).unwrap_or_default());
    }
    move |view| weigh(says.iter().zip(&view.body).map(|(says, &byte)| says[usize::from(byte)]))
}

/// Which text's envelopes are made of such bytes?
fn histogram(known: &[Vec<View>; 2]) -> impl Fn(&View) -> usize + use<> {
    let says = evidence(known, |view| &view.envelope);
    move |view| weigh(view.envelope.iter().map(|&byte| says[usize::from(byte)]))
}

/// For each byte, how much more often it stood in envelopes of the second text than of the first: ln(p1 / p0).
fn evidence(known: &[Vec<View>; 2], part: impl Fn(&View) -> &[u8] + Copy) -> [f64; 256] {
    let [zero, one] = [0, 1].map(|world: usize| {
        let mut counts = [1.0; 256];
        known[world].iter().flat_map(part).for_each(|&byte| counts[usize::from(byte)] += 1.0);
        let sum: f64 = counts.iter().sum();
        counts.map(|count| f64::ln(count / sum))
    });
    std::array::from_fn(|byte| one[byte] - zero[byte])
}

fn weigh(says: impl Iterator<Item = f64>) -> usize {
    usize::from(says.sum::<f64>() > 0.0)
}

/// What a simple compressor would make of it: a byte is one byte, a run of four or more that was there before is three.
fn compressed(bytes: &[u8]) -> usize {
    let mut last = [usize::MAX; 1024];
    let (mut place, mut size) = (0, 0);
    while place < bytes.len() {
        let mut run = 0;
        if let Some(four) = bytes.get(place..place + 4) {
            let hash = four.iter().fold(0_usize, |hash, &byte| hash * 31 + usize::from(byte)) % last.len();
            let before = std::mem::replace(&mut last[hash], place);
            if before != usize::MAX {
                run = bytes[before..].iter().zip(&bytes[place..]).take_while(|(a, b)| a == b).count();
            }
        }
        (place, size) = if run >= 4 { (place + run, size + 3) } else { (place + 1, size + 1) };
    }
    size
}

// ---- the games ----

fn open(texts: [&str; 2]) -> Wins {
    let mut counter = 0;
    play(texts, |text| {
        counter += 1;
        Payload::Open(Content::Text { sent_at: 1_700_000_000_000 + counter, counter, text: text.to_owned(), via: None })
    })
}

fn twin(texts: [&str; 2], stuck: bool) -> Wins {
    let mut dice = Dice::seeded(5);
    let key = Secret::random(&mut dice);
    dice.stuck = stuck;
    play(texts, |text| Payload::Sealed(naive::seal(&key, text.as_bytes(), &mut dice).into()))
}

/// In a conversation under way: 25 texts of Alice's, then Bob answers and the ratchet turns.
fn sealed(texts: [&str; 2]) -> Wins {
    let mut pair = Pair::under_way(6);
    let mut turn = 0;
    play(texts, |text| {
        let content = pair.text(text);
        let blob = pair.seal(ALICE, &content);
        turn += 1;
        if turn % 25 == 0 {
            assert_eq!(pair.open(BOB, &blob), content);
            pair.say(BOB, "I see");
        }
        Payload::Sealed(blob.into())
    })
}

/// In first contacts, handshake included; a new one for every 40 texts.
fn first_contacts(texts: [&str; 2]) -> Wins {
    let mut pair = Pair::new(7);
    let bundle = pair.bundle();
    let mut turn = 0;
    play(texts, |text| {
        turn += 1;
        if turn % 40 == 0 {
            pair.begin_anew(&bundle);
        }
        let content = pair.text(text);
        Payload::Sealed(pair.seal(ALICE, &content).into())
    })
}

fn won(wins: &Wins) -> Vec<&'static str> {
    wins.iter().filter(|(_, wins)| !FAIR.contains(wins)).map(|(name, _)| *name).collect()
}

#[test]
fn nobody_in_the_middle_tells_which_of_two_texts_was_sealed() {
    let wins = sealed(TEXTS);
    assert_eq!(won(&wins), [""; 0], "{wins:?}");
}

#[test]
fn nobody_in_the_middle_tells_which_of_two_texts_came_with_a_first_contact() {
    let wins = first_contacts(TEXTS);
    assert_eq!(won(&wins), [""; 0], "{wins:?}");
}

#[test]
fn every_way_of_guessing_wins_against_open_mode() {
    let wins = open(TEXTS);
    assert!(wins.iter().all(|(_, wins)| *wins > 3_900), "{wins:?}");
}

#[test]
fn length_wins_against_the_naive_twin_and_everything_wins_when_its_nonce_is_stuck() {
    let wins = twin(TEXTS, false);
    assert_eq!(won(&wins), ["length", "histogram", "compressed size"], "{wins:?}");
    let wins = twin(TEXTS, true);
    assert!(wins.iter().all(|(_, wins)| *wins > 3_900), "{wins:?}");
}

#[test]
fn nobody_wins_when_both_texts_are_the_same_however_they_travel() {
    for wins in [open([PROSE; 2]), twin([PROSE; 2], false), twin([PROSE; 2], true)] {
        assert_eq!(won(&wins), [""; 0], "{wins:?}");
    }
}
