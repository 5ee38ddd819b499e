//! `cargo fuzz run vault`: see [`blindrelay_fuzz::targets::vault`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blindrelay_fuzz::targets::vault(bytes));
