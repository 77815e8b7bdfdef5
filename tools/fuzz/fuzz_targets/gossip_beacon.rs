//! `cargo fuzz run --fuzz-dir tools/fuzz gossip_beacon`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mycorrhizal_fuzz::gossip::beacon(input));
