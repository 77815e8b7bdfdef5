//! How well this node itself is doing: one that is slow suspects itself before it suspects others.
//!
//! Source: "Lifeguard: Local Health Awareness for More Accurate Failure Detection" (Dadgar, Phillips, Currey, 2018),
//! local health multiplier. Where the paper counts missing negative acknowledgements, which foca does not send, a
//! failed probe counts here unless another member confirms that the probed one does not answer.

/// Local health: 0 is healthy, 8 the worst.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Health(u8);

impl Health {
    pub(super) const WORST: u8 = 8;

    /// A probe of its own was answered.
    pub(super) fn improve(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// A probe that only this node found failed, a suspicion that it had to answer, timers that came late.
    pub(super) fn worsen(&mut self) {
        self.0 = (self.0 + 1).min(Self::WORST);
    }

    /// By how much the time between probes, and the time that an answer may take, are multiplied.
    pub(super) fn probe_factor(self) -> u32 {
        u32::from(self.0) + 1
    }

    /// By how much the time that a suspect has is multiplied. Not as much: after a bad time all members may be at their
    /// worst, and the dead among them are still to be found.
    pub(super) fn suspicion_factor(self) -> u32 {
        u32::from(self.0) / 4 + 1
    }

    pub(super) fn score(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_between_healthy_and_worst() {
        let mut health = Health::default();
        health.improve();
        assert_eq!((health.score(), health.probe_factor(), health.suspicion_factor()), (0, 1, 1));
        (0..20).for_each(|_| health.worsen());
        assert_eq!((health.score(), health.probe_factor(), health.suspicion_factor()), (8, 9, 3));
        health.improve();
        assert_eq!(health.score(), 7);
    }
}
