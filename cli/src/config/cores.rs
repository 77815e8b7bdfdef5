//! Which cores the data plane runs on.

use std::fmt;
use std::str::FromStr;

use mycorrhizal_net::executor::{CoreSet, CoreSetError};

/// All cores that the process may use, or a set of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cores {
    /// All.
    #[default]
    All,
    /// Those.
    Set(CoreSet),
}

impl Cores {
    /// The set, given the CPUs that the process may use.
    ///
    /// # Errors
    /// The set does not fit this machine.
    pub fn resolve(&self, available: &[usize]) -> Result<Vec<usize>, CoreSetError> {
        match self {
            Self::All => Ok(available.to_vec()),
            Self::Set(set) => set.resolve(available),
        }
    }
}

impl FromStr for Cores {
    type Err = CoreSetError;

    fn from_str(text: &str) -> Result<Self, CoreSetError> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::Set) }
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Set(set) => set.fmt(f),
        }
    }
}
