//! The members of the cluster: who is there, who comes and who goes.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_lite::{Stream, stream};

use super::watch::{NodeStopped, Watch};
use crate::node::shared::Node;
use crate::nodosum::state::{ClusterState, Member, Presence};

/// The members of the cluster; of a node that belongs to none, itself. Cheap to clone.
#[derive(Clone)]
pub struct Members(Arc<Node>);

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
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Self(Arc::clone(node))
    }

    /// All members, by id, as far as this node knows.
    #[must_use]
    pub fn list(&self) -> Vec<Member> {
        all(&self.0.state())
    }

    /// This node, once it is a member.
    #[must_use]
    pub fn me(&self) -> Option<Member> {
        self.0.state().member(self.0.id).cloned()
    }

    /// What happens to members from now on.
    #[must_use]
    pub fn watch(&self) -> MemberWatch {
        let mut members = Watch::new(&self.0, all);
        let known = members.current();
        MemberWatch { members, known, changes: VecDeque::new() }
    }
}

fn all(state: &ClusterState) -> Vec<Member> {
    state.members().cloned().collect()
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
        futures_lite::future::block_on(self.next())
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
    use mycorrhizal_net::identity::{Incarnation, NodeId};

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
