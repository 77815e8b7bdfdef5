//! Detours in the hub: a device through which the frames of one directed path go, to be slowed or impaired.
//!
//! ```text
//!  br0 ─▶ p2 egress: from host 0 and mark < 1 ─▶ s7 ─ tbf or netem ─▶ t7 ingress: mark 1 ─▶ p2 egress ─▶ host 2
//!                                                s8 (TAP) ─ relay ─▶ s8 ingress: mark 2
//! ```
//!
//! Several on one path stand one behind the other: the mark says how many a frame has passed. It is gone when the frame
//! leaves the hub.

use crate::error::{Context as _, LabError};
use crate::fault::{Fault, Impairment};
use crate::namespace::Namespace;
use crate::relay::Relay;
use crate::tap::Tap;

/// A detour of the path from one host to another. Owned by the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    /// Unique in its lab; names the devices.
    pub(crate) number: u64,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: StageKind,
}

/// What is done to a frame on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StageKind {
    /// A token bucket of the kernel.
    Rate { kilobits: u32 },
    /// The kernel's own impairments.
    Netem(Impairment),
    /// The relay's.
    Relay { impairment: Impairment, seed: u64 },
}

impl Stage {
    /// The device that takes frames in.
    pub(crate) fn entrance(&self) -> String {
        format!("s{}", self.number)
    }

    /// The device that gives them back.
    pub(crate) fn exit(&self) -> String {
        match self.kind {
            StageKind::Rate { .. } | StageKind::Netem(_) => format!("t{}", self.number),
            StageKind::Relay { .. } => self.entrance(),
        }
    }

    /// Makes its devices; no frame goes there yet.
    pub(crate) fn build(&self, hub: &Namespace, relay: Option<&Relay>) -> Result<(), LabError> {
        let (entrance, exit) = (self.entrance(), self.exit());
        if let StageKind::Relay { impairment, seed } = self.kind {
            let tap = hub.enter(|| Tap::create(&entrance)).context("making a TAP device")?;
            hub.ip(&format!("link set {entrance} up\n"))?;
            relay.expect("it is started before its first stage").open(self.number, tap, impairment, seed);
            return Ok(());
        }
        hub.ip(&format!(
            "link add {entrance} type veth peer name {exit}\nlink set {entrance} up\nlink set {exit} up\n"
        ))?;
        let queued = hub.tc(&format!("qdisc add dev {entrance} root {}", self.discipline()));
        // What the kernel refuses leaves nothing behind; why it did is what the caller is to hear.
        queued.or_else(|refused| hub.ip(&format!("link delete {entrance}\n")).and(Err(refused)))
    }

    /// Removes its devices; the rules that lead there are gone already.
    pub(crate) fn demolish(&self, hub: &Namespace, relay: Option<&Relay>) -> Result<(), LabError> {
        match self.kind {
            StageKind::Relay { .. } => {
                relay.expect("it lives as long as its stages").close(self.number);
                Ok(())
            }
            StageKind::Rate { .. } | StageKind::Netem(_) => {
                hub.ip(&format!("link delete {}\n", self.entrance()))
            }
        }
    }

    /// The words of `tc` for it.
    fn discipline(&self) -> String {
        match self.kind {
            StageKind::Rate { kilobits } => format!("tbf rate {kilobits}kbit burst 8kb latency 500ms"),
            StageKind::Netem(impairment) | StageKind::Relay { impairment, .. } => {
                let Impairment { delay, jitter, reorder_percent, duplicate_percent } = impairment;
                let mut words =
                    format!("netem limit 10000 delay {}us {}us", delay.as_micros(), jitter.as_micros());
                if reorder_percent > 0 {
                    words += &format!(" reorder {reorder_percent}%");
                }
                if duplicate_percent > 0 {
                    words += &format!(" duplicate {duplicate_percent}%");
                }
                words
            }
        }
    }
}

impl StageKind {
    /// The detour that a fault takes, if it takes one.
    pub(crate) fn of(fault: Fault, netem: bool, seed: u64) -> Option<Self> {
        match fault {
            Fault::Rate { kilobits } => Some(StageKind::Rate { kilobits }),
            Fault::Impair(impairment) if netem => Some(StageKind::Netem(impairment)),
            Fault::Impair(impairment) => Some(StageKind::Relay { impairment, seed }),
            Fault::Cut | Fault::Loss { .. } | Fault::Reset => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn netem_and_tbf_are_told_in_their_words() {
        let impairment = Impairment {
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(5),
            reorder_percent: 3,
            duplicate_percent: 4,
        };
        let words = |kind| Stage { number: 7, from: 0, to: 1, kind }.discipline();
        let netem = "netem limit 10000 delay 20000us 5000us reorder 3% duplicate 4%";
        assert_eq!(words(StageKind::Netem(impairment)), netem);
        assert_eq!(words(StageKind::Netem(Impairment::default())), "netem limit 10000 delay 0us 0us");
        assert_eq!(words(StageKind::Rate { kilobits: 800 }), "tbf rate 800kbit burst 8kb latency 500ms");
    }

    #[test]
    fn a_relay_has_one_device_and_a_queue_two() {
        let stage = |kind| Stage { number: 7, from: 0, to: 1, kind };
        let relay = stage(StageKind::Relay { impairment: Impairment::default(), seed: 1 });
        assert_eq!((relay.entrance(), relay.exit()), ("s7".into(), "s7".into()));
        let rate = stage(StageKind::Rate { kilobits: 1 });
        assert_eq!((rate.entrance(), rate.exit()), ("s7".into(), "t7".into()));
    }
}
