//! # client
pub mod contacts;
pub mod messenger;
pub mod vault;
