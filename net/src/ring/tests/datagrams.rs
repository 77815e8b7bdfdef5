//! UDP: what arrives, what does not fit, and that nothing that goes wrong with one datagram ends the socket.

use super::*;
use crate::gossip::{BEACON_KIND, BEACON_V6, Beacon, Key, KeyRing, Opener, SALT_BYTES, Sealer};
use crate::identity::{Incarnation, NodeId};
use crate::ring::{Datagram, Datagrams, Ring, RingConfig};
use crate::socket::{bind_udp, interfaces, multicast_sockets};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpStream, UdpSocket};

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn few_buffers() -> RingConfig {
    RingConfig { buffers_at_first: 2, buffers_max: 4, buffer_bytes: 1024, ..RingConfig::default() }
}

fn open(ring: &Ring, address: SocketAddr) -> (Datagrams, SocketAddr) {
    let datagrams = ring.datagrams(bind_udp(address).expect("a free port")).expect("a socket");
    let address = datagrams.local_addr().expect("bound");
    (datagrams, address)
}

async fn next(datagrams: &Datagrams) -> Datagram {
    datagrams.recv().await.expect("the socket works")
}

#[test]
fn datagrams_of_any_size_come_and_go_over_ipv4_and_ipv6() {
    for address in [local(), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
        on_core(RingConfig::default(), move |ring| async move {
            let (datagrams, address) = open(&ring, address);
            let peer = bind_udp(SocketAddr::new(address.ip(), 0)).expect("a free port");
            let from = peer.local_addr().expect("bound");
            let sizes = [0, 1, 1400, 8000, 16 * 1024 - 44];
            let echoing = thread(move || {
                let mut buffer = vec![0; 20_000];
                for size in sizes {
                    peer.send_to(&pattern(size), address).expect("sent");
                    let (bytes, echoed_by) = peer.recv_from(&mut buffer).expect("echoed");
                    assert_eq!(echoed_by, address);
                    assert!(buffer[..bytes] == pattern(size));
                }
            });
            for size in sizes {
                let datagram = next(&datagrams).await;
                assert_eq!(datagram.from(), from);
                assert!(*datagram == *pattern(size));
                datagrams.send_to(datagram.to_vec(), datagram.from());
            }
            until(&ring, |ring| ring.stats().datagrams_sent == 5).await;
            echoing.join().expect("no panic");
            let stats = ring.stats();
            assert_eq!((stats.datagrams_received, stats.buffers_lent), (5, 0));
        });
    }
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    on_core(few_buffers(), |ring| async move {
        let (datagrams, address) = open(&ring, local());
        let peer = bind_udp(local()).expect("a free port");
        for bytes in [1024 - 44 + 1, 5000, 1024 - 44] {
            peer.send_to(&pattern(bytes), address).expect("sent");
        }
        assert!(*next(&datagrams).await == *pattern(1024 - 44));
        let stats = ring.stats();
        assert_eq!((stats.datagrams_unreadable, stats.datagrams_received, stats.buffers_lent), (2, 1, 0));
    });
}

#[test]
fn datagrams_wait_in_the_kernel_while_readers_hold_every_buffer() {
    on_core(few_buffers(), |ring| async move {
        let (listener, address) = listen(&ring);
        let mut greedy = TcpStream::connect(address).expect("the core listens");
        let holder = listener.accept().await.expect("a client");
        let mut held = Vec::new();
        for lent in 1..=4 {
            greedy.write_all(&[b'g'; 1024]).expect("sent");
            held.push(holder.recv().await.expect("no error").expect("bytes"));
            assert_eq!(ring.stats().buffers_lent, lent);
        }
        let (datagrams, address) = open(&ring, local());
        let peer = bind_udp(local()).expect("a free port");
        for number in 0..10u8 {
            peer.send_to(&[number; 900], address).expect("sent");
        }
        let shortages = ring.stats().buffer_shortages;
        let (sender, receiver) = ring.oneshot();
        spawn(async move {
            for number in 0..10u8 {
                assert_eq!(*next(&datagrams).await, [number; 900]);
            }
            sender.send(());
        });
        until(&ring, |ring| ring.stats().buffer_shortages > shortages).await;
        assert_eq!(ring.stats().datagrams_received, 0);
        held.clear();
        receiver.await.expect("all of them");
        assert_eq!(ring.stats().buffers_lent, 0);
    });
}

#[test]
fn a_reader_that_holds_datagrams_stops_nobody() {
    on_core(few_buffers(), |ring| async move {
        let (datagrams, address) = open(&ring, local());
        let peer = bind_udp(local()).expect("a free port");
        let mut held = Vec::new();
        // The one that is queued when the kernel runs dry is moved out of its buffer, so one is always left.
        for number in 0..20u8 {
            peer.send_to(&[number; 900], address).expect("sent");
            held.push(next(&datagrams).await);
        }
        assert!(ring.stats().buffer_shortages > 0);
        for (number, datagram) in (0u8..).zip(&held) {
            assert_eq!(**datagram, [number; 900]);
        }
        held.clear();
        assert_eq!(ring.stats().buffers_lent, 0);
    });
}

#[test]
fn a_socket_that_nobody_reads_holds_no_buffers_from_others() {
    let config = RingConfig { queued_chunks_max: 4, ..few_buffers() };
    on_core(config, |ring| async move {
        let (silent, address) = open(&ring, local());
        let (busy, busy_address) = open(&ring, local());
        let peer = bind_udp(local()).expect("a free port");
        // The first one arms the socket; then nobody reads while more arrive than it queues.
        peer.send_to(b"first", address).expect("sent");
        assert_eq!(*next(&silent).await, *b"first");
        for number in 0..40u8 {
            peer.send_to(&[number], address).expect("sent");
        }
        for number in 0..40u8 {
            peer.send_to(&[number], busy_address).expect("sent");
            assert_eq!(*next(&busy).await, [number]);
        }
        for number in 0..40u8 {
            assert_eq!(*next(&silent).await, [number], "in order, from the queue and from the kernel");
        }
        assert!(silent.try_recv().is_none());
        assert_eq!(ring.stats().buffers_lent, 0);
    });
}

#[test]
fn sends_that_fail_are_counted_and_forgotten() {
    on_core(RingConfig::default(), |ring| async move {
        let (datagrams, _) = open(&ring, local());
        let peer = bind_udp(local()).expect("a free port");
        let to = peer.local_addr().expect("bound");
        // Another family, no port, larger than any datagram.
        datagrams.send_to(vec![1], SocketAddr::from((Ipv6Addr::LOCALHOST, 9)));
        datagrams.send_to(vec![1], local());
        datagrams.send_to(vec![1; 70_000], to);
        datagrams.send_to(vec![7; 7], to);
        until(&ring, |ring| ring.stats().datagrams_sent == 1).await;
        assert_eq!(ring.stats().datagram_send_errors, 3);
        let mut buffer = [0; 100];
        assert_eq!(peer.recv_from(&mut buffer).expect("it arrived").0, 7);
    });
}

#[test]
fn no_more_than_so_many_are_under_way() {
    on_core(RingConfig::default(), |ring| async move {
        let (datagrams, _) = open(&ring, local());
        let peer = bind_udp(local()).expect("a free port");
        let to = peer.local_addr().expect("bound");
        for _ in 0..1024 + 10 {
            datagrams.send_to(vec![0; 10], to);
        }
        assert_eq!(ring.stats().datagrams_overflowed, 10);
        until(&ring, |ring| {
            let stats = ring.stats();
            stats.datagrams_sent + stats.datagram_send_errors == 1024
        })
        .await;
        // Those have left: there is room again.
        datagrams.send_to(vec![0; 10], to);
        assert_eq!(ring.stats().datagrams_overflowed, 10);
        assert_eq!(ring.stats().operations_in_flight, 2);
    });
}

#[test]
fn a_peer_that_is_not_there_is_only_an_error_to_get_past() {
    on_core(RingConfig::default(), |ring| async move {
        let gone = bind_udp(local()).expect("a free port");
        let address = gone.local_addr().expect("bound");
        drop(gone);
        let socket = bind_udp(local()).expect("a free port");
        // Only a connected socket hears that nobody listens.
        socket.connect(address).expect("no peer is needed for that");
        let here = socket.local_addr().expect("bound");
        let datagrams = ring.datagrams(socket).expect("a socket");
        let (sender, receiver) = ring.oneshot();
        let sending = ring.clone();
        spawn(async move {
            // It waits while the answer of the peer's host comes.
            datagrams.send_to(vec![1], address);
            let datagram = next(&datagrams).await;
            sender.send(datagram.to_vec());
        });
        until(&sending, |ring| ring.stats().datagram_receive_errors == 1).await;
        let peer = UdpSocket::bind(address).expect("still free");
        peer.send_to(b"back", here).expect("sent");
        assert_eq!(receiver.await.expect("it goes on"), b"back");
    });
}

#[test]
fn dropping_it_closes_the_socket() {
    on_core(RingConfig::default(), |ring| async move {
        let (datagrams, address) = open(&ring, local());
        let peer = bind_udp(local()).expect("a free port");
        peer.send_to(b"kept", address).expect("sent");
        let datagram = next(&datagrams).await;
        assert_eq!(ring.stats().operations_in_flight, 2);
        datagrams.send_to(vec![0; 10], peer.local_addr().expect("bound"));
        drop(datagrams);
        until(&ring, |ring| ring.stats().operations_in_flight == 1).await;
        bind_udp(address).expect("the port is free again");
        assert_eq!(*datagram, *b"kept");
        assert_eq!(ring.stats().buffers_lent, 1);
        drop(datagram);
        assert_eq!(ring.stats().buffers_lent, 0);
    });
}

#[test]
fn a_beacon_finds_a_node_that_has_no_address() {
    let free = bind_udp(local()).expect("a free port").local_addr().expect("bound").port();
    let group_v4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 79, 1), free);
    let group_v6 = SocketAddrV6::new(*BEACON_V6.ip(), free, 0, 0);
    on_core(RingConfig::default(), move |ring| async move {
        let keys = KeyRing::new(Key::derive(b"a secret of this cluster").expect("long enough"));
        let (listening, _) = multicast_sockets(group_v4, group_v6).expect("the interfaces");
        let mut receivers = listening.receivers().expect("descriptors").into_iter();
        let receiver = ring.datagrams(receivers.next().expect("IPv4 is to be had")).expect("a socket");

        let (speaking, _) = multicast_sockets(group_v4, group_v6).expect("the interfaces");
        let said = Beacon::new(NodeId([1; 20]), None, IpAddr::from([0, 0, 0, 0]), 4000);
        let mut sealer = Sealer::new("orders", said.node, Incarnation(1), 0, [9; SALT_BYTES]);
        speaking.send(&sealer.seal(&keys, BEACON_KIND, &said.encode()).expect("it fits"));

        let datagram = next(&receiver).await;
        let mut payload = Vec::new();
        let header = Opener::new("orders").open(&keys, &datagram, &mut payload).expect("it is ours");
        assert_eq!((header.kind, header.sender), (BEACON_KIND, said.node));
        assert_eq!(Beacon::decode(&payload), Ok(said));
        let here = interfaces().expect("the list");
        let here = here.iter().flat_map(|interface| &interface.ipv4);
        assert!(here.into_iter().any(|address| datagram.from().ip() == *address));
    });
}

#[test]
fn a_core_that_ends_fails_the_reader() {
    let (failed, has_failed) = std::sync::mpsc::channel();
    let core = start_core(RingConfig::default(), |ring| async move {
        let (datagrams, _) = open(&ring, local());
        let (sender, receiver) = ring.oneshot();
        spawn(async move {
            let reading = datagrams.recv();
            sender.send(());
            failed.send(reading.await.expect_err("the core ends").raw_os_error()).expect("the test waits");
            let again = datagrams.recv().await.expect_err("the core has ended");
            failed.send(again.raw_os_error()).expect("the test waits");
        });
        receiver.await.expect("it waits");
    });
    core.join().expect("no panic");
    assert_eq!(has_failed.recv().expect("it failed"), Some(libc::ECANCELED));
    assert_eq!(has_failed.recv().expect("it failed"), Some(libc::ECANCELED));
}
