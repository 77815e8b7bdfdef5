//! More than fits anywhere at once.

use super::*;
use crate::ring::RingConfig;
use std::io::{Read, Write};
use std::net::Shutdown;

const BYTES: usize = 24 << 20;

/// Sends everything, and reads only after a long while, in small pieces: both directions fill up.
fn check_echo(config: RingConfig) -> crate::ring::RingStats {
    on_core(config, |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |socket| {
            let bytes = pattern(BYTES);
            let mut reader = socket.try_clone().expect("a second handle");
            let (all_sent, may_read) = std::sync::mpsc::channel();
            let reading = thread(move || {
                let mut echoed = Vec::with_capacity(BYTES);
                let mut piece = vec![0; 5000];
                // Nothing is read before a part was sent that no socket buffer holds.
                may_read.recv().expect("the writer is there");
                loop {
                    let got = reader.read(&mut piece).expect("no error");
                    if got == 0 {
                        return echoed;
                    }
                    echoed.extend_from_slice(&piece[..got]);
                }
            });
            let mut socket = socket;
            socket.write_all(&bytes[..BYTES / 24]).expect("sent");
            all_sent.send(()).expect("the reader is there");
            socket.write_all(&bytes[BYTES / 24..]).expect("sent");
            socket.shutdown(Shutdown::Write).expect("open");
            assert!(reading.join().expect("no panic") == bytes, "what comes back is what was sent");
        });
        let connection = listener.accept().await.expect("a client");
        echo(&connection).await.expect("no error");
        drop(connection);
        until_nothing_is_left(&ring).await;
        peer.join().expect("no panic");
        ring.stats()
    })
}

#[test]
fn there_and_back_with_a_slow_reader() {
    let stats = check_echo(RingConfig::default());
    assert_eq!((stats.sent_bytes, stats.received_bytes), (BYTES as u64, BYTES as u64));
}

#[test]
fn there_and_back_without_copying() {
    let stats = check_echo(RingConfig { zero_copy_bytes: 10_000, ..RingConfig::default() });
    assert_eq!((stats.sent_bytes, stats.received_bytes), (BYTES as u64, BYTES as u64));
}

#[test]
fn there_and_back_through_few_small_buffers() {
    let config = RingConfig {
        buffers_at_first: 2,
        buffers_max: 4,
        buffer_bytes: 2048,
        queued_chunks_max: 3,
        submissions: 4,
        completions: 8,
        ..RingConfig::default()
    };
    let stats = check_echo(config);
    assert_eq!((stats.sent_bytes, stats.received_bytes), (BYTES as u64, BYTES as u64));
    assert!(stats.buffer_shortages > 0, "{stats:?}");
    assert_eq!(stats.buffers_in_use, 4);
}

#[test]
fn one_reply_larger_than_any_socket_buffer() {
    for zero_copy_bytes in [usize::MAX, 1 << 16] {
        let config = RingConfig { zero_copy_bytes, ..RingConfig::default() };
        on_core(config, |ring| async move {
            let (listener, address) = listen(&ring);
            let peer = client(address, |mut socket| {
                let mut received = Vec::new();
                socket.read_to_end(&mut received).expect("closed in order");
                received
            });
            let connection = listener.accept().await.expect("a client");
            connection.output().extend_from_slice(&pattern(BYTES));
            connection.shutdown_after_flush();
            // What was promised is sent although the handle is gone.
            drop(connection);
            until_nothing_is_left(&ring).await;
            assert!(peer.join().expect("no panic") == pattern(BYTES));
        });
    }
}
