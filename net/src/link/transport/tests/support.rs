//! A core to test on, with two ends of a connection.

use super::*;
use crate::executor::{self, Park, Turn, available_cpus};
use crate::identity::{ClusterId, Incarnation, NodeId};
use crate::link::handshake::{ClusterTag, Hello, Purpose};
use crate::ring::{Listener, RingConfig};
use crate::socket::{BACKLOG, Sharing, listen_tcp};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{Builder, JoinHandle};

/// Ends the core when the test's body has ended.
struct UntilDone(Rc<Cell<bool>>);

impl Turn for UntilDone {
    fn after_tasks(&self) -> Park {
        if self.0.get() { Park::Stop } else { Park::Until(None) }
    }
}

/// Runs `body` as a task on a core of its own, and then ends the core.
pub(super) fn on_core<F>(body: impl FnOnce(Ring) -> F + Send + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let core = executor::spawn(available_cpus()[0], "test-core", move || async move {
        let ring = Ring::new(RingConfig::default()).expect("the tests need a ring");
        let done = Rc::new(Cell::new(false));
        let (of_body, is_done) = (ring.clone(), Rc::clone(&done));
        spawn(async move {
            body(of_body.clone()).await;
            is_done.set(true);
            of_body.note_wake();
        });
        executor::run(ring, UntilDone(Rc::clone(&done))).await.expect("the ring works");
        assert!(done.get(), "the body ended");
    });
    core.expect("a thread").join().expect("the core ends well");
}

/// Starts a task on this core.
pub(super) fn spawn(task: impl Future<Output = ()> + 'static) {
    glommio::spawn_local(task).detach();
}

/// Runs two futures as tasks of this core, to their ends.
pub(super) async fn both<A, B>(
    ring: &Ring,
    one: impl Future<Output = A> + 'static,
    two: impl Future<Output = B> + 'static,
) -> (A, B)
where
    A: 'static,
    B: 'static,
{
    let (sender, receiver) = ring.oneshot();
    spawn(async move { sender.send(one.await) });
    let two = two.await;
    (receiver.await.expect("it ends"), two)
}

/// A connection to the core, and the other end: a plain blocking socket.
pub(super) async fn with_socket(ring: &Ring) -> (Connection, TcpStream) {
    let (listener, address) = listen(ring);
    let socket = TcpStream::connect(address).expect("the core listens");
    (listener.accept().await.expect("a client"), socket)
}

/// Two connections of the core whose bytes go from one to the other, through threads.
pub(super) async fn pair(ring: &Ring) -> (Connection, Connection) {
    let (one, near) = with_socket(ring).await;
    let (two, far) = with_socket(ring).await;
    carry(near.try_clone().expect("a descriptor"), far.try_clone().expect("a descriptor"));
    carry(far, near);
    (one, two)
}

/// Carries bytes until the sender is through.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    thread(move || {
        // Either side may be gone first, with or without order: the other hears of the end.
        if std::io::copy(&mut from, &mut to).is_err() {
            from.shutdown(Shutdown::Read).unwrap_or(());
        }
        to.shutdown(Shutdown::Write).unwrap_or(());
    });
}

fn listen(ring: &Ring) -> (Listener, SocketAddr) {
    let listener = listen_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), Sharing::Alone, BACKLOG);
    let listener = ring.listen(listener.expect("a free port")).expect("a listener");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// A thread of the test's own.
pub(super) fn thread<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name("test-peer".to_owned()).spawn(body).expect("a thread")
}

/// Looks again and again until `condition` holds; the time limit is the test runner's.
pub(super) async fn until(ring: &Ring, condition: impl Fn() -> bool) {
    while !condition() {
        ring.sleep_until(ring.now() + Duration::from_micros(200)).await;
    }
}

pub(super) const ONE: NodeId = NodeId([1; 20]);
pub(super) const TWO: NodeId = NodeId([2; 20]);

pub(super) fn hello(node: NodeId) -> Hello {
    Hello {
        cluster_tag: ClusterTag::of("orders"),
        cluster: Some(ClusterId([9; 20])),
        node,
        incarnation: Incarnation(3),
        process: u64::from(node.0[0]),
        core: 0,
        cores: 1,
        purpose: Purpose::Member,
    }
}

pub(super) fn config(key: u8) -> LinkConfig {
    LinkConfig::new(LinkSecret::new([[key; 32]]).expect("a key"))
}

/// Makes a link as `node`.
pub(super) async fn establish(
    ring: Ring,
    connection: Connection,
    role: Role,
    config: LinkConfig,
    node: NodeId,
) -> Result<Established, LinkError> {
    let opening =
        Opening { role, config: &config, local: &hello(node), random: [node.0[0]; 32], refuse: &|_| None };
    Link::establish(&ring, connection, opening).await
}

/// What node one, which dials, and node two make of a connection between them.
pub(super) async fn meet(
    ring: &Ring,
    dialer: LinkConfig,
    expected: Option<NodeId>,
    acceptor: LinkConfig,
) -> (Result<Established, LinkError>, Result<Established, LinkError>) {
    let (near, far) = pair(ring).await;
    let dialled = establish(ring.clone(), near, Role::Dial { expected }, dialer, ONE);
    let accepted = establish(ring.clone(), far, Role::Accept, acceptor, TWO);
    both(ring, dialled, accepted).await
}

/// A link between node one and node two.
pub(super) async fn linked(ring: &Ring, config: LinkConfig) -> (Established, Established) {
    let (dialled, accepted) = meet(ring, config.clone(), Some(TWO), config).await;
    (dialled.expect("a link"), accepted.expect("a link"))
}
