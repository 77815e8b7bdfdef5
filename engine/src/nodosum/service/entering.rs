//! The node's way into its cluster: it finds one, or helps to found one, and joins it anew after every restart.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal_net::identity::{ClusterId, NodeId};
use serde::{Deserialize, Serialize};

use super::formation::{self, Sight, Step};
use super::host::Host;
use super::{ProposeError, Stage};
use crate::clock;
use crate::nodosum::consensus::{self, Durability, LogStore, Machine, Network, Raft, Store, StoreError};
use crate::nodosum::rpc::{Description, Promise, Rpc};
use crate::nodosum::state::{Command, Member, Refusal};

/// How often a node looks around.
const LOOK: Duration = Duration::from_millis(100);

/// How long a call to another node may take.
const CALL: Duration = Duration::from_millis(1000);

/// How long a founder that cannot be seen any more keeps the word that it was given.
const WORD_KEPT: Duration = Duration::from_secs(10);

/// How long a node listens before it founds a cluster unasked, or takes part in that of an earlier life: a cluster that
/// exists, or another process with its id, may not have been heard of yet.
pub const LISTEN: Duration = Duration::from_millis(1500);

/// How long the node waits after its file could not be written.
const RETRY: Duration = Duration::from_secs(1);

/// The word that this node has given to a founder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Word {
    founder: NodeId,
    cluster: ClusterId,
}

/// What a founder finishes, even after a restart.
#[derive(Serialize, Deserialize)]
struct Founding {
    cluster: ClusterId,
    members: Vec<Member>,
}

/// What a node knows on its way in.
pub(super) struct Entering {
    described: RefCell<BTreeMap<NodeId, Description>>,
    word: Cell<Option<Word>>,
    founder_seen: Cell<Duration>,
    began: Duration,
    ordered: Cell<bool>,
    founding: Cell<bool>,
    /// See [`ServiceConfig::listens_until`](super::ServiceConfig::listens_until).
    until: Duration,
    has_twin: Cell<bool>,
    /// Why consensus failed when it last did, until it goes on.
    failure: RefCell<String>,
}

impl Entering {
    pub(super) fn new(store: &Store, listens_until: Duration) -> Result<Self, StoreError> {
        Ok(Self {
            described: RefCell::default(),
            word: Cell::new(store.read("word")?),
            founder_seen: Cell::new(clock::since_boot()),
            began: clock::since_boot(),
            ordered: Cell::new(false),
            founding: Cell::new(false),
            until: listens_until,
            has_twin: Cell::new(false),
            failure: RefCell::default(),
        })
    }

    /// Whether it is too early, or was wrong, to take part in consensus: of two processes with one id only one may.
    pub(super) fn listens_for_twins(&self) -> bool {
        self.has_twin.get() || clock::since_boot() < self.until
    }

    /// The cluster is to be founded with whoever is there.
    pub(super) fn order(&self) {
        self.ordered.set(true);
    }
}

impl Host {
    /// Standing task: into the cluster, and back into it whenever this life of the node is no member.
    pub(super) async fn enter(self: Rc<Self>) {
        loop {
            let worked = match self.cluster.get() {
                _ if self.entering.listens_for_twins() => Ok(()),
                None => self.look_around().await,
                Some(cluster) => self.settle_in(cluster).await,
            };
            let pause = match worked {
                Ok(()) => LOOK,
                Err(error) => {
                    self.fail(&error);
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Another process runs with the id of this node: whoever is a member stays, and the other never becomes one.
    pub(super) fn on_twin(&self, address: SocketAddr) {
        let reason = format!(
            "a process that calls from {address} has the id of this node: one of the two runs on a copy of the other's \
             data directory"
        );
        tracing::error!("{reason}");
        if !self.report.borrow().acts {
            self.entering.has_twin.set(true);
            self.set_stage(Stage::Retired(reason));
        }
    }

    /// One look at the other nodes, and what follows from it.
    async fn look_around(&self) -> Result<(), StoreError> {
        self.keep_word()?;
        let described = self.ask_around().await;
        let sight = Sight {
            me: self.me(),
            expect: self.config.expect,
            ordered: self.entering.ordered.get(),
            described: &described,
        };
        let step = formation::step(&sight);
        *self.entering.described.borrow_mut() = described;
        match step {
            Step::Wait { seen } => self.set_stage(Stage::Waiting { seen, expect: self.config.expect }),
            Step::Follow(_) => {
                let seen = self.entering.described.borrow().len();
                self.set_stage(Stage::Waiting { seen, expect: self.config.expect });
            }
            Step::Found { .. } if self.listens() => {}
            Step::Found { ask } => self.found(&ask).await?,
            Step::Join { cluster, .. } if self.entering.word.get().is_none() => self.belong(cluster)?,
            Step::Join { .. } => {}
            Step::Torn(clusters) => {
                let stage = Stage::Torn(clusters.clone());
                if self.report.borrow().stage != stage {
                    tracing::error!(
                        ?clusters,
                        "two clusters of this name: this node joins neither, and nothing merges them"
                    );
                }
                self.set_stage(stage);
            }
        }
        Ok(())
    }

    /// Whether it is too early to found a cluster unasked: one that exists may not have been heard of yet.
    fn listens(&self) -> bool {
        !self.entering.ordered.get() && clock::since_boot() < self.entering.began + LISTEN
    }

    /// Asks the nodes that are alive who they are.
    async fn ask_around(&self) -> BTreeMap<NodeId, Description> {
        let alive: Vec<NodeId> =
            self.alive.borrow().iter().copied().filter(|node| *node != self.me()).collect();
        let mut asked = tokio::task::JoinSet::new();
        for node in alive {
            let caller = self.caller();
            asked.spawn_local(
                async move { (node, caller.ask::<Description>(node, Rpc::Describe, CALL).await) },
            );
        }
        let mut described: BTreeMap<NodeId, Description> = [(self.me(), self.describe())].into();
        while let Some(answer) = asked.join_next().await {
            if let Ok((node, Ok(description))) = answer {
                described.insert(node, description);
            }
        }
        described
    }

    pub(super) fn describe(&self) -> Description {
        Description { member: self.config.me.clone(), cluster: self.cluster.get() }
    }

    /// Founds the cluster, if enough of the others agree.
    async fn found(&self, others: &[NodeId]) -> Result<(), StoreError> {
        if self.entering.word.get().is_some() {
            return Ok(());
        }
        self.entering.founding.set(true);
        let worked = self.gather_founders(others).await;
        self.entering.founding.set(false);
        worked
    }

    async fn gather_founders(&self, others: &[NodeId]) -> Result<(), StoreError> {
        let cluster = self.config.cluster_to_be;
        let mut members = vec![self.config.me.clone()];
        for &node in others {
            let promise = self.caller().ask(node, Rpc::Promise { cluster }, CALL).await;
            if let Ok(Promise::Given(member)) = promise {
                members.push(*member);
            }
        }
        if members.len() < self.config.expect && !self.entering.ordered.get() {
            for &node in others {
                // One that does not hear it takes its word back by itself.
                drop(self.caller().ask::<()>(node, Rpc::Withdraw { cluster }, CALL).await);
            }
            return Ok(());
        }
        tracing::info!(%cluster, members = members.len(), "founding the cluster");
        self.config.store.write("founding", &Founding { cluster, members }, Durability::Synced)?;
        self.belong(cluster)
    }

    /// Answers a founder.
    pub(super) fn promise(&self, founder: NodeId, cluster: ClusterId) -> Promise {
        let taken = self.entering.word.get().is_some_and(|word| word.founder != founder);
        if self.cluster.get().is_some() || taken || self.entering.founding.get() {
            return Promise::Refused;
        }
        let word = Word { founder, cluster };
        if let Err(error) = self.config.store.write("word", &word, Durability::Synced) {
            self.fail(&error);
            return Promise::Refused;
        }
        self.entering.word.set(Some(word));
        self.entering.founder_seen.set(clock::since_boot());
        Promise::Given(Box::new(self.config.me.clone()))
    }

    /// A founder gives up.
    pub(super) fn withdraw(&self, founder: NodeId, cluster: ClusterId) {
        if self.entering.word.get() == Some(Word { founder, cluster })
            && let Err(error) = self.take_word_back()
        {
            self.fail(&error);
        }
    }

    /// Takes the word back from a founder that has not been seen for long.
    fn keep_word(&self) -> Result<(), StoreError> {
        let Some(word) = self.entering.word.get() else { return Ok(()) };
        let now = clock::since_boot();
        if self.alive.borrow().contains(&word.founder) {
            self.entering.founder_seen.set(now);
        }
        if now > self.entering.founder_seen.get() + WORD_KEPT { self.take_word_back() } else { Ok(()) }
    }

    fn take_word_back(&self) -> Result<(), StoreError> {
        self.config.store.erase("word")?;
        self.entering.word.set(None);
        Ok(())
    }

    /// Whether this node has given its word to the founder of `cluster`.
    pub(super) fn has_promised(&self, cluster: ClusterId) -> bool {
        self.entering.word.get().is_some_and(|word| word.cluster == cluster)
    }

    /// Makes this node one of a cluster, on disk and for ever.
    pub(super) fn belong(&self, cluster: ClusterId) -> Result<(), StoreError> {
        self.config.store.set_cluster(cluster)?;
        self.cluster.set(Some(cluster));
        tracing::info!(%cluster, name = self.config.cluster_name, "this node belongs to a cluster now");
        Ok(())
    }

    /// Takes part in consensus, and becomes a member in this life.
    async fn settle_in(&self, cluster: ClusterId) -> Result<(), StoreError> {
        let raft = self.consensus().await?;
        self.finish_founding(&raft).await?;
        self.report_consensus(&raft);
        if raft.metrics().borrow().current_leader.is_some() {
            self.entering.failure.take();
        }
        let state = self.applied().state;
        if state.is_current(self.session()) {
            self.set_stage(Stage::Member(cluster));
            return Ok(());
        }
        if self.has_left.get() {
            return Ok(());
        }
        self.set_stage(Stage::Joining(cluster));
        if let Err(ProposeError::Refused(
            refusal @ (Refusal::PeerRetiredNode | Refusal::PeerRetiredIncarnation),
        )) = self.propose(Command::Join(self.config.me.clone())).await
        {
            let stage = Stage::Retired(refusal.to_string());
            if self.report.borrow().stage != stage {
                tracing::error!(%refusal, "this node cannot be a member");
            }
            self.set_stage(stage);
        }
        Ok(())
    }

    /// This node's consensus, started if it is not running; started anew if it has failed.
    pub(super) async fn consensus(&self) -> Result<Raft, StoreError> {
        let _one_at_a_time = self.starting.lock().await;
        let running = self.raft();
        if let Some(raft) = running {
            let failed = raft.metrics().borrow().running_state.clone().err();
            let Some(error) = failed else { return Ok(raft) };
            self.tell_of_failure(error.to_string());
            self.raft.replace(None);
            if let Err(error) = raft.shutdown().await {
                tracing::debug!(%error, "consensus had ended");
            }
        }
        let store = self.config.store.clone();
        let machine = Machine::restore(store.clone(), self.publish.clone())?;
        let config = std::sync::Arc::new(consensus::config(&self.config.cluster_name));
        let network = Network::new(self.caller());
        let started = Raft::new(self.me(), config, network, LogStore::new(store), machine).await;
        let raft = started.map_err(|error| StoreError::LocalConsensus(error.to_string()))?;
        self.raft.replace(Some(raft.clone()));
        Ok(raft)
    }

    /// Consensus has failed: says so, once for each reason until it goes on.
    fn tell_of_failure(&self, error: String) {
        if *self.entering.failure.borrow() == error {
            return tracing::debug!(%error, "consensus has failed again");
        }
        tracing::error!(%error, "consensus has failed; it is started anew");
        self.entering.failure.replace(error);
    }

    /// A founder writes the first entries of the log.
    async fn finish_founding(&self, raft: &Raft) -> Result<(), StoreError> {
        let Some(Founding { cluster, members }) = self.config.store.read("founding")? else { return Ok(()) };
        let nodes: BTreeSet<NodeId> = members.iter().map(|member| member.id).collect();
        let voters = formation::first_voters(&nodes, self.me());
        let nodes = voters.into_iter().map(|node| (node, openraft::EmptyNode::default()));
        let initialized = raft.initialize(nodes.collect::<BTreeMap<_, _>>()).await;
        if let Err(error) = initialized {
            tracing::debug!(%error, "the log had been begun");
        }
        let form = Command::Form { cluster, members, databases: self.config.databases };
        match self.propose(form).await {
            Ok(()) | Err(ProposeError::Refused(_)) => self.config.store.erase("founding"),
            Err(_) => Ok(()),
        }
    }
}
