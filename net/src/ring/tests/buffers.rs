//! Receive buffers: running out of them, and getting all of them back.

use super::*;
use crate::ring::{Chunk, RingConfig};
use std::io::{Read, Write};
use std::net::TcpStream;

fn few_buffers() -> RingConfig {
    RingConfig { buffers_at_first: 2, buffers_max: 4, buffer_bytes: 1024, ..RingConfig::default() }
}

#[test]
fn readers_that_hold_every_buffer_stop_others_only_until_they_let_go() {
    on_core(few_buffers(), |ring| async move {
        let (listener, address) = listen(&ring);
        let mut greedy = TcpStream::connect(address).expect("the core listens");
        let holder = listener.accept().await.expect("a client");
        let mut held: Vec<Chunk> = Vec::new();
        // One at a time: what is still queued when the kernel runs dry would be moved out of its buffer.
        for lent in 1..=4 {
            greedy.write_all(&[b'g'; 1024]).expect("sent");
            held.push(holder.recv().await.expect("no error").expect("bytes"));
            assert_eq!(ring.stats().buffers_lent, lent);
        }
        let other = client(address, |mut socket| {
            socket.write_all(b"ping").expect("sent");
            let mut echoed = [0; 4];
            socket.read_exact(&mut echoed).expect("received");
            echoed
        });
        let connection = listener.accept().await.expect("a client");
        let shortages = ring.stats().buffer_shortages;
        let (sender, receiver) = ring.oneshot();
        spawn(async move {
            echo(&connection).await.expect("no error");
            sender.send(());
        });
        until(&ring, |ring| ring.stats().buffer_shortages > shortages).await;
        assert!(held.iter().all(|chunk| chunk.iter().all(|byte| *byte == b'g')));
        held.clear();
        receiver.await.expect("echoed");
        assert_eq!(other.join().expect("no panic"), *b"ping");
        drop(holder);
        until_nothing_is_left(&ring).await;
        assert_eq!(greedy.read_to_end(&mut Vec::new()).expect("closed in order"), 0);
    });
}

#[test]
fn connections_whose_tasks_do_not_read_hold_no_buffers_from_others() {
    const SILENT: usize = 20;
    on_core(few_buffers(), |ring| async move {
        let (listener, address) = listen(&ring);
        let mut connections = Vec::new();
        let mut peers = Vec::new();
        for _ in 0..SILENT {
            let mut socket = TcpStream::connect(address).expect("the core listens");
            let connection = listener.accept().await.expect("a client");
            // The first chunk arms the connection; the task then reads no more.
            socket.write_all(b"first").expect("sent");
            let first = connection.recv().await.expect("no error").expect("bytes");
            assert_eq!(&*first, b"first");
            socket.write_all(&pattern(3000)).expect("sent");
            connections.push(connection);
            peers.push(socket);
        }
        let mut socket = TcpStream::connect(address).expect("the core listens");
        let connection = listener.accept().await.expect("a client");
        for round in 0..50u8 {
            socket.write_all(&[round; 10]).expect("sent");
            let mut got = 0;
            while got < 10 {
                got += connection.recv().await.expect("no error").expect("bytes").len();
            }
        }
        // And nothing of what the others were sent is lost.
        drop(socket);
        for (connection, socket) in connections.into_iter().zip(peers) {
            drop(socket);
            let mut received = Vec::new();
            while let Some(chunk) = connection.recv().await.expect("no error") {
                received.extend_from_slice(&chunk);
            }
            assert!(received == pattern(3000));
        }
        drop(connection);
        until_nothing_is_left(&ring).await;
    });
}

#[test]
fn a_queue_that_is_full_pauses_the_peer_and_loses_nothing() {
    const BYTES: usize = 12 << 20;
    let config = RingConfig { queued_chunks_max: 4, ..RingConfig::default() };
    on_core(config, |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| socket.write_all(&pattern(BYTES)).expect("sent"));
        let connection = listener.accept().await.expect("a client");
        let mut received = connection.recv().await.expect("no error").expect("bytes").to_vec();
        // Nothing is read while so much arrives that the queue is full; the rest stays with the peer.
        until(&ring, |ring| ring.stats().receives >= 5).await;
        let mut last = 0;
        loop {
            ring.sleep_until(ring.now() + std::time::Duration::from_millis(2)).await;
            let now = ring.stats().received_bytes;
            if now == last {
                break;
            }
            last = now;
        }
        assert!(last < BYTES as u64 / 2, "{last} bytes were taken without a reader");
        assert_eq!(ring.stats().buffers_lent, 0, "what is queued was moved out of the buffers");
        while let Some(chunk) = connection.recv().await.expect("no error") {
            received.extend_from_slice(&chunk);
        }
        assert!(received == pattern(BYTES));
        peer.join().expect("no panic");
        drop(connection);
        until_nothing_is_left(&ring).await;
    });
}

#[test]
fn a_chunk_outlives_its_connection() {
    on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| {
            socket.write_all(b"kept").expect("sent");
            socket.read_to_end(&mut Vec::new()).expect("closed in order")
        });
        let connection = listener.accept().await.expect("a client");
        let chunk = connection.recv().await.expect("no error").expect("bytes");
        drop(connection);
        until(&ring, |ring| ring.stats().connections == 0).await;
        assert_eq!(ring.stats().buffers_lent, 1);
        assert_eq!(&*chunk, b"kept");
        drop(chunk);
        assert_eq!(ring.stats().buffers_lent, 0);
        assert_eq!(peer.join().expect("no panic"), 0);
    });
}
