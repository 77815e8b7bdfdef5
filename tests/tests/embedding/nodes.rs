//! Several nodes in this process that form one cluster.

use std::time::Duration;

use mycorrhizal::{Builder, CoreSet, Hypha};
use mycorrhizal_tests::{clock, cluster::PATIENCE};

/// A node of one core that shares its processor with the others.
pub(crate) fn builder() -> Builder {
    Hypha::builder().cores("0".parse::<CoreSet>().unwrap())
}

/// The nodes of one cluster; those that a test has taken out are gone.
pub(crate) struct Nodes(pub(crate) Vec<Option<Hypha>>);

impl Nodes {
    pub(crate) fn start(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().display().to_string();
        let start = |number: usize| {
            builder()
                .cluster(&name)
                .secret("a secret of these tests alone")
                .expect(count)
                .gossip_port(0)
                .link_port(0)
                .node_name(format!("node-{number}"))
                .start()
                .unwrap()
        };
        let nodes: Vec<Hypha> = (0..count).map(start).collect();
        nodes.iter().for_each(|node| node.wait_ready().unwrap());
        let nodes = Self(nodes.into_iter().map(Some).collect());
        wait("all members everywhere", || {
            (0..count).all(|number| nodes.node(number).members().blocking().list().unwrap().len() == count)
        });
        nodes
    }

    pub(crate) fn node(&self, number: usize) -> &Hypha {
        self.0[number].as_ref().unwrap()
    }

    /// Ends a node without its leaving the cluster.
    pub(crate) fn end(&mut self, number: usize) {
        self.0[number].take().unwrap().wait_shutdown().unwrap();
    }
}

/// Waits until `holds`.
pub(crate) fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = clock::wait_at_most(PATIENCE, || holds().then_some(()));
    assert!(waited.is_some(), "waited in vain for: {what}");
}

pub(crate) const SOON: Duration = Duration::from_millis(50);
