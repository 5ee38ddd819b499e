//! A clock that jumps: an hour back, a year forth, a year back. People go on talking, nothing is lost, and what cannot go on is said.

use blindrelay::client::messenger::{Alarm, Event};
use blindrelay::client::vault::StoredState;
use blindrelay::protocol::BundleRefused;
use blindrelay::protocol::params::DAY;

use super::people::{NOW, id};
use super::post::{Post, shown};

const HOUR: u64 = DAY / 24;
const YEAR: u64 = 365 * DAY;

/// Somebody's clock from now on.
fn set(post: &mut Post, name: &str, now: u64) {
    post.clocks.insert(id(name), now);
}

#[test]
fn a_conversation_goes_on_whatever_a_clock_does() {
    for whose in ["alice", "bob"] {
        for now in [NOW - HOUR, NOW + YEAR, NOW - YEAR] {
            let mut post = Post::new();
            post.write("alice", "bob", "hello");
            post.write("bob", "alice", "hello yourself");
            set(&mut post, whose, now);
            for n in 2..5 {
                for (from, to) in [("alice", "bob"), ("bob", "alice")] {
                    post.tick(from);
                    let events = post.write(from, to, &format!("text {n}"));
                    assert_eq!(shown(&events), [format!("text {n} (in order)")], "{whose} at {now}: {events:?}");
                    let delivered = |event: &Event| matches!(event, Event::State { state: StoredState::Delivered, .. });
                    assert!(events.iter().any(delivered), "{whose} at {now}: {events:?}");
                }
                // And back again, in the middle of it.
                set(&mut post, whose, if n == 3 { NOW } else { now });
            }
        }
    }
}

#[test]
fn who_cannot_begin_because_of_a_clock_is_told_and_what_was_typed_leaves_when_it_is_right() {
    for (now, why) in
        [(NOW - HOUR, None), (NOW + YEAR, Some(BundleRefused::Stale)), (NOW - YEAR, Some(BundleRefused::Future))]
    {
        let mut post = Post::new();
        set(&mut post, "alice", now);
        let events = post.write("alice", "bob", "first words");
        let Some(why) = why else {
            assert_eq!(shown(&events), ["first words (in order)"]);
            continue;
        };
        let alarm = Event::Alarm { peer: id("bob"), alarm: Alarm::Keys(why) };
        assert!(events.contains(&alarm) && alarm.to_string().contains("clock"), "{events:?}");
        assert_eq!(shown(&events), [""; 0]);
        set(&mut post, "alice", NOW);
        let events = post.tick("alice");
        assert_eq!(shown(&events), ["first words (in order)"], "{events:?}");
    }
}

#[test]
fn a_first_message_from_the_future_waits_until_the_clock_is_right() {
    for (now, waits) in [(NOW - HOUR, false), (NOW + YEAR, false), (NOW - YEAR, true)] {
        let mut post = Post::new();
        set(&mut post, "bob", now);
        let events = post.write("alice", "bob", "first words");
        assert_eq!(shown(&events).is_empty(), waits, "{events:?}");
        if waits {
            let told = events.iter().any(|event| event.to_string().contains("check both clocks"));
            assert!(told, "{events:?}");
            set(&mut post, "bob", NOW);
            // Whatever the user decides wakes it: beginning the conversation again, say.
            let events = post.with("bob", |bob, rng| bob.converse(&id("alice"), false, NOW, rng).unwrap().1);
            assert_eq!(shown(&events), ["first words (in order)"], "{events:?}");
        }
    }
}

#[test]
fn prekeys_are_renewed_when_a_clock_comes_back() {
    let mut post = Post::new();
    for (now, renewed) in [(NOW, false), (NOW + YEAR, true), (NOW + YEAR, false), (NOW, true), (NOW - HOUR, false)] {
        let before = post.prekey("bob");
        set(&mut post, "bob", now);
        post.tick("bob");
        assert_eq!(post.prekey("bob") != before, renewed, "at {now}");
    }
    // And whoever asks for them can write.
    let events = post.write("alice", "bob", "first words");
    assert_eq!(shown(&events), ["first words (in order)"], "{events:?}");
}
