//! `cargo fuzz run content`: see [`blindrelay_fuzz::targets::content`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blindrelay_fuzz::targets::content(bytes));
