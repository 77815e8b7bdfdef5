//! Intents: how a command over keys of several cores runs as one step that nobody sees half of.
//!
//! The core that runs such a command takes intents on the owning cores in core order, all keys of a core at once, so
//! that two such commands never wait for each other. While an intent is held, data commands that name its keys are
//! put aside on the owner, in order; when it is dropped they run. A core that holds no intent pays one comparison per
//! command.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use mycorrhizal_net::resp::Args;

use super::directory::{CoreId, PeerId};
use super::mesh::{Request, Requests};
use crate::command::keys;
use crate::mycel::Slot;

/// The command that holds an intent: unique among all commands of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The core that runs it.
    pub(crate) core: CoreId,
    /// Its number there.
    pub(crate) number: u64,
}

/// What an intent covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// These keys, in every database.
    Keys(Vec<Vec<u8>>),
    /// All keys of a partition.
    Partition(usize),
    /// Everything that the core owns.
    Everything,
}

/// The intents on one core's keys, and what waits for them.
#[derive(Default)]
pub(crate) struct Intents {
    keys: BTreeMap<Vec<u8>, Holder>,
    partitions: BTreeMap<usize, Holder>,
    everything: Option<Holder>,
    waiting: VecDeque<Waiting>,
}

/// Something that an intent holds up.
enum Waiting {
    Command(Deferred),
    Intent { holder: Holder, scope: Scope, granted: Granted },
}

/// Runs when an intent is granted.
pub(crate) type Granted = Box<dyn FnOnce()>;

/// A data command put aside, with a copy of its arguments.
pub(crate) struct Deferred {
    /// The core that asked.
    pub(crate) from: PeerId,
    /// Holds exactly one request.
    pub(crate) request: Requests,
}

impl Intents {
    /// Whether any intent is held. When not, no command needs to look further.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.everything.is_some() || !self.keys.is_empty() || !self.partitions.is_empty()
    }

    /// Whether a data command must wait.
    pub(crate) fn block(&self, request: &Request, args: Args<'_>) -> bool {
        self.everything.is_some()
            || keys::keys(request.row.command.keys, args)
                .any(|key| self.keys.contains_key(key) || self.holds_partition(Slot::of(key).partition()))
    }

    /// Whether all keys of a partition are held.
    pub(crate) fn holds_partition(&self, partition: usize) -> bool {
        !self.partitions.is_empty() && self.partitions.contains_key(&partition)
    }

    /// Puts a command aside until the intents in its way are dropped.
    pub(crate) fn defer(&mut self, from: PeerId, request: Request, args: Args<'_>) {
        let mut copy = Requests::default();
        copy.push(request, args.iter());
        self.waiting.push_back(Waiting::Command(Deferred { from, request: copy }));
    }

    /// Takes an intent, now or as soon as those in its way are dropped; then runs `granted`.
    pub(crate) fn take(&mut self, holder: Holder, scope: Scope, granted: Granted) {
        if self.is_free(&scope)
            && !self.waiting.iter().any(|waiting| matches!(waiting, Waiting::Intent { .. }))
        {
            self.grant(holder, scope);
            granted();
        } else {
            self.waiting.push_back(Waiting::Intent { holder, scope, granted });
        }
    }

    /// Drops all that `holder` took. The caller then runs what [`Intents::next_ready`] returns until it is `None`.
    pub(crate) fn drop_held(&mut self, holder: Holder) {
        self.keys.retain(|_, held_by| *held_by != holder);
        self.partitions.retain(|_, held_by| *held_by != holder);
        if self.everything == Some(holder) {
            self.everything = None;
        }
    }

    /// The first waiting command that no intent stands in the way of any more. Grants waiting intents on its way, in
    /// the order in which they came.
    pub(crate) fn next_ready(&mut self) -> Option<Deferred> {
        let mut at = 0;
        while let Some(waiting) = self.waiting.get(at) {
            let ready = match waiting {
                Waiting::Command(deferred) => {
                    deferred.request.list().iter().all(|(request, args)| !self.block(&request, args))
                }
                Waiting::Intent { scope, .. } => self.is_free(scope),
            };
            if !ready {
                at += 1;
                continue;
            }
            match self.waiting.remove(at).expect("the index was just read") {
                Waiting::Command(deferred) => return Some(deferred),
                Waiting::Intent { holder, scope, granted } => {
                    self.grant(holder, scope);
                    granted();
                }
            }
        }
        None
    }

    fn is_free(&self, scope: &Scope) -> bool {
        self.everything.is_none()
            && match scope {
                Scope::Keys(keys) => !keys.iter().any(|key| {
                    self.keys.contains_key(key) || self.holds_partition(Slot::of(key).partition())
                }),
                Scope::Partition(partition) => {
                    !self.holds_partition(*partition)
                        && self.keys.keys().all(|key| Slot::of(key).partition() != *partition)
                }
                Scope::Everything => self.keys.is_empty() && self.partitions.is_empty(),
            }
    }

    fn grant(&mut self, holder: Holder, scope: Scope) {
        match scope {
            Scope::Keys(keys) => self.keys.extend(keys.into_iter().map(|key| (key, holder))),
            Scope::Partition(partition) => drop(self.partitions.insert(partition, holder)),
            Scope::Everything => self.everything = Some(holder),
        }
    }
}
