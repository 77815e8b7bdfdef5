use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BufMut;
use foca::{Message, State};
use mycorrhizal_net::identity::{Incarnation, NodeId};

use super::suspicion::Confirmation;
use super::*;

mod hostile;
mod lifeguard;
mod lives;

fn node(index: u8) -> MemberIdentity {
    MemberIdentity {
        id: NodeId([index + 1; 20]),
        incarnation: Incarnation(1),
        address: SocketAddr::from(([10, 0, 0, index + 1], 7300)),
        link_port: 7400,
        cores: 2,
    }
}

/// A few members and a network without delay that loses nothing but what is for a node that is away.
struct Lan {
    now: Time,
    nodes: Vec<Membership>,
    events: Vec<Vec<Event>>,
    away: BTreeSet<usize>,
    /// What came for those that are away.
    kept: Vec<(usize, Vec<u8>)>,
    /// Everything that was sent, and by whom.
    sent: Vec<(usize, Datagram)>,
}

impl Lan {
    /// So many members that know each other.
    fn of(nodes: u8) -> Self {
        let mut lan = Self::strangers(nodes);
        let seeds = [node(0).address];
        (1..lan.nodes.len()).for_each(|index| {
            lan.call(index, |member, now, out| member.join(now, &seeds, out));
        });
        lan.run_for(Duration::from_secs(3));
        for index in 0..usize::from(nodes) {
            assert_eq!(lan.nodes[index].live_count(), usize::from(nodes));
        }
        lan.forget();
        lan
    }

    fn strangers(nodes: u8) -> Self {
        let config = Config::default();
        let member = |index| Membership::new(Time::START, node(index), config.clone(), u64::from(index));
        Self {
            now: Time::START,
            nodes: (0..nodes).map(member).collect(),
            events: vec![Vec::new(); usize::from(nodes)],
            away: BTreeSet::new(),
            kept: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn forget(&mut self) {
        self.events.iter_mut().for_each(Vec::clear);
        self.sent.clear();
    }

    /// Has a member do something, and everybody what follows from it.
    fn call(&mut self, index: usize, action: impl FnOnce(&mut Membership, Time, &mut Outbox)) {
        let mut out = Outbox::default();
        action(&mut self.nodes[index], self.now, &mut out);
        let mut under_way: VecDeque<_> = self.take(index, out);
        while let Some((to, payload)) = under_way.pop_front() {
            let mut out = Outbox::default();
            self.nodes[to].on_datagram(self.now, &payload, &mut out);
            under_way.extend(self.take(to, out));
        }
    }

    fn take(&mut self, index: usize, out: Outbox) -> VecDeque<(usize, Vec<u8>)> {
        self.events[index].extend(out.events);
        let mut arriving = VecDeque::new();
        for datagram in out.datagrams {
            assert!(datagram.payload.len() <= PAYLOAD_BYTES_MAX);
            let to = self.nodes.iter().position(|node| node.identity().address == datagram.to);
            match to {
                Some(to) if self.away.contains(&to) => self.kept.push((to, datagram.payload.clone())),
                Some(to) => arriving.push_back((to, datagram.payload.clone())),
                None => {}
            }
            self.sent.push((index, datagram));
        }
        arriving
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let present = (0..self.nodes.len()).filter(|index| !self.away.contains(index));
            let next = present.filter_map(|index| Some((self.nodes[index].next_deadline()?, index))).min();
            match next {
                Some((at, index)) if at <= end => {
                    self.now = self.now.max(at);
                    self.call(index, Membership::on_deadline);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn downs(&self, index: usize) -> usize {
        self.events[index].iter().filter(|event| matches!(event, Event::MemberDown(_))).count()
    }

    fn state(&self, by: usize, about: usize) -> Option<MemberState> {
        let id = self.nodes[about].identity().id;
        self.nodes[by].members().find(|member| member.identity.id == id).map(|member| member.state)
    }

    fn sent_to(&self, by: usize, to: usize) -> Vec<&[u8]> {
        let address = self.nodes[to].identity().address;
        let by_to = self.sent.iter().filter(|(from, datagram)| *from == by && datagram.to == address);
        by_to.map(|(_, datagram)| datagram.payload.as_slice()).collect()
    }
}

/// A datagram as another member would write it.
fn datagram(
    source: &MemberIdentity,
    target: u32,
    message: &Message<MemberIdentity>,
    members: &[foca::Member<MemberIdentity>],
) -> Vec<u8> {
    let mut payload = Vec::new();
    codec::put_front(source, 0, target, message, &mut payload);
    if !members.is_empty() {
        payload.put_u16(u16::try_from(members.len()).unwrap());
        members.iter().for_each(|member| codec::put_member(member, &mut payload));
    }
    payload
}

#[test]
fn two_that_know_one_address_find_each_other() {
    let mut lan = Lan::strangers(2);
    lan.call(1, |member, now, out| member.join(now, &[node(0).address], out));
    assert_eq!(lan.events[0], [Event::MemberUp(node(1))]);
    assert_eq!(lan.events[1], [Event::MemberUp(node(0))]);
}

#[test]
fn a_seed_that_comes_late_is_found() {
    let mut lan = Lan::strangers(2);
    lan.away.insert(0);
    lan.call(1, |member, now, out| member.join(now, &[node(0).address], out));
    lan.run_for(Duration::from_secs(3_600));
    lan.away.clear();
    lan.nodes[0] = Membership::new(lan.now, node(0), Config::default(), 9);
    lan.run_for(Config::default().announce_period);
    assert_eq!(lan.state(0, 1), Some(MemberState::Alive));
}

#[test]
fn a_silent_member_is_down_and_still_called_for_ever() {
    let mut lan = Lan::of(4);
    lan.away.insert(3);
    lan.run_for(Duration::from_secs(10));
    for index in 0..3 {
        assert_eq!(lan.downs(index), 1);
        assert_eq!(lan.state(index, 3), Some(MemberState::Down));
    }
    lan.run_for(Duration::from_secs(24 * 3_600));
    lan.forget();
    let periods = 10;
    lan.run_for(Config::default().announce_period * periods);
    let calls = lan.sent_to(0, 3).len();
    assert!((9..=11).contains(&calls), "{calls} in {periods} periods");
}

#[test]
fn a_member_that_leaves_is_missed_at_once_and_says_nothing_more() {
    let mut lan = Lan::of(5);
    lan.call(2, Membership::leave);
    lan.sent.clear();
    lan.run_for(Duration::from_millis(500));
    for index in [0, 1, 3, 4] {
        assert_eq!(lan.downs(index), 1);
    }
    assert_eq!(lan.nodes[2].next_deadline(), None);
    assert!(lan.sent.iter().all(|(from, _)| *from != 2));
}

#[test]
fn members_from_elsewhere_are_probed_without_being_told_about() {
    let mut lan = Lan::strangers(3);
    lan.call(0, |member, now, out| member.learn(now, [node(0), node(1), node(2)], out));
    assert_eq!(lan.nodes[0].live_count(), 3);
    assert!(lan.sent.is_empty());
    lan.run_for(Config::default().announce_period * 2);
    assert_eq!(lan.state(1, 2), Some(MemberState::Alive), "they ask for more members");
}

#[test]
fn datagrams_stay_short_in_a_large_cluster() {
    let mut lan = Lan::of(2);
    let mut out = Outbox::default();
    for index in 0..500_u16 {
        let [high, low] = index.to_be_bytes();
        let mut source = node(9);
        source.id.0[..2].copy_from_slice(&[0xee ^ high, low]);
        source.address = SocketAddr::from(([10, 1, high, low.max(1)], 7300));
        let payload = datagram(&source, node(0).tag(), &Message::Announce, &[]);
        lan.nodes[0].on_datagram(lan.now, &payload, &mut out);
    }
    assert_eq!(lan.nodes[0].live_count(), 502);
    lan.nodes[0].on_deadline(lan.now + Duration::from_millis(100), &mut out);
    let longest = out.datagrams.iter().map(|datagram| datagram.payload.len()).max();
    assert!(longest.is_some_and(|bytes| bytes > 1_250 && bytes <= PAYLOAD_BYTES_MAX), "{longest:?}");
}

#[test]
fn so_many_are_remembered_and_not_more() {
    let mut lan = Lan::of(2);
    let mut out = Outbox::default();
    let surplus = 100;
    for index in 0..u16::try_from(MEMBERS_DOWN_MAX + surplus).unwrap() {
        let [high, low] = index.to_be_bytes();
        let mut gone = node(9);
        gone.id.0[..2].copy_from_slice(&[high, low]);
        gone.address = SocketAddr::from(([10, 1, high, low], 7300));
        let gone = foca::Member::down(gone);
        let payload = datagram(&node(1), node(0).tag(), &Message::Gossip, &[gone]);
        lan.nodes[0].on_datagram(lan.now, &payload, &mut out);
    }
    assert_eq!(lan.nodes[0].members().count(), MEMBERS_DOWN_MAX + surplus + 1);
    // The other one would tell again of those that were forgotten.
    lan.away.insert(1);
    lan.run_for(Config::default().announce_period);
    let down = lan.nodes[0].members().filter(|member| member.state == MemberState::Down).count();
    assert_eq!(down, MEMBERS_DOWN_MAX);
}

#[test]
fn the_same_seed_and_input_have_the_same_effects() {
    let run = || {
        let mut lan = Lan::of(5);
        lan.away.insert(4);
        lan.run_for(Duration::from_secs(10));
        (lan.sent, lan.events)
    };
    assert!(run() == run());
}
