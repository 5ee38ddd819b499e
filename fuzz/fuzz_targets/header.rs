//! `cargo fuzz run header`: see [`blindrelay_fuzz::targets::header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blindrelay_fuzz::targets::header(bytes));
