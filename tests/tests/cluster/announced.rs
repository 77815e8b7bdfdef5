//! What a program has announced of its node is there again when the node is.

use std::process::{Child, Command, Stdio};

use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Server as _, example_binary};

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
