//! Connections that do not become links, and links that end out of order.

use super::*;
use crate::link::handshake::{Handshake, Progress, Terms};
use crate::link::tls::tests::Authority;
use crate::version::PROTOCOL;
use std::io::{Read, Write};
use std::net::TcpStream;

/// What a core makes of a peer that behaves as `peer`, accepting.
fn accept_from<T: Send + 'static>(
    config: LinkConfig,
    peer: impl FnOnce(TcpStream) -> T + Send + 'static,
    check: impl FnOnce(LinkError, T) + Send + 'static,
) {
    on_core(move |ring| async move {
        let (connection, socket) = with_socket(&ring).await;
        let peer = thread(move || peer(socket));
        let made = establish(ring.clone(), connection, Role::Accept, config, TWO).await;
        let error = match made {
            Ok(mut side) => loop {
                match side.receiver.recv(|_| Ok(())).await {
                    Ok(true) => {}
                    Ok(false) => panic!("the peer does not end in order"),
                    Err(error) => break error,
                }
            },
            Err(error) => error,
        };
        until(&ring, || peer.is_finished()).await;
        check(error, peer.join().expect("no panic"));
    });
}

/// The handshake of a good peer, blocking.
fn shake_hands(socket: &mut TcpStream) {
    let (local, config) = (hello(ONE), config(7));
    let mut out = Vec::new();
    let mut handshake = Handshake::dial(Terms::new(&local, &config.secret, [1; 32]), &mut out);
    let mut buffer = [0; 4096];
    loop {
        socket.write_all(&out).expect("the core reads");
        out.clear();
        let length = socket.read(&mut buffer).expect("the core answers");
        if let Progress::Done { .. } = handshake.on_bytes(&buffer[..length], &mut out).expect("a link") {
            return socket.write_all(&out).expect("the core reads");
        }
    }
}

/// A peer that says that, and reads what comes back.
fn saying(bytes: Vec<u8>) -> impl FnOnce(TcpStream) -> Vec<u8> {
    move |mut socket| {
        // The core may have heard enough before all of it is written.
        socket.write_all(&bytes).unwrap_or(());
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).map(|_| answer).unwrap_or_default()
    }
}

/// As [`saying`], behind a good handshake; then it sends no more.
fn linked_and_saying(bytes: Vec<u8>) -> impl FnOnce(TcpStream) {
    move |mut socket| {
        shake_hands(&mut socket);
        socket.write_all(&bytes).expect("the core reads");
        socket.shutdown(std::net::Shutdown::Write).expect("open");
        socket.read_to_end(&mut Vec::new()).map(|_| ()).unwrap_or(());
    }
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out, FRAME_BYTES_MAX).expect("a small frame");
    out
}

#[test]
fn half_a_frame() {
    let ping = encoded(&Frame::Ping(1));
    accept_from(config(7), linked_and_saying(ping[..ping.len() - 1].to_vec()), |error, ()| {
        assert!(matches!(error, LinkError::PeerClosedInFrame), "{error}");
    });
}

#[test]
fn garbage_for_a_frame() {
    let garbage = [&40_u32.to_le_bytes()[..], &[0xee; 40]].concat();
    accept_from(config(7), linked_and_saying(garbage), |error, ()| {
        assert!(matches!(error, LinkError::Frame(FrameError::PeerFrameBroken)), "{error}");
    });
}

#[test]
fn a_frame_that_is_too_large() {
    let config = LinkConfig { frame_bytes_max: 1000, ..config(7) };
    accept_from(config, linked_and_saying(1001_u32.to_le_bytes().to_vec()), |error, ()| {
        let expected = "the peer announced a frame of 1001 bytes, and 1000 is the limit";
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn an_empty_frame() {
    accept_from(config(7), linked_and_saying(vec![0; 4]), |error, ()| {
        assert!(matches!(error, LinkError::Frame(FrameError::PeerFrameEmpty)), "{error}");
    });
}

#[test]
fn garbage_for_a_hello() {
    accept_from(config(7), saying(vec![b'x'; 1 << 20]), |error, answer| {
        assert!(matches!(error, LinkError::Handshake(HandshakeError::PeerNotALink)), "{error}");
        assert!(answer.is_empty());
    });
}

#[test]
fn another_version() {
    let version = (PROTOCOL + 1).to_le_bytes();
    let later = [b"MYCOLINK".as_slice(), &version, &[0, 0, 2, 0], b"hi"].concat();
    accept_from(config(7), saying(later), |error, answer| {
        let sentence = "the versions of the link protocol differ: 2 there, 1 here";
        assert_eq!(error.to_string(), sentence);
        assert!(answer.ends_with(sentence.as_bytes()), "{}", answer.escape_ascii());
    });
}

#[test]
fn a_peer_that_closes_at_once() {
    accept_from(config(7), drop, |error, ()| {
        assert!(matches!(error, LinkError::Handshake(HandshakeError::PeerClosed)), "{error}");
    });
}

#[test]
fn a_peer_that_says_nothing() {
    let config = LinkConfig { handshake_timeout: Duration::from_millis(30), ..config(7) };
    accept_from(config, saying(Vec::new()), |error, _| {
        assert_eq!(error.to_string(), "the handshake with the peer was not done within 30 ms");
    });
}

#[test]
fn plain_bytes_where_tls_is_due() {
    let tls = LinkConfig { tls: Some(Authority::new().config(TWO)), ..config(7) };
    accept_from(tls, saying(b"MYCOLINK\x01\x00\x00\x00\x02\x00hi".to_vec()), |error, _| {
        assert!(matches!(error, LinkError::Tls(TlsError::PeerNotTls)), "{error}");
    });
}

/// What two nodes that do not agree say of it, or how that begins.
fn disagree(dialer: LinkConfig, acceptor: LinkConfig, dialled: &'static str, accepted: &'static str) {
    on_core(move |ring| async move {
        let (dialer, acceptor) = meet(&ring, dialer, Some(TWO), acceptor).await;
        let dialer = dialer.map(|_| ()).expect_err("no link").to_string();
        assert!(dialer.starts_with(dialled), "{dialer}");
        let acceptor = acceptor.map(|_| ()).expect_err("no link").to_string();
        assert!(acceptor.starts_with(accepted), "{acceptor}");
    });
}

#[test]
fn different_keys() {
    disagree(
        config(7),
        config(8),
        "the peer refused the link and said: the two nodes have no cluster key in common",
        "the two nodes have no cluster key in common",
    );
}

#[test]
fn tls_on_one_side_only() {
    let with_tls = |node| LinkConfig { tls: Some(Authority::new().config(node)), ..config(7) };
    disagree(
        config(7),
        with_tls(TWO),
        "the peer speaks TLS, and this side has none configured for links",
        "the peer does not speak TLS, and links are configured to",
    );
    disagree(
        with_tls(ONE),
        config(7),
        "the peer closed the connection during the handshake",
        "the peer speaks TLS, and this side has none configured for links",
    );
}

#[test]
fn certificates_of_others() {
    let authority = Authority::new();
    let with_tls =
        |authority: &Authority, node| LinkConfig { tls: Some(authority.config(node)), ..config(7) };
    let refused = "the peer does not accept this node's certificate: ";
    disagree(
        with_tls(&authority, ONE),
        with_tls(&Authority::new(), TWO),
        "the peer's certificate is not signed by the cluster's authority",
        refused,
    );
    disagree(
        with_tls(&authority, ONE),
        with_tls(&authority, ONE),
        "the peer's certificate is not that of the node that was dialled",
        refused,
    );
    // A dialer with the certificate of another node is found out when it names itself.
    disagree(
        with_tls(&authority, TWO),
        with_tls(&authority, TWO),
        "the peer refused the link and said: the certificate is not one of node \
         0101010101010101010101010101010101010101",
        "the certificate is not one of node 0101010101010101010101010101010101010101",
    );
}
