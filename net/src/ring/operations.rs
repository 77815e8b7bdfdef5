//! The operation slab: what the kernel may still touch, by a key that never means two things.
//!
//! Every submission that will be answered has an entry, and the entry owns whatever the kernel reads or writes
//! until its last completion. The key travels through the kernel as `user_data`:
//!
//! ```text
//!  63            32 31             0
//! ┌────────────────┬────────────────┐
//! │   generation   │     index      │
//! └────────────────┴────────────────┘
//! ```
//!
//! An index is used again with the next generation, so that a late completion finds nothing instead of a
//! stranger. Indexes at and above [`RESERVED`] are never handed out: the ring's fixed notices use them.
//!
//! Errors: none. A full slab (2^32 - 16 entries) is beyond any memory.

/// First index that no operation uses; notices of the ring itself take it and what follows.
pub(super) const RESERVED: u32 = u32::MAX - 15;

/// Names one operation in flight. Owned by a core; meaningless on any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct OperationId {
    index: u32,
    generation: u32,
}

impl OperationId {
    /// The 64 bits that the kernel carries.
    pub(super) fn to_user_data(self) -> u64 {
        (u64::from(self.generation) << 32) | u64::from(self.index)
    }

    /// Splits 64 bits that the kernel returned.
    pub(super) fn from_user_data(user_data: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = user_data.to_le_bytes();
        Self { index: u32::from_le_bytes([a, b, c, d]), generation: u32::from_le_bytes([e, f, g, h]) }
    }
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<T>,
}

/// Entries by [`OperationId`]. Owned by a core.
#[derive(Debug)]
pub(super) struct Operations<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

impl<T> Operations<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Takes `value` in and names it.
    pub(super) fn insert(&mut self, value: T) -> OperationId {
        let index = if let Some(index) = self.free.pop() {
            index
        } else {
            self.places.push(Place { generation: 0, value: None });
            u32::try_from(self.places.len() - 1).expect("fewer than 2^32 operations fit in memory")
        };
        assert!(index < RESERVED, "operation slab is full");
        let place = &mut self.places[index as usize];
        place.value = Some(value);
        OperationId { index, generation: place.generation }
    }

    pub(super) fn find(&self, id: OperationId) -> Option<&T> {
        let place = self.places.get(id.index as usize)?;
        if place.generation == id.generation { place.value.as_ref() } else { None }
    }

    pub(super) fn find_mut(&mut self, id: OperationId) -> Option<&mut T> {
        let place = self.places.get_mut(id.index as usize)?;
        if place.generation == id.generation { place.value.as_mut() } else { None }
    }

    /// Gives the entry up; its name is void from here on.
    pub(super) fn remove(&mut self, id: OperationId) -> Option<T> {
        let place = self.places.get_mut(id.index as usize)?;
        if place.generation != id.generation {
            return None;
        }
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(id.index);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_void_after_removal_even_when_the_index_is_used_again() {
        let mut operations = Operations::new();
        let first = operations.insert('a');
        assert_eq!(operations.remove(first), Some('a'));
        let second = operations.insert('b');
        assert_eq!(first.index, second.index);
        assert_eq!(operations.find(first), None);
        assert_eq!(operations.remove(first), None);
        assert_eq!(operations.find(second), Some(&'b'));
    }

    #[test]
    fn reserved_indexes_name_nothing() {
        let operations: Operations<char> = Operations::new();
        assert_eq!(operations.find(OperationId::from_user_data(u64::MAX)), None);
        assert_eq!(operations.find(OperationId::from_user_data(u64::from(RESERVED))), None);
    }

    proptest! {
        #[test]
        fn behaves_as_a_map_from_names(steps in proptest::collection::vec((any::<bool>(), any::<u16>()), 0..300)) {
            let mut operations = Operations::new();
            let mut live: Vec<(OperationId, u16)> = Vec::new();
            let mut dead: Vec<OperationId> = Vec::new();
            for (insert, pick) in steps {
                if insert || live.is_empty() {
                    let id = operations.insert(pick);
                    prop_assert_eq!(OperationId::from_user_data(id.to_user_data()), id);
                    live.push((id, pick));
                } else {
                    let (id, value) = live.swap_remove(usize::from(pick) % live.len());
                    prop_assert_eq!(operations.remove(id), Some(value));
                    dead.push(id);
                }
                prop_assert_eq!(operations.len(), live.len());
                for (id, value) in &live {
                    prop_assert_eq!(operations.find(*id), Some(value));
                }
                for id in &dead {
                    prop_assert_eq!(operations.find(*id), None);
                }
            }
        }
    }
}
