//! A node in a process of its own, to be paused: it announces a service and an application once, and says nothing more.
#![expect(clippy::unwrap_used, reason = "what a test runs is a test too")]

use std::io::Read as _;

use mycorrhizal::{CoreSet, Hypha, ServiceSpec};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let node = Hypha::builder()
        .cluster(&arguments[0])
        .secret(std::fs::read(&arguments[1]).unwrap())
        .cores("0".parse::<CoreSet>().unwrap())
        .gossip_port(0)
        .link_port(0)
        .node_name("announcer")
        .start()
        .unwrap();
    node.wait_ready().unwrap();
    let _mail = node.services().blocking().register(ServiceSpec::new("mail").instance("smtp-1")).unwrap();
    let billing = node.app::<String>("billing").blocking();
    let _inbox = billing.listen().unwrap();
    billing.declare(["charge"]).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    node.wait_shutdown().unwrap();
}
