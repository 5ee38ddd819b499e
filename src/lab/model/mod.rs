//! A world on paper: a relay in a few lines, and an oracle that knows what must never be. No sockets, no threads, no clock; for
//! schedules that can be replayed (`tests/schedules`) and for [`super::fuzz`].

pub mod oracle;
pub mod relay;
