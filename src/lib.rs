//! # blindrelay: two ends, and a middle that cannot read
#![doc = "Teaching software, unaudited. Do not rely on it to protect people."]

pub mod cli;
#[cfg(feature = "ends")]
pub mod client;
pub mod clock;
#[cfg(feature = "ends")]
pub mod crypto;
#[cfg(feature = "relay")]
pub mod eye;
pub mod home;
#[cfg(feature = "relay")]
pub mod http;
#[cfg(all(feature = "ends", feature = "relay"))]
pub mod lab;
#[cfg(feature = "relay")]
pub mod partner;
#[cfg(feature = "ends")]
pub mod protocol;
#[cfg(feature = "relay")]
pub mod relay;
#[cfg(feature = "relay")]
pub mod streamco;
#[cfg(feature = "relay")]
pub mod web;
pub mod wire;
