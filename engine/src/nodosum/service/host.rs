//! What runs on the service core: it listens to cores and other nodes, and lets the standing tasks do the rest.
//!
//! ```text
//!   entering   finds the node's way into its cluster, and back after a restart
//!   living     keeps its session alive
//!   leading    while this node leads consensus: sessions of all members, voters
//!   campaign   its part in the elections of subsystems: while it leads one, the work of that
//!   rebalance  the partition map as the planner wants it: a subsystem
//!   proposal   carries changes to whoever leads
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mycorrhizal_net::identity::{ClusterId, NodeId};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::campaign::Pace;
use super::entering::Entering;
use super::leading::Leading;
use super::{Input, Reply, ServiceConfig, Stage, Status, Tenure};
use crate::nodosum::consensus::{self, Applied, Raft, StoreError};
use crate::nodosum::planner;
use crate::nodosum::rpc::{Answer, CallFailed, Caller, Envelope, Rpc};
use crate::nodosum::state::Session;

/// What the thread is given.
pub(super) struct Parts {
    pub(super) config: ServiceConfig,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) publish: watch::Sender<Applied>,
    pub(super) report: watch::Sender<Status>,
    pub(super) tenure: Arc<Tenure>,
}

/// The pause before a state is told again to somebody who could not take it.
const ANNOUNCE_AGAIN: Duration = Duration::from_millis(10);

/// The body of the thread.
pub(super) fn run(parts: Parts) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "the service core cannot run"),
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, live(parts));
}

async fn live(parts: Parts) {
    let Parts { config, mut inputs, publish, report, tenure } = parts;
    let host = match Host::new(config, publish, report, tenure) {
        Ok(host) => Rc::new(host),
        Err(error) => return tracing::error!(%error, "the coordination layer cannot start"),
    };
    let tasks = [
        tokio::task::spawn_local(Rc::clone(&host).enter()),
        tokio::task::spawn_local(Rc::clone(&host).stay_alive()),
        tokio::task::spawn_local(Rc::clone(&host).confirm_signs_of_life()),
        tokio::task::spawn_local(Rc::clone(&host).lead()),
        tokio::task::spawn_local(Rc::clone(&host).say_who_leads()),
        tokio::task::spawn_local(Rc::clone(&host).campaign(planner::ELECTION, Host::rebalance)),
        tokio::task::spawn_local(Rc::clone(&host).announce()),
    ];
    let done = loop {
        match inputs.recv().await {
            Some(Input::Stop { done }) => break Some(done),
            Some(input) => host.on_input(input),
            None => break None,
        }
    };
    host.tenure.end();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let raft = host.raft.take();
    if let Some(raft) = raft
        && let Err(error) = raft.shutdown().await
    {
        tracing::warn!(%error, "consensus did not end as it should");
    }
    if let Some(done) = done {
        // Whoever waited may have gone.
        done.send(()).ok();
    }
}

/// The state of the service core. Belongs to its thread.
pub(super) struct Host {
    pub(super) config: ServiceConfig,
    pub(super) publish: watch::Sender<Applied>,
    pub(super) report: watch::Sender<Status>,
    pub(super) tenure: Arc<Tenure>,
    pub(super) cluster: Cell<Option<ClusterId>>,
    pub(super) raft: RefCell<Option<Raft>>,
    /// Held while consensus starts: it must never run twice on one file.
    pub(super) starting: tokio::sync::Mutex<()>,
    /// The nodes that gossip takes to be alive.
    pub(super) alive: RefCell<BTreeSet<NodeId>>,
    /// Whether this node has asked to be a member no more.
    pub(super) has_left: Cell<bool>,
    /// Who led when somebody last said so.
    pub(super) leader_hint: Cell<Option<NodeId>>,
    /// The last request number of this life.
    pub(super) requests: Cell<u64>,
    pub(super) entering: Entering,
    pub(super) leading: Leading,
    pub(super) pace: Pace,
}

impl Host {
    fn new(
        config: ServiceConfig,
        publish: watch::Sender<Applied>,
        report: watch::Sender<Status>,
        tenure: Arc<Tenure>,
    ) -> Result<Self, StoreError> {
        let (cluster, entering) =
            (config.store.cluster()?, Entering::new(&config.store, config.listens_until)?);
        Ok(Self {
            config,
            publish,
            report,
            tenure,
            cluster: Cell::new(cluster),
            raft: RefCell::default(),
            starting: tokio::sync::Mutex::default(),
            alive: RefCell::default(),
            has_left: Cell::new(false),
            leader_hint: Cell::new(None),
            requests: Cell::new(0),
            entering,
            leading: Leading::default(),
            pace: Pace::default(),
        })
    }

    pub(super) fn me(&self) -> NodeId {
        self.config.me.id
    }

    pub(super) fn session(&self) -> Session {
        self.config.me.session()
    }

    pub(super) fn applied(&self) -> Applied {
        self.publish.borrow().clone()
    }

    pub(super) fn raft(&self) -> Option<Raft> {
        self.raft.borrow().clone()
    }

    pub(super) fn caller(&self) -> Caller {
        Caller { transport: Arc::clone(&self.config.transport), cluster: self.cluster.get() }
    }

    /// Tells how far the node has come.
    pub(super) fn set_stage(&self, stage: Stage) {
        self.report.send_if_modified(|status| {
            let changed = status.stage != stage;
            if changed {
                tracing::info!(?stage, "the node's way into its cluster");
            }
            status.stage = stage;
            changed
        });
    }

    /// The file could not be read or written: says so, once for each reason.
    pub(super) fn fail(&self, error: &StoreError) {
        let stage = Stage::Failed(error.to_string());
        if self.report.borrow().stage != stage {
            tracing::error!(%error, "the coordination layer cannot go on; it tries again");
        }
        self.set_stage(stage);
    }

    /// Tells what consensus says of itself.
    pub(super) fn report_consensus(&self, raft: &Raft) {
        let metrics = raft.metrics();
        let metrics = metrics.borrow();
        let voters: BTreeSet<NodeId> = metrics.membership_config.membership().voter_ids().collect();
        let (leader, term) = (metrics.current_leader, metrics.current_term);
        self.report.send_if_modified(|status| {
            let next = Status { stage: status.stage.clone(), acts: status.acts, leader, term, voters };
            let changed = *status != next;
            *status = next;
            changed
        });
    }

    fn on_input(self: &Rc<Self>, input: Input) {
        match input {
            Input::Alive(nodes) => *self.alive.borrow_mut() = nodes,
            Input::Found => self.entering.order(),
            Input::Twin(address) => self.on_twin(address),
            Input::Task(task) => drop(tokio::task::spawn_local(task)),
            Input::Call { from, body, reply } => {
                let host = Rc::clone(self);
                tokio::task::spawn_local(async move { host.on_call(from, &body, reply).await });
            }
            Input::Propose { command, reply } => {
                let host = Rc::clone(self);
                tokio::task::spawn_local(async move {
                    // Whoever asked may have gone.
                    drop(reply.send(host.propose(*command).await));
                });
            }
            Input::Stop { .. } => unreachable!("handled by the loop"),
        }
    }

    async fn on_call(&self, from: NodeId, body: &[u8], reply: Reply) {
        let answer = match postcard::from_bytes(body) {
            Ok(envelope) => self.answer(from, envelope).await,
            Err(_) => Answer::Failed(CallFailed::PeerUnreadable(from)),
        };
        match postcard::to_stdvec(&answer) {
            Ok(bytes) => reply(bytes),
            Err(error) => tracing::error!(%error, "an answer cannot be encoded"),
        }
    }

    /// Standing task: tells of every state.
    async fn announce(self: Rc<Self>) {
        let mut applied = self.publish.subscribe();
        while applied.changed().await.is_ok() {
            let state = Arc::clone(&applied.borrow_and_update().state);
            while !(self.config.announce)(&state) {
                tokio::time::sleep(ANNOUNCE_AGAIN).await;
            }
        }
    }

    async fn answer(&self, from: NodeId, envelope: Envelope) -> Answer {
        let Envelope { cluster, rpc } = envelope;
        match rpc {
            Rpc::Describe => return self.body(&self.describe()),
            Rpc::Promise { cluster } => return self.body(&self.promise(from, cluster)),
            Rpc::Withdraw { cluster } => return self.body(&self.withdraw(from, cluster)),
            Rpc::Consensus(_) | Rpc::Propose(_) | Rpc::Alive(_) => {}
        }
        let raft = match self.admit(cluster).await {
            Ok(raft) => raft,
            Err(error) => return Answer::Failed(error),
        };
        match rpc {
            Rpc::Consensus(call) => match consensus::answer(&raft, *call).await {
                Ok(bytes) => Answer::Body(bytes),
                Err(_) => Answer::Failed(CallFailed::PeerFailed(self.me())),
            },
            Rpc::Propose(request) => self.body(&self.decide(&raft, *request).await),
            Rpc::Alive(session) => self.body(&self.on_alive(session).await),
            Rpc::Describe | Rpc::Promise { .. } | Rpc::Withdraw { .. } => unreachable!("answered above"),
        }
    }

    /// The consensus that a caller of cluster `theirs` may talk to.
    async fn admit(&self, theirs: Option<ClusterId>) -> Result<Raft, CallFailed> {
        let failed = |error: StoreError| {
            self.fail(&error);
            CallFailed::PeerFailed(self.me())
        };
        match self.cluster.get() {
            Some(ours) if Some(ours) == theirs => {}
            Some(cluster) => return Err(CallFailed::PeerOtherCluster { node: self.me(), cluster }),
            None => {
                let cluster = theirs.filter(|theirs| self.has_promised(*theirs));
                self.belong(cluster.ok_or(CallFailed::PeerFresh(self.me()))?).map_err(failed)?;
            }
        }
        if self.entering.listens_for_twins() {
            return Err(CallFailed::PeerFailed(self.me()));
        }
        self.consensus().await.map_err(failed)
    }

    fn body(&self, value: &impl Serialize) -> Answer {
        match postcard::to_stdvec(value) {
            Ok(bytes) => Answer::Body(bytes),
            Err(_) => Answer::Failed(CallFailed::PeerFailed(self.me())),
        }
    }
}
