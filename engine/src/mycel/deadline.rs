//! The deadlines of one partition, in order.
//!
//! An ordered multiset of 12-byte marks, one per key with a deadline, kept as a list of sorted chunks of at most
//! [`CHUNK_MARKS`]:
//!
//! ```text
//!  mark   ┌────────────────────────────────────┬────────┬──────────────┐
//!         │ deadline, ms, 60 bits, saturating  │ slot 4 │ key hash  32 │   ordered as one 96-bit number
//!         └────────────────────────────────────┴────────┴──────────────┘
//!  index  [ least │ marks… ] [ least │ marks… ] …       chunks ascend and are never empty
//! ```
//!
//! Finding the chunk is a binary search over the leasts, which lie side by side; finding the mark is another within
//! the chunk; inserting moves less than 400 bytes. A mark names its key by slot and hash, so two keys may have equal
//! marks: the index then holds the mark twice, and removing takes one of them. Deadlines that rise, as those of equal
//! lifetimes do, fill chunks to the brim; others leave them three quarters full on average.
//!
//! Compared by measurement with `BTreeSet<(u64, u64)>`: see `benches`, binary `storage`.

use std::cmp::Ordering;

use super::slot::{SLOTS_PER_PARTITION, Slot};

/// Most marks in a chunk.
const CHUNK_MARKS: usize = 32;
/// Chunks grow by so many marks at a time.
const STEP_MARKS: usize = 8;
/// A chunk and its neighbour become one when they hold no more than this together.
const MERGE_MARKS: usize = CHUNK_MARKS / 2;
const SLOT_BITS: u32 = SLOTS_PER_PARTITION.trailing_zeros();
const DEADLINE_MAX_MS: u64 = u64::MAX >> SLOT_BITS;

/// One key's deadline: when, and where to look for the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    /// Deadline and slot, upper half and lower half: as one number, marks would take 16 bytes.
    when: [u32; 2],
    hash: u32,
}

const _: () = assert!(size_of::<Mark>() == 12);

impl Mark {
    /// The mark of a key of this slot and hash.
    pub(super) fn new(deadline_ms: u64, slot: Slot, hash: u32) -> Mark {
        Mark::of(deadline_ms, slot.within(), hash)
    }

    fn of(deadline_ms: u64, within: usize, hash: u32) -> Mark {
        let when = deadline_ms.min(DEADLINE_MAX_MS) << SLOT_BITS | within as u64;
        Mark { when: halves(when), hash }
    }

    fn when(self) -> u64 {
        u64::from(self.when[0]) << 32 | u64::from(self.when[1])
    }

    /// The deadline, or what the mark can hold of it.
    pub(super) fn deadline_ms(self) -> u64 {
        self.when() >> SLOT_BITS
    }

    /// Whether a key of the mark's slot and hash that has this deadline may be the one that is meant.
    pub(super) fn is_of(self, deadline_ms: u64) -> bool {
        self.deadline_ms() == deadline_ms.min(DEADLINE_MAX_MS)
    }

    /// The place of the slot within the partition.
    pub(super) fn within(self) -> usize {
        (self.when[1] as usize) % SLOTS_PER_PARTITION
    }

    /// The hash of the key.
    pub(super) fn hash(self) -> u32 {
        self.hash
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are taken apart")]
fn halves(number: u64) -> [u32; 2] {
    [(number >> 32) as u32, number as u32]
}

impl Ord for Mark {
    #[inline]
    fn cmp(&self, other: &Mark) -> Ordering {
        (self.when(), self.hash).cmp(&(other.when(), other.hash))
    }
}

impl PartialOrd for Mark {
    #[inline]
    fn partial_cmp(&self, other: &Mark) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Chunk {
    least: Mark,
    marks: Vec<Mark>,
}

/// The deadlines of one partition. Owned by it.
#[derive(Default)]
pub(super) struct DeadlineIndex {
    chunks: Vec<Chunk>,
    mark_bytes: usize,
}

impl DeadlineIndex {
    /// The earliest mark.
    pub(super) fn first(&self) -> Option<Mark> {
        self.chunks.first().map(|chunk| chunk.least)
    }

    /// Everything that the index has allocated, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk>() + self.mark_bytes
    }

    /// Adds a mark, beside equal ones if there are any.
    pub(super) fn insert(&mut self, mark: Mark) {
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
            self.chunks.push(Chunk { least: mark, marks: Vec::new() });
        }
        let mut at = self.chunk_of(mark);
        if self.chunks[at].marks.len() == CHUNK_MARKS {
            at = self.split(at, mark);
        }
        let chunk = &mut self.chunks[at];
        let place = chunk.marks.partition_point(|other| *other <= mark);
        let before = chunk.marks.capacity();
        if chunk.marks.len() == before {
            chunk.marks.reserve_exact(STEP_MARKS);
        }
        chunk.marks.insert(place, mark);
        chunk.least = chunk.least.min(mark);
        self.mark_bytes += (chunk.marks.capacity() - before) * size_of::<Mark>();
    }

    /// Takes one mark of this value out; says whether there was one.
    pub(super) fn remove(&mut self, mark: Mark) -> bool {
        if self.chunks.is_empty() {
            return false;
        }
        let at = self.chunk_of(mark);
        let Ok(place) = self.chunks[at].marks.binary_search(&mark) else { return false };
        let chunk = &mut self.chunks[at];
        chunk.marks.remove(place);
        match chunk.marks.first() {
            Some(first) => {
                chunk.least = *first;
                self.merge(at);
            }
            None => self.drop_chunk(at),
        }
        true
    }

    /// The last chunk whose least is not above `mark`, or the first chunk.
    fn chunk_of(&self, mark: Mark) -> usize {
        self.chunks.partition_point(|chunk| chunk.least <= mark).saturating_sub(1)
    }

    /// Makes room for `mark` in or behind the full chunk `at` and says in which chunk it is to go.
    fn split(&mut self, at: usize, mark: Mark) -> usize {
        let chunk = &mut self.chunks[at];
        let above_all = chunk.marks.last().is_some_and(|last| *last <= mark);
        let before = chunk.marks.capacity();
        let upper = if above_all { Vec::new() } else { chunk.marks.split_off(CHUNK_MARKS / 2) };
        if !above_all {
            chunk.marks.shrink_to(CHUNK_MARKS / 2 + STEP_MARKS);
        }
        self.mark_bytes -= (before - chunk.marks.capacity()) * size_of::<Mark>();
        let least = upper.first().copied().unwrap_or(mark);
        self.mark_bytes += upper.capacity() * size_of::<Mark>();
        self.chunks.insert(at + 1, Chunk { least, marks: upper });
        if least <= mark { at + 1 } else { at }
    }

    /// Joins chunk `at` with the one behind or before it if the two have become small.
    fn merge(&mut self, at: usize) {
        let len = |index: usize| self.chunks.get(index).map_or(CHUNK_MARKS, |chunk| chunk.marks.len());
        let into = if len(at) + len(at + 1) <= MERGE_MARKS {
            at
        } else if at > 0 && len(at - 1) + len(at) <= MERGE_MARKS {
            at - 1
        } else {
            return;
        };
        let upper = std::mem::take(&mut self.chunks[into + 1].marks);
        self.mark_bytes -= upper.capacity() * size_of::<Mark>();
        let lower = &mut self.chunks[into].marks;
        let before = lower.capacity();
        lower.extend_from_slice(&upper);
        lower.shrink_to(MERGE_MARKS);
        self.mark_bytes = self.mark_bytes + lower.capacity() * size_of::<Mark>() - before * size_of::<Mark>();
        self.drop_chunk(into + 1);
    }

    fn drop_chunk(&mut self, at: usize) {
        let chunk = self.chunks.remove(at);
        self.mark_bytes -= chunk.marks.capacity() * size_of::<Mark>();
        if self.chunks.len() * 4 <= self.chunks.capacity() {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(index: &DeadlineIndex, model: &[Mark]) {
        let marks: Vec<Mark> = index.chunks.iter().flat_map(|chunk| chunk.marks.iter().copied()).collect();
        assert_eq!(marks, model);
        assert_eq!(index.first(), model.first().copied());
        for chunk in &index.chunks {
            assert_eq!(Some(&chunk.least), chunk.marks.first());
            assert!(chunk.marks.len() <= CHUNK_MARKS);
        }
        let marks: usize = index.chunks.iter().map(|chunk| chunk.marks.capacity() * 12).sum();
        assert_eq!(index.bytes(), marks + index.chunks.capacity() * size_of::<Chunk>());
    }

    #[test]
    fn a_mark_gives_back_what_it_was_made_of() {
        let mark = Mark::of(1_700_000_000_123, 13, 0xDEAD_BEEF);
        assert_eq!((mark.deadline_ms(), mark.within(), mark.hash()), (1_700_000_000_123, 13, 0xDEAD_BEEF));
        assert!(mark.is_of(1_700_000_000_123) && !mark.is_of(1_700_000_000_124));
        let never = Mark::of(u64::MAX, 3, 1);
        assert!(never.is_of(u64::MAX) && never.is_of(u64::MAX - 1) && never > mark && never.within() == 3);
    }

    #[test]
    fn rising_deadlines_fill_chunks() {
        let mut index = DeadlineIndex::default();
        for deadline_ms in 0..100_000 {
            index.insert(Mark::of(deadline_ms, 0, 0));
        }
        assert!(index.bytes() < 100_000 * 14, "{}", index.bytes());
        for deadline_ms in 0..100_000 {
            assert!(index.remove(Mark::of(deadline_ms, 0, 0)));
        }
        assert_eq!((index.bytes(), index.first()), (0, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_a_sorted_list(
            steps in proptest::collection::vec((0u64..400, 0usize..3, 0u32..2, 0u8..10), 0..3_000),
            removing in 2u8..8,
        ) {
            let (mut index, mut model) = (DeadlineIndex::default(), Vec::new());
            for (step, (deadline_ms, within, hash, dice)) in steps.into_iter().enumerate() {
                let mark = Mark::of(deadline_ms, within, hash);
                if dice < removing {
                    let found = model.binary_search(&mark).map(|at| model.remove(at)).is_ok();
                    prop_assert_eq!(index.remove(mark), found);
                } else {
                    index.insert(mark);
                    let at = model.partition_point(|other| *other <= mark);
                    model.insert(at, mark);
                }
                if step % 64 == 0 {
                    check(&index, &model);
                }
            }
            check(&index, &model);
            for mark in model {
                prop_assert!(index.remove(mark));
            }
            prop_assert_eq!(index.bytes(), 0);
        }
    }
}
