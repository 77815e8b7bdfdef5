//! Multicast on every interface: sockets that hear a group wherever it is spoken to, and speak to it everywhere.
//!
//! One socket per family hears; it joins the group on every interface that is up and carries multicast, the loopback
//! interface included. Several processes of a machine share the port, and each hears everything. To speak, there
//! is one socket for each interface and family, bound to an address of that interface, so that whoever hears it knows
//! where to answer. What is said stays on the link (a time to live of 1) and is heard on this machine too.
//!
//! What one interface refuses is told ([`Refusal`]) and stops no other. Interfaces come and go:
//! [`MulticastSockets::refresh`] looks again.
//!
//! Limits: Linux lets one socket join `net.ipv4.igmp_max_memberships` groups (20), each interface counts as one.
//!
//! Sources: ip(7), ipv6(7), socket(7) on `SO_REUSEADDR` and multicast.

use super::interface::{Interface, interfaces};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};

/// IPv4 or IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What could not be had, and goes on without.
#[derive(Debug)]
pub struct Refusal {
    /// On which interface; None if the family is not to be had at all.
    pub interface: Option<String>,
    /// Of which family.
    pub family: Family,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, family, error } = self;
        match interface {
            Some(name) => write!(formatter, "no {family:?} multicast on {name}: {error}"),
            None => write!(formatter, "no {family:?} multicast: {error}"),
        }
    }
}

/// Speaks to the group on one interface.
#[derive(Debug)]
struct Outlet {
    interface: Interface,
    family: Family,
    socket: UdpSocket,
    to: SocketAddr,
}

/// The sockets of one pair of groups. Owned by whoever sends beacons.
#[derive(Debug)]
pub struct MulticastSockets {
    v4: SocketAddrV4,
    v6: SocketAddrV6,
    /// Of each family that is to be had.
    receivers: Vec<(Family, UdpSocket)>,
    /// Loopback interfaces last: what is heard twice is taken from the address that others can reach as well.
    outlets: Vec<Outlet>,
}

/// Hears and speaks to both groups on every interface. Says what could not be had.
///
/// # Errors
///
/// The interfaces cannot be listed.
pub fn multicast_sockets(
    group_v4: SocketAddrV4,
    group_v6: SocketAddrV6,
) -> io::Result<(MulticastSockets, Vec<Refusal>)> {
    let mut sockets =
        MulticastSockets { v4: group_v4, v6: group_v6, receivers: Vec::new(), outlets: Vec::new() };
    let mut refusals = Vec::new();
    for family in [Family::V4, Family::V6] {
        match receiver(sockets.group(family)) {
            Ok(socket) => sockets.receivers.push((family, socket)),
            Err(error) => refusals.push(Refusal { interface: None, family, error }),
        }
    }
    refusals.extend(sockets.refresh()?);
    Ok((sockets, refusals))
}

impl MulticastSockets {
    fn group(&self, family: Family) -> SocketAddr {
        match family {
            Family::V4 => SocketAddr::V4(self.v4),
            Family::V6 => SocketAddr::V6(self.v6),
        }
    }

    /// The sockets that hear, one of each family that is to be had; give them to [`crate::ring::Ring::datagrams`].
    /// They go on hearing on interfaces that a later [`MulticastSockets::refresh`] finds.
    ///
    /// # Errors
    ///
    /// What `dup` says.
    pub fn receivers(&self) -> io::Result<Vec<UdpSocket>> {
        self.receivers.iter().map(|(_, socket)| socket.try_clone()).collect()
    }

    /// Says `bytes` to the groups on every interface, without waiting; what is refused is lost.
    pub fn send(&self, bytes: &[u8]) -> Vec<Refusal> {
        self.send_where(bytes, |_| true)
    }

    /// Says `bytes` to the groups on loopback interfaces only: for what is reached on this host and nowhere else.
    pub fn send_on_loopback(&self, bytes: &[u8]) -> Vec<Refusal> {
        self.send_where(bytes, |interface| interface.is_loopback)
    }

    fn send_where(&self, bytes: &[u8], wanted: impl Fn(&Interface) -> bool) -> Vec<Refusal> {
        let send = |outlet: &Outlet| {
            let error = outlet.socket.send_to(bytes, outlet.to).err()?;
            Some(refusal(&outlet.interface, outlet.family, error))
        };
        self.outlets.iter().filter(|outlet| wanted(&outlet.interface)).filter_map(send).collect()
    }

    /// Looks at the interfaces again: joins the groups on new ones, lets go of those that are gone.
    ///
    /// # Errors
    ///
    /// The interfaces cannot be listed; everything stays as it was.
    pub fn refresh(&mut self) -> io::Result<Vec<Refusal>> {
        let mut interfaces = interfaces()?;
        interfaces.retain(|interface| interface.is_multicast);
        interfaces.sort_by_key(|interface| interface.is_loopback);
        let mut old = std::mem::take(&mut self.outlets);
        let mut refusals = Vec::new();
        for (family, receiver) in &self.receivers {
            let group = self.group(*family);
            for interface in interfaces.iter().filter(|interface| has_address(interface, *family)) {
                if let Err(error) = join(receiver, group, interface) {
                    refusals.push(refusal(interface, *family, error));
                }
                let known = old.iter().position(|old| old.family == *family && old.interface == *interface);
                match known.map_or_else(|| outlet(group, interface), |at| Ok(old.swap_remove(at))) {
                    Ok(outlet) => self.outlets.push(outlet),
                    Err(error) => refusals.push(refusal(interface, *family, error)),
                }
            }
        }
        self.outlets.sort_by_key(|outlet| outlet.interface.is_loopback);
        Ok(refusals)
    }
}

fn refusal(interface: &Interface, family: Family, error: io::Error) -> Refusal {
    Refusal { interface: Some(interface.name.clone()), family, error }
}

fn has_address(interface: &Interface, family: Family) -> bool {
    match family {
        Family::V4 => !interface.ipv4.is_empty(),
        Family::V6 => !interface.ipv6.is_empty(),
    }
}

/// A socket at the group's port, which other processes may share, that hears nothing yet.
fn receiver(group: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Without this, it would hear groups that others have joined.
    match group {
        SocketAddr::V4(_) => {
            socket.set_multicast_all_v4(false)?;
            socket.bind(&group.into())?;
        }
        // A group of the link cannot be bound to without naming an interface.
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_multicast_all_v6(false)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, group.port())).into())?;
        }
    }
    Ok(socket.into())
}

/// Joins the group on an interface. Having joined already is as good.
fn join(receiver: &UdpSocket, group: SocketAddr, interface: &Interface) -> io::Result<()> {
    let socket = SockRef::from(receiver);
    let outcome = match group {
        SocketAddr::V4(group) => {
            let index = InterfaceIndexOrAddress::Index(interface.index);
            socket.join_multicast_v4_n(group.ip(), &index)
        }
        SocketAddr::V6(group) => socket.join_multicast_v6(group.ip(), interface.index),
    };
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
        outcome => outcome,
    }
}

fn outlet(group: SocketAddr, interface: &Interface) -> io::Result<Outlet> {
    let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
    let missing = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    let (family, from, to) = match group {
        SocketAddr::V4(_) => {
            let address = *interface.ipv4.first().ok_or_else(missing)?;
            socket.set_multicast_if_v4(&address)?;
            socket.set_multicast_loop_v4(true)?;
            socket.set_multicast_ttl_v4(1)?;
            (Family::V4, SocketAddr::from((address, 0)), group)
        }
        SocketAddr::V6(group) => {
            // An address of the link means something only there: one that others can pass on comes first.
            let global = interface.ipv6.iter().find(|address| !address.is_unicast_link_local());
            let address = *global.or(interface.ipv6.first()).ok_or_else(missing)?;
            let scoped = |address, port| SocketAddrV6::new(address, port, 0, interface.index);
            socket.set_multicast_if_v6(interface.index)?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_hops_v6(1)?;
            (Family::V6, scoped(address, 0).into(), scoped(*group.ip(), group.port()).into())
        }
    };
    socket.bind(&from.into())?;
    socket.set_nonblocking(true)?;
    Ok(Outlet { interface: interface.clone(), family, socket: socket.into(), to })
}

#[cfg(test)]
mod tests {
    use super::super::bind_udp;
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    /// Groups at a port that was free just now, so that tests hear only themselves.
    fn groups(last: u8) -> (SocketAddrV4, SocketAddrV6) {
        let free = bind_udp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let port = free.local_addr().expect("bound").port();
        let v6 = Ipv6Addr::new(0xFF12, 0, 0, 0, 0, 0, 0x4D79, u16::from(last));
        (SocketAddrV4::new(Ipv4Addr::new(239, 255, 78, last), port), SocketAddrV6::new(v6, port, 0, 0))
    }

    /// Speaks on loopback interfaces only: what other networks let through is theirs to say.
    fn open(groups: (SocketAddrV4, SocketAddrV6)) -> MulticastSockets {
        let (mut sockets, refusals) = multicast_sockets(groups.0, groups.1).expect("the interfaces");
        refusals.iter().for_each(|refusal| println!("{refusal}"));
        assert!(!sockets.outlets.is_empty());
        sockets.outlets.retain(|outlet| outlet.interface.is_loopback);
        for (_, receiver) in &sockets.receivers {
            receiver.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        }
        sockets
    }

    fn speaks(sockets: &MulticastSockets, family: Family) -> usize {
        sockets.outlets.iter().filter(|outlet| outlet.family == family).count()
    }

    /// All that is heard of one send, from whom.
    fn heard(sockets: &MulticastSockets, family: Family, count: usize, text: &[u8]) -> Vec<SocketAddr> {
        let receiver = sockets.receivers.iter().find(|(known, _)| *known == family);
        let (_, receiver) = receiver.expect("the family is to be had");
        let mut buffer = [0; 100];
        let next = |_| {
            let (bytes, from) = receiver.recv_from(&mut buffer).expect("it was sent");
            assert_eq!(&buffer[..bytes], text);
            from
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn every_process_of_a_machine_hears_it() {
        let groups = groups(1);
        let sockets = [open(groups), open(groups), open(groups)];
        for speaker in &sockets {
            let refused = speaker.send(b"here I am");
            for family in [Family::V4, Family::V6] {
                let refused = refused.iter().filter(|refusal| refusal.family == family).count();
                let count = speaks(speaker, family) - refused;
                if family == Family::V4 {
                    assert!(count > 0, "the loopback interface at least");
                }
                for listener in &sockets {
                    if count == 0 {
                        continue;
                    }
                    let from = heard(listener, family, count, b"here I am");
                    let local: Vec<SocketAddr> =
                        speaker.outlets.iter().filter_map(|outlet| outlet.socket.local_addr().ok()).collect();
                    assert!(
                        from.iter().all(|from| local.iter().any(|local| local.ip() == from.ip())),
                        "{from:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn looking_again_changes_nothing_when_nothing_has_changed() {
        let groups = groups(2);
        let mut sockets = open(groups);
        let before: Vec<SocketAddr> =
            sockets.outlets.iter().map(|outlet| outlet.socket.local_addr().expect("bound")).collect();
        sockets.refresh().expect("the interfaces");
        sockets.outlets.retain(|outlet| outlet.interface.is_loopback);
        let after: Vec<SocketAddr> =
            sockets.outlets.iter().map(|outlet| outlet.socket.local_addr().expect("bound")).collect();
        assert_eq!(before, after, "the same sockets");
        // And what was joined twice is heard once.
        let refused = sockets.send(b"again");
        let refused = refused.iter().filter(|refusal| refusal.family == Family::V4).count();
        let count = speaks(&sockets, Family::V4) - refused;
        heard(&sockets, Family::V4, count, b"again");
        sockets.send(b"once");
        heard(&sockets, Family::V4, count, b"once");
    }

    #[test]
    fn an_interface_that_was_let_go_is_found_again() {
        let groups = groups(3);
        let mut sockets = open(groups);
        let count = sockets.outlets.len();
        sockets.outlets.clear();
        assert!(count > 0, "the loopback interface at least");
        assert!(sockets.send(b"to nobody").is_empty());
        sockets.refresh().expect("the interfaces");
        assert!(sockets.outlets.is_sorted_by_key(|outlet| outlet.interface.is_loopback));
        sockets.outlets.retain(|outlet| outlet.interface.is_loopback);
        assert_eq!(sockets.outlets.len(), count);
    }

    #[test]
    fn groups_at_one_port_do_not_hear_each_other() {
        let (first, second) = (groups(4), groups(5));
        let second = (SocketAddrV4::new(*second.0.ip(), first.0.port()), second.1);
        let (ours, theirs) = (open(first), open(second));
        theirs.send(b"not for us");
        let refused = ours.send(b"for us");
        let refused = refused.iter().filter(|refusal| refusal.family == Family::V4).count();
        let count = speaks(&ours, Family::V4) - refused;
        heard(&ours, Family::V4, count, b"for us");
    }

    #[test]
    fn a_family_that_cannot_be_bound_is_told() {
        let (v4, v6) = groups(6);
        let taken = bind_udp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, v6.port())));
        if taken.is_err() {
            return;
        }
        let (sockets, refusals) = multicast_sockets(v4, v6).expect("the interfaces");
        let told = refusals.iter().find(|refusal| refusal.interface.is_none()).expect("the port is taken");
        assert_eq!(told.family, Family::V6);
        assert!(told.to_string().starts_with("no V6 multicast: "), "{told}");
        assert_eq!(sockets.receivers().expect("descriptors").len(), 1);
        assert!(speaks(&sockets, Family::V4) > 0);
    }
}
