//! The protocol, from outside: vectors of others and our own, what must agree, what must be refused, what a thief gets, and
//! whether the documents say what the code does.
//!
//! Every refusal has its control: the same check passes what is genuine, or fires on something weaker.

#![allow(clippy::unwrap_used)]

#[path = "protocol/bounds.rs"]
mod bounds;
#[path = "protocol/bundles.rs"]
mod bundles;
#[path = "protocol/clocks.rs"]
mod clocks;
#[path = "protocol/docs.rs"]
mod docs;
#[path = "protocol/example.rs"]
mod example;
#[path = "protocol/examples.rs"]
mod examples;
#[cfg(feature = "relay")]
#[path = "protocol/fuzz.rs"]
mod fuzz;
#[path = "protocol/handshake.rs"]
mod handshake;
#[path = "protocol/inside.rs"]
mod inside;
#[path = "protocol/people.rs"]
mod people;
#[path = "protocol/post.rs"]
mod post;
#[path = "protocol/saving.rs"]
mod saving;
#[path = "protocol/sessions.rs"]
mod sessions;
#[cfg(unix)]
#[path = "protocol/silence.rs"]
mod silence;
#[path = "protocol/tamper.rs"]
mod tamper;
#[path = "protocol/theft.rs"]
mod theft;
#[path = "protocol/trust.rs"]
mod trust;
#[cfg(unix)]
#[path = "protocol/vault.rs"]
mod vault;
#[path = "protocol/vectors.rs"]
mod vectors;
