//! Checks that the arrows between the crates point down only: cli → engine → net, and nothing uses the tools.

use crate::failure::{Failure, Outcome};
use crate::shell;

/// Package and the ones it must not reach, by any kind of dependency.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("mycorrhizal-net", &["mycorrhizal", "mycorrhizal-cli", "mycorrhizal-benches", "pulse-bench", "xtask"]),
    ("mycorrhizal", &["mycorrhizal-cli", "mycorrhizal-tests", "mycorrhizal-benches", "pulse-bench", "xtask"]),
    ("mycorrhizal-cli", &["mycorrhizal-tests", "mycorrhizal-benches", "pulse-bench", "xtask"]),
];

/// Fails with every arrow that points up.
pub(crate) fn run() -> Outcome {
    let mut breaches = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        let tree =
            shell::read(shell::cargo().args(["tree", "--locked", "--prefix", "none", "--package", package]))?;
        let reached = |name: &&&str| tree.lines().any(|line| line.split(' ').next() == Some(name));
        breaches.extend(forbidden.iter().filter(reached).map(|name| format!("{package} depends on {name}")));
    }
    if breaches.is_empty() { Ok(()) } else { Err(Failure::Rules(breaches)) }
}
