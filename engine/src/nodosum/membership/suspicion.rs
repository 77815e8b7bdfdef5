//! Members that did not answer this node's probes, and how long they have left to answer back.
//!
//! Source: Lifeguard (see `health.rs`), dynamic suspicion time-out. Whoever finds that a probe failed tells the others,
//! by a broadcast of its own beside foca's update, which does not say who suspects. With each other member that does
//! not reach the suspect either, the time left shrinks, from a multiple of the shortest to the shortest.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Buf, BufMut};
use mycorrhizal_net::identity::NodeId;

use super::MemberIdentity;
use crate::nodosum::Time;

/// That many others make a suspicion as sure as it gets.
const CONFIRMATIONS_WANTED: usize = 3;
/// Older ones are forgotten.
const CONFIRMATIONS_REMEMBERED: usize = 256;
/// Bytes of an encoded confirmation.
const CONFIRMATION_BYTES: usize = 10;

/// A suspect, as far as confirmations tell: the tag of its identity and its refutation.
pub(super) type Suspect = (u32, u16);

/// One member says that another does not answer it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Confirmation {
    pub(super) suspect: Suspect,
    /// The tag of who says so.
    pub(super) by: u32,
}

impl Confirmation {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CONFIRMATION_BYTES);
        bytes.put_u32(self.suspect.0);
        bytes.put_u16(self.suspect.1);
        bytes.put_u32(self.by);
        bytes
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let suspect = (bytes.try_get_u32().ok()?, bytes.try_get_u16().ok()?);
        let by = bytes.try_get_u32().ok()?;
        bytes.is_empty().then_some(Self { suspect, by })
    }
}

/// The confirmations heard lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirmations(VecDeque<Confirmation>);

impl Confirmations {
    /// Whether it was new.
    pub(super) fn insert(&mut self, confirmation: Confirmation) -> bool {
        if self.0.contains(&confirmation) {
            return false;
        }
        if self.0.len() == CONFIRMATIONS_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(confirmation);
        true
    }

    /// How many members say so, `own` not counted.
    pub(super) fn count(&self, suspect: Suspect, own: u32) -> usize {
        self.0.iter().filter(|heard| heard.suspect == suspect && heard.by != own).count()
    }
}

/// A suspicion of this node's own.
#[derive(Clone, Debug)]
pub(super) struct Suspicion {
    pub(super) identity: MemberIdentity,
    pub(super) refutation: u16,
    /// What foca wants to hear when the time is over.
    pub(super) timer: foca::Timer<MemberIdentity>,
    pub(super) since: Time,
    /// Not before that moment, whatever the confirmations say.
    pub(super) not_before: Time,
    /// The local health when it began.
    pub(super) factor: u32,
}

impl Suspicion {
    pub(super) fn suspect(&self) -> Suspect {
        (self.identity.tag(), self.refutation)
    }
}

/// All of them, by node.
pub(super) type Suspicions = BTreeMap<NodeId, Suspicion>;

/// How long a suspect has, in a cluster of that many members, this node counted.
pub(super) fn time_left(shortest: Duration, spread: u32, confirmations: usize, members: usize) -> Duration {
    // This node and the suspect cannot confirm.
    let wanted = CONFIRMATIONS_WANTED.min(members.saturating_sub(2));
    if confirmations >= wanted {
        return shortest;
    }
    let longest = shortest * spread;
    let share = ((confirmations + 1) as f64).ln() / ((wanted + 1) as f64).ln();
    longest - (longest - shortest).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_confirmation_shortens_the_time() {
        let times: Vec<_> =
            (0..5).map(|count| time_left(Duration::from_secs(1), 4, count, 30).as_millis()).collect();
        assert_eq!(times, [4000, 2500, 1622, 1000, 1000]);
    }

    #[test]
    fn fewer_are_wanted_where_there_are_fewer() {
        assert_eq!(time_left(Duration::from_secs(1), 4, 0, 3), Duration::from_secs(4));
        assert_eq!(time_left(Duration::from_secs(1), 4, 1, 3), Duration::from_secs(1));
        assert_eq!(time_left(Duration::from_secs(1), 4, 0, 2), Duration::from_secs(1), "nobody to ask");
    }

    #[test]
    fn a_member_confirms_once_and_not_to_itself() {
        let mut heard = Confirmations::default();
        let by = |by| Confirmation { suspect: (7, 1), by };
        assert!(heard.insert(by(1)) && heard.insert(by(2)) && !heard.insert(by(1)));
        assert_eq!(heard.count((7, 1), 2), 1);
        assert_eq!(heard.count((7, 2), 0), 0, "an answered suspicion is another one");
        for tag in 0..1000 {
            heard.insert(by(tag));
        }
        assert_eq!(heard.0.len(), CONFIRMATIONS_REMEMBERED);
    }

    #[test]
    fn a_confirmation_reads_what_it_writes() {
        let confirmation = Confirmation { suspect: (0xdead_beef, 3), by: 9 };
        let bytes = confirmation.encode();
        assert_eq!(bytes.len(), CONFIRMATION_BYTES);
        assert_eq!(Confirmation::decode(&bytes), Some(confirmation));
        assert_eq!(Confirmation::decode(&bytes[1..]), None);
        assert_eq!(Confirmation::decode(&[0; 11]), None);
    }
}
