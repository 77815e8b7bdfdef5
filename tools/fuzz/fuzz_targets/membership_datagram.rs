//! `cargo fuzz run --fuzz-dir tools/fuzz membership_datagram`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mycorrhizal_fuzz::membership::datagram(input));
