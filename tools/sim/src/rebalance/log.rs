//! The log: what stands for consensus. It orders proposals, watches sessions, and answers late.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal::nodosum::Time;
use mycorrhizal::nodosum::planner;
use mycorrhizal::nodosum::state::{
    ClusterState, Command, FIRST_INCARNATION, MapChange, Member, Presence, Request, RequestId, Session,
    Standing,
};
use mycorrhizal_net::identity::{ClusterId, NodeId};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::message::{Body, Event, Note};
use super::{GIVEN_UP, Out, SESSION, address_of};
use crate::machine::Channel;
use crate::network::between;
use crate::queue::Queue;

/// How often it looks after sessions.
const LOOK: Duration = Duration::from_millis(25);
/// Proposals wait up to so long until they are in the log.
const COMMIT_MAX: Duration = Duration::from_millis(40);
/// Entries in one answer.
const ENTRIES_AT_ONCE: usize = 256;

/// The log.
pub struct Log {
    random: Xoshiro256PlusPlus,
    state: ClusterState,
    entries: Vec<Request>,
    heard: BTreeMap<Session, Time>,
    proposals: Queue<Rc<Request>>,
    next_proposal: Option<Time>,
    next_look: Time,
    decrees: u64,
}

impl Log {
    /// A cluster of these members.
    pub fn new(seed: u64, members: &[Member], out: &mut Out) -> Log {
        let mut log = Log {
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            state: ClusterState::default(),
            entries: Vec::new(),
            heard: BTreeMap::new(),
            proposals: Queue::new(),
            next_proposal: None,
            next_look: Time::START,
            decrees: 0,
        };
        let cluster = ClusterId([7; 20]);
        log.decree(Command::Form { cluster, members: members.to_vec(), databases: 2 }, out);
        log
    }

    /// What all nodes come to.
    pub fn state(&self) -> &ClusterState {
        &self.state
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether nothing is on the move, and nothing is to be.
    pub fn is_settled(&self) -> bool {
        let map = self.state.map();
        planner::plan(map, self.state.members()).is_empty()
            && map.iter().all(|(_, entry)| entry.moving_to.is_none() && entry.owner.is_some())
    }

    /// Puts an entry of its own into the log.
    pub fn decree(&mut self, command: Command, out: &mut Out) {
        self.decrees += 1;
        let session = Session { node: NodeId([0; 20]), incarnation: FIRST_INCARNATION };
        let id = RequestId { session, number: self.decrees };
        self.commit(&Request { id, command }, out);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        Some(self.next_proposal.map_or(self.next_look, |at| at.min(self.next_look)))
    }

    pub(super) fn on_message(&mut self, now: Time, from: usize, note: &Note, out: &mut Out) {
        match &note.body {
            Body::Fetch { session, applied, sent } => {
                self.on_fetch(now, from, *session, *applied, *sent, out);
            }
            Body::Propose(request) => {
                let at = now + between(&mut self.random, Duration::ZERO, COMMIT_MAX);
                self.proposals.push(at, Rc::clone(request));
                self.next_proposal = Some(self.next_proposal.map_or(at, |next| next.min(at)));
            }
            _ => {}
        }
    }

    pub(super) fn on_deadline(&mut self, now: Time, out: &mut Out) {
        while let Some((_, request)) = self.proposals.pop(now) {
            self.commit(&request, out);
        }
        self.next_proposal = self.proposals.next();
        if now >= self.next_look {
            self.next_look = now + LOOK;
            self.look_after(now, out);
        }
    }

    fn on_fetch(
        &mut self,
        now: Time,
        from: usize,
        session: Session,
        applied: u64,
        sent: Time,
        out: &mut Out,
    ) {
        let mut heard = None;
        if self.state.is_current(session) {
            self.heard.insert(session, now);
            let present =
                self.state.member(session.node).is_some_and(|member| member.presence == Presence::Present);
            heard = present.then_some((sent, self.len()));
        }
        let first = usize::try_from(applied).unwrap_or(usize::MAX).min(self.entries.len());
        let mut end = self.entries.len().min(first + ENTRIES_AT_ONCE);
        // Now and then some of the last come only with the next answer.
        if self.random.random_range(0..3) == 0 {
            end -= self.random.random_range(0..=3).min(end - first);
        }
        let entries = self.entries[first..end].into();
        let body = Body::Entries { first: first as u64, entries, heard };
        out.sends.push((address_of(from), Channel::Link, Note::new(body)));
    }

    fn commit(&mut self, request: &Request, out: &mut Out) {
        // The checker looks at each before it is applied.
        out.events.push(Event::Committed(Rc::new(request.clone())));
        // An entry that changes nothing is one all the same.
        drop(self.state.apply(request));
        self.entries.push(request.clone());
    }

    fn look_after(&mut self, now: Time, out: &mut Out) {
        for command in self.verdicts(now) {
            self.decree(command, out);
        }
    }

    fn verdicts(&mut self, now: Time) -> Vec<Command> {
        let owned = |node: NodeId| {
            let map = self.state.map().iter();
            map.filter(move |(_, entry)| entry.owner.is_some_and(|owner| owner.node == node))
        };
        let mut commands = Vec::new();
        for member in self.state.members() {
            let session = member.session();
            let heard = *self.heard.entry(session).or_insert(now);
            let silence = now.since(heard);
            let appear = |presence| Command::Appear { session, presence };
            match member.presence {
                Presence::Present if silence >= SESSION => commands.push(appear(Presence::Absent)),
                Presence::Absent if silence < SESSION => commands.push(appear(Presence::Present)),
                Presence::Absent if silence >= GIVEN_UP => {
                    let lost: Vec<MapChange> = owned(member.id)
                        .filter_map(|(partition, entry)| {
                            Some(MapChange::Lose { partition, from: entry.owner? })
                        })
                        .collect();
                    if !lost.is_empty() {
                        commands.push(Command::Map(lost));
                    }
                }
                Presence::Present | Presence::Absent => {}
            }
            if member.standing == Standing::Draining && owned(member.id).next().is_none() {
                commands.push(Command::Leave(member.id));
            }
        }
        commands
    }
}
