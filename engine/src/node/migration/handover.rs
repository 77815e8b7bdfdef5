//! The end of a move: partitions that are ready are handed over together, and the map is asked once for all that have
//! arrived at one destination.
//!
//! Ready partitions are served as ever, and cost little; what is handed over answers nobody until the map has spoken. So
//! it is the latter that is kept short, and a change of the map costs the same for one partition as for many.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Departure, Hold, Tell};
use crate::mycel::transfer::Export;
use crate::node::core::Core;
use crate::node::directory::PeerId;
use crate::node::intent::{Holder, Scope};
use crate::nodosum::state::{Command, MapChange, PartitionId, PartitionMap};

/// How long a partition that is ready waits for others.
const TOGETHER: Duration = Duration::from_millis(500);

impl Core {
    /// Holds partitions that are behind or nearly done, hands over those that are held, and proposes what has arrived. Says
    /// whether any was handed over.
    pub(super) fn hold_and_hand_over(self: &Rc<Self>) -> bool {
        let together = self.is_time_to_hand_over();
        let partitions: Vec<usize> = self.migration.departures.borrow().keys().copied().collect();
        let steps: Vec<Step> =
            partitions.into_iter().map(|partition| self.step_departure(partition, together)).collect();
        if steps.contains(&Step::Released) {
            self.run_deferred();
        }
        self.propose_what_has_arrived();
        steps.contains(&Step::HandedOver)
    }

    /// Whether those that are ready need not wait for others any more.
    fn is_time_to_hand_over(&self) -> bool {
        let exports = self.migration.exports.borrow();
        let unfrozen = || exports.iter().filter(|export| !export.is_frozen());
        if !unfrozen().any(Export::ready_to_hand_over) {
            self.migration.ready_since.set(None);
            return false;
        }
        let now = self.ring.now();
        let since = self.migration.ready_since.get().unwrap_or(now);
        self.migration.ready_since.set(Some(since));
        unfrozen().all(Export::ready_to_hand_over) || now >= since + TOGETHER
    }

    fn step_departure(self: &Rc<Self>, partition: usize, together: bool) -> Step {
        let (behind, ready, frozen, void) = {
            let exports = self.migration.exports.borrow();
            let Some(export) = exports.export(partition) else { return Step::None };
            (export.is_behind(), export.ready_to_hand_over(), export.is_frozen(), export.is_void())
        };
        if void {
            // A septum was dropped while the partition was being handed over.
            self.fail_attempt(partition, Tell::Destination);
            return Step::None;
        }
        let hold = {
            let departures = self.migration.departures.borrow();
            let Some(departure) = departures.get(&partition) else { return Step::None };
            departure.hold.clone()
        };
        let is_held = match hold {
            Hold::Nothing if behind || (ready && together) => self.hold(partition),
            Hold::Nothing => false,
            Hold::Partition { granted, .. } if behind || ready || frozen => granted.get(),
            hold @ Hold::Partition { .. } => {
                if let Some(departure) = self.migration.departures.borrow_mut().get_mut(&partition) {
                    departure.hold = Hold::Nothing;
                }
                self.release(&hold);
                return Step::Released;
            }
        };
        if is_held && self.migration.exports.borrow_mut().hand_over(partition) {
            return Step::HandedOver;
        }
        Step::None
    }

    /// Says whether nothing runs in the partition any more; otherwise that will be so.
    fn hold(&self, partition: usize) -> bool {
        let holder = Holder { core: self.id, number: self.next_holder() };
        let granted = Rc::new(Cell::new(false));
        if let Some(departure) = self.migration.departures.borrow_mut().get_mut(&partition) {
            let (granted, proposed) = (Rc::clone(&granted), Rc::default());
            departure.hold = Hold::Partition { holder, granted, proposed };
        }
        let grant = {
            let granted = Rc::clone(&granted);
            Box::new(move || granted.set(true))
        };
        self.data.borrow_mut().intents.take(holder, Scope::Partition(partition), grant);
        granted.get()
    }

    /// Proposes what has arrived at a destination, once nothing is on its way there that was handed over at the same time.
    fn propose_what_has_arrived(&self) {
        let (departures, exports) = (self.migration.departures.borrow(), self.migration.exports.borrow());
        let mut arrived: BTreeMap<PeerId, Vec<Arrived>> = BTreeMap::new();
        let mut awaited: BTreeSet<PeerId> = BTreeSet::new();
        for (&partition, departure) in &*departures {
            let Hold::Partition { proposed, .. } = &departure.hold else { continue };
            match exports.export(partition) {
                Some(export) if export.handed_over() && !proposed.get() => {
                    let finish = self.finish(partition, departure);
                    let proposed = Rc::clone(proposed);
                    arrived.entry(departure.to).or_default().push(Arrived { finish, proposed });
                }
                Some(export) if export.is_frozen() && !export.handed_over() => {
                    awaited.insert(departure.to);
                }
                _ => {}
            }
        }
        arrived.retain(|to, _| !awaited.contains(to));
        arrived.values().for_each(|arrived| self.propose(arrived));
    }

    fn finish(&self, partition: usize, departure: &Departure) -> MapChange {
        MapChange::FinishMove {
            partition: PartitionId(u16::try_from(partition).expect("there are 1,024 partitions")),
            from: self.address(),
            to: self.directory.address(departure.to),
            begun: departure.epoch,
        }
    }

    /// Everything is at the destination: the map is to say so.
    fn propose(&self, arrived: &[Arrived]) {
        let Some(cluster) = &self.node.cluster else { return };
        let service = cluster.service.clone();
        let mut finished: Vec<MapChange> = arrived.iter().map(|arrived| arrived.finish).collect();
        let taken = cluster.service.run(Box::pin(async move {
            // Whatever comes of it, the map will say; only silence needs another try.
            while service.propose(Command::Map(finished.clone())).await.is_err() {
                let state = Arc::clone(&service.applied().borrow().state);
                finished.retain(|finish| is_pending(state.map(), finish));
                if finished.is_empty() {
                    return;
                }
            }
        }));
        arrived.iter().for_each(|arrived| arrived.proposed.set(taken.is_ok()));
    }
}

/// Whether the map is where the move began, still.
fn is_pending(map: &PartitionMap, finish: &MapChange) -> bool {
    matches!(finish, MapChange::FinishMove { partition, begun, .. } if map.ownership(*partition).epoch == *begun)
}

/// What was done for a partition on its way out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    None,
    /// Commands that were held may run.
    Released,
    HandedOver,
}

/// A partition that is at its destination, whole.
struct Arrived {
    finish: MapChange,
    /// Whether the map has been asked.
    proposed: Rc<Cell<bool>>,
}
