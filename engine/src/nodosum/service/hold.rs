//! A granted lease, as whoever on this node holds it sees it: whether it may be acted on, and whether it still may.
//!
//! By two witnesses. The state says who was granted it; the node's [`Tenure`] says whether that may have changed unheard,
//! also when the process was paused. A node that belongs to no cluster has no tenure, and loses nothing.

use std::time::Duration;

use super::tenure::Tenure;
use crate::nodosum::state::{Candidate, ClusterState, Grant, LeaseName, LeaseStanding, Token};

/// A lease that is held on this node. *Its holder's*.
#[derive(Debug)]
pub struct Hold {
    name: LeaseName,
    grant: Grant,
    /// How often the node's tenure had run out when this was found to be granted.
    lapses: u64,
}

impl Hold {
    /// What `candidate` was granted, if `state` says so and the node may act at `now`, since the machine's boot, on what
    /// that says.
    #[must_use]
    pub fn of(
        name: &LeaseName,
        candidate: Candidate,
        state: &ClusterState,
        tenure: Option<&Tenure>,
        now: Duration,
    ) -> Option<Self> {
        // In this order: a lapse after this is noticed later, one before it here.
        let lapses = tenure.map_or(0, Tenure::lapses);
        let acts = tenure.is_none_or(|tenure| tenure.holds_for(now, state.version()));
        match state.leases().find(name)?.standing(candidate)? {
            LeaseStanding::Granted(grant) if acts => Some(Self { name: name.clone(), grant, lapses }),
            LeaseStanding::Granted(_) | LeaseStanding::Waiting => None,
        }
    }

    /// The fencing token.
    #[must_use]
    pub fn token(&self) -> Token {
        self.grant.token
    }

    /// Whether it is held at `now`, since the machine's boot, by what `state` and the node's tenure say.
    #[must_use]
    pub fn is_held(&self, state: &ClusterState, tenure: Option<&Tenure>, now: Duration) -> bool {
        let standing = state.leases().find(&self.name).and_then(|lease| lease.standing(self.grant.candidate));
        // In this order: a tenure that began anew has counted its end before.
        let acts = tenure.is_none_or(|tenure| tenure.holds(now) && tenure.lapses() == self.lapses);
        acts && standing == Some(LeaseStanding::Granted(self.grant))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use mycorrhizal_net::identity::{ClusterId, Incarnation, NodeId};

    use super::*;
    use crate::nodosum::state::{Command, LeaseKind, Member, Request, RequestId, Session};

    const SESSION: Session = Session { node: NodeId([1; 20]), incarnation: Incarnation(1) };
    const CANDIDATE: Candidate = Candidate { session: SESSION, number: 7 };

    fn state(commands: &[Command]) -> ClusterState {
        let member = Member::new(SESSION, Ipv4Addr::LOCALHOST.into(), 1);
        let mut state = ClusterState::formed(ClusterId([9; 20]), &[member], 16);
        for (number, command) in (1..).zip(commands) {
            let id = RequestId { session: SESSION, number };
            state.apply(&Request { id, command: command.clone() }).unwrap();
        }
        state
    }

    fn ask() -> Command {
        Command::Ask { name: "jobs".to_owned(), kind: LeaseKind::Election, candidate: CANDIDATE }
    }

    #[test]
    fn it_is_held_while_the_state_and_the_tenure_say_so() {
        let ms = Duration::from_millis;
        let (name, tenure) = (LeaseName::election("jobs"), Tenure::default());
        let granted = state(&[ask()]);
        let of = |tenure, now| Hold::of(&name, CANDIDATE, &granted, tenure, now);
        assert!(of(Some(&tenure), ms(1_000)).is_none(), "the node has not been heard yet");
        tenure.extend(ms(1_000), ms(1_001), granted.version());
        assert!(Hold::of(&name, CANDIDATE, &state(&[]), Some(&tenure), ms(1_002)).is_none());
        let hold = of(Some(&tenure), ms(1_002)).unwrap();
        assert!(hold.is_held(&granted, Some(&tenure), ms(1_002)));
        assert!(!hold.is_held(&granted, Some(&tenure), ms(60_000)), "the node's own clock says so first");

        tenure.extend(ms(60_000), ms(60_001), granted.version() + 1);
        assert!(!hold.is_held(&granted, Some(&tenure), ms(60_002)), "it may have been another's meanwhile");
        assert!(of(Some(&tenure), ms(60_002)).is_none(), "an older state than that by which it was heard");
    }

    #[test]
    fn a_grant_is_not_the_one_before_it() {
        let hold = Hold::of(&LeaseName::election("jobs"), CANDIDATE, &state(&[ask()]), None, Duration::ZERO);
        let hold = hold.unwrap();
        let release = Command::Release { name: LeaseName::election("jobs"), candidate: CANDIDATE };
        assert!(hold.is_held(&state(&[ask()]), None, Duration::ZERO), "a node that is alone has no tenure");
        assert!(!hold.is_held(&state(&[ask(), release.clone()]), None, Duration::ZERO));
        assert!(!hold.is_held(&state(&[ask(), release, ask()]), None, Duration::ZERO));
    }
}
