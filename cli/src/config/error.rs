//! What can be wrong with a configuration; every message is one line and never repeats a secret.

use std::io;
use std::path::PathBuf;

/// The operator's mistake, in words that say where it is. Nothing was started; correct it and start again.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line is not one of ours.
    #[error("{0}")]
    Usage(String),
    /// A variable of the environment holds a value that does not parse.
    #[error("{variable}: {message}")]
    Environment {
        /// Name of the variable.
        variable: String,
        /// What is wrong with its value.
        message: String,
    },
    /// The file named by `--config` cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not TOML, or a value in it has the wrong type or does not parse.
    #[error("{} line {line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The file holds a key that is no setting.
    #[error("{} line {line}: unknown key `{key}`{}", path.display(), suggestion(nearest.as_deref()))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Line of the key, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// The setting with the most similar name, if one is similar.
        nearest: Option<String>,
    },
    /// Values that are well-formed each, but not together.
    #[error("{0}")]
    Senseless(String),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"))
}
