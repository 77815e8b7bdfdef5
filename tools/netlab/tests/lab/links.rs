//! Cables that are pulled and plugged in again.

use netlab::Lab;

use crate::wire::{Protocol, Wire};

#[test]
fn a_pulled_cable_silences_one_host_until_it_is_plugged_in() {
    let Some(mut lab) = Lab::where_possible(3) else { return };
    for protocol in [Protocol::V4, Protocol::V6] {
        let wires = [(0, 1), (1, 0), (1, 2)];
        let mut wires = wires.map(|(from, to)| Wire::by(protocol, lab.host(from), lab.host(to)));
        assert_eq!(wires.each_mut().map(Wire::passes), [true; 3], "{protocol:?}");
        lab.unplug(0).unwrap();
        assert_eq!(wires.each_mut().map(Wire::passes), [false, false, true], "{protocol:?}");
        lab.plug(0).unwrap();
        assert_eq!(wires.each_mut().map(Wire::comes_back), [true; 3], "{protocol:?}");
    }
}
