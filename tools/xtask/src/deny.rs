//! Runs cargo-deny over `deny.toml` where it is installed, and says how to install it where it is not.

use crate::failure::Outcome;
use crate::shell;

/// Checks licences, advisories, bans and sources.
pub(crate) fn run() -> Outcome {
    if !shell::is_installed("cargo-deny") {
        println!("cargo-deny is not installed; `cargo install --locked cargo-deny` brings it");
        return Ok(());
    }
    shell::run(shell::cargo().args(["deny", "--all-features", "check"]))
}
