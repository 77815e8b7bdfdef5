//! How often members talk, how long they wait, and what of it follows the size of the cluster.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

/// No datagram carries more, whatever the size of the cluster: with a seal of 72 bytes and the headers of IPv6 and UDP
/// it stays under 1,420, with those of IPv4 under 1,400.
pub const PAYLOAD_BYTES_MAX: usize = 1_300;

/// What a node is told about gossip; all nodes of a cluster should be told the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Time between two rounds in which news is told; without news none is sent.
    pub gossip_interval: Duration,
    /// How many members are told in a round.
    pub gossip_fanout: NonZeroUsize,
    /// Time between two probes by a healthy node.
    pub probe_interval: Duration,
    /// How long the answer to a probe may take before others are asked to probe too. Less than half of the interval.
    pub probe_timeout: Duration,
    /// How many others are asked.
    pub indirect_probes: NonZeroUsize,
    /// How long a suspected member has to answer back when enough others suspect it as well, in a cluster of up to 30;
    /// larger ones give more.
    pub suspicion: Duration,
    /// How many times longer it has when nobody else suspects it.
    pub suspicion_spread: u32,
    /// Within this time every seed and every member that is down is contacted once, or as many of them as
    /// [`Self::contacts_per_period`] says.
    pub announce_period: Duration,
    /// At most that many of them in one period; the others have their turn in the next ones.
    pub contacts_per_period: u32,
    /// Time between two attempts to join while no member is known.
    pub join_interval: Duration,
    /// Timers that are that late say that this process was paused.
    pub stall_tolerance: Duration,
    /// After a pause of that length a member asks others for what it may have missed.
    pub stall_with_loss: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gossip_interval: Duration::from_millis(100),
            gossip_fanout: at_least_one(3),
            probe_interval: Duration::from_millis(200),
            probe_timeout: Duration::from_millis(80),
            indirect_probes: at_least_one(3),
            suspicion: Duration::from_secs(2),
            suspicion_spread: 4,
            announce_period: Duration::from_secs(10),
            contacts_per_period: 16,
            join_interval: Duration::from_millis(200),
            stall_tolerance: Duration::from_millis(100),
            stall_with_loss: Duration::from_secs(1),
        }
    }
}

impl Config {
    /// What foca is told, in a cluster of that many members.
    pub(super) fn for_members(&self, members: usize) -> foca::Config {
        let periodic = |frequency, num_members| Some(foca::PeriodicParams { frequency, num_members });
        foca::Config {
            probe_period: self.probe_interval,
            probe_rtt: self.probe_timeout,
            num_indirect_probes: self.indirect_probes,
            max_transmissions: self.transmissions(members),
            suspect_to_down_after: self.suspicion_for(members),
            // For ever: what is down is contacted for ever. `Membership` bounds how many are remembered.
            remove_down_after: None,
            max_packet_size: at_least_one(PAYLOAD_BYTES_MAX),
            notify_down_members: true,
            // Asks one member for members that gossip did not bring.
            periodic_announce: periodic(self.announce_period, at_least_one(1)),
            periodic_announce_to_down_members: None,
            periodic_gossip: periodic(self.gossip_interval, self.gossip_fanout),
        }
    }

    /// How often a member repeats a piece of news. All members together send a number of copies to each that grows with
    /// the logarithm of their number: the chance that none arrives shrinks as fast as the cluster grows.
    pub(super) fn transmissions(&self, members: usize) -> NonZeroU8 {
        let rounds = usize::BITS - members.max(1).leading_zeros() + 2;
        let copies = self.gossip_fanout.get().saturating_mul(rounds as usize);
        u8::try_from(copies).ok().and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MAX)
    }

    /// The shortest time between suspicion and death: in a larger cluster news takes longer, and a false death harms
    /// more of them.
    pub(super) fn suspicion_for(&self, members: usize) -> Duration {
        // Tenths, by which it grows with the decimal logarithm from 30 members on.
        let tenths = match members {
            0..=30 => 10,
            31..=100 => 13,
            101..=300 => 16,
            301..=1_000 => 20,
            _ => 26,
        };
        self.suspicion * tenths / 10
    }
}

fn at_least_one(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_is_repeated_more_often_in_a_larger_cluster() {
        let config = Config::default();
        let copies = [1, 3, 30, 100, 1_000, usize::MAX].map(|members| config.transmissions(members).get());
        assert_eq!(copies, [9, 12, 21, 27, 36, 198]);
        assert!(config.suspicion_for(3) < config.suspicion_for(100));
        assert!(config.suspicion_for(100) < config.suspicion_for(5_000));
    }

    #[test]
    fn a_probe_has_time_to_go_through_others() {
        let config = Config::default();
        assert!(config.probe_timeout * 2 < config.probe_interval);
    }
}
