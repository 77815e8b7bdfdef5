//! Room, and ends.

use super::*;
use crate::link::frame::{Goodbye, Message, MessageKind};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

#[test]
fn a_link_whose_peer_does_not_receive_has_no_room_until_it_does() {
    on_core(|ring| async move {
        let config = LinkConfig { unsent_bytes_max: 1 << 20, ..config(7) };
        let (near, mut far) = linked(&ring, config).await;
        let body = vec![b'x'; 100_000];
        let mut sent = 0;
        // Sockets and threads between the two hold some megabytes; then it is full.
        while near.link.has_room() || sent < 200 {
            let frame = Frame::Message(Message {
                application: b"",
                kind: MessageKind::Take,
                id: sent,
                timeout_ms: 0,
                body: &body,
            });
            near.link.send(&frame).expect("it is open");
            sent += 1;
            if sent.is_multiple_of(8) {
                ring.sleep_until(ring.now() + Duration::from_millis(1)).await;
            }
        }
        let mut room = pin!(near.link.room());
        let is_full = poll_fn(|context| Poll::Ready(room.as_mut().poll(context).is_pending())).await;
        assert!(is_full, "{} bytes are unsent", near.link.unsent_bytes());
        let mut received = 0;
        let receive = async move {
            while received < sent {
                let got = far.receiver.recv(|frame| {
                    assert!(matches!(frame, ReceivedFrame::Message(message) if message.id == received));
                    received += 1;
                    Ok(())
                });
                assert!(got.await.expect("frames"));
            }
        };
        let (sender, receiver) = ring.oneshot();
        spawn(async move {
            receive.await;
            sender.send(());
        });
        room.await.expect("it is open");
        assert!(near.link.has_room());
        receiver.await.expect("all of them came");
    });
}

#[test]
fn a_link_that_was_closed_says_so() {
    on_core(|ring| async move {
        let (mut near, mut far) = linked(&ring, config(7)).await;
        assert!(near.link.is_open());
        near.link.close();
        assert!(!near.link.is_open());
        assert!(matches!(near.link.send(&Frame::Ping(1)), Err(LinkError::LocalClosed)));
        assert!(matches!(near.receiver.recv(|_| Ok(())).await, Err(LinkError::LocalClosed)));
        assert!(matches!(far.receiver.recv(|_| Ok(())).await, Ok(false)), "between frames");
    });
}

#[test]
fn a_frame_that_is_too_large_is_not_sent_and_ends_nothing() {
    on_core(|ring| async move {
        let config = LinkConfig { frame_bytes_max: 100, ..config(7) };
        let (near, mut far) = linked(&ring, config).await;
        let error = near.link.send(&Frame::Goodbye(Goodbye { reason: &[0; 100] })).expect_err("too large");
        assert!(matches!(error, LinkError::Frame(FrameError::LocalFrameTooLarge { .. })), "{error}");
        near.link.send(&Frame::Ping(5)).expect("it is open");
        let mut nonce = 0;
        let got = far.receiver.recv(|frame| {
            let ReceivedFrame::Ping(sent) = frame else { panic!("a ping was sent") };
            nonce = sent.to_native();
            Ok(())
        });
        assert!(got.await.expect("a frame"));
        assert_eq!(nonce, 5);
    });
}

#[test]
fn whoever_reads_a_frame_may_end_the_link() {
    on_core(|ring| async move {
        let (near, mut far) = linked(&ring, config(7)).await;
        near.link.send(&Frame::Ping(5)).expect("it is open");
        let error = far.receiver.recv(|_| Err(FrameError::PeerFrameBroken)).await.expect_err("it was ended");
        assert!(matches!(error, LinkError::Frame(FrameError::PeerFrameBroken)));
        assert!(!far.link.is_open());
    });
}
