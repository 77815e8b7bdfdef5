//! The programs of Mycorrhizal: the daemon `mycorrhizald` and the command-line interface `pulse`.

pub mod config;
pub mod daemon;
pub mod pulse;

mod clock;
