//! `cargo fuzz run --fuzz-dir tools/fuzz link_frame`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mycorrhizal_fuzz::link::frame(input));
