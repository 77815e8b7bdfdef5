//! Multicast reaches every host, over IPv4 and over the link-local addresses of IPv6, and faults lie on it path by
//! path.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use netlab::{Fault, Host, Impairment, Lab, Paths};

const PORT_V4: u16 = 7777;
const PORT_V6: u16 = 7778;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 77, 0, 1);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0x77);

fn member_v4(host: &Host) -> UdpSocket {
    let socket = host.udp((Ipv4Addr::UNSPECIFIED, PORT_V4).into()).expect("the port is free there");
    socket.join_multicast_v4(&GROUP_V4, &host.address()).expect("the host has the interface");
    socket
}

fn member_v6(host: &Host) -> UdpSocket {
    let socket = host.udp((Ipv6Addr::UNSPECIFIED, PORT_V6).into()).expect("the port is free there");
    let index = rustix::net::netdevice::name_to_index(&socket, "eth0").expect("a host has that interface");
    socket.join_multicast_v6(&GROUP_V6, index).expect("the host has the interface");
    socket2::SockRef::from(&socket).set_multicast_if_v6(index).expect("the host has the interface");
    socket
}

/// Which of the members hear what the first one says.
fn heard(members: &[UdpSocket], group: SocketAddr) -> Vec<bool> {
    members[0].send_to(b"!", group).expect("there is a route");
    let hears = |member: &UdpSocket| {
        member.set_read_timeout(Some(Duration::from_millis(700))).expect("a time-out can be set");
        member.recv(&mut [0; 8]).is_ok()
    };
    members.iter().map(hears).collect()
}

#[test]
fn it_reaches_every_host_and_meets_faults_on_its_way() {
    let Some(mut lab) = Lab::where_possible(4) else { return };
    let v4: Vec<UdpSocket> = lab.hosts().iter().map(member_v4).collect();
    let v6: Vec<UdpSocket> = lab.hosts().iter().map(member_v6).collect();
    let groups = [(&v4, SocketAddr::from((GROUP_V4, PORT_V4))), (&v6, SocketAddr::from((GROUP_V6, PORT_V6)))];
    for (members, group) in groups {
        assert_eq!(heard(members, group), [true; 4], "{group}");
        let cut = lab.apply(&Paths::one_way([0], [2]), Fault::Cut).unwrap();
        let delay = Impairment { delay: Duration::from_millis(20), ..Impairment::default() };
        let delay = lab.apply(&Paths::one_way([0], [3]), Fault::Impair(delay)).unwrap();
        assert_eq!(heard(members, group), [true, true, false, true], "{group}");
        lab.undo(cut).unwrap();
        lab.undo(delay).unwrap();
        assert_eq!(heard(members, group), [true; 4], "{group}");
    }
}
