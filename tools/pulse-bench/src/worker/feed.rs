//! Where a load thread takes its operations from: schedule, generator and, in a cluster, the endpoint of each key.

use std::collections::VecDeque;

use crate::cluster::SlotMap;
use crate::generator::{Generator, Operation};
use crate::schedule::Schedule;

/// Operations for the connections of one load thread.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) schedule: Schedule,
    pub(super) generator: Generator,
    pub(super) route: Option<Route>,
}

/// Operations that were drawn while a connection to another endpoint asked.
///
/// The line is bounded: when it is full, connections to an endpoint that has no operation in it wait, so that the
/// load keeps its distribution over the keys whatever the endpoints' speeds are.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) map: SlotMap,
    lines: Vec<VecDeque<Operation>>,
    backlog: usize,
    backlog_max: usize,
}

impl Route {
    /// Empty lines for the endpoints of a map.
    pub(super) fn new(map: SlotMap, backlog_max: usize) -> Self {
        let lines = map.endpoints.iter().map(|_| VecDeque::new()).collect();
        Self { map, lines, backlog: 0, backlog_max }
    }

    fn push(&mut self, endpoint: u16, operation: Operation) {
        self.lines[usize::from(endpoint)].push_back(operation);
        self.backlog += 1;
    }

    fn pop(&mut self, endpoint: u16) -> Option<Operation> {
        let operation = self.lines[usize::from(endpoint)].pop_front()?;
        self.backlog -= 1;
        Some(operation)
    }

    /// Puts an operation before all others of an endpoint, which may be new.
    pub(super) fn push_first(&mut self, endpoint: u16, operation: Operation) {
        self.lines.resize_with(self.map.endpoints.len(), VecDeque::new);
        self.lines[usize::from(endpoint)].push_front(operation);
        self.backlog += 1;
    }

    /// Makes a line for every endpoint of the map.
    pub(super) fn extend(&mut self) {
        self.lines.resize_with(self.map.endpoints.len(), VecDeque::new);
    }
}

impl Feed {
    /// The next operation for a connection to an endpoint, if one is due.
    #[inline]
    pub(super) fn next(&mut self, endpoint: u16, now_ns: u64) -> Option<Operation> {
        let Some(route) = &mut self.route else {
            let start = self.schedule.take(now_ns)?;
            return Some(self.generator.draw(start));
        };
        if let Some(mut operation) = route.pop(endpoint) {
            // In a closed loop latency counts from the first write, not from the draw.
            if operation.redirects == 0 && !self.schedule.is_open() {
                operation.start_ns = now_ns;
            }
            return Some(operation);
        }
        while route.backlog < route.backlog_max {
            let operation = self.generator.draw(self.schedule.take(now_ns)?);
            let owner = self.generator.slot(&operation).map(|slot| route.map.owners[usize::from(slot)]);
            match owner {
                Some(owner) if owner != endpoint => route.push(owner, operation),
                _ => return Some(operation),
            }
        }
        None
    }

    /// Operations that were drawn and not sent.
    pub(super) fn backlog(&self) -> usize {
        self.route.as_ref().map_or(0, |route| route.backlog)
    }
}
