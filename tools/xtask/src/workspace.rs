//! Where things are: the root of the tree and what the chores keep under `target/`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::shell;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("xtask lies two levels below the root").to_path_buf()
}

/// The Python environment that the tests and the rivals use. The tests look for it at this very place,
/// whatever `CARGO_TARGET_DIR` says.
pub(crate) fn python_environment() -> PathBuf {
    root().join("target/python")
}

/// Redis 7.0, against which the tests and the rivals compare.
pub(crate) fn redis_server() -> PathBuf {
    root().join("target/bin/redis-server")
}

/// A program of the release build, in cargo's target directory.
pub(crate) fn built(name: &str) -> Outcome<PathBuf> {
    built_in("release", name)
}

/// A program of the `release` or the `debug` build, in cargo's target directory.
pub(crate) fn built_in(build: &str, name: &str) -> Outcome<PathBuf> {
    let metadata = shell::read(shell::cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::Expectation(format!("cargo metadata: {error}")))?;
    let target = metadata["target_directory"].as_str().unwrap_or("target");
    Ok(Path::new(target).join(build).join(name))
}
