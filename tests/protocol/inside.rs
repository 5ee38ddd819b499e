//! Inside the seal: padding, content, and the number that people compare.

use blindrelay::protocol::padding::{pad, padded_len, unpad};
use blindrelay::protocol::params::{PAD_MAX, PAD_MIN};
use blindrelay::protocol::{IdentityKeyPair, SafetyNumber, content};
use blindrelay::wire::{Content, MAX_TEXT};

use super::people::{Person, effort, id};

#[test]
fn padding_comes_off_again_and_leaves_one_of_nine_sizes() {
    let sizes: Vec<usize> = (0..9).map(|k| PAD_MIN << k).collect();
    assert_eq!((sizes[0], sizes[8]), (512, PAD_MAX));
    let edges = sizes.iter().flat_map(|&size| [size - 2, size - 1, size, size + 1]);
    for length in (0..effort(1_100, 5_000)).chain(edges) {
        let Some(size) = padded_len(length) else {
            assert!(length >= PAD_MAX && pad(vec![0; length]).is_none());
            continue;
        };
        // Contents that look like padding, and one that does not.
        for fill in [0x00, 0x80, b'x'] {
            let text = vec![fill; length];
            let padded = pad(text.clone()).unwrap();
            assert_eq!(padded.len(), size);
            assert!(sizes.contains(&size) && size > length && (size == 512 || size / 2 < length + 1));
            assert_eq!(unpad(&padded), Some(&text[..]));
        }
    }
}

#[test]
fn what_was_never_padded_is_refused() {
    for bytes in [&[][..], &[0], &[0; 512], b"text", &[0x80, 1], &[0x80, 0x81, 0, 0]] {
        assert_eq!(unpad(bytes), None, "{bytes:?}");
    }
}

fn text(sent_at: u64, counter: u64, text: &str) -> Content {
    Content::Text { sent_at, counter, text: text.to_owned(), via: None }
}

#[test]
fn content_comes_out_as_it_went_in() {
    for content in [
        text(0, 0, ""),
        text(1_700_000_000_000, 7, "a\0b\u{80}\u{202e}\n\"}"),
        text(u64::MAX, u64::MAX, "ヤー"),
        text(1, 2, &"x".repeat(MAX_TEXT)),
        Content::Receipt { sent_at: u64::MAX, of: 1, of_sent_at: 2 },
    ] {
        assert_eq!(content::decode(&content::encode(&content).unwrap()).unwrap(), content);
    }
    assert!(content::encode(&text(1, 2, &"x".repeat(MAX_TEXT + 1))).is_err());
}

#[test]
fn the_size_depends_on_the_length_in_bytes_and_on_nothing_else() {
    let size = |content: &Content| content::encode(content).unwrap().len();
    for length in [0, 1, 300, 390, 396, 397, 398, 399, 400, 401, 402, 403, 404, 410, 3_000, MAX_TEXT] {
        let seen: Vec<usize> = [(0, 0), (1, u64::MAX), (u64::MAX, 1), (1_700_000_000_000, 12)]
            .into_iter()
            .flat_map(|(sent_at, counter)| {
                let quotes = text(sent_at, counter, &"\"".repeat(length));
                let nulls = text(sent_at, counter, &"\0".repeat(length));
                let letters = text(sent_at, counter, &"x".repeat(length));
                [quotes, nulls, letters]
            })
            .map(|content| size(&content))
            .collect();
        assert!(seen.iter().all(|&other| other == seen[0]), "{length}: {seen:?}");
    }
    assert_eq!(size(&text(1, 1, "é")), size(&text(1, 1, "ab")));
    assert_eq!(size(&Content::Receipt { sent_at: 1, of: 1, of_sent_at: 1 }), size(&text(1, 1, "a text")));
    // The control: as JSON on the wire, open mode's own form, the same texts differ in size.
    let open = |content: &Content| serde_json::to_vec(content).unwrap().len();
    assert_ne!(open(&text(1, 1, "\"")), open(&text(1, 1, "x")));
    assert_ne!(open(&text(1, 1, "x")), open(&text(1, 10, "x")));
}

#[test]
fn what_is_not_content_is_refused() {
    let sealed = |bytes: &[u8]| content::decode(&pad(bytes.to_vec()).unwrap());
    let head = br#"{"kind":"text","sent_at":"00000000000000000001","counter":"00000000000000000001"}"#;
    let length = u16::try_from(head.len()).unwrap().to_be_bytes();
    assert_eq!(sealed(&[&length, &head[..], b"hi"].concat()), Ok(text(1, 1, "hi")));
    for bad in [
        &[][..],
        &[0],
        &[0, 0],
        &[0xff, 0xff],
        &[&[0, 2][..], b"{}", b"hi"].concat(),
        &[&length, &head[..], &[0xff]].concat(),
        &[&length, &head[..head.len() - 1], b"hi"].concat(),
        &[&length, &head[..], &vec![b'x'; MAX_TEXT + 1]].concat(),
    ] {
        assert!(sealed(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_safety_number_is_sixty_digits_and_the_same_on_both_sides() {
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let number = SafetyNumber::between(alice.me.statement(), bob.me.statement());
    assert_eq!(number, SafetyNumber::between(bob.me.statement(), alice.me.statement()));
    let digits = number.digits();
    assert!(digits.len() == 60 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    let shown = number.to_string();
    assert_eq!(shown.split_whitespace().collect::<String>(), digits);
    assert_eq!(shown.lines().map(|line| line.split(' ').count()).collect::<Vec<_>>(), [4, 4, 4]);
}

#[test]
fn a_safety_number_changes_with_any_key_and_any_name() {
    // Of either person: whose statement goes in first must not matter.
    for (mine, theirs) in [("alice", "bob"), ("bob", "alice")] {
        let (me, peer, other) = (Person::new(mine, 1), Person::new(theirs, 2), Person::new(theirs, 3));
        let number = |peer: &IdentityKeyPair| SafetyNumber::between(me.me.statement(), peer.statement());
        let [ed25519, x25519] = peer.me.secrets();
        let [other_ed25519, other_x25519] = other.me.secrets();
        let genuine = number(&peer.me);
        assert_eq!(number(&IdentityKeyPair::from_secrets(id(theirs), &ed25519, &x25519)), genuine);
        for swapped in [
            IdentityKeyPair::from_secrets(id(theirs), &other_ed25519, &x25519),
            IdentityKeyPair::from_secrets(id(theirs), &ed25519, &other_x25519),
            IdentityKeyPair::from_secrets(id(&format!("{theirs}2")), &ed25519, &x25519),
            other.me,
        ] {
            assert_ne!(number(&swapped), genuine, "{theirs}");
        }
    }
}

#[test]
fn a_key_in_the_middle_gives_two_different_numbers() {
    // The relay sits between: Alice was given its key as Bob's, and Bob as Alice's.
    let (alice, bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let (as_bob, as_alice) = (Person::new("bob", 3), Person::new("alice", 3));
    let hers = SafetyNumber::between(alice.me.statement(), as_bob.me.statement());
    let his = SafetyNumber::between(as_alice.me.statement(), bob.me.statement());
    assert_ne!(hers, his);
    // The control: with nobody between they are equal.
    let [hers, his] =
        [(&alice, &bob), (&bob, &alice)].map(|(a, b)| SafetyNumber::between(a.me.statement(), b.me.statement()));
    assert_eq!(hers, his);
}
