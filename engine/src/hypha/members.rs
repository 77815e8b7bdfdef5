//! The members of the cluster: who is there, who comes and who goes.

use std::collections::VecDeque;

use futures_lite::future::block_on;
use futures_lite::{Stream, stream};
use mycorrhizal_net::identity::Incarnation;
use mycorrhizal_net::resp::Value;

use super::call::{CallError, Door};
use super::reply::Fields;
use super::watch::{NodeStopped, Watch};
use crate::client::Question;
use crate::nodosum::state::{ClusterState, Member, Presence};

/// The members of the cluster; of a node that belongs to none, itself. Cheap to clone; for any thread and any executor.
///
/// ```
/// # use mycorrhizal::{Hypha, Presence};
/// # let hypha = Hypha::builder().start()?;
/// # futures_lite::future::block_on(async {
/// let members = hypha.members();
/// let all = members.list().await?;
/// assert_eq!((all.len(), all[0].presence), (1, Presence::Present));
/// assert_eq!(members.me(), Some(all[0].clone()));
/// let mut changes = members.watch().await?; // and changes.next().await, as often as something happens
/// # drop(changes);
/// # Ok::<(), mycorrhizal::CallError>(())
/// # })?;
/// # hypha.wait_shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Members(Door);

/// Something that happened to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// A node has become a member.
    Joined(Member),
    /// The cluster does not hear from it any more: what it held is free, and what it owned will go to others.
    Absent(Member),
    /// It is heard again, or has been started anew.
    Present(Member),
    /// It is a member no more.
    Left(Member),
}

impl Members {
    pub(crate) fn new(door: Door) -> Self {
        Self(door)
    }

    /// The blocking twin of this handle, for threads that are no tasks.
    #[must_use]
    pub fn blocking(&self) -> BlockingMembers {
        BlockingMembers(self.clone())
    }

    /// All members, by id, as far as this node knows, or the one that answers a client.
    ///
    /// # Errors
    /// By a client, see [`CallError`]; a node in this process always knows.
    pub async fn list(&self) -> Result<Vec<Member>, CallError> {
        match &self.0 {
            Door::Node(node) => Ok(all(&node.state())),
            Door::Client(driver) => question().ask(driver).await,
        }
    }

    /// The node in this process, once it is a member; a client is none.
    #[must_use]
    pub fn me(&self) -> Option<Member> {
        match &self.0 {
            Door::Node(node) => node.state().member(node.id).cloned(),
            Door::Client(_) => None,
        }
    }

    /// What happens to members from now on. That of a client goes on by another node when its node is gone.
    ///
    /// # Errors
    /// As for [`Members::list`].
    pub async fn watch(&self) -> Result<MemberWatch, CallError> {
        let mut members = match &self.0 {
            Door::Node(node) => Watch::new(node, all),
            Door::Client(driver) => question().watch(driver).await?,
        };
        let known = members.current();
        Ok(MemberWatch { members, known, changes: VecDeque::new() })
    }
}

fn all(state: &ClusterState) -> Vec<Member> {
    state.members().cloned().collect()
}

fn question() -> Question<Vec<Member>> {
    Question::new(&["NODOSUM", "MEMBERS"], told)
}

/// What NODOSUM MEMBERS replies.
fn told(reply: &Value) -> Option<Vec<Member>> {
    Fields::read_all(reply, |member| {
        Some(Member {
            id: member.parsed("id")?,
            incarnation: Incarnation(member.number("incarnation")?),
            name: member.text("name")?,
            address: member.parsed("address")?,
            cores: member.number("cores")?,
            weight: member.number("weight")?,
            gossip_ports: member.numbers("gossip-ports")?,
            link_ports: member.numbers("link-ports")?,
            plain_port: member.number("port").filter(|port| *port > 0),
            core_ports: member.numbers("core-ports")?,
            announce: member.parsed_or_none("announce")?,
            standing: member.parsed("standing")?,
            presence: member.parsed("presence")?,
        })
    })
}

/// The blocking twin of [`Members`].
#[derive(Clone)]
pub struct BlockingMembers(Members);

impl BlockingMembers {
    /// The blocking twin of [`Members::list`].
    ///
    /// # Errors
    /// As there.
    pub fn list(&self) -> Result<Vec<Member>, CallError> {
        block_on(self.0.list())
    }

    /// See [`Members::me`].
    #[must_use]
    pub fn me(&self) -> Option<Member> {
        self.0.me()
    }

    /// The blocking twin of [`Members::watch`]; its steps are those of [`MemberWatch::wait_next`].
    ///
    /// # Errors
    /// As there.
    pub fn watch(&self) -> Result<MemberWatch, CallError> {
        block_on(self.0.watch())
    }
}

/// What happens to members, one after the other. What happens faster than it is asked for is told by what has come of it.
pub struct MemberWatch {
    members: Watch<Vec<Member>>,
    known: Vec<Member>,
    changes: VecDeque<MemberChange>,
}

impl MemberWatch {
    /// Waits for the next change.
    ///
    /// # Errors
    /// The node has stopped.
    pub async fn next(&mut self) -> Result<MemberChange, NodeStopped> {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return Ok(change);
            }
            let now = self.members.next().await?;
            self.changes = changes(&self.known, &now).into();
            self.known = now;
        }
    }

    /// The blocking twin of [`MemberWatch::next`].
    ///
    /// # Errors
    /// As there.
    pub fn wait_next(&mut self) -> Result<MemberChange, NodeStopped> {
        block_on(self.next())
    }

    /// The same as a stream, which ends with the node.
    pub fn into_stream(self) -> impl Stream<Item = MemberChange> + Send {
        stream::unfold(self, |mut watch| async move {
            let change = watch.next().await.ok()?;
            Some((change, watch))
        })
    }
}

fn changes(before: &[Member], after: &[Member]) -> Vec<MemberChange> {
    let find = |members: &[Member], of: &Member| members.iter().find(|member| member.id == of.id).cloned();
    let left = before.iter().filter(|member| find(after, member).is_none()).cloned().map(MemberChange::Left);
    let mut changes: Vec<MemberChange> = left.collect();
    for member in after {
        let known = find(before, member);
        let was_there = known.as_ref().is_some_and(|known| known.presence == Presence::Present);
        let is_there = member.presence == Presence::Present;
        let another_life = known.as_ref().is_some_and(|known| known.incarnation != member.incarnation);
        if known.is_none() {
            changes.push(MemberChange::Joined(member.clone()));
        }
        if was_there && (!is_there || another_life) {
            changes.push(MemberChange::Absent(member.clone()));
        }
        if known.is_some() && is_there && (!was_there || another_life) {
            changes.push(MemberChange::Present(member.clone()));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use mycorrhizal_net::identity::NodeId;

    use super::*;
    use crate::node::shared::tests::member;

    #[test]
    fn each_thing_that_happens_is_told() {
        let one = member(NodeId([1; 20]), 1);
        let absent = Member { presence: Presence::Absent, ..one.clone() };
        let anew = Member { incarnation: Incarnation(2), ..one.clone() };
        let check = |before: &[&Member], after: &[&Member], expect: Vec<MemberChange>| {
            let own = |members: &[&Member]| members.iter().map(|&member| member.clone()).collect::<Vec<_>>();
            assert_eq!(changes(&own(before), &own(after)), expect);
        };
        check(&[], &[&one], vec![MemberChange::Joined(one.clone())]);
        check(&[&one], &[&one], vec![]);
        check(&[&one], &[&absent], vec![MemberChange::Absent(absent.clone())]);
        check(&[&absent], &[&one], vec![MemberChange::Present(one.clone())]);
        check(&[&absent], &[], vec![MemberChange::Left(absent.clone())]);
        check(
            &[&one],
            &[&anew],
            vec![MemberChange::Absent(anew.clone()), MemberChange::Present(anew.clone())],
        );
    }
}
