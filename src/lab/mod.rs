//! # The laboratory: claims put to the test on real processes
//!
//! [`demo`] plays one conversation through two relay processes, open and sealed, and looks for every line in everything the relay
//! had: [`tap`] records the wire, [`memory`] reads the process, [`scanner`] finds a text however it is encoded.
//! [`naive`] is the encryption that everybody writes first: a lesson, and the twin on which the checks must fire.
//! [`attack`] is the catalogue of attacks, each a [`hand`] in the way of frames, on sockets by [`proxy`].
//! [`fuzz`] mixes them at random over the world on paper of [`model`].
//! [`exercise`] lets a person perform some of them.
//! [`except`] tries to let the partner into a sealed conversation. [`populate`] fills a home with a month of made-up life.
//! [`stage`] is a page for the lecture hall: Alice, the relay, the partner and Bob, live, with a guided tour.

mod agreement;
pub mod attack;
mod child;
mod copied;
pub mod demo;
pub mod except;
pub mod exercise;
pub mod fuzz;
pub mod hand;
pub mod memory;
pub mod model;
pub mod naive;
pub mod populate;
pub mod proxy;
pub mod scanner;
pub mod stage;
pub mod tap;
mod town;
