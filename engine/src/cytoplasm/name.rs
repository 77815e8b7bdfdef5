//! Names of channels and patterns, and a table by name.

use std::rc::Rc;

use hashbrown::HashTable;

use crate::mycel::Hasher;

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A channel.
    Channel,
    /// A pattern of channels.
    Pattern,
    /// A channel that belongs to a slot.
    Shard,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::Shard];

    /// Its place in arrays of all kinds.
    #[inline]
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Its number on links.
    pub(crate) fn number(self) -> u32 {
        self as u32
    }

    /// The kind of that number.
    pub(crate) fn numbered(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// A table by name. Clients choose the names, so the hash is seeded.
#[derive(Debug)]
pub(crate) struct Names<T> {
    hasher: Hasher,
    table: HashTable<(Rc<[u8]>, T)>,
}

impl<T> Names<T> {
    pub(crate) fn new(hasher: Hasher) -> Self {
        Self { hasher, table: HashTable::new() }
    }

    /// How many there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What stands under a name.
    #[inline]
    pub(crate) fn get(&self, name: &[u8]) -> Option<&T> {
        if self.table.is_empty() {
            return None;
        }
        let found = self.table.find(self.hasher.hash64(name), |(known, _)| **known == *name);
        found.map(|(_, value)| value)
    }

    /// What stands under a name, to be changed.
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        let found = self.table.find_mut(self.hasher.hash64(name), |(known, _)| **known == *name);
        found.map(|(_, value)| value)
    }

    /// What stands under a name, put there if nothing does, and the name as it is kept.
    pub(crate) fn get_or_insert(&mut self, name: &[u8], fresh: impl FnOnce() -> T) -> (&Rc<[u8]>, &mut T) {
        let hasher = self.hasher;
        let entry = self.table.entry(
            hasher.hash64(name),
            |(known, _)| **known == *name,
            |(known, _)| hasher.hash64(known),
        );
        let (name, value) = entry.or_insert_with(|| (Rc::from(name), fresh())).into_mut();
        (name, value)
    }

    /// Takes a name out.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<T> {
        let found = self.table.find_entry(self.hasher.hash64(name), |(known, _)| **known == *name);
        found.ok().map(|entry| entry.remove().0.1)
    }

    /// All names, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Rc<[u8]>, &T)> {
        self.table.iter().map(|(name, value)| (name, value))
    }

    /// Keeps only those that `keeps` says yes to; it may change them.
    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(&mut T) -> bool) {
        self.table.retain(|(_, value)| keeps(value));
    }
}
