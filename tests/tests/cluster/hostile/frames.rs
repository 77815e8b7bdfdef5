//! Links that begin as they should and go on as they should not.

use mycorrhizal_net::link::frame::{
    Control, ControlKind, FRAME_BYTES_MAX, Frame, Goodbye, Interest, InterestHead, Message, MessageKind,
    ReceivedFrame, Replies, ReplyHead, RequestFlags, Transfer, TransferKind,
};
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::random::Random;
use mycorrhizal_tests::server::Server as _;

use super::{check_unharmed, insider, lines, start};
use crate::stranger::{Asked, Bond, command};

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes, FRAME_BYTES_MAX).unwrap();
    bytes
}

/// What one command over a link is answered with.
fn ask(bond: &mut Bond, asked: &Asked) -> String {
    bond.send(&asked.frame());
    let reply = bond.read_until(|frame| match frame {
        ReceivedFrame::Replies(replies) => {
            Some(String::from_utf8_lossy(replies.bytes.as_slice()).into_owned())
        }
        _ => None,
    });
    reply.expect("the link stands")
}

#[test]
fn a_broken_frame_ends_its_link_and_nothing_else() {
    let cluster = start();
    let (node, stranger) = (&cluster.nodes[0], insider(&cluster));
    let good = command(0, 0, 0, &[b"SET", b"kept:1", b"stolen"]);
    let bytes = encoded(&good.frame());
    let mut random = Random::new(13);
    let mut altered = Vec::new();
    for _ in 0..60 {
        // Somewhere in the archive's root: tags, offsets, lengths.
        let mut other = bytes.clone();
        let at = other.len() - 1 - random.below(40);
        other[at] = 0xF7;
        altered.push(other);
    }
    let random_archive: Vec<u8> = (0..500).map(|_| random.bits().to_le_bytes()[0]).collect();
    let framed = |archive: &[u8]| [&u32::try_from(archive.len()).unwrap().to_le_bytes(), archive].concat();
    let announced = |length: u32| length.to_le_bytes().to_vec();
    let broken = [
        announced(u32::try_from(FRAME_BYTES_MAX).unwrap() + 1),
        announced(u32::MAX),
        announced(0),
        framed(&random_archive),
        encoded(&command(0, 0, 0, &[b"GET", b"a"]).with_span(0, u32::MAX).frame()),
        encoded(&command(0, 0, 0, &[b"GET", b"a"]).with_span(3, 1).frame()),
        encoded(&command(0, 0, 0, &[b"GET", b"a"]).with_spans_end(3).frame()),
    ];
    for bytes in &broken {
        let mut bond = stranger.link(node, 0).unwrap();
        bond.send_bytes(bytes);
        bond.ended();
    }
    cluster.wait("a line for each", |_| lines(node, "a link has ended") >= broken.len());
    assert!(lines(node, "a frame that fails its check") > 0 && lines(node, "is the limit") > 0);
    for bytes in &altered {
        let mut bond = stranger.link(node, 0).unwrap();
        bond.send_bytes(bytes);
        bond.finish();
    }
    // Some of those are still what they were.
    cluster.nodes[0].connect().say("SET kept:1 1");
    for part in [1, 4, 5, bytes.len() - 1] {
        let mut bond = stranger.link(node, 0).unwrap();
        bond.send_bytes(&bytes[..part]);
        bond.finish();
    }
    let mut bond = stranger.link(node, 0).unwrap();
    assert!(bond.stands(), "who comes back is taken");
    check_unharmed(&cluster);
}

#[test]
fn requests_that_make_no_sense_are_answered_with_errors() {
    let cluster = start();
    let mut bond = insider(&cluster).link(&cluster.nodes[0], 3).unwrap();
    let mut refused = |asked: Asked, why: &str| {
        let reply = ask(&mut bond, &asked);
        assert!(reply.starts_with('-') && reply.contains(why), "{reply}");
    };
    refused(command(0, 99, 0, &[b"SET", b"kept:1", b"stolen"]), "NOSEPTUM");
    refused(command(0, u16::MAX, RequestFlags::PART, &[b"DEL", b"kept:1"]), "NOSEPTUM");
    refused(command(0, 0, 0, &[b"NONSENSE", b"kept:1"]), "does not know this command");
    refused(command(0, 0, 0, &[]), "does not know this command");
    refused(command(0, 0, 0, &[b"SET"]), "does not know this command");
    refused(command(0, 0, 0, &[b"\xFF\xFE", b""]), "does not know this command");
    refused(command(0, 0, RequestFlags::PART, &[b"MSET", b"kept:1"]), "wrong number of arguments");
    refused(command(0, 0, RequestFlags::PART, &[b"MSET"]), "does not know this command");
    refused(command(0, 0, RequestFlags::PART, &[b"DEL"]), "does not know this command");
    refused(command(0, 0, 0, &[b"PUBLISH", b"a"]), "does not know this command");
    refused(command(u64::MAX, 99, 0, &[b"GET", b"kept:1"]), "");
    let whole = RequestFlags::WHOLE;
    for flags in [whole, whole | RequestFlags::OF_CORE, whole | RequestFlags::PART, u16::MAX] {
        refused(command(0, 0, flags, &[b"MSETNX", b"kept:1"]), "wrong number of arguments");
        refused(command(0, 0, flags, &[b"RENAME", b"nothing:1", b"kept:1"]), "");
    }
    assert!(bond.stands());
    check_unharmed(&cluster);
}

/// Commands that need a client of their own, run for a node that says it has one.
#[test]
fn a_connection_cannot_be_had_through_a_link() {
    let cluster = start();
    let stranger = insider(&cluster);
    let words: [&[&[u8]]; 7] = [
        &[b"SUBSCRIBE", b"channel"],
        &[b"PSUBSCRIBE", b"*"],
        &[b"HELLO", b"9"],
        &[b"QUIT"],
        &[b"MONITOR"],
        &[b"ELECTION", b"CAMPAIGN", b"jobs"],
        &[b"CLIENT", b"KILL", b"TYPE", b"normal"],
    ];
    for args in words {
        for flags in [0, RequestFlags::PART, RequestFlags::WHOLE, RequestFlags::WHOLE | RequestFlags::OF_CORE]
        {
            let mut bond = stranger.link(&cluster.nodes[0], 0).unwrap();
            bond.send(&command(0, 0, flags, args).frame());
            assert!(bond.stands());
        }
    }
    check_unharmed(&cluster);
}

#[test]
fn other_frames_that_make_no_sense_are_passed_over() {
    let cluster = start();
    let stranger = insider(&cluster);
    let mut bond = stranger.link(&cluster.nodes[0], 0).unwrap();
    let kinds = [
        TransferKind::Begin,
        TransferKind::Records,
        TransferKind::SlotDone,
        TransferKind::Handover,
        TransferKind::Ack,
        TransferKind::Abort,
    ];
    for partition in [0, 1023, 1024, u16::MAX] {
        for (kind, epoch) in kinds.iter().flat_map(|kind| [0, 1, u64::MAX].map(|epoch| (*kind, epoch))) {
            for records in [&b""[..], b"12345678", &[0xFF; 300]] {
                let step = Transfer { partition, epoch, sequence: u64::MAX, kind, slot: u16::MAX, records };
                bond.send(&Frame::Transfer(step));
            }
        }
    }
    let messages = [
        MessageKind::Take,
        MessageKind::Answer,
        MessageKind::Done,
        MessageKind::Refused,
        MessageKind::Unanswered,
    ];
    for kind in messages {
        for application in [&b""[..], b"\xFF\xFF", &[b'a'; 10_000]] {
            let body = &[0xFF; 1000];
            bond.send(&Frame::Message(Message {
                application,
                kind,
                id: u64::MAX,
                timeout_ms: u32::MAX,
                body,
            }));
        }
    }
    let controls = [ControlKind::Request, ControlKind::Response, ControlKind::Failure, ControlKind::OneWay];
    for kind in controls {
        for body in [&b""[..], b"\xFF", &[0xFF; 2000], &[0; 2000]] {
            bond.send(&Frame::Control(Control { channel: u8::MAX, id: u64::MAX, kind, body }));
        }
    }
    bond.send(&Frame::InterestAck(u64::MAX));
    bond.send(&Frame::Ping(1));
    bond.send(&Frame::Pong(u64::MAX));
    bond.send(&Frame::Goodbye(Goodbye { reason: b"\xFF\x1B[2J" }));
    assert!(bond.stands(), "{}", cluster.nodes[0].log());
    check_unharmed(&cluster);
}

#[test]
fn lists_that_contradict_each_other_end_the_link() {
    let cluster = start();
    let stranger = insider(&cluster);
    let beyond = [InterestHead { kind: 0, end: 99 }];
    let backwards = [InterestHead { kind: 1, end: 2 }, InterestHead { kind: 1, end: 1 }];
    let odd = [InterestHead { kind: 77, end: 1 }];
    let never_asked = [ReplyHead { ticket: 5, generation: 0, end: 3 }];
    let beyond_reply = [ReplyHead { ticket: 0, generation: 1, end: 99 }];
    let interest =
        |added| Frame::Interest(Interest { reset: true, version: 1, added, removed: &[], bytes: b"abc" });
    let frames = [
        interest(&beyond),
        interest(&backwards),
        Frame::Replies(Replies { items: &beyond_reply, bytes: b"+OK" }),
    ];
    for frame in frames {
        let mut bond = stranger.link(&cluster.nodes[0], 0).unwrap();
        bond.send(&frame);
        bond.ended();
    }
    for frame in [interest(&odd), Frame::Replies(Replies { items: &never_asked, bytes: b"+OK" })] {
        let mut bond = stranger.link(&cluster.nodes[0], 0).unwrap();
        bond.send(&frame);
    }
    check_unharmed(&cluster);
}

#[test]
fn a_request_by_an_old_map_reaches_its_owner() {
    let mut cluster = start();
    cluster.add(1, cluster.options(1));
    cluster.wait_balanced();
    let stranger = insider(&cluster);
    let mut bond = stranger.link(&cluster.nodes[0], 0).unwrap();
    let held = |cluster: &Cluster, node: usize| {
        let address = cluster.nodes[node].core_address(0);
        mycorrhizal_tests::wire::Connection::open(&address).unwrap().say("DBSIZE").as_integer()
    };
    let before = [held(&cluster, 0), held(&cluster, 1)];
    for number in 0..50 {
        let key = format!("late:{number}");
        let reply = ask(&mut bond, &command(0, 0, 0, &[b"SET", key.as_bytes(), b"x"]));
        assert_eq!(reply, "+OK\r\n");
    }
    let mut other = cluster.nodes[1].connect();
    for number in 0..50 {
        assert_eq!(other.say(&format!("GET late:{number}")).as_text(), "x");
    }
    let after = [held(&cluster, 0), held(&cluster, 1)];
    assert_eq!(after[0] - before[0] + after[1] - before[1], 50, "each of them is in one place");
    assert!(after[1] > before[1], "some are of the other node");
    check_unharmed(&cluster);
}
