//! What the leader of consensus does for all: it watches sessions, and chooses voters and learners.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal_net::identity::NodeId;
use openraft::{ChangeMembers, EmptyNode, ServerState};
use tokio::sync::{Notify, oneshot};

use super::formation;
use super::host::Host;
use super::sessions::{SESSION, Sessions, Verdict};
use crate::clock;
use crate::nodosum::consensus::{HEARTBEAT, Raft};
use crate::nodosum::rpc::Heard;
use crate::nodosum::state::{ClusterState, Command, MapChange, Member, Presence, Session};

/// How often the leader looks after things, if nothing changes.
const LOOK: Duration = Duration::from_millis(100);

/// How often any other node looks whether it leads, if nothing changes.
const IDLE_LOOK: Duration = Duration::from_millis(500);

/// Signs of life are confirmed no more often. Less than [`HEARTBEAT`]: while members give them, nothing else need say who
/// leads.
const ROUND_EVERY: Duration = Duration::from_millis(125);

/// A sign of life that waits to be confirmed.
struct SignOfLife {
    session: Session,
    at: Duration,
    reply: oneshot::Sender<Heard>,
}

/// What a leader knows.
#[derive(Default)]
pub(super) struct Leading {
    sessions: RefCell<Sessions>,
    signs: RefCell<Vec<SignOfLife>>,
    sign_came: Notify,
    /// When the followers were last sent something that says who leads.
    said: Cell<Duration>,
    term: Cell<Option<u64>>,
}

impl Host {
    /// A member says that it lives. Answered once it is certain that this node still led after it had come.
    pub(super) async fn on_alive(&self, session: Session) -> Heard {
        let (reply, heard) = oneshot::channel();
        let sign = SignOfLife { session, at: clock::since_boot(), reply };
        self.leading.signs.borrow_mut().push(sign);
        self.leading.sign_came.notify_one();
        heard.await.unwrap_or(Heard::NotLeader(None))
    }

    /// Standing task: confirms signs of life, all that have come meanwhile with one round of messages. The next round may
    /// begin before the answers to the last have come.
    pub(super) async fn confirm_signs_of_life(self: Rc<Self>) {
        loop {
            self.leading.sign_came.notified().await;
            let (host, signs) = (Rc::clone(&self), self.leading.signs.take());
            tokio::task::spawn_local(async move { host.confirm(signs).await });
            tokio::time::sleep(ROUND_EVERY).await;
        }
    }

    async fn confirm(&self, signs: Vec<SignOfLife>) {
        let asked = clock::since_boot();
        self.leading.said.set(asked);
        let leads = match self.raft() {
            Some(raft) => raft.ensure_linearizable().await.is_ok(),
            None => false,
        };
        if leads {
            self.leading.sessions.borrow_mut().on_confirmed(asked);
        }
        let state = self.applied().state;
        for SignOfLife { session, at, reply } in signs {
            let heard = match state.member(session.node) {
                _ if !leads => Heard::NotLeader(self.leader().filter(|leader| *leader != self.me())),
                Some(member) if member.session() == session => {
                    self.leading.sessions.borrow_mut().on_alive(session, at);
                    if member.presence == Presence::Present {
                        Heard::Yes(state.version())
                    } else {
                        Heard::Absent
                    }
                }
                _ => Heard::SessionOver,
            };
            // The member may have given up.
            reply.send(heard).ok();
        }
    }

    /// Standing task: lets the followers hear of this node while it leads, however long a decree takes. What confirms signs
    /// of life says so too.
    pub(super) async fn say_who_leads(self: Rc<Self>) {
        loop {
            let due = self.leading.said.get() + HEARTBEAT;
            let now = clock::since_boot();
            if now < due {
                tokio::time::sleep(due - now).await;
                continue;
            }
            self.leading.said.set(now);
            let Some(raft) = self.raft() else { continue };
            // An error says that consensus has ended; it may begin anew.
            let leads = raft.metrics().wait_for(|metrics| metrics.state == ServerState::Leader).await.is_ok();
            if leads && let Err(error) = raft.trigger().heartbeat().await {
                tracing::debug!(%error, "consensus has ended");
            }
        }
    }

    /// Standing task: leads while this node is the leader.
    pub(super) async fn lead(self: Rc<Self>) {
        let mut applied = self.publish.subscribe();
        let mut last = clock::since_boot();
        loop {
            let raft = self.raft();
            match &raft {
                Some(raft) if self.leading.term.get().is_none() => {
                    drop(tokio::time::timeout(IDLE_LOOK, news_of(raft)).await);
                }
                // A change of the state may make the next step due; without one, time may.
                _ => drop(tokio::time::timeout(LOOK, applied.changed()).await),
            }
            let now = clock::since_boot();
            let paused = now > last + SESSION / 2;
            last = now;
            let Some(raft) = raft else { continue };
            self.report_consensus(&raft);
            if self.begin_or_go_on(&raft, now, paused) {
                self.look_after(&raft, now).await;
                last = clock::since_boot();
            }
        }
    }

    /// Whether this node leads. One that has just begun to, or was paused, gives every session its full time.
    fn begin_or_go_on(&self, raft: &Raft, now: Duration, paused: bool) -> bool {
        let metrics = raft.metrics();
        let metrics = metrics.borrow();
        let term = (metrics.state == ServerState::Leader).then_some(metrics.current_term);
        if term.is_some() && (paused || self.leading.term.get() != term) {
            self.leading.sessions.borrow_mut().on_lead(now);
        }
        self.leading.term.set(term);
        term.is_some()
    }

    async fn look_after(&self, raft: &Raft, now: Duration) {
        let state = self.applied().state;
        if state.cluster().is_none() {
            return;
        }
        for command in self.judge(&state, now) {
            self.decree(command).await;
        }
        choose_voters(raft, &state).await;
    }

    /// What follows from who is heard and who is not.
    fn judge(&self, state: &ClusterState, now: Duration) -> Vec<Command> {
        let owned = |member: &Member| state.map().owned_count(member.id) > 0;
        let mut verdicts = self.leading.sessions.borrow_mut().verdicts(now, state.members(), owned);
        // Who leads is there: what it could not write down for a while is no reason to give up what it owns.
        verdicts.retain(|verdict| match verdict {
            Verdict::Silent(session) | Verdict::GivenUp(session) => session.node != self.me(),
            Verdict::Back(_) => true,
        });
        let command = |verdict: Verdict| match verdict {
            Verdict::Silent(session) => {
                tracing::warn!(node = %session.node, "a member is not heard any more");
                Command::Appear { session, presence: Presence::Absent }
            }
            Verdict::Back(session) => {
                tracing::info!(node = %session.node, "a member is heard again");
                Command::Appear { session, presence: Presence::Present }
            }
            Verdict::GivenUp(session) => {
                let lost = lost_with(state, session.node);
                tracing::error!(node = %session.node, partitions = lost.len(), "partitions are lost with their owner");
                Command::Map(lost)
            }
        };
        verdicts.into_iter().map(command).collect()
    }
}

/// Waits until consensus says something new of itself; for ever, if it has ended.
async fn news_of(raft: &Raft) {
    let mut metrics = raft.metrics();
    metrics.mark_unchanged();
    if metrics.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The changes that take everything from a node.
fn lost_with(state: &ClusterState, node: NodeId) -> Vec<MapChange> {
    let lost = state.map().iter().filter_map(|(partition, entry)| {
        let from = entry.owner.filter(|owner| owner.node == node)?;
        Some(MapChange::Lose { partition, from })
    });
    lost.collect()
}

/// Brings learners and voters in line with the members: one step at a time, for each is a change of its own.
async fn choose_voters(raft: &Raft, state: &ClusterState) {
    let config = raft.metrics().borrow().membership_config.membership().clone();
    let nodes: BTreeSet<NodeId> = config.nodes().map(|(node, _)| *node).collect();
    let voters: BTreeSet<NodeId> = config.voter_ids().collect();
    let step = if let Some(new) = state.members().find(|member| !nodes.contains(&member.id)) {
        raft.add_learner(new.id, EmptyNode::default(), false).await.map(drop)
    } else if let wanted = voters_for(state, &voters)
        && wanted != voters
        && !wanted.is_empty()
    {
        tracing::info!(?wanted, "the voters change");
        raft.change_membership(ChangeMembers::ReplaceAllVoters(wanted), true).await.map(drop)
    } else {
        let left: BTreeSet<NodeId> = nodes
            .into_iter()
            .filter(|node| state.member(*node).is_none() && !voters.contains(node))
            .collect();
        if left.is_empty() {
            return;
        }
        raft.change_membership(ChangeMembers::RemoveNodes(left), true).await.map(drop)
    };
    if let Err(error) = step {
        tracing::debug!(%error, "the members of consensus stay as they are for now");
    }
}

/// Who is to vote: those who do, as long as they are there; then whoever is; and one that is absent rather than nobody.
fn voters_for(state: &ClusterState, voters: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let rank = |member: &Member| {
        let present = member.takes_partitions();
        let gone = member.presence == Presence::Absent && state.map().owned_count(member.id) == 0;
        let votes = voters.contains(&member.id);
        match (votes, present) {
            (true, true) => 0,
            // A voter that was just lost keeps its vote until its partitions are given up.
            (true, false) if !gone => 1,
            (false, true) => 2,
            (true, false) => 3,
            (false, false) => 4,
        }
    };
    let mut ranked: Vec<(u8, NodeId)> = state.members().map(|member| (rank(member), member.id)).collect();
    ranked.sort_unstable();
    let wanted = formation::voters_wanted(ranked.len());
    let mut chosen: BTreeSet<NodeId> = ranked.iter().take(wanted).map(|(_, node)| *node).collect();
    let newcomers = chosen.iter().filter(|node| !voters.contains(*node)).count();
    // A learner that is absent cannot become a voter: it would hold up everything.
    if newcomers > 0 {
        chosen.retain(|node| {
            voters.contains(node) || ranked.iter().any(|(rank, other)| other == node && *rank == 2)
        });
    }
    chosen
}
