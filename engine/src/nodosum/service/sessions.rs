//! Which members the leader hears from. *The consensus leader's*; another that takes over starts afresh.
//!
//! A session runs out when nothing was heard for [`SESSION`]; what the member held and led is free for others then, and
//! the member itself has stopped using it, for its own clock counts from when it *sent* the last sign of life that was
//! taken note of (see [`Tenure`](super::tenure::Tenure)). A new leader gives every session its full time.
//!
//! Source: Gray, Cheriton, "Leases", 1989.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::nodosum::state::{Member, Presence, Session};

/// How long a session lives without a sign of life.
pub const SESSION: Duration = Duration::from_millis(1200);

/// How long a member may be unheard until what it owned is given to others, empty.
pub const GIVEN_UP: Duration = Duration::from_millis(4000);

/// A leader that could not confirm its lead for so long judges nobody: what others told it may not count yet.
const UNCONFIRMED: Duration = Duration::from_millis(900);

/// What silence, or its end, means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// A present member's session has run out.
    Silent(Session),
    /// An absent member is heard again.
    Back(Session),
    /// An absent member's partitions are to be given to others.
    GivenUp(Session),
}

/// When each member was last heard; times are since the machine's boot.
#[derive(Default)]
pub(super) struct Sessions {
    heard: BTreeMap<Session, Duration>,
    leading_since: Duration,
    /// Before this the leader certainly led.
    confirmed: Duration,
}

impl Sessions {
    /// This node begins to lead.
    pub(super) fn on_lead(&mut self, now: Duration) {
        self.heard.clear();
        self.leading_since = now;
        self.confirmed = now;
    }

    /// What had come by `at` has been answered by a majority: this node still led.
    pub(super) fn on_confirmed(&mut self, at: Duration) {
        self.confirmed = self.confirmed.max(at);
    }

    /// A member gave a sign of life.
    pub(super) fn on_alive(&mut self, session: Session, now: Duration) {
        let heard = self.heard.entry(session).or_insert(now);
        *heard = now.max(*heard);
    }

    /// What is to be said of the members at this moment.
    pub(super) fn verdicts<'a>(
        &mut self,
        now: Duration,
        members: impl Iterator<Item = &'a Member> + Clone,
        owns: impl Fn(&Member) -> bool,
    ) -> Vec<Verdict> {
        if now.saturating_sub(self.confirmed) >= UNCONFIRMED {
            self.on_lead(now);
        }
        self.heard.retain(|session, _| members.clone().any(|member| member.session() == *session));
        let verdict = |member: &Member| {
            let session = member.session();
            let heard = self.heard.get(&session).copied();
            let silence = now.saturating_sub(heard.unwrap_or(self.leading_since).max(self.leading_since));
            match member.presence {
                Presence::Present => (silence >= SESSION).then_some(Verdict::Silent(session)),
                Presence::Absent if heard.is_some() && silence < SESSION => Some(Verdict::Back(session)),
                Presence::Absent => {
                    (silence >= GIVEN_UP && owns(member)).then_some(Verdict::GivenUp(session))
                }
            }
        };
        members.filter_map(verdict).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use mycorrhizal_net::identity::{Incarnation, NodeId};

    use super::*;

    fn member(presence: Presence) -> Member {
        Member {
            presence,
            ..Member::new(
                Session { node: NodeId([1; 20]), incarnation: Incarnation(1) },
                Ipv4Addr::LOCALHOST.into(),
                1,
            )
        }
    }

    /// Of a leader that has just confirmed its lead.
    fn confirmed_verdicts(sessions: &mut Sessions, now_ms: u64, presence: Presence) -> Vec<Verdict> {
        sessions.on_confirmed(Duration::from_millis(now_ms));
        verdicts(sessions, now_ms, presence)
    }

    fn verdicts(sessions: &mut Sessions, now_ms: u64, presence: Presence) -> Vec<Verdict> {
        sessions.verdicts(Duration::from_millis(now_ms), [&member(presence)].into_iter(), |_| true)
    }

    #[test]
    fn a_session_lives_as_long_as_it_is_heard() {
        let mut sessions = Sessions::default();
        let session = member(Presence::Present).session();
        sessions.on_lead(Duration::from_millis(1_000));
        assert_eq!(confirmed_verdicts(&mut sessions, 2_199, Presence::Present), []);
        assert_eq!(confirmed_verdicts(&mut sessions, 2_200, Presence::Present), [Verdict::Silent(session)]);
        sessions.on_alive(session, Duration::from_millis(2_100));
        assert_eq!(confirmed_verdicts(&mut sessions, 2_200, Presence::Present), []);
        assert_eq!(confirmed_verdicts(&mut sessions, 3_300, Presence::Present), [Verdict::Silent(session)]);
        assert_eq!(confirmed_verdicts(&mut sessions, 3_400, Presence::Absent), []);
        assert_eq!(confirmed_verdicts(&mut sessions, 6_100, Presence::Absent), [Verdict::GivenUp(session)]);
        sessions.on_alive(session, Duration::from_millis(6_200));
        assert_eq!(confirmed_verdicts(&mut sessions, 6_300, Presence::Absent), [Verdict::Back(session)]);
    }

    #[test]
    fn a_leader_without_a_majority_judges_nobody() {
        let mut sessions = Sessions::default();
        let session = member(Presence::Present).session();
        sessions.on_lead(Duration::from_millis(1_000));
        assert_eq!(verdicts(&mut sessions, 1_900, Presence::Present), []);
        assert_eq!(verdicts(&mut sessions, 2_500, Presence::Present), [], "nothing was confirmed since");
        assert_eq!(verdicts(&mut sessions, 3_300, Presence::Present), []);
        sessions.on_confirmed(Duration::from_millis(3_400));
        assert_eq!(verdicts(&mut sessions, 3_699, Presence::Present), []);
        sessions.on_confirmed(Duration::from_millis(4_100));
        assert_eq!(verdicts(&mut sessions, 4_500, Presence::Present), [Verdict::Silent(session)]);
    }

    #[test]
    fn a_new_leader_gives_every_session_its_full_time() {
        let mut sessions = Sessions::default();
        let session = member(Presence::Present).session();
        sessions.on_alive(session, Duration::from_millis(10));
        sessions.on_lead(Duration::from_millis(50_000));
        assert_eq!(confirmed_verdicts(&mut sessions, 51_000, Presence::Present), []);
        assert_eq!(confirmed_verdicts(&mut sessions, 53_999, Presence::Absent), []);
        assert_eq!(confirmed_verdicts(&mut sessions, 54_000, Presence::Absent), [Verdict::GivenUp(session)]);
    }
}
