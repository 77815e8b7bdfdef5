//! The life of one core, from its thread's first step to its last.

use std::net::{TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mycorrhizal_net::executor;
use mycorrhizal_net::ring::{Ring, RingConfig, RingError, RingWaker};

use super::caller::PortKind;
use super::connection;
use super::core::{Core, CoreTurn};
use super::directory::CoreId;
use super::links;
use super::mesh::Inbox;
use super::shared::Node;
use crate::mycel::{Keyspace, KeyspaceConfig};

/// How often a core looks after its connections: idle ones, and those over their soft limit.
const HOUSEKEEPING: Duration = Duration::from_millis(500);

/// What a core is started with.
pub(crate) struct Seed {
    /// Its number.
    pub(crate) number: usize,
    /// Its mailbox.
    pub(crate) inbox: Inbox,
    /// Where it listens.
    pub(crate) ports: Ports,
    /// Told how to wake it, or why it cannot be.
    pub(crate) waker: mpsc::SyncSender<Result<RingWaker, RingError>>,
    /// Tells it of the node, once all cores can be woken.
    pub(crate) node: mpsc::Receiver<Arc<Node>>,
}

/// The listening sockets of one core.
#[derive(Default)]
pub(crate) struct Ports {
    /// Of the plain port.
    pub(crate) plain: Vec<TcpListener>,
    /// Of the core's own port.
    pub(crate) own: Vec<TcpListener>,
    /// Of links.
    pub(crate) links: Vec<TcpListener>,
    /// The gossip socket.
    pub(crate) gossip: Option<UdpSocket>,
}

/// Stops the whole node when a core ends, also by a panic: the others would wait for it for ever.
struct StopNode(Arc<Node>);

impl Drop for StopNode {
    fn drop(&mut self) {
        self.0.request_stop();
        self.0.stop();
    }
}

/// Runs a core until the node stops.
pub(crate) async fn live(seed: Seed) {
    let ring = match Ring::new(RingConfig::default()) {
        Ok(ring) => ring,
        Err(error) => {
            // Whoever starts the node waits for this; if it is gone, so is the reason to tell.
            drop(seed.waker.send(Err(error)));
            return;
        }
    };
    if seed.waker.send(Ok(ring.waker())).is_err() {
        return;
    }
    let Ok(node) = seed.node.recv() else { return };
    let _stop = StopNode(Arc::clone(&node));
    let id = CoreId(u16::try_from(seed.number).expect("cores are at most 1024"));
    let databases = node.settings.databases;
    let keyspace = Keyspace::new(KeyspaceConfig { databases, hasher: node.hasher });
    let core = Core::new(id, node, ring.clone(), seed.inbox, keyspace);
    core.begin_turn();
    listen(&core, seed.ports.plain, PortKind::Plain);
    listen(&core, seed.ports.own, PortKind::Core);
    join_cluster(&core, seed.ports.links, seed.ports.gossip);
    glommio::spawn_local(keep_house(Rc::clone(&core))).detach();
    if let Err(error) = executor::run(ring, CoreTurn(Rc::clone(&core))).await {
        tracing::error!(%error, core = id.0, "the network ring failed");
    }
}

fn listen(core: &Rc<Core>, listeners: Vec<TcpListener>, port: PortKind) {
    for listener in listeners {
        match core.ring.listen(listener) {
            Ok(listener) => {
                let task = glommio::spawn_local(connection::accept(Rc::clone(core), listener, port));
                core.accepting.borrow_mut().push(task);
            }
            Err(error) => tracing::error!(%error, "a port cannot be served"),
        }
    }
}

/// The core's part in the cluster, if the node belongs to one.
fn join_cluster(core: &Rc<Core>, listeners: Vec<TcpListener>, gossip: Option<UdpSocket>) {
    for listener in listeners {
        match core.ring.listen(listener) {
            Ok(listener) => {
                let task = glommio::spawn_local(links::accept(Rc::clone(core), listener));
                core.accepting.borrow_mut().push(task);
            }
            Err(error) => tracing::error!(%error, "links cannot be accepted"),
        }
    }
    let (Some(cluster), Some(socket)) = (&core.node.cluster, gossip) else { return };
    if let Err(error) = core.start_gossip(cluster, socket) {
        tracing::error!(%error, "gossip cannot begin");
    }
}

async fn keep_house(core: Rc<Core>) {
    loop {
        core.ring.sleep_until(core.ring.now() + HOUSEKEEPING).await;
        core.keep_house();
    }
}
