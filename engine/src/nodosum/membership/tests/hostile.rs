//! Bytes and members that should not be.

use rand::RngExt;

use super::*;

#[test]
fn garbage_is_refused() {
    let mut lan = Lan::of(2);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let good = datagram(&node(1), node(0).tag(), &Message::Gossip, &[foca::Member::alive(node(2))]);
    let mut out = Outbox::default();
    for round in 0..10_000 {
        let mut payload = good.clone();
        if round % 2 == 0 {
            payload.truncate(random.random_range(0..good.len()));
        }
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..good.len());
            if let Some(byte) = payload.get_mut(at) {
                *byte = random.random();
            }
        }
        lan.nodes[0].on_datagram(lan.now, &payload, &mut out);
    }
    assert!(lan.nodes[0].statistics().refused > 1_000);
    let mut lan = Lan::of(2);
    for payload in [&[][..], &[0xff; 40], &good[..good.len() - 1]] {
        lan.nodes[0].on_datagram(lan.now, payload, &mut out);
    }
    assert_eq!(lan.nodes[0].statistics().refused, 3);
    assert_eq!(lan.nodes[0].live_count(), 2, "nothing of it counted");
}

#[test]
fn a_datagram_that_is_too_long_is_refused() {
    let mut lan = Lan::of(2);
    let many: Vec<_> = (2..60).map(|index| foca::Member::alive(node(index))).collect();
    let payload = datagram(&node(1), node(0).tag(), &Message::Gossip, &many);
    assert!(payload.len() > PAYLOAD_BYTES_MAX);
    lan.nodes[0].on_datagram(lan.now, &payload, &mut Outbox::default());
    assert_eq!((lan.nodes[0].statistics().refused, lan.nodes[0].live_count()), (1, 2));
}

#[test]
fn a_twin_is_reported_once() {
    let mut lan = Lan::of(2);
    let twin = MemberIdentity { address: SocketAddr::from(([10, 9, 9, 9], 7300)), ..node(0) };
    let direct = datagram(&twin, node(0).tag(), &Message::Ping(1), &[]);
    let rumour = datagram(&node(1), node(0).tag(), &Message::Gossip, &[foca::Member::alive(twin.clone())]);
    for payload in [&direct, &direct, &rumour] {
        lan.call(0, |member, now, out| member.on_datagram(now, payload, out));
    }
    assert_eq!(lan.events[0], [Event::Twin(twin)]);
}

#[test]
fn two_nodes_with_one_id_hear_of_it() {
    let mut lan = Lan::strangers(4);
    let copy = MemberIdentity { address: node(3).address, ..node(2) };
    lan.nodes[3] = Membership::new(lan.now, copy, Config::default(), 7);
    (1..4).for_each(|index| lan.call(index, |member, now, out| member.join(now, &[node(0).address], out)));
    lan.run_for(Duration::from_secs(1));
    let hears = |index: usize| lan.events[index].iter().any(|event| matches!(event, Event::Twin(_)));
    assert!(hears(2) || hears(3), "one of them is to stop");
    assert_eq!(lan.nodes[0].live_count(), 3, "for the others they are one member");
}

#[test]
fn an_earlier_life_elsewhere_and_an_echo_are_no_twins() {
    let mut lan = Lan::of(2);
    let earlier = MemberIdentity {
        incarnation: Incarnation(0),
        address: SocketAddr::from(([10, 9, 9, 9], 7300)),
        ..node(0)
    };
    for source in [earlier, node(0)] {
        let payload = datagram(&source, node(0).tag(), &Message::Ping(1), &[]);
        lan.call(0, |member, now, out| member.on_datagram(now, &payload, out));
    }
    assert!(lan.events[0].is_empty());
}

#[test]
fn nobody_dies_of_a_suspicion_without_end() {
    let mut lan = Lan::of(3);
    let mut suspect = foca::Member::new(node(0), u16::MAX, State::Suspect);
    let payload = datagram(&node(1), node(0).tag(), &Message::Gossip, &[suspect.clone()]);
    lan.call(0, |member, now, out| member.on_datagram(now, &payload, out));
    assert_eq!(lan.nodes[0].identity().incarnation, Incarnation(2), "it cannot answer, so it begins anew");
    suspect = foca::Member::new(node(0), 65_000, State::Suspect);
    let payload = datagram(&node(1), lan.nodes[0].identity().tag(), &Message::Gossip, &[suspect]);
    lan.call(0, |member, now, out| member.on_datagram(now, &payload, out));
    lan.run_for(Duration::from_secs(5));
    assert_eq!(lan.state(1, 0), Some(MemberState::Alive));
}
