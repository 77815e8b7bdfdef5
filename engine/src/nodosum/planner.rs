//! The planner: which partitions go where so that every core has its share, moving as few as possible.
//!
//! A core's share is its weight's part of 1,024, rounded by largest remainder; of cores with equal claims those keep the
//! extra one that have it already. Only what is above a share moves, and only to cores below theirs; what has no owner is
//! assigned at once. Pure: the same state gives the same plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use mycorrhizal_net::identity::NodeId;

use super::state::{CoreAddress, MapChange, Member, Ownership, PartitionMap, Presence};
use crate::mycel::PARTITIONS;

/// The election of the one who plans. Without the fencing token of that, nothing that is planned changes the map.
pub const ELECTION: &str = "mycel.rebalance";

/// Moves that one core sends, and that one core receives, at a time.
const MOVES_PER_CORE: usize = 8;

/// What the planner is told of the members.
#[must_use]
pub fn plan<'a>(map: &PartitionMap, members: impl Iterator<Item = &'a Member> + Clone) -> Vec<MapChange> {
    let mut changes = abandon(map, members.clone());
    if !changes.is_empty() {
        return changes;
    }
    let load = Load::of(map);
    let Some(shares) = Shares::of(&load, members.clone()) else { return changes };
    changes.extend(assign_orphans(map, &load, &shares));
    if changes.is_empty() {
        let present = members.filter(|member| member.presence == Presence::Present).map(|member| member.id);
        changes.extend(begin_moves(map, load, &shares, &present.collect()));
    }
    changes
}

/// How many partitions each core of `members` is due, in the order of the cores; empty if nobody takes any.
#[must_use]
pub fn shares<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<(CoreAddress, usize)> {
    Shares::of(&Load::default(), members).map(|shares| shares.due.into_iter().collect()).unwrap_or_default()
}

/// Ends the moves to cores that take no partitions.
fn abandon<'a>(map: &PartitionMap, members: impl Iterator<Item = &'a Member>) -> Vec<MapChange> {
    let takers: BTreeMap<_, u16> =
        members.filter(|member| member.takes_partitions()).map(|member| (member.id, member.cores)).collect();
    let takes = |core: CoreAddress| takers.get(&core.node).is_some_and(|cores| core.core < *cores);
    map.iter()
        .filter(|(_, entry)| entry.moving_to.is_some_and(|to| !takes(to)))
        .map(|(partition, entry)| MapChange::AbortMove { partition, begun: entry.epoch })
        .collect()
}

/// What each core will own when the moves that are under way have finished.
#[derive(Default)]
struct Load {
    count: BTreeMap<CoreAddress, usize>,
    sending: BTreeMap<CoreAddress, usize>,
    receiving: BTreeMap<CoreAddress, usize>,
}

impl Load {
    fn of(map: &PartitionMap) -> Self {
        let mut load = Self::default();
        for (_, entry) in map.iter() {
            let Some(owner) = entry.owner else { continue };
            *load.count.entry(entry.moving_to.unwrap_or(owner)).or_default() += 1;
            if let Some(to) = entry.moving_to {
                *load.sending.entry(owner).or_default() += 1;
                *load.receiving.entry(to).or_default() += 1;
            }
        }
        load
    }

    fn count(&self, core: CoreAddress) -> usize {
        self.count.get(&core).copied().unwrap_or(0)
    }
}

/// How many partitions each core is due.
struct Shares {
    due: BTreeMap<CoreAddress, usize>,
}

impl Shares {
    fn of<'a>(load: &Load, members: impl Iterator<Item = &'a Member>) -> Option<Self> {
        let mut claims: Vec<(CoreAddress, u64)> = Vec::new();
        // A member's weight is dealt to its cores; multiplying by 360,360 keeps that exact for most core counts.
        for member in members.filter(|member| member.takes_partitions() && member.cores > 0) {
            let claim = u64::from(member.weight.max(1)) * 360_360 / u64::from(member.cores);
            claims.extend(member.core_addresses().map(|core| (core, claim)));
        }
        let total: u64 = claims.iter().map(|(_, claim)| claim).sum();
        if total == 0 {
            return None;
        }
        let exact = |claim: u64| u128::from(claim) * PARTITIONS as u128;
        let total = u128::from(total);
        let mut due: BTreeMap<CoreAddress, usize> = BTreeMap::new();
        let mut remainders = Vec::new();
        for (core, claim) in claims {
            let whole = usize::try_from(exact(claim) / total).expect("a share is at most 1,024");
            let keeps_extra = load.count(core) > whole;
            remainders.push((exact(claim) % total, keeps_extra, Reverse(core)));
            due.insert(core, whole);
        }
        remainders.sort_unstable_by(|a, b| b.cmp(a));
        let left = PARTITIONS - due.values().sum::<usize>();
        for (_, _, Reverse(core)) in remainders.into_iter().take(left) {
            *due.entry(core).or_default() += 1;
        }
        Some(Self { due })
    }

    fn due(&self, core: CoreAddress) -> usize {
        self.due.get(&core).copied().unwrap_or(0)
    }
}

/// Gives partitions without an owner to the cores that lack the most.
fn assign_orphans(map: &PartitionMap, load: &Load, shares: &Shares) -> Vec<MapChange> {
    let mut lacking: Vec<(usize, CoreAddress)> =
        shares.due.iter().map(|(&core, &due)| (due.saturating_sub(load.count(core)), core)).collect();
    let mut changes = Vec::new();
    for (partition, _) in map.iter().filter(|(_, entry)| entry.owner.is_none()) {
        let neediest = lacking.iter_mut().max_by_key(|(lack, core)| (*lack, Reverse(*core)));
        let Some((lack, to)) = neediest else { break };
        *lack = lack.saturating_sub(1);
        changes.push(MapChange::Assign { partition, to: *to });
    }
    changes
}

/// Begins as many moves as cores may take part in.
fn begin_moves(
    map: &PartitionMap,
    mut load: Load,
    shares: &Shares,
    present: &BTreeSet<NodeId>,
) -> Vec<MapChange> {
    let mut changes = Vec::new();
    for (partition, entry) in map.iter() {
        let Ownership { owner: Some(from), moving_to: None, .. } = entry else { continue };
        let surplus = load.count(from) > shares.due(from);
        if !surplus || !present.contains(&from.node) || load.sending.get(&from) >= Some(&MOVES_PER_CORE) {
            continue;
        }
        let open = shares.due.iter().filter_map(|(&core, due)| {
            let lack = due.checked_sub(load.count(core)).filter(|lack| *lack > 0)?;
            (load.receiving.get(&core) < Some(&MOVES_PER_CORE)).then_some((lack, Reverse(core)))
        });
        let Some((_, Reverse(to))) = open.max() else { continue };
        *load.count.entry(from).or_default() -= 1;
        *load.count.entry(to).or_default() += 1;
        *load.sending.entry(from).or_default() += 1;
        *load.receiving.entry(to).or_default() += 1;
        changes.push(MapChange::BeginMove { partition, from, to });
    }
    changes
}

#[cfg(test)]
mod tests;
