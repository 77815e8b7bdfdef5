//! Bytes there and back.

use super::*;
use crate::ring::RingConfig;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

/// Sends `bytes` in pieces of `piece`, reads as many, and closes in order.
fn send_and_read(mut socket: TcpStream, bytes: &[u8], piece: usize) -> Vec<u8> {
    socket.set_nodelay(true).expect("a TCP socket");
    for piece in bytes.chunks(piece) {
        socket.write_all(piece).expect("sent");
    }
    socket.shutdown(Shutdown::Write).expect("open");
    let mut echoed = Vec::new();
    socket.read_to_end(&mut echoed).expect("closed in order");
    echoed
}

#[test]
fn a_round_trip() {
    let (echoed, stats) = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |socket| send_and_read(socket, b"hello", 5));
        let connection = listener.accept().await.expect("a client");
        echo(&connection).await.expect("no error");
        drop(connection);
        until_nothing_is_left(&ring).await;
        (peer.join().expect("no panic"), ring.stats())
    });
    assert_eq!(echoed, b"hello");
    assert_eq!((stats.accepts, stats.sent_bytes, stats.received_bytes), (1, 5, 5));
}

#[test]
fn single_bytes() {
    let bytes = pattern(3000);
    let sent = bytes.clone();
    let echoed = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, move |socket| send_and_read(socket, &sent, 1));
        let connection = listener.accept().await.expect("a client");
        echo(&connection).await.expect("no error");
        drop(connection);
        until_nothing_is_left(&ring).await;
        peer.join().expect("no panic")
    });
    assert!(echoed == bytes);
}

#[test]
fn replies_of_one_turn_leave_in_one_send() {
    let (echoed, sends) = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |socket| send_and_read(socket, b"go", 2));
        let connection = listener.accept().await.expect("a client");
        assert_eq!(connection.recv().await.expect("no error").as_deref(), Some(&b"go"[..]));
        for word in [&b"one "[..], b"two ", b"three"] {
            connection.output().extend_from_slice(word);
            connection.flush();
        }
        assert_eq!(connection.unsent_bytes(), 13);
        connection.drained(0).await.expect("sent");
        drop(connection);
        until_nothing_is_left(&ring).await;
        (peer.join().expect("no panic"), ring.stats().sends)
    });
    assert_eq!((echoed, sends), (b"one two three".to_vec(), 1));
}

#[test]
fn many_connections_at_once() {
    const CLIENTS: usize = 300;
    let stats = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peers = thread(move || {
            let mut sockets: Vec<_> =
                (0..CLIENTS).map(|_| TcpStream::connect(address).expect("the core listens")).collect();
            for round in 0..5u8 {
                for socket in &mut sockets {
                    socket.write_all(&[round; 100]).expect("sent");
                }
                for socket in &mut sockets {
                    let mut echoed = [0; 100];
                    socket.read_exact(&mut echoed).expect("received");
                    assert_eq!(echoed, [round; 100]);
                }
            }
        });
        for _ in 0..CLIENTS {
            let connection = listener.accept().await.expect("a client");
            spawn(async move { echo(&connection).await.expect("no error") });
        }
        until(&ring, |ring| ring.stats().received_bytes == 5 * 100 * CLIENTS as u64).await;
        until_nothing_is_left(&ring).await;
        peers.join().expect("no panic");
        ring.stats()
    });
    assert_eq!(stats.accepts, CLIENTS as u64);
    assert_eq!(stats.sent_bytes, stats.received_bytes);
}

#[test]
fn idle_connections_hold_no_buffers() {
    const CLIENTS: usize = 500;
    on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peers = thread(move || {
            let sockets: Vec<_> =
                (0..CLIENTS).map(|_| TcpStream::connect(address).expect("the core listens")).collect();
            sockets
        });
        for _ in 0..CLIENTS {
            let connection = listener.accept().await.expect("a client");
            spawn(async move { assert!(connection.recv().await.expect("no error").is_none()) });
        }
        let sockets = peers.join().expect("no panic");
        let stats = ring.stats();
        assert_eq!((stats.connections, stats.buffers_lent), (CLIENTS as u64, 0));
        assert_eq!(stats.buffers_in_use, u64::from(RingConfig::default().buffers_at_first));
        drop(sockets);
        until_nothing_is_left(&ring).await;
    });
}
