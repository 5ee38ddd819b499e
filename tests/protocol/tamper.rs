//! A blob that was changed on its way is refused, costs nothing, and the genuine one still opens.

use blindrelay::protocol::message::{HANDSHAKE_LEN, HEADER_LEN, SALT};
use blindrelay::protocol::params::{KIND_FIRST, KIND_MESSAGE};
use blindrelay::wire::{Content, Payload};

use super::people::{Person, acquainted, effort, id};

/// Where the salt of a later message starts; then header, commitment, body.
const AFTER_KIND: usize = 1;
const COMMITMENT: usize = AFTER_KIND + SALT + HEADER_LEN + 16;
const BODY: usize = COMMITMENT + 32;

/// Every way of changing a blob that needs no second one: flipped bits, cut ends, added bytes.
fn changes(blob: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = effort(7, 1);
    let flipped = (0..blob.len()).step_by(step).map(|at| {
        let mut changed = blob.to_vec();
        changed[at] ^= 1 << (at % 8);
        changed
    });
    let cut = (0..blob.len()).step_by(step).map(|end| blob[..end].to_vec());
    let longer = [1, 16, 512].map(|more| [blob, &vec![0; more]].concat());
    flipped.chain(cut).chain(longer)
}

/// How many of the changes a reader takes for a message.
fn taken(blob: &[u8], mut read: impl FnMut(&[u8]) -> bool) -> usize {
    changes(blob).filter(|changed| read(changed)).count()
}

#[test]
fn a_changed_blob_is_refused_and_the_genuine_one_still_opens() {
    let (mut alice, mut bob) = acquainted();
    let missing = alice.write("missing for now");
    let genuine = alice.write("genuine");
    assert_eq!(taken(&genuine, |blob| bob.read(&id("alice"), blob).is_ok()), 0);
    assert_eq!(bob.read(&id("alice"), &genuine).unwrap(), "genuine");
    // The same for one that goes on in a chain which has begun.
    let next = alice.write("next");
    assert_eq!(taken(&next, |blob| bob.read(&id("alice"), blob).is_ok()), 0);
    assert_eq!(bob.read(&id("alice"), &next).unwrap(), "next");
    // The same for one whose key waits among the skipped ones.
    assert_eq!(taken(&missing, |blob| bob.read(&id("alice"), blob).is_ok()), 0);
    assert_eq!(bob.read(&id("alice"), &missing).unwrap(), "missing for now");
    // And for one that turns the ratchet.
    let answer = bob.write("answer");
    assert_eq!(taken(&answer, |blob| alice.read(&id("bob"), blob).is_ok()), 0);
    assert_eq!(alice.read(&id("bob"), &answer).unwrap(), "answer");
}

#[test]
fn a_changed_first_message_is_refused_and_the_genuine_one_still_opens() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    alice.begin(bob.bundle());
    let genuine = alice.write("hello");
    assert_eq!(taken(&genuine, |blob| bob.read(&id("alice"), blob).is_ok()), 0);
    assert!(!bob.sessions.can_send(bob.now) && bob.prekeys.one_time.len() == 3);
    assert_eq!(bob.read(&id("alice"), &genuine).unwrap(), "hello");
}

#[test]
fn the_same_changes_pass_in_open_mode() {
    // The control: what the relay carries in open mode can be rewritten, and the reader takes it.
    let content = Content::Text {
        sent_at: 1,
        counter: 1,
        text: "pay 100 to carol, please, and not to mallory".into(),
        via: None,
    };
    let json = serde_json::to_vec(&Payload::Open(content)).unwrap();
    assert!(taken(&json, |bytes| serde_json::from_slice::<Payload>(bytes).is_ok()) > 0);
}

#[test]
fn parts_of_two_genuine_blobs_do_not_make_a_third() {
    let (mut alice, mut bob) = acquainted();
    let (one, two) = (alice.write("one"), alice.write("two"));
    for cut in [AFTER_KIND, AFTER_KIND + SALT, COMMITMENT, BODY, BODY + 8] {
        for (front, back) in [(&one, &two), (&two, &one)] {
            let spliced = [&front[..cut], &back[cut..]].concat();
            // Cut behind the kind, which both share, it is the second one itself: the control.
            if cut > AFTER_KIND {
                assert!(bob.read(&id("alice"), &spliced).is_err(), "cut at {cut}");
            } else {
                assert_eq!(&spliced, back);
            }
        }
    }
    assert_eq!(bob.read(&id("alice"), &two).unwrap(), "two");
    assert_eq!(bob.read(&id("alice"), &one).unwrap(), "one");
}

#[test]
fn a_handshake_cannot_be_taken_off_put_on_or_exchanged() {
    let (mut alice, mut bob) = (Person::new("alice", 1), Person::new("bob", 2));
    let mut other = alice.copy(5);
    alice.begin(bob.bundle());
    other.begin(bob.bundle());
    let (first, others) = (alice.write("first"), other.write("other"));
    let rest = AFTER_KIND + HANDSHAKE_LEN + "alice".len();
    let off = [&[KIND_MESSAGE], &first[rest..]].concat();
    let exchanged = [&others[..rest], &first[rest..]].concat();
    assert!(bob.read(&id("alice"), &exchanged).is_err());
    assert!(bob.read(&id("alice"), &off).is_err());
    assert_eq!(bob.read(&id("alice"), &first).unwrap(), "first");
    assert!(bob.read(&id("alice"), &off).is_err());
    // The session is known now, and a handshake does not make it read another's messages.
    let next = alice.write("next");
    let exchanged = [&others[..rest], &next[rest..]].concat();
    assert!(bob.read(&id("alice"), &exchanged).is_err());
    assert_eq!(bob.read(&id("alice"), &next).unwrap(), "next");
    let answer = bob.write("answer");
    alice.read(&id("bob"), &answer).unwrap();
    let later = alice.write("later");
    let on = [&[KIND_FIRST], &first[AFTER_KIND..rest], &later[AFTER_KIND..]].concat();
    assert!(bob.read(&id("alice"), &on).is_err());
    assert_eq!(bob.read(&id("alice"), &later).unwrap(), "later");
}

#[test]
fn bytes_that_nobody_sealed_are_refused() {
    let (_, mut bob) = acquainted();
    for length in [0, 1, 2, 57, 113, 114, 129, 130, 131, 642, 1_392, 3_000] {
        for kind in [0, KIND_FIRST, KIND_MESSAGE, 3, 0xff] {
            for fill in [0, 5, 0xff] {
                let mut blob = vec![fill; length];
                blob.iter_mut().take(1).for_each(|first| *first = kind);
                assert!(bob.read(&id("alice"), &blob).is_err());
            }
        }
    }
}
