//! Requests that wait until this core knows more: of a newer state of the cluster, or that its node may act again.

use std::collections::VecDeque;
use std::time::Instant;

use mycorrhizal_net::resp::Args;

use super::directory::PeerId;
use super::mesh::{Request, Requests};

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// This core knows this version of the state, or a later one.
    Version(u64),
    /// The node may act as what the cluster takes it for.
    Tenure,
}

/// One request that waits.
pub(crate) struct Held {
    /// For what.
    pub(crate) until: Until,
    /// Since when.
    pub(crate) since: Instant,
    /// Who asked.
    pub(crate) from: PeerId,
    /// Holds exactly one request.
    pub(crate) request: Requests,
}

/// The requests that wait, in the order in which they came. *Core*.
#[derive(Default)]
pub(crate) struct Holding {
    queue: VecDeque<Held>,
}

impl Holding {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Lets a request wait, with a copy of its arguments.
    pub(crate) fn hold(
        &mut self,
        until: Until,
        since: Instant,
        from: PeerId,
        request: Request,
        args: Args<'_>,
    ) {
        let mut copy = Requests::default();
        copy.push(request, args.iter());
        self.queue.push_back(Held { until, since, from, request: copy });
    }

    /// Takes out, in order, what need not wait any more.
    pub(crate) fn release(&mut self, is_over: impl Fn(&Held) -> bool) -> Vec<Held> {
        let (over, waiting): (Vec<Held>, VecDeque<Held>) = (Vec::new(), VecDeque::new());
        let split = |(mut over, mut waiting): (Vec<Held>, VecDeque<Held>), held: Held| {
            if is_over(&held) {
                over.push(held);
            } else {
                waiting.push_back(held);
            }
            (over, waiting)
        };
        let (over, waiting) = self.queue.drain(..).fold((over, waiting), split);
        self.queue = waiting;
        over
    }
}
