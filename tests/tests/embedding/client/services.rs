//! Services that clients register and find.

use std::process::{Command, Stdio};

use mycorrhizal::{
    BlockingClient, BlockingServices, Health, ProposeError, Registration, Service, ServiceSpec,
};
use mycorrhizal_tests::clock::wait_for;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Server as _, example_binary};

use super::client_of;
use crate::nodes::{builder, wait};

fn mail() -> ServiceSpec {
    ServiceSpec::new("mail").address("10.0.0.1:25".parse().unwrap()).metadata("zone", "a b")
}

/// Which of the nodes has a service.
fn node_of(cluster: &Cluster, service: &Service) -> usize {
    let id = service.session.node.to_string();
    cluster.nodes.iter().position(|node| node.id() == id).unwrap()
}

/// Waits until a service is registered by another node than `before`, and returns it as it is found then.
fn moved(services: &BlockingServices, registration: &Registration, before: &Service) -> Service {
    let is_moved = |service: &Service| {
        service.instance == before.instance && service.session.node != before.session.node
    };
    let found =
        wait_for("another node", || services.discover(&before.name).unwrap().into_iter().find(is_moved));
    wait("the word of it", || registration.service() == found);
    found
}

#[test]
fn a_client_finds_what_a_node_has_registered_and_the_other_way_round() {
    let hypha = builder().port(0).core_ports(0).start().unwrap();
    let client = BlockingClient::connect([hypha.addresses().plain[0].to_string()]).unwrap();
    let (here, there) = (hypha.services().blocking(), client.services());
    let (of_node, of_client) = (here.register(mail()).unwrap(), there.register(mail()).unwrap());
    assert_ne!(of_node.service().instance, of_client.service().instance);
    let found = there.discover("mail").unwrap();
    assert_eq!(Ok(&found), here.discover("mail").as_ref());
    assert!(found.len() == 2 && found.contains(&of_node.service()) && found.contains(&of_client.service()));
    assert!(there.discover("none").unwrap().is_empty());
    hypha.wait_shutdown().unwrap();
}

#[test]
fn whoever_watches_a_service_is_told_of_its_instances() {
    let cluster = Cluster::start(2);
    let (one, other) = (client_of(&cluster).services(), client_of(&cluster).services());
    let mut watch = other.watch("mail").unwrap();
    assert_eq!(watch.wait_next(), Ok(vec![]));
    let mut registration = one.register(mail()).unwrap();
    assert_eq!(watch.wait_next(), Ok(vec![registration.service()]));
    registration.wait_set_health(Health::Critical).unwrap();
    let told = watch.wait_next().unwrap();
    assert_eq!((told[0].health, &told), (Health::Critical, &vec![registration.service()]));
    registration.wait_deregister().unwrap();
    assert_eq!(watch.wait_next(), Ok(vec![]));
    let again = one.register(mail().instance("again").health(Health::Warning)).unwrap();
    drop(one);
    assert_eq!(watch.wait_next(), Ok(vec![again.service()]), "whoever has registered keeps the client going");
    drop(again);
    assert_eq!(watch.wait_next(), Ok(vec![]), "what is dropped is deregistered");
}

#[test]
fn what_a_client_has_registered_moves_to_another_node_when_its_node_is_killed() {
    let mut cluster = Cluster::start(3);
    let services = client_of(&cluster).services();
    let mut registration = services.register(mail()).unwrap();
    let before = registration.service();
    let mut dead = cluster.nodes.remove(node_of(&cluster, &before));
    dead.process().signal("KILL");
    dead.process().wait();
    let after = moved(&services, &registration, &before);
    assert_eq!(after, Service { session: after.session, ..before });
    registration.wait_set_health(Health::Warning).unwrap();
    assert_eq!(services.discover("mail").unwrap()[0].health, Health::Warning);
    registration.wait_deregister().unwrap();
    wait("its end", || services.discover("mail").unwrap().is_empty());
}

#[test]
fn a_node_that_comes_back_does_not_bring_back_what_the_client_has_taken_elsewhere() {
    let cluster = Cluster::start(3);
    let services = client_of(&cluster).services();
    let registration = services.register(mail()).unwrap();
    let before = registration.service();
    let first = &cluster.nodes[node_of(&cluster, &before)];
    first.signal("STOP");
    moved(&services, &registration, &before);
    first.signal("CONT");
    let mut connection = first.connect();
    wait("its return", || !connection.say("NODOSUM WAIT 0 0").is_error());
    registration.wait_deregister().unwrap();
    // It would bring it back at the next change that it hears of.
    for instance in ["a", "b"] {
        assert_eq!(connection.say(&format!("SERVICE REGISTER web {instance}")).as_text(), "OK");
        assert!(services.discover("mail").unwrap().is_empty());
    }
}

#[test]
fn an_instance_of_another_node_is_refused() {
    let cluster = Cluster::start(2);
    let mut announcer = Command::new(example_binary("announcer"));
    announcer.arg(cluster.name()).arg(cluster.key_file()).stdin(Stdio::piped());
    let mut announcer = announcer.spawn().unwrap();
    let services = client_of(&cluster).services();
    wait("the service of the node", || services.discover("mail").unwrap().len() == 1);
    let taken = services.register(mail().instance("smtp-1"));
    assert!(
        matches!(taken, Err(ProposeError::PeerRefused(text)) if text.contains("belongs to another node"))
    );
    let large = services.register(mail().metadata("text", "x".repeat(20_000)));
    assert!(matches!(large, Err(ProposeError::PeerRefused(_))));
    assert_eq!(services.discover("mail").unwrap().len(), 1);
    drop(announcer.stdin.take());
    assert!(announcer.wait().unwrap().success());
}
