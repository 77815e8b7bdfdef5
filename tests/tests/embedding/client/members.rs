//! The members of a cluster, as clients see them.

use mycorrhizal::{BlockingClient, MemberChange, MemberWatch, Presence};
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::Server as _;

use super::client_of;
use crate::nodes::builder;

/// The changes of one member, from the next on.
fn changes_of<'w>(watch: &'w mut MemberWatch, id: &'w str) -> impl Iterator<Item = MemberChange> + 'w {
    std::iter::from_fn(|| watch.wait_next().ok()).filter(move |change| match change {
        MemberChange::Joined(member)
        | MemberChange::Absent(member)
        | MemberChange::Present(member)
        | MemberChange::Left(member) => member.id.to_string() == id,
    })
}

#[test]
fn a_client_is_told_what_a_node_knows_of_itself() {
    let hypha = builder()
        .port(0)
        .core_ports(0)
        .cluster(format!("of one {}", std::process::id()))
        .secret("a secret of these tests alone")
        .expect(1)
        .gossip_port(0)
        .link_port(0)
        .node_name("one")
        .start()
        .unwrap();
    hypha.wait_ready().unwrap();
    let client = BlockingClient::connect([hypha.addresses().plain[0].to_string()]).unwrap();
    assert_eq!(client.members().list(), hypha.members().blocking().list());
    assert_eq!(client.members().me(), None, "a client is no member");
    hypha.wait_shutdown().unwrap();
}

#[test]
fn members_come_and_go_and_clients_are_told() {
    let mut cluster = Cluster::start(3);
    let members = client_of(&cluster).members();
    let mut all: Vec<_> = members.list().unwrap().into_iter().map(|member| member.id.to_string()).collect();
    let mut ids: Vec<_> = cluster.nodes.iter().map(|node| node.id().to_owned()).collect();
    all.sort();
    ids.sort();
    assert_eq!(all, ids);
    // One by each node: by the one that stands still, too.
    let mut watches = [(); 3].map(|()| members.watch().unwrap());
    let id = cluster.nodes[1].id().to_owned();
    cluster.nodes[1].signal("STOP");
    for watch in &mut watches {
        let change = changes_of(watch, &id).next().unwrap();
        assert!(matches!(&change, MemberChange::Absent(member) if member.name == "node-1"), "{change:?}");
    }
    let absent = members.list().unwrap().into_iter().find(|member| member.id.to_string() == id).unwrap();
    assert_eq!(absent.presence, Presence::Absent);
    cluster.nodes[1].signal("CONT");
    for watch in &mut watches {
        let change = changes_of(watch, &id).next().unwrap();
        assert!(matches!(change, MemberChange::Present(_)), "{change:?}");
    }
    cluster.add(3, cluster.options(3).flag("--leave=on"));
    let id = cluster.nodes[3].id().to_owned();
    for watch in &mut watches {
        let change = changes_of(watch, &id).next().unwrap();
        assert!(matches!(&change, MemberChange::Joined(member) if member.name == "node-3"), "{change:?}");
    }
    let mut fourth = cluster.nodes.remove(3);
    fourth.process().signal("TERM");
    assert!(fourth.process().wait().success(), "{}", fourth.log());
    for watch in &mut watches {
        assert!(changes_of(watch, &id).any(|change| matches!(change, MemberChange::Left(_))));
    }
}
