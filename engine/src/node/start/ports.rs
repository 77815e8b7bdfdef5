//! The ports of a node: all of them are bound before anything runs.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use mycorrhizal_net::socket::{Sharing, bind_udp, listen_tcp};

use super::StartError;
use crate::clock;
use crate::hypha::{Addresses, Builder};
use crate::node::cluster::ClusterOptions;
use crate::node::lifetime::Ports;

/// How often a pair of free ports is looked for.
const FREE_ATTEMPTS: usize = 32;

/// How long a port may be in use by a process that has ended: the kernel closes what a ring held some time after it.
const FREED_WITHIN: Duration = Duration::from_millis(1000);

/// The time between two attempts to bind.
const LOOK: Duration = Duration::from_millis(20);

/// Binds all ports, per core; waits a little for ports that an ended process still has.
pub(super) fn bind_ports(builder: &Builder, cores: usize) -> Result<(Vec<Ports>, Addresses), StartError> {
    let deadline = clock::monotonic() + FREED_WITHIN;
    loop {
        match bind_all(builder, cores) {
            Err(StartError::ConfigListen { reason, .. })
                if reason.kind() == ErrorKind::AddrInUse && clock::monotonic() < deadline =>
            {
                std::thread::park_timeout(LOOK);
            }
            bound => return bound,
        }
    }
}

fn bind_all(builder: &Builder, cores: usize) -> Result<(Vec<Ports>, Addresses), StartError> {
    let loopback = vec![IpAddr::from([127, 0, 0, 1])];
    let bind = if builder.settings.bind.is_empty() { &loopback } else { &builder.settings.bind };
    let backlog = i32::try_from(builder.settings.tcp_backlog).unwrap_or(i32::MAX);
    let mut ports: Vec<Ports> = (0..cores).map(|_| Ports::default()).collect();
    let mut addresses = Addresses::default();
    if let Some(mut port) = builder.listen {
        for &ip in bind {
            for (number, core) in ports.iter_mut().enumerate() {
                let sharing = if number == 0 { Sharing::Opens } else { Sharing::Joins };
                let listener = listen(SocketAddr::new(ip, port), sharing, backlog)?;
                port = port_of(&listener);
                core.plain.push(listener);
            }
            addresses.plain.push(SocketAddr::new(ip, port));
        }
    }
    if let Some(base) = builder.core_ports {
        let mut taken: Vec<u16> =
            (0..cores).map(|core| core_port(base, core, cores)).collect::<Result<_, _>>()?;
        for &ip in bind {
            for (core, port) in ports.iter_mut().zip(&mut taken) {
                let listener = listen(SocketAddr::new(ip, *port), Sharing::Alone, backlog)?;
                *port = port_of(&listener);
                core.own.push(listener);
                addresses.cores.push(SocketAddr::new(ip, *port));
            }
        }
    }
    if let Some(cluster) = &builder.cluster {
        bind_cluster_ports(cluster, bind[0], backlog, &mut ports, &mut addresses)?;
    }
    Ok((ports, addresses))
}

/// Binds gossip sockets and link listeners: on consecutive ports, for that is how members find those of other cores.
fn bind_cluster_ports(
    cluster: &ClusterOptions,
    ip: IpAddr,
    backlog: i32,
    ports: &mut [Ports],
    addresses: &mut Addresses,
) -> Result<(), StartError> {
    let links = consecutive(cluster.link_port, ports.len(), |port| {
        listen(SocketAddr::new(ip, port), Sharing::Alone, backlog)
            .map(|listener| (port_of(&listener), listener))
    })?;
    let sockets = consecutive(cluster.gossip_port, ports.len(), |port| {
        let address = SocketAddr::new(ip, port);
        let socket = bind_udp(address).map_err(|reason| StartError::ConfigListen { address, reason })?;
        Ok((udp_port_of(&socket), socket))
    })?;
    for ((core, (link_port, listener)), (gossip_port, socket)) in ports.iter_mut().zip(links).zip(sockets) {
        core.links.push(listener);
        core.gossip = Some(socket);
        addresses.links.push(SocketAddr::new(ip, link_port));
        addresses.gossip.push(SocketAddr::new(ip, gossip_port));
    }
    Ok(())
}

/// Binds a port for each core, one after the other from `base`; from any free one if that is 0.
fn consecutive<T>(
    base: u16,
    cores: usize,
    bind: impl Fn(u16) -> Result<(u16, T), StartError>,
) -> Result<Vec<(u16, T)>, StartError> {
    if base != 0 {
        return (0..cores).map(|core| bind(core_port(base, core, cores)?)).collect();
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let first = bind(0)?;
        let from = first.0;
        let rest = (1..cores).map(|core| bind(core_port(from, core, cores)?));
        match std::iter::once(Ok(first)).chain(rest).collect() {
            Err(_) if attempt < FREE_ATTEMPTS => {}
            bound => return bound,
        }
    }
}

fn listen(address: SocketAddr, sharing: Sharing, backlog: i32) -> Result<TcpListener, StartError> {
    listen_tcp(address, sharing, backlog).map_err(|reason| StartError::ConfigListen { address, reason })
}

fn core_port(base: u16, core: usize, cores: usize) -> Result<u16, StartError> {
    if base == 0 {
        return Ok(0);
    }
    u16::try_from(usize::from(base) + core).map_err(|_| StartError::ConfigCorePorts { base, cores })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map(|address| address.port()).unwrap_or(0)
}

fn udp_port_of(socket: &UdpSocket) -> u16 {
    socket.local_addr().map(|address| address.port()).unwrap_or(0)
}

/// The address from which this machine would talk to another; nothing is sent to find out.
pub(super) fn outward_address(like: IpAddr) -> Option<IpAddr> {
    // Addresses for documentation: they are routed as any other would be.
    let (from, to): (SocketAddr, SocketAddr) = match like {
        IpAddr::V4(_) => (([0, 0, 0, 0], 0).into(), ([192, 0, 2, 1], 9).into()),
        IpAddr::V6(_) => (([0_u16; 8], 0).into(), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 9).into()),
    };
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
