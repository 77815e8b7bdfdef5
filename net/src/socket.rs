//! Listening, datagram and multicast sockets, bound the way cores want them, and the machine's interfaces.

mod interface;
mod multicast;

pub use self::interface::{Interface, interfaces};
pub use self::multicast::{Family, MulticastSockets, Refusal, multicast_sockets};

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

/// Connections that the kernel holds for a listener that has not accepted them yet.
pub const BACKLOG: i32 = 4096;
/// Bytes of datagrams that the kernel is asked to hold for a core that is busy; it grants what its limits allow.
const DATAGRAM_BUFFER_BYTES: usize = 1 << 20;

/// Whether several cores listen at one address, each with a socket of its own, so that the kernel deals the
/// connections to them (`SO_REUSEPORT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// This socket alone; a second one at the address is refused.
    Alone,
    /// The first of several: refused if anybody listens there, even one who would share.
    Opens,
    /// Another one, beside that which opened the address.
    Joins,
}

/// Binds a TCP listener. Port 0 takes a free one; bind the first core's, ask for its address, and bind the others
/// there. An IPv6 address takes IPv6 only, so that both families can be bound at one port. Accepted connections
/// inherit `TCP_NODELAY`.
///
/// # Errors
///
/// What the system says: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` …
pub fn listen_tcp(address: SocketAddr, sharing: Sharing, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if sharing == Sharing::Joins {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    if sharing == Sharing::Opens {
        socket.set_reuse_port(true)?;
    }
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Binds a UDP socket that nobody shares: a second one at the address is refused. Port 0 takes a free one. An IPv6
/// address takes IPv6 only, so that both families can be bound at one port.
///
/// # Errors
///
/// What the system says: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` …
pub fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Err(error) = socket.set_recv_buffer_size(DATAGRAM_BUFFER_BYTES) {
        tracing::debug!(%error, "the buffer of a UDP socket stays as it is");
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn local(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_free_port_can_be_shared_by_cores() {
        let first = listen_tcp(local(0), Sharing::Opens, BACKLOG).expect("a free port");
        let address = first.local_addr().expect("bound");
        let second = listen_tcp(address, Sharing::Joins, BACKLOG).expect("the port is shared");
        assert_eq!(second.local_addr().expect("bound"), address);
        // Who was not asked to join does not.
        let error = listen_tcp(address, Sharing::Opens, BACKLOG).expect_err("in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_port_that_is_not_shared_is_refused() {
        let first = listen_tcp(local(0), Sharing::Alone, 8).expect("a free port");
        let address = first.local_addr().expect("bound");
        let error = listen_tcp(address, Sharing::Alone, 8).expect_err("in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_udp_port_belongs_to_one_socket_and_one_family() {
        let first = bind_udp(local(0)).expect("a free port");
        let address = first.local_addr().expect("bound");
        assert_eq!(bind_udp(address).expect_err("in use").kind(), io::ErrorKind::AddrInUse);
        let any = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, address.port()));
        bind_udp(any).expect("the port of the other family is free");
    }

    #[test]
    fn accepted_connections_inherit_nodelay() {
        let listener = listen_tcp(local(0), Sharing::Alone, 8).expect("a free port");
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("loopback");
        let (accepted, _) = listener.accept().expect("the client is there");
        assert!(accepted.nodelay().expect("a TCP socket"));
    }
}
