//! Which cores have subscribers for what. *Core*: every core knows it of every core of the cluster, itself among them.

use super::name::{Kind, Names};
use crate::mycel::{Case, Hasher, glob_match};

/// Who has subscribers for what; `P` is what a core calls another, or itself.
#[derive(Debug)]
pub(crate) struct Interest<P> {
    /// By kind and name the cores, in order; never none.
    kinds: [Names<Vec<P>>; 3],
    /// Cores below this one are of this node …
    here_below: P,
    /// … and so many names of each kind have a subscriber there.
    here: [usize; 3],
}

impl<P: Copy + Ord> Interest<P> {
    /// Nobody has any; what is below `here_below` is a core of this node.
    pub(crate) fn new(hasher: Hasher, here_below: P) -> Self {
        Self { kinds: std::array::from_fn(|_| Names::new(hasher)), here_below, here: [0; 3] }
    }

    /// A core has a subscriber for a name now.
    pub(crate) fn add(&mut self, kind: Kind, name: &[u8], core: P) {
        let (_, cores) = self.kinds[kind.index()].get_or_insert(name, Vec::new);
        let was_here = is_here(cores, self.here_below);
        if let Err(place) = cores.binary_search(&core) {
            cores.insert(place, core);
        }
        self.here[kind.index()] += usize::from(!was_here && is_here(cores, self.here_below));
    }

    /// A core has no subscriber for a name any more.
    pub(crate) fn remove(&mut self, kind: Kind, name: &[u8], core: P) {
        let names = &mut self.kinds[kind.index()];
        let Some(cores) = names.get_mut(name) else { return };
        let was_here = is_here(cores, self.here_below);
        cores.retain(|known| *known != core);
        self.here[kind.index()] -= usize::from(was_here && !is_here(cores, self.here_below));
        if cores.is_empty() {
            names.remove(name);
        }
    }

    /// A core has no subscriber any more.
    pub(crate) fn forget(&mut self, core: P) {
        let here_below = self.here_below;
        for (names, here) in self.kinds.iter_mut().zip(&mut self.here) {
            names.retain(|cores| {
                let was_here = is_here(cores, here_below);
                cores.retain(|known| *known != core);
                *here -= usize::from(was_here && !is_here(cores, here_below));
                !cores.is_empty()
            });
        }
    }

    /// The cores that are to hear what is published on a channel, each once and in order, in place of what `cores` held.
    #[inline]
    pub(crate) fn cores_for(&self, kind: Kind, channel: &[u8], cores: &mut Vec<P>) {
        cores.clear();
        if let Some(subscribed) = self.kinds[kind.index()].get(channel) {
            cores.extend_from_slice(subscribed);
        }
        let patterns = &self.kinds[Kind::Pattern.index()];
        if kind == Kind::Channel && !patterns.is_empty() {
            let matching = patterns.iter().filter(|(pattern, _)| glob_match(pattern, channel, Case::Exact));
            matching.for_each(|(_, subscribed)| cores.extend_from_slice(subscribed));
            cores.sort_unstable();
            cores.dedup();
        }
    }

    /// How many names of a kind have a subscriber anywhere.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.kinds[kind.index()].len()
    }

    /// How many names of a kind have a subscriber on this node.
    pub(crate) fn count_here(&self, kind: Kind) -> usize {
        self.here[kind.index()]
    }
}

/// Whether the first of the cores, and so any, is of this node.
fn is_here<P: Copy + Ord>(cores: &[P], here_below: P) -> bool {
    cores.first().is_some_and(|core| *core < here_below)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const NAMES: [&[u8]; 5] = [b"a", b"ab", b"a*", b"?", b"*b"];

    #[derive(Debug, Clone, Copy)]
    enum Change {
        Add(usize, usize, u16),
        Remove(usize, usize, u16),
        Forget(u16),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            4 => (0..3_usize, 0..NAMES.len(), 0..4_u16).prop_map(|(kind, name, core)| Change::Add(kind, name, core)),
            2 => (0..3_usize, 0..NAMES.len(), 0..4_u16).prop_map(|(kind, name, core)| Change::Remove(kind, name, core)),
            1 => (0..4_u16).prop_map(Change::Forget),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_a_plain_set(changes in proptest::collection::vec(change(), 0..60)) {
            let mut interest = Interest::new(Hasher::new([1, 2]), 2_u16);
            let mut model: BTreeSet<(usize, usize, u16)> = BTreeSet::new();
            for change in changes {
                match change {
                    Change::Add(kind, name, core) => {
                        interest.add(Kind::ALL[kind], NAMES[name], core);
                        model.insert((kind, name, core));
                    }
                    Change::Remove(kind, name, core) => {
                        interest.remove(Kind::ALL[kind], NAMES[name], core);
                        model.remove(&(kind, name, core));
                    }
                    Change::Forget(core) => {
                        interest.forget(core);
                        model.retain(|(_, _, known)| *known != core);
                    }
                }
            }
            for kind in Kind::ALL {
                let of_kind = || model.iter().filter(|(known, ..)| *known == kind.index());
                let names: BTreeSet<usize> = of_kind().map(|(_, name, _)| *name).collect();
                let here: BTreeSet<usize> =
                    of_kind().filter(|(.., core)| *core < 2).map(|(_, name, _)| *name).collect();
                prop_assert_eq!(interest.count(kind), names.len());
                prop_assert_eq!(interest.count_here(kind), here.len());
            }
            for channel in NAMES {
                for kind in [Kind::Channel, Kind::Shard] {
                    let hears = |(known, name, _): &&(usize, usize, u16)| {
                        *known == kind.index() && NAMES[*name] == channel
                            || kind == Kind::Channel
                                && *known == Kind::Pattern.index()
                                && glob_match(NAMES[*name], channel, Case::Exact)
                    };
                    let expect: BTreeSet<u16> = model.iter().filter(hears).map(|(.., core)| *core).collect();
                    let mut found = vec![99];
                    interest.cores_for(kind, channel, &mut found);
                    prop_assert_eq!(found, expect.into_iter().collect::<Vec<_>>());
                }
            }
        }
    }
}
