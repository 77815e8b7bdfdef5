//! Where the binaries lie. The daemon's is built once per test process by cargo, in the profile of the test itself, so
//! that a test never runs against yesterday's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::existing;

/// The root of the workspace.
///
/// # Panics
/// Never: this package lies one level below it.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies below the root")
}

/// The daemon, built from the tree as it is, or the one that `MYCORRHIZAL_SUBJECT` names.
pub fn daemon_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var_os("MYCORRHIZAL_SUBJECT").map_or_else(|| build("--bin", "mycorrhizald"), PathBuf::from)
    })
}

/// An example of the library, built from the tree as it is.
#[must_use]
pub fn example_binary(name: &str) -> PathBuf {
    build("--example", name)
}

/// Redis 7.0.
pub(super) fn redis_binary() -> PathBuf {
    existing(
        workspace_root().join("target/bin/redis-server"),
        "`cargo xtask prepare` installs what the tests need",
    )
}

/// Builds the whole workspace's features, as `cargo test --workspace` did, so that nothing is compiled twice.
fn build(kind: &str, name: &str) -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace_root()).stdin(Stdio::null()).stderr(Stdio::inherit());
    cargo.args(["build", "--quiet", "--locked", "--workspace", kind, name, "--message-format=json"]);
    if std::env::current_exe().is_ok_and(|test| test.components().any(|part| part.as_os_str() == "release")) {
        cargo.arg("--release");
    }
    let output = cargo.output().expect("cargo can be run");
    assert!(output.status.success(), "{name} does not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages
        .lines()
        .find_map(|message| executable_of(message, name))
        .expect("cargo names the binary it built");
    PathBuf::from(executable)
}

fn executable_of(message: &str, name: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let of_ours = message["target"]["name"] == name;
    let executable = message["executable"].as_str().filter(|_| of_ours)?;
    Some(executable.to_owned())
}
