//! Bytes there and back.

use super::*;
use crate::ring::RingConfig;
use std::io::{Read, Write};
use std::net::Shutdown;

#[test]
fn a_round_trip() {
    let (echoed, stats) = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| {
            socket.write_all(b"hello").expect("sent");
            let mut echoed = [0; 5];
            socket.read_exact(&mut echoed).expect("received");
            socket.shutdown(Shutdown::Write).expect("open");
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).expect("closed in order");
            (echoed, rest)
        });
        let connection = listener.accept().await.expect("a client");
        echo(&connection).await.expect("no error");
        drop(connection);
        until(&ring, |ring| ring.stats().connections == 0).await;
        (peer.join().expect("no panic"), ring.stats())
    });
    assert_eq!(echoed, (*b"hello", Vec::new()));
    assert_eq!((stats.accepts, stats.sent_bytes, stats.received_bytes, stats.buffers_lent), (1, 5, 5, 0));
}
