//! The pages, in a real browser: headless Chromium, driven over its DevTools protocol by the small client in `browser/cdp.rs`.
//!
//! Where no Chromium is installed the tests say so and pass over; with `CI` set they fail instead.

#![allow(clippy::unwrap_used)]

#[path = "browser/cdp.rs"]
mod cdp;
#[path = "browser/eye.rs"]
mod eye;
#[path = "browser/hall.rs"]
mod hall;
#[path = "browser/hostile.rs"]
mod hostile;
#[path = "browser/load.rs"]
mod load;
#[path = "browser/look.rs"]
mod look;
#[path = "browser/relay.rs"]
mod relay;
#[path = "browser/stage.rs"]
mod stage;
