//! Replay windows: which datagrams of each sender were heard already.
//!
//! ```text
//!   sequence   top-1023 …………………… top │ later ▶
//!   bits       heard or not, each     │ all new; hearing one moves the top there
//!   older ones: counted as heard
//! ```
//!
//! The bit of a sequence is at its remainder by [`WINDOW_BITS`]. Every core of a sender counts by itself and has a
//! window of its own. A higher incarnation of a sender begins with no windows; lower ones are refused from then on.
//!
//! Limits: [`SENDERS_MAX`] senders, and 136 bytes for each core of each. One more pushes out the one that was not
//! heard for longest.

use super::header::Header;
use super::seal::Dropped;
use crate::identity::{Incarnation, NodeId};
use std::collections::BTreeMap;

/// Sequences that a window covers.
pub const WINDOW_BITS: u64 = 1024;
/// Senders that are remembered.
pub const SENDERS_MAX: usize = 4096;

const WORDS: usize = 16;
const _: () = assert!(WORDS as u64 * 64 == WINDOW_BITS);

/// One window.
#[derive(Clone, Debug)]
struct Window {
    top: u64,
    bits: [u64; WORDS],
}

/// The word and the bit of a sequence.
fn place(sequence: u64) -> (usize, u64) {
    let bit = sequence % WINDOW_BITS;
    (usize::try_from(bit / 64).expect("a few words"), 1 << (bit % 64))
}

impl Window {
    /// A window that has heard `sequence` and nothing else.
    fn new(sequence: u64) -> Self {
        let mut window = Self { top: sequence, bits: [0; WORDS] };
        window.mark(sequence);
        window
    }

    fn is_new(&self, sequence: u64) -> bool {
        let (word, bit) = place(sequence);
        sequence > self.top || (self.top - sequence < WINDOW_BITS && self.bits[word] & bit == 0)
    }

    fn hear(&mut self, sequence: u64) {
        if sequence > self.top {
            if sequence - self.top >= WINDOW_BITS {
                self.bits = [0; WORDS];
            } else {
                (self.top + 1..sequence).for_each(|skipped| self.clear(skipped));
            }
            self.top = sequence;
        }
        self.mark(sequence);
    }

    fn mark(&mut self, sequence: u64) {
        let (word, bit) = place(sequence);
        self.bits[word] |= bit;
    }

    fn clear(&mut self, sequence: u64) {
        let (word, bit) = place(sequence);
        self.bits[word] &= !bit;
    }
}

#[derive(Debug)]
struct Sender {
    incarnation: Incarnation,
    /// When it was last heard, in datagrams.
    heard: u64,
    /// By core, in order.
    windows: Vec<(u16, Window)>,
}

/// The windows of all senders. Owned by a core.
#[derive(Debug, Default)]
pub(super) struct Windows {
    senders: BTreeMap<NodeId, Sender>,
    /// Datagrams heard.
    heard: u64,
}

impl Windows {
    /// Whether a datagram with this header may be new.
    pub(super) fn check(&self, header: &Header) -> Result<(), Dropped> {
        let Some(sender) = self.senders.get(&header.sender) else { return Ok(()) };
        if header.incarnation < sender.incarnation {
            return Err(Dropped::RetiredIncarnation { known: sender.incarnation });
        }
        if header.incarnation > sender.incarnation {
            return Ok(());
        }
        let window = sender.windows.binary_search_by_key(&header.core, |(core, _)| *core);
        match window.ok().and_then(|at| sender.windows.get(at)) {
            Some((_, window)) if !window.is_new(header.sequence) => Err(Dropped::Replayed),
            _ => Ok(()),
        }
    }

    /// Remembers a datagram that [`Windows::check`] let through and whose seal opened.
    pub(super) fn hear(&mut self, header: &Header) {
        self.heard += 1;
        if !self.senders.contains_key(&header.sender) && self.senders.len() >= SENDERS_MAX {
            self.forget_one();
        }
        let fresh = || Sender { incarnation: header.incarnation, heard: 0, windows: Vec::with_capacity(1) };
        let sender = self.senders.entry(header.sender).or_insert_with(fresh);
        if header.incarnation > sender.incarnation {
            *sender = fresh();
        }
        sender.heard = self.heard;
        match sender.windows.binary_search_by_key(&header.core, |(core, _)| *core) {
            Ok(at) => sender.windows[at].1.hear(header.sequence),
            Err(at) => sender.windows.insert(at, (header.core, Window::new(header.sequence))),
        }
    }

    /// Rare: only a sender beyond those that are remembered comes here.
    fn forget_one(&mut self) {
        let silent = self.senders.iter().min_by_key(|(_, sender)| sender.heard).map(|(id, _)| *id);
        if let Some(id) = silent {
            self.senders.remove(&id);
        }
    }

    /// Senders that are remembered.
    pub(super) fn len(&self) -> usize {
        self.senders.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::key_ring::KeyId;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn header(sender: u32, incarnation: u64, core: u16, sequence: u64) -> Header {
        let mut id = [0; 20];
        id[..4].copy_from_slice(&sender.to_be_bytes());
        Header {
            kind: 0,
            key: KeyId([0; 4]),
            sender: NodeId(id),
            incarnation: Incarnation(incarnation),
            core,
            salt: [0; 8],
            sequence,
        }
    }

    /// Hears it if it may be new.
    fn offer(windows: &mut Windows, header: Header) -> Result<(), Dropped> {
        windows.check(&header).inspect(|()| windows.hear(&header))
    }

    #[test]
    fn each_core_of_a_sender_counts_by_itself() {
        let mut windows = Windows::default();
        assert_eq!(offer(&mut windows, header(1, 1, 0, 1_000_000)), Ok(()));
        assert_eq!(offer(&mut windows, header(1, 1, 3, 5)), Ok(()));
        assert_eq!(offer(&mut windows, header(1, 1, 1, 5)), Ok(()));
        assert_eq!(offer(&mut windows, header(1, 1, 3, 5)), Err(Dropped::Replayed));
        assert_eq!(offer(&mut windows, header(1, 1, 0, 5)), Err(Dropped::Replayed));
        assert_eq!(offer(&mut windows, header(2, 1, 0, 5)), Ok(()));
    }

    #[test]
    fn a_higher_incarnation_begins_anew_and_retires_the_lower() {
        let mut windows = Windows::default();
        assert_eq!(offer(&mut windows, header(1, 7, 0, 90)), Ok(()));
        assert_eq!(offer(&mut windows, header(1, 8, 0, 0)), Ok(()));
        let retired = Err(Dropped::RetiredIncarnation { known: Incarnation(8) });
        assert_eq!(offer(&mut windows, header(1, 7, 0, 91)), retired);
        assert_eq!(offer(&mut windows, header(1, 7, 5, 91)), retired, "on every core");
        assert_eq!(offer(&mut windows, header(1, 8, 0, 0)), Err(Dropped::Replayed));
    }

    #[test]
    fn the_sender_that_is_silent_for_longest_is_forgotten() {
        let mut windows = Windows::default();
        let many = u32::try_from(SENDERS_MAX).expect("few enough");
        for sender in 0..many {
            offer(&mut windows, header(sender, 1, 0, 1)).expect("new");
        }
        offer(&mut windows, header(0, 1, 0, 2)).expect("new");
        offer(&mut windows, header(many, 1, 0, 1)).expect("new");
        assert_eq!(windows.len(), SENDERS_MAX);
        assert_eq!(offer(&mut windows, header(0, 1, 0, 2)), Err(Dropped::Replayed), "it spoke again");
        assert_eq!(offer(&mut windows, header(2, 1, 0, 1)), Err(Dropped::Replayed));
        assert_eq!(offer(&mut windows, header(1, 1, 0, 1)), Ok(()), "it was forgotten");
    }

    #[test]
    fn the_ends_of_the_numbers_are_numbers() {
        let mut windows = Windows::default();
        for sequence in [0, u64::MAX, u64::MAX - 1, u64::MAX - (WINDOW_BITS - 1)] {
            assert_eq!(offer(&mut windows, header(1, 1, 0, sequence)), Ok(()), "{sequence}");
            assert_eq!(offer(&mut windows, header(1, 1, 0, sequence)), Err(Dropped::Replayed));
        }
        assert_eq!(offer(&mut windows, header(1, 1, 0, u64::MAX - WINDOW_BITS)), Err(Dropped::Replayed));
    }

    proptest! {
        #[test]
        fn a_window_is_a_set_of_the_latest(steps in proptest::collection::vec((0u64..6, 0u64..1100), 1..300)) {
            let mut windows = Windows::default();
            let (mut heard, mut top) = (BTreeSet::new(), 2000u64);
            offer(&mut windows, header(1, 1, 0, top)).expect("the first");
            heard.insert(top);
            for (step, distance) in steps {
                let sequence = match step {
                    0 => top + distance,
                    1 => top + distance % 3,
                    _ => top.saturating_sub(distance),
                };
                let is_new = top.saturating_sub(sequence) < WINDOW_BITS && !heard.contains(&sequence);
                prop_assert_eq!(offer(&mut windows, header(1, 1, 0, sequence)).is_ok(), is_new, "{}", sequence);
                if is_new {
                    heard.insert(sequence);
                    top = top.max(sequence);
                }
            }
        }
    }
}
