//! Incarnations: which life of a node counts.

use super::*;

fn restart(lan: &mut Lan, index: u8, incarnation: u64) {
    let identity = MemberIdentity { incarnation: Incarnation(incarnation), ..node(index) };
    lan.nodes[usize::from(index)] = Membership::new(lan.now, identity, Config::default(), incarnation);
    lan.call(usize::from(index), |member, now, out| member.join(now, &[node(0).address], out));
}

fn incarnation(lan: &Lan, by: usize, about: u8) -> u64 {
    let member = lan.nodes[by].members().find(|member| member.identity.id == node(about).id);
    member.expect("it is known").identity.incarnation.0
}

#[test]
fn a_restart_wins_over_the_life_before() {
    let mut lan = Lan::of(3);
    restart(&mut lan, 2, 2);
    let after = MemberIdentity { incarnation: Incarnation(2), ..node(2) };
    assert_eq!(lan.events[0], [Event::MemberChanged { before: node(2), after }]);
    lan.run_for(Duration::from_secs(1));
    assert_eq!((incarnation(&lan, 0, 2), incarnation(&lan, 1, 2)), (2, 2));
}

#[test]
fn a_restart_after_death_is_one_member_up() {
    let mut lan = Lan::of(3);
    lan.away.insert(2);
    lan.run_for(Duration::from_secs(10));
    lan.forget();
    lan.away.clear();
    restart(&mut lan, 2, 2);
    let after = MemberIdentity { incarnation: Incarnation(2), ..node(2) };
    assert_eq!(lan.events[0], [Event::MemberUp(after)]);
}

#[test]
fn a_retired_incarnation_is_refused_and_told_so() {
    let mut lan = Lan::of(3);
    restart(&mut lan, 2, 5);
    lan.run_for(Duration::from_secs(1));
    lan.forget();
    restart(&mut lan, 2, 3);
    lan.run_for(Duration::from_secs(5));
    for index in 0..2 {
        assert!(incarnation(&lan, index, 2) >= 5, "the retired one never counts");
        assert_eq!(lan.state(index, 2), Some(MemberState::Alive));
    }
    let told = lan.events[2].iter().any(|event| matches!(event, Event::SelfDeclaredDown(_)));
    assert!(told, "it is to write down a higher one");
    assert_eq!(lan.nodes[2].identity().incarnation.0, incarnation(&lan, 0, 2));
}

#[test]
fn who_is_taken_for_dead_goes_on_under_the_next_incarnation() {
    let mut lan = Lan::of(4);
    lan.away.insert(3);
    lan.run_for(Duration::from_secs(10));
    lan.forget();
    // It was away and comes back: whatever came meanwhile is lost.
    lan.away.clear();
    lan.run_for(Duration::from_secs(15));
    let next = MemberIdentity { incarnation: Incarnation(2), ..node(3) };
    assert!(lan.events[3].contains(&Event::SelfDeclaredDown(next.clone())));
    assert_eq!(lan.nodes[3].identity(), &next);
    for index in 0..3 {
        assert_eq!(lan.events[index], [Event::MemberUp(next.clone())]);
    }
}

#[test]
fn who_begins_anew_among_the_dead_finds_out() {
    let mut lan = Lan::of(3);
    lan.away.extend([1, 2]);
    let verdict = datagram(&node(1), node(0).tag(), &Message::TurnUndead, &[]);
    lan.call(0, |member, now, out| member.on_datagram(now, &verdict, out));
    assert_eq!(lan.nodes[0].identity().incarnation, Incarnation(2));
    lan.run_for(Duration::from_secs(30));
    assert_eq!((lan.state(0, 1), lan.state(0, 2)), (Some(MemberState::Down), Some(MemberState::Down)));
}

#[test]
fn a_datagram_for_a_life_that_is_over_is_answered() {
    let mut lan = Lan::of(2);
    restart(&mut lan, 1, 2);
    lan.forget();
    let stranger = node(7);
    let payload = datagram(&stranger, node(1).tag(), &Message::Ping(1), &[]);
    let mut out = Outbox::default();
    lan.nodes[1].on_datagram(lan.now, &payload, &mut out);
    lan.nodes[1].on_datagram(lan.now, &payload, &mut out);
    let [answer] = &out.datagrams[..] else { panic!("one answer in a while, not {}", out.datagrams.len()) };
    let front = codec::take_front(&mut answer.payload.as_slice()).expect("a datagram");
    assert_eq!((front.message, front.source.incarnation), (Message::Announce, Incarnation(2)));
    assert_eq!((answer.to, front.target), (stranger.address, stranger.tag()));
}
