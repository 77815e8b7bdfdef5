//! How a node moves partitions: what it does when the map says so, when a message comes, when a link is lost.

use std::rc::Rc;
use std::time::Duration;

use mycorrhizal::mycel::transfer::Import;
use mycorrhizal::nodosum::Time;
use mycorrhizal::nodosum::state::{Command, MapChange, Ownership, PartitionId};

use super::super::message::{Body, Step};
use super::super::{Out, index_of_id};
use super::{Flaw, Node, impossible, send};

/// How long until an attempt that failed is repeated.
const RETRY: Duration = Duration::from_millis(60);
/// What is sent in one turn.
const PUMP_BYTES: usize = 128 << 10;

/// A partition that this node is to send.
pub(super) struct Moving {
    /// Where the destination is.
    to: usize,
    /// The epoch at which the map ordered it.
    epoch: u64,
    /// The end of it was proposed: whatever becomes of links now, the log says how it ends.
    pub(super) is_proposed: bool,
    /// When to begin another attempt.
    pub(super) retry_at: Option<Time>,
}

impl Node {
    /// The map says something else of a partition than before.
    pub(super) fn on_ownership(
        &mut self,
        now: Time,
        partition: usize,
        before: Ownership,
        after: Ownership,
        out: &mut Out,
    ) {
        let me = Some(self.me);
        if before.owner == me && (before.moving_to.is_some() || after.owner != me) {
            self.end_export(partition, after.owner == me, out);
        }
        if before.owner == me && after.owner != me {
            drop(self.keyspace.split_off(partition));
        }
        if before.moving_to == me {
            self.end_import(partition, before, after, out);
        }
        if after.owner == me
            && let Some(to) = after.moving_to
        {
            let to = index_of_id(to.node);
            let moving = Moving { to, epoch: after.epoch, is_proposed: false, retry_at: Some(now) };
            self.moving.insert(partition, moving);
            self.retry(now);
        }
    }

    /// The move has ended: the destination is told if it came to nothing.
    fn end_export(&mut self, partition: usize, is_aborted: bool, out: &mut Out) {
        let moving = self.moving.remove(&partition);
        if let (true, Some(moving)) = (is_aborted, moving) {
            self.exports.borrow_mut().abort(partition, |message| {
                send(out, moving.to, Body::Transfer(Rc::new(Step::of(message))));
            });
        } else {
            self.exports.borrow_mut().end(partition);
        }
    }

    fn end_import(&mut self, partition: usize, before: Ownership, after: Ownership, out: &mut Out) {
        if after.owner != Some(self.me) {
            self.imports.drop_partition(partition);
        } else if let Some(parted) = self.imports.finish(partition, before.epoch) {
            if !self.keyspace.graft(parted).is_empty() {
                impossible(out, format!("something of partition {partition} was there already"));
            }
        } else {
            impossible(out, format!("partition {partition} did not come whole"));
        }
        for mut remains in self.imports.take_remains() {
            while remains.free_some() {}
        }
    }

    /// Begins the attempts that are due.
    pub(super) fn retry(&mut self, now: Time) {
        for (partition, moving) in &mut self.moving {
            if moving.retry_at.is_some_and(|at| at <= now) {
                moving.retry_at = None;
                self.exports.borrow_mut().begin(*partition, moving.epoch);
            }
        }
    }

    /// Sends what there is to send, freezes what is ready, and proposes the end of what was handed over.
    pub(super) fn pump(&mut self, now: Time, out: &mut Out) {
        let exports = Rc::clone(&self.exports);
        let mut exports = exports.borrow_mut();
        let mut commands = Vec::new();
        for (&partition, moving) in &mut self.moving {
            exports.hand_over(partition);
            let Some(export) = exports.export(partition) else { continue };
            if export.is_void() {
                impossible(
                    out,
                    format!("something was written to partition {partition} while it was frozen"),
                );
            }
            if export.handed_over() && !moving.is_proposed {
                moving.is_proposed = true;
                let id = PartitionId(u16::try_from(partition).expect("there are 1,024"));
                if let Some(to) = self.state.map().ownership(id).moving_to {
                    let (from, begun) = (self.me, moving.epoch);
                    let change = MapChange::FinishMove { partition: id, from, to, begun };
                    commands.push(Command::Map(vec![change]));
                }
            }
        }
        while exports.pump(&self.keyspace, PUMP_BYTES, |message| {
            if let Some(moving) = self.moving.get(&usize::from(message.partition)) {
                send(out, moving.to, Body::Transfer(Rc::new(Step::of(message))));
            }
        }) {}
        drop(exports);
        for command in commands {
            self.propose(now, command);
        }
    }

    /// A step of a move to here.
    pub(super) fn on_step(&mut self, from: usize, step: &Step, out: &mut Out) {
        let message = step.message();
        let after = self.seen[usize::from(message.partition)];
        let is_ordered = self.is_member()
            && after.epoch == message.epoch
            && after.moving_to == Some(self.me)
            && after.owner.is_some_and(|owner| index_of_id(owner.node) == from);
        let now_ms = self.keyspace.now_ms();
        let result = is_ordered.then(|| self.imports.on_message(&message, now_ms));
        match result {
            Some(Ok(Some(ack))) => send(out, from, Body::Ack(ack)),
            Some(Ok(None)) => {}
            Some(Err(_)) | None => {
                let Step { partition, epoch, sequence, .. } = *step;
                send(out, from, Body::Refused { partition, epoch, sequence });
            }
        }
        for mut remains in self.imports.take_remains() {
            while remains.free_some() {}
        }
    }

    /// The destination does not know of the move yet, or has lost what came.
    pub(super) fn on_refused(&mut self, now: Time, partition: usize, epoch: u64, sequence: u64) {
        let Some(moving) = self.moving.get_mut(&partition) else { return };
        if !moving.is_proposed && self.exports.borrow_mut().on_refused(partition, epoch, sequence) {
            moving.retry_at = Some(now + RETRY);
        }
    }

    /// What was on its way to or from a peer is lost: what was not handed over begins anew.
    pub(in super::super) fn on_link_lost(&mut self, now: Time, peer: usize, out: &mut Out) {
        let forgets = self.flaw == Some(Flaw::ForgetsProposal);
        for (partition, moving) in &mut self.moving {
            if moving.to == peer && (!moving.is_proposed || forgets) {
                moving.is_proposed = false;
                self.exports.borrow_mut().end(*partition);
                moving.retry_at = Some(now + RETRY);
            }
        }
        let void: Vec<usize> =
            self.imports.iter().filter(|import| !import.is_complete()).map(Import::partition).collect();
        for partition in void {
            let from = self.seen[partition].owner.map(|owner| index_of_id(owner.node));
            if from == Some(peer) {
                self.imports.drop_partition(partition);
            }
        }
        self.turn(now, out);
    }
}
