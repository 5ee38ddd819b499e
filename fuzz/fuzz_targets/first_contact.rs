//! `cargo fuzz run first_contact`: see [`blindrelay_fuzz::targets::first_contact`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blindrelay_fuzz::targets::first_contact(bytes));
