//! `cargo fuzz run --fuzz-dir tools/fuzz transfer_import`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mycorrhizal_fuzz::transfer::import(input));
