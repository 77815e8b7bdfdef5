//! Links that come about, and what goes over them.

use super::*;
use crate::identity::NodeId;
use crate::link::frame::{Goodbye, Message, MessageKind};
use crate::link::tls::tests::Authority;

fn message(id: u64, body: &[u8]) -> Frame<'_> {
    Frame::Message(Message { application: b"test", kind: MessageKind::Take, id, timeout_ms: 0, body })
}

fn with_tls(config: LinkConfig) -> (LinkConfig, LinkConfig) {
    let authority = Authority::new();
    let one = LinkConfig { tls: Some(authority.config(ONE)), ..config.clone() };
    let two = LinkConfig { tls: Some(authority.config(TWO)), ..config };
    (one, two)
}

/// Sends messages of growing size, asks for one back for each, and ends in order.
async fn converse(side: Established, count: u64, bytes: usize) {
    let Established { link, mut receiver, .. } = side;
    let sending = link.clone();
    spawn(async move {
        for id in 0..count {
            let body = vec![id.to_le_bytes()[0]; bytes * usize::try_from(id).expect("small") + 1];
            sending.send(&message(id, &body)).expect("it is open");
            sending.room().await.expect("it is open");
        }
        sending.send(&Frame::Goodbye(Goodbye { reason: b"done" })).expect("it is open");
        sending.finish();
        assert!(matches!(sending.send(&Frame::Ping(1)), Err(LinkError::LocalClosed)));
    });
    let (mut received, mut goodbyes) = (0, 0);
    let mut more = true;
    while more {
        let got = receiver.recv(|frame| {
            match frame {
                ReceivedFrame::Message(message) => {
                    assert_eq!(message.id, received, "in order");
                    assert_eq!(message.body.len(), bytes * usize::try_from(received).expect("small") + 1);
                    assert!(message.body.iter().all(|byte| *byte == received.to_le_bytes()[0]));
                    received += 1;
                }
                ReceivedFrame::Goodbye(goodbye) => {
                    assert_eq!(goodbye.reason, *b"done");
                    goodbyes += 1;
                }
                other => panic!("nobody sent {}", other.name()),
            }
            Ok(())
        });
        more = got.await.expect("it ends in order");
    }
    assert_eq!((received, goodbyes), (count, 1));
}

/// Frames both ways over a link of nodes with these configurations.
fn frames_go_both_ways(dialer: LinkConfig, expected: Option<NodeId>, acceptor: LinkConfig) {
    on_core(move |ring| async move {
        let (dialled, accepted) = meet(&ring, dialer, expected, acceptor).await;
        let (dialled, accepted) = (dialled.expect("a link"), accepted.expect("a link"));
        assert_eq!((dialled.peer, accepted.peer), (hello(TWO), hello(ONE)));
        both(&ring, converse(dialled, 40, 2500), converse(accepted, 40, 2500)).await;
    });
}

#[test]
fn with_a_key() {
    frames_go_both_ways(config(7), Some(TWO), config(7));
}

#[test]
fn with_a_key_to_an_address() {
    frames_go_both_ways(config(7), None, config(7));
}

#[test]
fn with_tls_and_a_key() {
    let (one, two) = with_tls(config(7));
    frames_go_both_ways(one, Some(TWO), two);
}

#[test]
fn with_tls_alone_to_an_address() {
    let (one, two) = with_tls(LinkConfig::new(LinkSecret::none()));
    frames_go_both_ways(one, None, two);
}

#[test]
fn frames_right_behind_the_handshake_are_not_lost() {
    for tls in [false, true] {
        let (one, two) = if tls { with_tls(config(7)) } else { (config(7), config(7)) };
        on_core(move |ring| async move {
            let (near, far) = pair(&ring).await;
            let role = Role::Dial { expected: None };
            let dial = {
                let ring = ring.clone();
                async move {
                    let side = establish(ring, near, role, one, ONE).await.expect("a link");
                    // In the turn of the last message of the handshake.
                    side.link.send(&message(0, b"early")).expect("it is open");
                    side.link.send(&message(1, b"too")).expect("it is open");
                    side
                }
            };
            let accept = establish(ring.clone(), far, Role::Accept, two, TWO);
            let (_dialled, accepted) = both(&ring, dial, accept).await;
            let Established { mut receiver, .. } = accepted.expect("a link");
            let mut ids = Vec::new();
            while ids.len() < 2 {
                let got = receiver.recv(|frame| {
                    let ReceivedFrame::Message(message) = frame else { panic!("messages were sent") };
                    ids.push(message.id.to_native());
                    Ok(())
                });
                assert!(got.await.expect("frames"));
            }
            assert_eq!(ids, [0, 1]);
        });
    }
}
