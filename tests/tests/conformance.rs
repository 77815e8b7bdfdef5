//! The daemon answers as Redis 7.0 does: every file of `transcripts/`, in RESP2 on one core and in RESP3 on two.

use std::fs;
use std::path::{Path, PathBuf};

use mycorrhizal_tests::transcript::{Protocol, Transcript, replay};

/// A test per protocol and file.
macro_rules! transcripts {
    ($($name:ident)*) => {
        mod resp2 { $(#[test] fn $name() { super::check(stringify!($name), super::Protocol::Resp2, "0"); })* }
        mod resp3 { $(#[test] fn $name() { super::check(stringify!($name), super::Protocol::Resp3, "0,1"); })* }
        const COVERED: &[&str] = &[$(stringify!($name)),*];
    };
}

transcripts! {
    arity
    connection
    connection_auth
    connection_client
    generic_databases
    generic_expire
    generic_keys
    generic_object
    generic_scan
    protocol
    pubsub
    server_command
    server_config
    server_info
    strings_get
    strings_later
    strings_lcs
    strings_numbers
    strings_range
    strings_set
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}

fn check(name: &str, protocol: Protocol, cores: &str) {
    let text = fs::read_to_string(directory().join(name).with_extension("txt"));
    replay(&Transcript::parse(&text.expect("the transcript is there")), protocol, cores);
}

#[test]
fn every_transcript_is_replayed() {
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(COVERED.contains(&name.as_str()), "{} is not in the list above", path.display());
    }
}
