//! The membership machine of `engine::nodosum`, fed with datagrams that no member wrote.

use std::net::SocketAddr;
use std::time::Duration;

use mycorrhizal::nodosum::membership::{Config, Outbox, PAYLOAD_BYTES_MAX, describe};
use mycorrhizal::nodosum::{MemberIdentity, Membership, Time};
use mycorrhizal_net::identity::{Incarnation, NodeId};

/// Datagrams, each behind its length, between bytes that let time pass.
pub const DATAGRAM_SEEDS: &[&[u8]] = &[
    // An announcement, for anyone, and one second.
    b"\x26\x06\0BBBBBBBBBBBBBBBBBBBB\x01\x0a\0\0\x02\x1c\x84\x1c\xe8\x02\0\0\0\0\0\0\x00\x0a",
    // A ping for somebody else.
    b"\x27\0\0CCCCCCCCCCCCCCCCCCCC\x01\x0a\0\0\x03\x1c\x84\x1c\xe8\x02\0\0\x01\x02\x03\x04\x05\x00\x01",
];
/// Parts of datagrams.
pub const DATAGRAM_TOKENS: &[&[u8]] = &[
    b"BBBBBBBBBBBBBBBBBBBB",
    b"AAAAAAAAAAAAAAAAAAAA",
    b"\x01\x0a\0\0\x02\x1c\x84\x1c\xe8\x02",
    b"\0\x01",
    b"\0\x0a",
    b"\xff\xff",
    b"\0\0\0\0",
    b"\x02",
    b"\x05",
    b"\x07",
    b"\x08",
    b"\x0a",
];

/// Whatever comes, the machine goes on: it keeps its own id, writes no datagram that is too long, and never wants to be
/// called without end at one moment.
///
/// The input is a sequence: a length and so many bytes of a datagram, or a length of zero and tenths of a second to pass.
/// In a datagram the target, behind the source, is rarely right by chance; so each comes once more
/// behind the front of what a real peer sends.
pub fn datagram(input: &[u8]) {
    let own = MemberIdentity {
        id: NodeId([b'A'; 20]),
        incarnation: Incarnation(1),
        address: SocketAddr::from(([10, 0, 0, 1], 7300)),
        link_port: 7400,
        cores: 2,
    };
    let known = MemberIdentity {
        id: NodeId([b'B'; 20]),
        address: SocketAddr::from(([10, 0, 0, 2], 7300)),
        ..own.clone()
    };
    let mut now = Time::START;
    let mut machine = Membership::new(now, own.clone(), Config::default(), 1);
    let mut peer = Membership::new(now, known.clone(), Config::default(), 2);
    let mut out = Outbox::default();
    machine.learn(now, [known.clone()], &mut out);
    peer.learn(now, [own.clone()], &mut out);
    let mut rest = input;
    while let [length, behind @ ..] = rest {
        let (item, behind) = behind.split_at(usize::from(*length).clamp(1, 255).min(behind.len()));
        rest = behind;
        if *length == 0 {
            let tenths = item.first().copied().unwrap_or(1);
            now = now + Duration::from_millis(100) * u32::from(tenths);
            run(&mut machine, now, &mut out);
            run(&mut peer, now, &mut out);
        } else {
            machine.on_datagram(now, item, &mut out);
            splice(&mut peer, now, item, &mut machine, &mut out);
            assert!(!describe(item).is_empty());
        }
        assert_eq!(machine.identity().id, own.id);
        assert!(machine.identity().incarnation >= own.incarnation);
        assert!(out.datagrams.iter().all(|datagram| datagram.payload.len() <= PAYLOAD_BYTES_MAX));
        out.datagrams.clear();
        out.events.clear();
    }
}

/// A real datagram of a real peer, its end replaced by `item`.
fn splice(peer: &mut Membership, now: Time, item: &[u8], machine: &mut Membership, out: &mut Outbox) {
    let mut from_peer = Outbox::default();
    run(peer, now, &mut from_peer);
    let to = machine.identity().address;
    for datagram in from_peer.datagrams.iter().filter(|datagram| datagram.to == to) {
        let keep = datagram.payload.len().saturating_sub(item.len() % 8);
        let spliced: Vec<u8> = datagram.payload.iter().take(keep).chain(item).copied().collect();
        machine.on_datagram(now, &spliced, out);
    }
}

fn run(machine: &mut Membership, now: Time, out: &mut Outbox) {
    for _ in 0..1_000 {
        match machine.next_deadline() {
            Some(at) if at <= now => machine.on_deadline(now, out),
            _ => return,
        }
    }
    panic!("the machine wants to be called without end at {now}");
}
