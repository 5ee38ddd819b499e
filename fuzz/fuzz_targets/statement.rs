//! `cargo fuzz run statement`: see [`blindrelay_fuzz::targets::statement`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blindrelay_fuzz::targets::statement(bytes));
