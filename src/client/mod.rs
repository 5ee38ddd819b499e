//! # client
pub mod contacts;
pub mod vault;
