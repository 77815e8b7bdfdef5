//! Ends of connections, in order and not.

use super::*;
use crate::ring::RingConfig;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Makes dropping the socket send a reset.
fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
    drop(socket);
}

#[test]
fn a_peer_that_has_sent_all_still_gets_replies() {
    let reply = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| {
            socket.shutdown(Shutdown::Write).expect("open");
            let mut reply = String::new();
            socket.read_to_string(&mut reply).expect("closed in order");
            reply
        });
        let connection = listener.accept().await.expect("a client");
        assert!(connection.recv().await.expect("no error").is_none());
        assert!(connection.recv().await.expect("no error").is_none(), "it stays so");
        assert!(connection.receive_ended());
        connection.output().extend_from_slice(b"goodbye");
        connection.drained(0).await.expect("sent");
        drop(connection);
        until_nothing_is_left(&ring).await;
        peer.join().expect("no panic")
    });
    assert_eq!(reply, "goodbye");
}

#[test]
fn a_reset_is_an_error_of_that_connection_only() {
    on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let good = client(address, |mut socket| {
            socket.write_all(b"x").expect("sent");
            let mut echoed = Vec::new();
            socket.read_to_end(&mut echoed).expect("closed in order");
            echoed
        });
        let survivor = listener.accept().await.expect("a client");
        let bad = client(address, reset);
        let connection = listener.accept().await.expect("a client");
        bad.join().expect("no panic");
        let error = connection.recv().await.expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        drop(connection);
        let chunk = survivor.recv().await.expect("no error").expect("a byte");
        survivor.output().extend_from_slice(&chunk);
        drop(chunk);
        survivor.drained(0).await.expect("sent");
        drop(survivor);
        until_nothing_is_left(&ring).await;
        assert_eq!(good.join().expect("no panic"), b"x");
    });
}

#[test]
fn a_reset_while_a_send_waits_for_room() {
    on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let (full, is_full) = std::sync::mpsc::channel();
        let peer = client(address, move |socket| {
            is_full.recv().expect("the core is there");
            reset(socket);
        });
        let connection = listener.accept().await.expect("a client");
        connection.output().resize(32 << 20, b'x');
        // The first part is with the kernel, the rest waits for a reader that never reads.
        until(&ring, |ring| ring.stats().enters > 10).await;
        connection.output().extend_from_slice(b"and more");
        full.send(()).expect("the peer is there");
        let error = connection.drained(0).await.expect_err("a reset");
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
        peer.join().expect("no panic");
        // What is appended to a broken connection goes nowhere, and is not kept.
        connection.output().extend_from_slice(b"into the void");
        until(&ring, |_| connection.unsent_bytes() == 0).await;
        drop(connection);
        until_nothing_is_left(&ring).await;
    });
}

#[test]
fn dropping_a_connection_whose_send_is_in_flight() {
    on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let (gone, is_gone) = std::sync::mpsc::channel::<()>();
        let peer = client(address, move |mut socket| {
            is_gone.recv().expect("the core is there");
            let mut rest = Vec::new();
            // Whatever was sent before; then the end, or a reset.
            socket.read_to_end(&mut rest).map(|_| rest.len()).unwrap_or(0)
        });
        let connection = listener.accept().await.expect("a client");
        connection.output().resize(32 << 20, b'x');
        until(&ring, |ring| ring.stats().enters > 10).await;
        assert!(connection.unsent_bytes() > 0);
        drop(connection);
        until_nothing_is_left(&ring).await;
        gone.send(()).expect("the peer is there");
        assert!(peer.join().expect("no panic") < 32 << 20);
    });
}

#[test]
fn closing_wakes_the_reader_and_ends_the_peer() {
    let rest = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| {
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).map(|_| rest)
        });
        let connection = std::rc::Rc::new(listener.accept().await.expect("a client"));
        let (sender, receiver) = ring.oneshot();
        let reader = std::rc::Rc::clone(&connection);
        spawn(async move { sender.send(reader.recv().await.expect("no error").is_none()) });
        connection.close();
        assert_eq!(receiver.await, Some(true));
        assert!(connection.drained(0).await.is_err());
        drop(connection);
        until_nothing_is_left(&ring).await;
        peer.join().expect("no panic")
    });
    assert_eq!(rest.expect("closed in order"), b"");
}

#[test]
fn the_last_reply_arrives_although_the_peer_still_sends() {
    let reply = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| {
            socket.write_all(&vec![b'x'; 1 << 20]).expect("the core reads on");
            socket.shutdown(Shutdown::Write).expect("open");
            let mut reply = String::new();
            socket.read_to_string(&mut reply).expect("no reset");
            reply
        });
        let connection = listener.accept().await.expect("a client");
        connection.recv().await.expect("no error").expect("some of it");
        connection.output().extend_from_slice(b"-ERR enough\r\n");
        connection.shutdown_after_flush();
        drop(connection);
        until_nothing_is_left(&ring).await;
        peer.join().expect("no panic")
    });
    assert_eq!(reply, "-ERR enough\r\n");
}

#[test]
fn a_promise_to_a_peer_that_never_reads_ends_with_the_linger_time() {
    let config = RingConfig { linger: Duration::from_millis(30), ..RingConfig::default() };
    on_core(config, |ring| async move {
        let (listener, address) = listen(&ring);
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let peer = client(address, move |socket| {
            is_done.recv().expect("the core is there");
            drop(socket);
        });
        let connection = listener.accept().await.expect("a client");
        connection.output().resize(32 << 20, b'x');
        connection.shutdown_after_flush();
        drop(connection);
        until_nothing_is_left(&ring).await;
        done.send(()).expect("the peer is there");
        peer.join().expect("no panic");
    });
}

#[test]
fn dropping_a_listener_closes_those_that_nobody_took() {
    on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let first = client(address, |mut socket| socket.read_to_end(&mut Vec::new()).map(drop));
        let taken = listener.accept().await.expect("a client");
        let second = client(address, |mut socket| socket.read_to_end(&mut Vec::new()).map(drop));
        until(&ring, |ring| ring.stats().accepts == 2).await;
        drop(listener);
        second.join().expect("no panic").expect("closed");
        drop(taken);
        first.join().expect("no panic").expect("closed");
        until_nothing_is_left(&ring).await;
        // Only the poll that wakes the ring is left.
        until(&ring, |ring| ring.stats().operations_in_flight == 1).await;
    });
}

#[test]
fn a_core_that_ends_closes_what_is_open() {
    let core = start_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| socket.read_to_end(&mut Vec::new()).map(drop));
        let connection = listener.accept().await.expect("a client");
        let (sender, receiver) = ring.oneshot();
        spawn(async move {
            let reading = connection.recv();
            sender.send(());
            assert!(reading.await.expect("no error").is_none());
        });
        spawn(async move { assert!(listener.accept().await.is_err()) });
        receiver.await.expect("the reader waits");
        peer
    });
    let peer = core.join().expect("no panic").expect("the body ended");
    peer.join().expect("no panic").expect("closed");
}
