//! Which CPUs a node runs on: `4` is the first four that the process may use, `0-3,8` names them.

use std::fmt;
use std::str::FromStr;

/// The most CPUs that a set may name.
const CPUS_MAX: usize = 1024;

/// CPUs by number, in ascending order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreSet(Choice);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    First(usize),
    Named(Vec<usize>),
}

/// What is wrong with a set of cores.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoreSetError {
    /// It is not a count, nor a list.
    #[error("cores: '{text}' is neither a count such as 4 nor a list such as 0-3,8")]
    ConfigMalformed {
        /// As it was given.
        text: String,
    },
    /// A range that runs backwards.
    #[error("cores: the range {first}-{last} runs backwards")]
    ConfigBackwards {
        /// Its first number.
        first: usize,
        /// Its last number.
        last: usize,
    },
    /// A CPU that is named twice.
    #[error("cores: CPU {cpu} is named twice")]
    ConfigTwice {
        /// That CPU.
        cpu: usize,
    },
    /// No core at all, or more than could be.
    #[error("cores: between 1 and 1024 are possible, not {count}")]
    ConfigCount {
        /// How many were asked for.
        count: usize,
    },
    /// More cores than there are.
    #[error("cores: {asked} were asked for, but this process may use only {available}")]
    ConfigTooMany {
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        available: usize,
    },
    /// A CPU that the process may not use.
    #[error("cores: this process may not use CPU {cpu}; it may use {available}")]
    ConfigUnavailable {
        /// That CPU.
        cpu: usize,
        /// Those that it may use.
        available: String,
    },
}

impl FromStr for CoreSet {
    type Err = CoreSetError;

    /// A single number is a count; anything with a comma or a dash is a list. A list of one CPU is written `3-3`,
    /// or `0` for CPU 0, which would be no core at all as a count.
    fn from_str(text: &str) -> Result<Self, CoreSetError> {
        let malformed = || CoreSetError::ConfigMalformed { text: text.to_owned() };
        let number = |digits: &str| parse_number(digits).ok_or_else(malformed);
        let text = text.trim();
        if let Some(count) = parse_number(text) {
            return match count {
                0 => Ok(Self(Choice::Named(vec![0]))),
                1..=CPUS_MAX => Ok(Self(Choice::First(count))),
                _ => Err(CoreSetError::ConfigCount { count }),
            };
        }
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(CoreSetError::ConfigBackwards { first, last });
            }
            if last - first >= CPUS_MAX || cpus.len() + (last - first) >= CPUS_MAX {
                return Err(CoreSetError::ConfigCount { count: cpus.len().saturating_add(last - first) });
            }
            cpus.extend(first..=last);
        }
        cpus.sort_unstable();
        if let Some(twice) = cpus.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(CoreSetError::ConfigTwice { cpu: twice[0] });
        }
        Ok(Self(Choice::Named(cpus)))
    }
}

impl From<usize> for CoreSet {
    /// The first so many.
    fn from(count: usize) -> Self {
        Self::first(count)
    }
}

/// Digits only: no sign, no spaces within.
fn parse_number(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

impl CoreSet {
    /// The first `count` CPUs that the process may use.
    pub fn first(count: usize) -> Self {
        Self(Choice::First(count))
    }

    /// The CPUs of this set, given those that the process may use (see [`available_cpus`]).
    ///
    /// # Errors
    ///
    /// The set does not fit this machine.
    pub fn resolve(&self, available: &[usize]) -> Result<Vec<usize>, CoreSetError> {
        match &self.0 {
            Choice::First(count) if *count == 0 || *count > CPUS_MAX => {
                Err(CoreSetError::ConfigCount { count: *count })
            }
            Choice::First(count) => available
                .get(..*count)
                .map(<[usize]>::to_vec)
                .ok_or(CoreSetError::ConfigTooMany { asked: *count, available: available.len() }),
            Choice::Named(cpus) => match cpus.iter().find(|cpu| !available.contains(cpu)) {
                Some(cpu) => {
                    let available = Self(Choice::Named(available.to_vec())).to_string();
                    Err(CoreSetError::ConfigUnavailable { cpu: *cpu, available })
                }
                None => Ok(cpus.clone()),
            },
        }
    }
}

/// As it would be written: runs as ranges.
impl fmt::Display for CoreSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpus = match &self.0 {
            Choice::First(count) => return write!(formatter, "{count}"),
            Choice::Named(cpus) => cpus,
        };
        let mut separator = "";
        for run in cpus.chunk_by(|first, second| first + 1 == *second) {
            let (first, last) = (run[0], run[run.len() - 1]);
            // One CPU alone, unless it is 0, would read as a count.
            if first == last && (cpus.len() > 1 || first == 0) {
                write!(formatter, "{separator}{first}")?;
            } else {
                write!(formatter, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

/// The CPUs that this process may use, ascending: what its affinity allows.
pub fn available_cpus() -> Vec<usize> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = allowed_in(&status);
    allowed.unwrap_or_else(|| {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (0..count).collect()
    })
}

/// Reads the `Cpus_allowed_list` of `/proc/self/status`, which is written as this module writes lists.
fn allowed_in(status: &str) -> Option<Vec<usize>> {
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim();
    // The kernel writes a single CPU as a number, which would be a count here.
    if let Some(cpu) = parse_number(line) {
        return Some(vec![cpu]);
    }
    match line.parse::<CoreSet>().ok()?.0 {
        Choice::Named(cpus) => Some(cpus),
        Choice::First(_) => None,
    }
}

#[cfg(test)]
mod tests;
