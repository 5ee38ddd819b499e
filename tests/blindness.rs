//! Blindness, put to the test: the middle has no cipher, finds no text, tells no two messages apart, and learns a size bucket.
//!
//! Every check here also runs on something that must not pass it: the open mode, the naive twin ([`blindrelay::lab::naive`]), a
//! stuck generator, or the build with the ends. A check that does not fire there proves nothing.

#![allow(clippy::unwrap_used)]

#[path = "blindness/blocks.rs"]
mod blocks;
#[path = "blindness/build.rs"]
mod build;
#[path = "blindness/game.rs"]
mod game;
#[path = "blindness/pair.rs"]
mod pair;
#[path = "blindness/sizes.rs"]
mod sizes;
#[path = "blindness/sockets.rs"]
mod sockets;
#[path = "blindness/sweep.rs"]
mod sweep;

/// `EFFORT=full` asks for more of the same; anything else is quick.
fn effort<T>(quick: T, full: T) -> T {
    if std::env::var("EFFORT").is_ok_and(|effort| effort == "full") { full } else { quick }
}
