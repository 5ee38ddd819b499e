//! Size: the one thing that a sealed message must tell, so it may depend on the length alone, and in few steps.

use std::collections::BTreeSet;

use blindrelay::crypto::Secret;
use blindrelay::lab::naive;
use blindrelay::protocol::message::{HANDSHAKE_LEN, OVERHEAD};
use blindrelay::protocol::padding::{pad, padded_len, unpad};
use blindrelay::protocol::{content, params};
use blindrelay::wire::{Content, MAX_TEXT};

use super::effort;
use super::pair::{ALICE, BOB, Dice, Pair};

/// The published sizes: 512 bytes to 128 KiB.
const BUCKETS: [usize; 9] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

#[test]
fn the_padded_size_is_a_published_one_that_rises_with_the_length_and_is_the_smallest_that_fits() {
    let mut before = 0;
    for length in 0..=70_000 {
        let padded = padded_len(length).unwrap();
        assert!(padded >= before && padded > length, "{length}");
        assert_eq!(padded, BUCKETS.into_iter().find(|&bucket| bucket > length).unwrap(), "{length}");
        before = padded;
    }
    assert_eq!((padded_len(131_071), padded_len(131_072), padded_len(usize::MAX - 1)), (Some(131_072), None, None));
    assert_eq!((params::PAD_MIN, params::PAD_MAX), (BUCKETS[0], BUCKETS[8]));
}

#[test]
fn padding_goes_on_and_comes_off_whatever_the_bytes_are() {
    for length in BUCKETS.into_iter().flat_map(|bucket| bucket - 3..bucket).chain(0..40) {
        for byte in [0x00, 0x80, 0xff] {
            let padded = pad(vec![byte; length]).unwrap();
            assert_eq!(Some(padded.len()), padded_len(length));
            assert_eq!(unpad(&padded), Some(&vec![byte; length][..]), "{length} × {byte:02x}");
        }
    }
    assert_eq!((unpad(&[]), unpad(&[0; 512]), unpad(&[1; 512])), (None, None, None));
}

/// What is as true of long texts and slow to repeat on them is checked up to here.
const SHORT: usize = 5_000;

/// Texts of exactly `length` bytes that would change size if anything escaped, compressed or normalised them, or that look
/// like padding.
fn hostile(length: usize) -> Vec<String> {
    let fill = |unit: &str| {
        let mut text = unit.repeat(length / unit.len());
        text.extend(std::iter::repeat_n('x', length - text.len()));
        text
    };
    let mut all: Vec<String> = ["\0", "\u{80}", "\u{10ffff}", "👨‍👩‍👧", "\"", "\\\u{1}", "a", "e\u{301}"].map(fill).into();
    if length >= 4 {
        all.push(fill("\0").replacen("\0\0", "\u{80}", 1));
        all.push(format!("{}\u{80}\0\0", "y".repeat(length - 4)));
    }
    all
}

/// Bytes that stand before the text inside the seal.
fn head() -> usize {
    let empty = content::encode(&Content::Text { sent_at: 0, counter: 0, text: String::new(), via: None }).unwrap();
    unpad(&empty).unwrap().len()
}

/// Lengths of text at which the bucket changes, and their neighbours.
fn edges() -> Vec<usize> {
    let edges = BUCKETS[..8].iter().map(|bucket| bucket - 1 - head());
    let edges = edges.flat_map(|edge| edge - 1..=edge + 1);
    [0, 1, MAX_TEXT - 1, MAX_TEXT].into_iter().chain(edges).collect()
}

/// The sizes that sealed texts of one length come to. Quick effort tries every other one of the long texts.
fn sizes(length: usize, mut seal: impl FnMut(&str) -> Vec<u8>) -> BTreeSet<usize> {
    let step = if length < SHORT { 1 } else { effort(2, 1) };
    let sizes = hostile(length).into_iter().step_by(step).map(|text| {
        assert_eq!(text.len(), length);
        seal(&text).len()
    });
    sizes.collect()
}

#[test]
fn a_sealed_text_of_any_content_has_the_size_of_its_bucket() {
    let mut talk = Pair::under_way(1);
    let mut first = Pair::new(2);
    let mut all = BTreeSet::new();
    for length in edges() {
        let bucket = padded_len(head() + length).unwrap();
        let under_way = sizes(length, |text| {
            let content = talk.text(text);
            let blob = talk.seal(ALICE, &content);
            assert_eq!(talk.open(BOB, &blob), content);
            blob
        });
        assert_eq!(under_way, BTreeSet::from([OVERHEAD + bucket]), "{length}");
        all.extend(under_way);
        if length < SHORT {
            let first_contact = sizes(length, |text| {
                let content = first.text(text);
                first.seal(ALICE, &content)
            });
            let handshake = HANDSHAKE_LEN + "alice".len();
            assert_eq!(first_contact, BTreeSet::from([OVERHEAD + handshake + bucket]), "{length}");
        }
    }
    assert_eq!(all, BUCKETS.map(|bucket| OVERHEAD + bucket).into());
}

#[test]
fn a_receipt_has_the_size_of_a_short_text_whatever_its_numbers() {
    let mut talk = Pair::under_way(3);
    for number in [0, 1, 9, 10, u64::MAX] {
        let receipt = talk.seal(ALICE, &Content::Receipt { sent_at: number, of: number, of_sent_at: number });
        let text =
            talk.seal(ALICE, &Content::Text { sent_at: number, counter: number, text: "ok".to_owned(), via: None });
        assert_eq!((receipt.len(), text.len()), (OVERHEAD + 512, OVERHEAD + 512), "{number}");
    }
}

/// The same measurements on what must not pass them.
#[test]
fn the_naive_twin_tells_the_length_and_an_encoding_that_escapes_tells_the_content() {
    let mut dice = Dice::seeded(4);
    let key = Secret::random(&mut dice);
    let lengths: BTreeSet<usize> = edges().into_iter().filter(|length| (1..SHORT).contains(length)).collect();
    let mut naive_sizes = BTreeSet::new();
    for &length in &lengths {
        naive_sizes.extend(sizes(length, |text| naive::seal(&key, text.as_bytes(), &mut dice)));
        let escaped = sizes(length, |text| naive::seal(&key, &serde_json::to_vec(text).unwrap(), &mut dice));
        assert!(escaped.len() > 1, "{length}");
    }
    assert_eq!(naive_sizes.len(), lengths.len(), "a size for every length");
}
