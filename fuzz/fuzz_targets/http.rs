//! `cargo fuzz run http`: see [`blindrelay_fuzz::targets::http`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blindrelay_fuzz::targets::http(bytes));
