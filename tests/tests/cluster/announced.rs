//! What a program has announced of its node is there again when the node is.

use std::process::{Child, Command, Stdio};

use mycorrhizal_tests::clock::wait_for;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _, example_binary};

/// A process that is gone with the test, also when it stands still.
struct Announcer(Child);

impl Announcer {
    fn start(cluster: &Cluster) -> Self {
        let mut announcer = Command::new(example_binary("announcer"));
        announcer.arg(cluster.name()).arg(cluster.key_file()).stdin(Stdio::piped());
        Self(announcer.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Waits until every daemon lists what is announced, or none does.
fn wait_listed(cluster: &Cluster, what: &str, is_listed: bool) {
    cluster.wait(what, |cluster| {
        cluster.nodes.iter().all(|node| {
            let mut connection = node.connect();
            let services = connection.say("SERVICE LIST mail").to_string();
            let applications = connection.say("APPLICATION LIST billing").to_string();
            let found = [services.contains("smtp-1"), applications.contains("charge")];
            found == [is_listed; 2]
        })
    });
}

#[test]
fn what_a_node_has_announced_is_announced_again_after_its_absence() {
    let cluster = Cluster::start(2);
    let announcer = Announcer::start(&cluster);
    wait_listed(&cluster, "what is announced", true);
    announcer.signal("STOP");
    wait_listed(&cluster, "its absence", false);
    announcer.signal("CONT");
    wait_listed(&cluster, "its return", true);
}

#[test]
fn what_is_registered_with_a_lease_is_there_as_long_as_that_is_said_again() {
    let daemon = Daemon::on_cores("0,1");
    let mut connection = daemon.connect();
    let mut say = |words: &str| connection.say(words).to_string();
    for instance in ["kept LEASE 600", "left LEASE 600", "stays LEASE 600", "stays"] {
        assert_eq!(say(&format!("SERVICE REGISTER web {instance}")), "OK");
    }
    let version = || daemon.connect().say("NODOSUM WAIT 0 0").as_integer();
    let before = version();
    let listed = wait_for("the end of what is not registered again", || {
        assert_eq!(say("SERVICE REGISTER web kept LEASE 600"), "OK");
        Some(say("SERVICE LIST web")).filter(|listed| !listed.contains("left"))
    });
    assert!(listed.contains("kept") && listed.contains("stays"), "{listed}");
    assert_eq!(version(), before + 1, "what is known already changes nothing");
    let listed = wait_for("the end of the other", || {
        Some(say("SERVICE LIST web")).filter(|listed| !listed.contains("kept"))
    });
    assert!(listed.contains("stays"), "{listed}");
}

#[test]
fn what_a_client_has_registered_is_there_again_unless_it_took_it_back() {
    let cluster = Cluster::start(3);
    let mut connection = cluster.nodes[2].connect();
    for instance in ["web-1", "web-2"] {
        assert_eq!(connection.say(&format!("SERVICE REGISTER web {instance}")).to_string(), "OK");
    }
    assert_eq!(connection.say("SERVICE DEREGISTER web web-2").as_integer(), 1);
    assert_eq!(connection.say("SERVICE DEREGISTER web web-2").as_integer(), 0);
    let wait_for = |what: &str, is_listed: bool| {
        cluster.wait(what, |cluster| {
            let listed = cluster.nodes[0].connect().say("SERVICE LIST web").to_string();
            listed.contains("web-1") == is_listed && !listed.contains("web-2")
        });
    };
    wait_for("what is registered", true);
    cluster.nodes[2].signal("STOP");
    wait_for("its absence", false);
    cluster.nodes[2].signal("CONT");
    wait_for("its return", true);
}
