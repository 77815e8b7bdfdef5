//! `cargo fuzz run --fuzz-dir tools/fuzz resp_reply`
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mycorrhizal_fuzz::resp::reply(input));
