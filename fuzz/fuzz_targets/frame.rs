//! `cargo fuzz run frame`: see [`blindrelay_fuzz::targets::frame`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blindrelay_fuzz::targets::frame(bytes));
