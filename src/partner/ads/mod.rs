//! # Ad signals: which ad somebody would be shown, and exactly why
mod lexicon;
mod target;
mod traces;
pub use target::{Ad, Reason, Signal};
