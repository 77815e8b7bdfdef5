//! One directed path under test: numbered datagrams go in at one host, and what comes out at the other is told.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use mycorrhizal_tests::clock;
use netlab::Host;

/// How long to wait for what is to come. Only waited out where something is lost.
const PATIENCE: Duration = Duration::from_millis(500);

/// The same where nothing is late and much is lost.
const LITTLE_PATIENCE: Duration = Duration::from_millis(100);

/// What a sender can have under way at once without filling the receiver's buffer.
const BURST: u32 = 50;

/// Which protocol the datagrams travel by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    V4,
    V6,
}

/// A sender on one host, a receiver on another.
pub(crate) struct Wire {
    sender: UdpSocket,
    receiver: UdpSocket,
    target: SocketAddr,
    next: u32,
}

/// A datagram that arrived: its number, and how long it was under way.
pub(crate) type Arrival = (u32, Duration);

impl Wire {
    pub(crate) fn new(from: &Host, to: &Host) -> Self {
        Self::by(Protocol::V4, from, to)
    }

    pub(crate) fn by(protocol: Protocol, from: &Host, to: &Host) -> Self {
        let (any, address): (IpAddr, IpAddr) = match protocol {
            Protocol::V4 => (Ipv4Addr::UNSPECIFIED.into(), to.address().into()),
            Protocol::V6 => (Ipv6Addr::UNSPECIFIED.into(), to.address_v6().into()),
        };
        let socket = |host: &Host| host.udp(SocketAddr::new(any, 0)).expect("a free port");
        let (sender, receiver) = (socket(from), socket(to));
        let port = receiver.local_addr().expect("it is bound").port();
        receiver.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        Wire { sender, receiver, target: SocketAddr::new(address, port), next: 0 }
    }

    /// Waits less for what is lost.
    pub(crate) fn impatient(self) -> Self {
        self.receiver.set_read_timeout(Some(LITTLE_PATIENCE)).expect("a time-out can be set");
        self
    }

    /// Sends so many datagrams, at most [`BURST`] at once, and returns those that arrived, in the order of arrival.
    pub(crate) fn send(&mut self, count: u32) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        let end = self.next + count;
        while self.next < end {
            let burst = BURST.min(end - self.next);
            let first = self.next;
            let sent: Vec<Instant> = (0..burst).map(|_| self.send_one()).collect();
            let mut missing = burst;
            while missing > 0 {
                let Some(number) = self.receive() else { break };
                // One that was given up before comes after all: a host holds some back while it looks for its
                // neighbour.
                let Some(at) = number.checked_sub(first) else { continue };
                missing -= 1;
                arrivals.push((number, sent[at as usize].elapsed()));
            }
        }
        arrivals
    }

    /// Whether one datagram arrives.
    pub(crate) fn passes(&mut self) -> bool {
        !self.send(1).is_empty()
    }

    /// Waits until datagrams arrive: after a cut, hosts have to find each other's hardware address again.
    pub(crate) fn comes_back(&mut self) -> bool {
        clock::wait_for("the path to come back", || self.passes().then_some(true))
    }

    /// How many of one hundred arrive, with duplicates.
    pub(crate) fn arriving_copies(&mut self) -> Vec<u32> {
        for _ in 0..100 {
            self.send_one();
        }
        std::iter::from_fn(|| self.receive()).collect()
    }

    /// The number of the next datagram that arrives, if one does in time.
    fn receive(&self) -> Option<u32> {
        let mut number = [0; 4];
        loop {
            match self.receiver.recv(&mut number) {
                Ok(_) => return Some(u32::from_be_bytes(number)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => panic!("receiving: {error}"),
            }
        }
    }

    fn send_one(&mut self) -> Instant {
        let now = clock::now();
        // A host without a carrier has nowhere to send to; then nothing arrives, which is what is asked.
        self.sender.send_to(&self.next.to_be_bytes(), self.target).unwrap_or_default();
        self.next += 1;
        now
    }
}
