//! What can be wrong between hosts: the faults, and the directed paths that they lie on.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::LabError;

/// Something wrong on a path, until it is undone. Faults on one path add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing passes.
    Cut,
    /// So many packets in a hundred are lost, at random.
    Loss {
        /// 0 to 100.
        percent: u32,
    },
    /// Every TCP segment is answered with a reset; the rest passes.
    Reset,
    /// So much passes, the rest waits, and is lost when it would wait longer than half a second.
    Rate {
        /// Thousands of bits a second; not 0.
        kilobits: u32,
    },
    /// Packets are late, change places, or come twice.
    Impair(Impairment),
}

impl Fault {
    /// Refuses what makes no sense.
    pub(crate) fn check(self) -> Result<Self, LabError> {
        let senseless = |message: &str| Err(LabError::ConfigFault(message.to_owned()));
        match self {
            Fault::Loss { percent } if percent > 100 => senseless("more than all packets cannot be lost"),
            Fault::Rate { kilobits: 0 } => senseless("a rate of 0 is a cut"),
            Fault::Impair(impairment)
                if impairment.reorder_percent.max(impairment.duplicate_percent) > 100 =>
            {
                senseless("no more than all packets can be reordered or duplicated")
            }
            Fault::Impair(impairment) if impairment.reorder_percent > 0 && impairment.delay.is_zero() => {
                senseless("packets overtake others only where the others are delayed")
            }
            Fault::Impair(impairment) if impairment.jitter > impairment.delay => {
                senseless("jitter goes both ways, so it cannot be more than the delay")
            }
            sound => Ok(sound),
        }
    }
}

/// How packets are late, change places, or come twice. The words mean what they mean to `tc netem`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Impairment {
    /// How late a packet is.
    pub delay: Duration,
    /// How much earlier or later than that at most, each packet for itself, so that close ones change places.
    pub jitter: Duration,
    /// How many in a hundred are not delayed at all, and so overtake.
    pub reorder_percent: u32,
    /// How many in a hundred come twice.
    pub duplicate_percent: u32,
}

/// Names a fault, to undo it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub(crate) u64);

/// Directed paths between hosts, which are numbered from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths(BTreeSet<(usize, usize)>);

impl Paths {
    /// From each of the first to each of the others; not back.
    #[must_use]
    pub fn one_way(from: impl AsRef<[usize]>, to: impl AsRef<[usize]>) -> Self {
        let pairs = from.as_ref().iter().flat_map(|from| to.as_ref().iter().map(|to| (*from, *to)));
        Paths(pairs.filter(|(from, to)| from != to).collect())
    }

    /// Between each of the first and each of the others, both ways.
    #[must_use]
    pub fn between(some: impl AsRef<[usize]>, others: impl AsRef<[usize]>) -> Self {
        let mut paths = Self::one_way(some.as_ref(), others.as_ref());
        paths.0.extend(Self::one_way(others, some).0);
        paths
    }

    /// Between each two of them, both ways.
    #[must_use]
    pub fn among(hosts: impl AsRef<[usize]>) -> Self {
        Self::one_way(hosts.as_ref(), hosts.as_ref())
    }

    /// The pairs, from and to.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(paths: &Paths) -> Vec<(usize, usize)> {
        paths.iter().collect()
    }

    #[test]
    fn paths_are_directed_and_never_lead_back_to_the_host_itself() {
        assert_eq!(pairs(&Paths::one_way([0], [1, 2])), [(0, 1), (0, 2)]);
        assert_eq!(pairs(&Paths::between([0], [1])), [(0, 1), (1, 0)]);
        assert_eq!(pairs(&Paths::among([0, 1])), [(0, 1), (1, 0)]);
        assert_eq!(pairs(&Paths::one_way([0], [0])), []);
    }

    #[test]
    fn senseless_faults_are_refused() {
        let delay = Duration::from_millis(5);
        let sound = Impairment { delay, jitter: delay, reorder_percent: 100, duplicate_percent: 100 };
        assert!(Fault::Impair(sound).check().is_ok());
        assert!(
            Fault::Impair(Impairment { delay: Duration::ZERO, jitter: Duration::ZERO, ..sound })
                .check()
                .is_err()
        );
        assert!(Fault::Impair(Impairment { jitter: 2 * delay, ..sound }).check().is_err());
        assert!(Fault::Impair(Impairment { duplicate_percent: 101, ..sound }).check().is_err());
        assert!(Fault::Loss { percent: 101 }.check().is_err());
        assert!(Fault::Rate { kilobits: 0 }.check().is_err());
    }
}
