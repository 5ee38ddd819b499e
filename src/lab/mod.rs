//! # The laboratory: claims put to the test on real processes
//!
//! [`demo`] plays one conversation through two relay processes, open and sealed, and looks for every line in everything the relay
//! had: [`tap`] records the wire, [`memory`] reads the process, [`scanner`] finds a text however it is encoded.
//! [`naive`] is the encryption that everybody writes first: a lesson, and the twin on which the checks must fire.
//! [`except`] tries to let the partner into a sealed conversation. [`populate`] fills a home with a month of made-up life.
//! [`stage`] is a page for the lecture hall: Alice, the relay, the partner and Bob, live, with a guided tour.

mod agreement;
mod child;
pub mod demo;
pub mod except;
pub mod memory;
pub mod naive;
pub mod populate;
pub mod scanner;
pub mod stage;
pub mod tap;
mod town;
