//! Sameness: equal texts must not make anything equal, or the relay counts who repeats what.

use std::collections::HashSet;

use blindrelay::lab::naive;

use super::effort;
use super::pair::{ALICE, BOB, Dice, Pair};

const TEXT: &str = "yes, as always, yes, as always, yes, as always, yes, as always";

/// How many of the 16-byte blocks at every eighth place (after the kind byte) occur more than once. Anything of 23 bytes or more
/// that recurs at its place is caught: a salt, a header, a commitment, a body.
fn repeated_blocks(blobs: &[Vec<u8>]) -> usize {
    let mut blocks: Vec<u128> = Vec::new();
    for blob in blobs {
        blocks.extend(blob.get(1..).unwrap_or_default().windows(16).step_by(8).map(|block| {
            let block: [u8; 16] = block.try_into().unwrap();
            u128::from_be_bytes(block)
        }));
    }
    blocks.sort_unstable();
    blocks.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

fn equal_blobs(blobs: &[Vec<u8>]) -> usize {
    blobs.len() - blobs.iter().collect::<HashSet<_>>().len()
}

/// The same text again and again, ten times in one direction, then ten in the other.
fn conversation(pair: &mut Pair, messages: usize) -> Vec<Vec<u8>> {
    let mut blobs = Vec::new();
    for turn in 0..messages / 10 {
        let who = if turn % 2 == 0 { ALICE } else { BOB };
        blobs.extend(pair.repeat(who, TEXT, 10));
        pair.open(1 - who, blobs.last().unwrap());
    }
    blobs
}

#[test]
fn the_same_text_many_times_makes_no_two_blobs_alike_and_repeats_no_block() {
    let blobs = conversation(&mut Pair::under_way(1), effort(2_000, 20_000));
    assert_eq!((equal_blobs(&blobs), repeated_blocks(&blobs)), (0, 0));
}

#[test]
fn a_stuck_generator_an_unanswered_handshake_the_naive_twin_and_open_mode_are_caught_by_the_same_search() {
    // With one salt for all, the chain's keys still differ: no two blobs are alike, but the salt shows.
    let mut pair = Pair::under_way(2);
    pair.dice.stuck = true;
    let blobs = pair.repeat(ALICE, TEXT, 100);
    assert_eq!(equal_blobs(&blobs), 0);
    assert!(repeated_blocks(&blobs) >= 99);

    // Until it is answered, a first contact repeats its handshake in clear, as the documents say.
    let mut pair = Pair::new(3);
    let blobs = pair.repeat(ALICE, TEXT, 100);
    assert!(equal_blobs(&blobs) == 0 && repeated_blocks(&blobs) > 99 * 100);

    let mut dice = Dice::seeded(4);
    let key = blindrelay::crypto::Secret::random(&mut dice);
    dice.stuck = true;
    let blobs: Vec<Vec<u8>> = (0..100).map(|_| naive::seal(&key, TEXT.as_bytes(), &mut dice)).collect();
    assert_eq!(equal_blobs(&blobs), 99);
    assert!(repeated_blocks(&blobs) > 99);

    let open: Vec<Vec<u8>> = (0..100).map(|_| TEXT.as_bytes().to_vec()).collect();
    assert_eq!(equal_blobs(&open), 99);
    assert!(repeated_blocks(&open) > 99);
}
