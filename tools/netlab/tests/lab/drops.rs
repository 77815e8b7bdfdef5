//! Loss, cuts and resets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use netlab::{Fault, Host, Lab, Paths};

use crate::wire::{Protocol, Wire};

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn loss_loses_its_share_on_its_path_only() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    let mut there = Wire::new(lab.host(0), lab.host(1)).impatient();
    let mut back = Wire::new(lab.host(1), lab.host(0));
    assert!(there.passes() && back.passes());
    let loss = lab.apply(&Paths::one_way([0], [1]), Fault::Loss { percent: 20 }).unwrap();
    let arrived = there.send(1000).len();
    assert!((740..=860).contains(&arrived), "{arrived} of 1000 arrived under a loss of 20 %");
    assert_eq!(back.send(500).len(), 500);
    lab.undo(loss).unwrap();
    assert_eq!(there.send(500).len(), 500);
}

#[test]
fn a_cut_between_groups_cuts_both_ways_and_nothing_else() {
    let Some(mut lab) = Lab::where_possible(3) else { return };
    let cut = lab.apply(&Paths::between([0], [1, 2]), Fault::Cut).unwrap();
    let wires = [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)];
    let mut wires = wires.map(|(from, to)| Wire::new(lab.host(from), lab.host(to)));
    assert_eq!(wires.each_mut().map(Wire::passes), [false, false, false, false, true, true]);
    lab.undo(cut).unwrap();
    assert_eq!(wires.each_mut().map(Wire::comes_back), [true; 6]);
}

#[test]
fn a_one_way_cut_lets_the_other_way_pass() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    for protocol in [Protocol::V4, Protocol::V6] {
        let mut there = Wire::by(protocol, lab.host(0), lab.host(1));
        let mut back = Wire::by(protocol, lab.host(1), lab.host(0));
        // Both know each other's hardware address; a cut that hides its answers comes later.
        assert!(there.passes() && back.passes());
        let cut = lab.apply(&Paths::one_way([0], [1]), Fault::Cut).unwrap();
        assert!(!there.passes() && back.passes(), "{protocol:?}");
        lab.undo(cut).unwrap();
        assert!(there.passes() && back.passes(), "{protocol:?}");
    }
}

#[test]
fn resets_end_connections_and_refuse_new_ones() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    let listener = listen(lab.host(1));
    let at = SocketAddr::from((lab.host(1).address(), listener.local_addr().unwrap().port()));
    let mut client = lab.host(0).tcp_connect(at, PATIENCE).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"?").unwrap();
    server.read_exact(&mut [0]).unwrap();

    let reset = lab.apply(&Paths::between([0], [1]), Fault::Reset).unwrap();
    client.write_all(b"?").unwrap();
    assert_eq!(client.read_exact(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let refused = lab.host(0).tcp_connect(at, PATIENCE).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(Wire::new(lab.host(0), lab.host(1)).passes(), "datagrams are not reset");

    lab.undo(reset).unwrap();
    lab.host(0).tcp_connect(at, PATIENCE).unwrap();
}

#[test]
fn faults_on_one_path_add_up_and_end_each_for_itself() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    let mut wire = Wire::new(lab.host(0), lab.host(1));
    let first = lab.apply(&Paths::one_way([0], [1]), Fault::Cut).unwrap();
    let second = lab.apply(&Paths::between([0], [1]), Fault::Cut).unwrap();
    lab.undo(first).unwrap();
    assert!(!wire.passes());
    assert!(lab.undo(first).is_err(), "it was undone before");
    lab.undo(second).unwrap();
    assert!(wire.comes_back());
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let Some(mut lab) = Lab::where_possible(2) else { return };
    assert!(lab.apply(&Paths::between([0], [2]), Fault::Cut).is_err(), "there is no host 2");
    assert!(lab.apply(&Paths::between([0], [1]), Fault::Loss { percent: 101 }).is_err());
    assert!(Wire::new(lab.host(0), lab.host(1)).passes());
}

fn listen(host: &Host) -> TcpListener {
    host.tcp_listen((Ipv4Addr::UNSPECIFIED, 0).into()).expect("a free port")
}
