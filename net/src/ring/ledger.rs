//! The ledger of receive buffers: which are with the kernel, which are lent to a reader, which lie in wait.
//!
//! ```text
//!            provide                 lend (completion)
//!  waiting ──────────▶ with kernel ──────────────────▶ lent
//!     ▲                                                 │
//!     └──────────────────── give_back ──────────────────┘
//! ```
//!
//! The kernel hands buffers out in the order in which they were provided, so every buffer that is provided is
//! touched in turn. Few are provided at first, to keep the working set in the cache; the number doubles each
//! time the kernel runs dry, up to the number that was allotted.
//!
//! Limits: at most 32,768 buffers (the kernel's own limit). No errors: a buffer given back twice is a bug here
//! and stops the core.

/// Names one receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BufferId(pub(super) u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    Kernel,
    Lent,
}

/// Who has which buffer. Owned by a core.
#[derive(Debug)]
pub(super) struct Ledger {
    places: Vec<Place>,
    waiting: Vec<BufferId>,
    in_use: u16,
    with_kernel: u16,
    lent: u16,
}

impl Ledger {
    /// `allotted` buffers, of which `in_use` circulate at first.
    pub(super) fn new(in_use: u16, allotted: u16) -> Self {
        assert!(allotted <= 1 << 15, "the kernel takes at most 32,768 buffers");
        let in_use = in_use.clamp(1, allotted);
        Self {
            places: vec![Place::Waiting; usize::from(allotted)],
            waiting: (0..in_use).rev().map(BufferId).collect(),
            in_use,
            with_kernel: 0,
            lent: 0,
        }
    }

    /// The next buffer to give to the kernel.
    pub(super) fn provide(&mut self) -> Option<BufferId> {
        let id = self.waiting.pop()?;
        self.places[usize::from(id.0)] = Place::Kernel;
        self.with_kernel += 1;
        Some(id)
    }

    /// The kernel filled `id`; a reader has it now. False if the kernel did not have it.
    #[must_use]
    pub(super) fn lend(&mut self, id: BufferId) -> bool {
        match self.places.get_mut(usize::from(id.0)) {
            Some(place @ Place::Kernel) => {
                *place = Place::Lent;
                self.with_kernel -= 1;
                self.lent += 1;
                true
            }
            _ => false,
        }
    }

    /// The reader is done with `id`.
    pub(super) fn give_back(&mut self, id: BufferId) {
        let place = &mut self.places[usize::from(id.0)];
        assert_eq!(*place, Place::Lent, "a buffer is given back by the one who has it, once");
        *place = Place::Waiting;
        self.lent -= 1;
        self.waiting.push(id);
    }

    /// Doubles the buffers that circulate; false when all that were allotted do already.
    pub(super) fn grow(&mut self) -> bool {
        let allotted = u16::try_from(self.places.len()).expect("at most 32,768 buffers");
        let grown = self.in_use.saturating_mul(2).min(allotted);
        self.waiting.extend((self.in_use..grown).rev().map(BufferId));
        let more = grown > self.in_use;
        self.in_use = grown;
        more
    }

    /// Buffers that are lent to readers.
    pub(super) fn lent(&self) -> u16 {
        self.lent
    }

    /// Buffers that circulate.
    pub(super) fn in_use(&self) -> u16 {
        self.in_use
    }

    /// Buffers that the kernel could fill, if those in wait were provided now.
    pub(super) fn available(&self) -> usize {
        usize::from(self.with_kernel) + self.waiting.len()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn grows_by_doubling_up_to_what_was_allotted() {
        let mut ledger = Ledger::new(4, 10);
        assert_eq!(ledger.available(), 4);
        assert!(ledger.grow());
        assert_eq!((ledger.in_use(), ledger.available()), (8, 8));
        assert!(ledger.grow());
        assert_eq!(ledger.in_use(), 10);
        assert!(!ledger.grow());
    }

    #[test]
    fn a_completion_for_a_buffer_that_the_kernel_does_not_have_is_refused() {
        let mut ledger = Ledger::new(2, 2);
        assert!(!ledger.lend(BufferId(0)));
        assert!(!ledger.lend(BufferId(9)));
        let id = ledger.provide().expect("two are waiting");
        assert!(ledger.lend(id));
        assert!(!ledger.lend(id));
    }

    proptest! {
        #[test]
        fn no_buffer_is_in_two_places(steps in proptest::collection::vec((0u8..4, any::<u16>()), 0..400)) {
            let mut ledger = Ledger::new(2, 16);
            let mut kernel = BTreeSet::new();
            let mut lent = BTreeSet::new();
            for (step, pick) in steps {
                match step {
                    0 => if let Some(id) = ledger.provide() {
                        prop_assert!(!lent.contains(&id.0));
                        prop_assert!(kernel.insert(id.0));
                    },
                    1 => if let Some(id) = kernel.iter().nth(usize::from(pick) % kernel.len().max(1)).copied() {
                        prop_assert!(ledger.lend(BufferId(id)));
                        kernel.remove(&id);
                        lent.insert(id);
                    },
                    2 => if let Some(id) = lent.iter().nth(usize::from(pick) % lent.len().max(1)).copied() {
                        ledger.give_back(BufferId(id));
                        lent.remove(&id);
                    },
                    _ => if pick % 8 == 0 { ledger.grow(); },
                }
                prop_assert_eq!(usize::from(ledger.lent()), lent.len());
                prop_assert_eq!(ledger.available() + lent.len(), usize::from(ledger.in_use()));
            }
        }
    }
}
