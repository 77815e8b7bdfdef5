//! A core to test on, and clients.

use crate::executor::{self, Park, Turn, available_cpus};
use crate::ring::{Connection, Listener, Ring, RingConfig};
use crate::socket::{BACKLOG, Sharing, listen_tcp};
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Ends the core when the test's body has ended.
pub(super) struct UntilDone(Rc<Cell<bool>>);

impl Turn for UntilDone {
    fn after_tasks(&self) -> Park {
        if self.0.get() { Park::Stop } else { Park::Until(None) }
    }
}

/// Runs `body` as a task on a core of its own, and then ends the core.
pub(super) fn on_core<T, F>(config: RingConfig, body: impl FnOnce(Ring) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    start_core(config, body).join().expect("the core ends well").expect("the body ended")
}

/// As [`on_core`], without waiting for the end.
pub(super) fn start_core<T, F>(
    config: RingConfig,
    body: impl FnOnce(Ring) -> F + Send + 'static,
) -> executor::CoreHandle<Option<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let cpu = available_cpus()[0];
    let core = executor::spawn(cpu, "test-core", move || async move {
        let ring = Ring::new(config).expect("the tests need a ring");
        let done = Rc::new(Cell::new(false));
        let result = Rc::new(Cell::new(None));
        spawn({
            let (ring, done, result) = (ring.clone(), Rc::clone(&done), Rc::clone(&result));
            async move {
                result.set(Some(body(ring.clone()).await));
                done.set(true);
                ring.note_wake();
            }
        });
        executor::run(ring, UntilDone(done)).await.expect("the ring works");
        result.take()
    });
    core.expect("a thread")
}

/// Starts a task on this core.
pub(super) fn spawn(task: impl Future<Output = ()> + 'static) {
    glommio::spawn_local(task).detach();
}

/// A listener of `ring` at a free port.
pub(super) fn listen(ring: &Ring) -> (Listener, SocketAddr) {
    let listener = listen_tcp(SocketAddr::from(([127, 0, 0, 1], 0)), Sharing::Alone, BACKLOG);
    let listener = ring.listen(listener.expect("a free port")).expect("a listener");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// A blocking client on a thread of its own.
pub(super) fn client<T: Send + 'static>(
    address: SocketAddr,
    body: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> JoinHandle<T> {
    thread(move || body(TcpStream::connect(address).expect("the core listens")))
}

/// A thread of the test's own.
pub(super) fn thread<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name("test-client".to_owned()).spawn(body).expect("a thread")
}

/// Sends back what comes until the peer is through.
pub(super) async fn echo(connection: &Connection) -> io::Result<()> {
    while let Some(chunk) = connection.recv().await? {
        connection.output().extend_from_slice(&chunk);
        drop(chunk);
        connection.drained(1 << 20).await?;
    }
    connection.drained(0).await
}

/// Looks again and again until `condition` holds; the time limit is the test runner's.
pub(super) async fn until(ring: &Ring, condition: impl Fn(&Ring) -> bool) {
    while !condition(ring) {
        ring.sleep_until(ring.now() + Duration::from_micros(200)).await;
    }
}

/// Waits until the ring has nothing left of any connection, and checks that it has nothing left of their buffers.
pub(super) async fn until_nothing_is_left(ring: &Ring) {
    until(ring, |ring| ring.stats().connections == 0 && ring.stats().zero_copy_pending == 0).await;
    assert_eq!(ring.stats().buffers_lent, 0, "{:?}", ring.stats());
}

/// Bytes that are not the same wherever one looks.
pub(super) fn pattern(bytes: usize) -> Vec<u8> {
    (0_u32..).map(|index| (index.wrapping_mul(0x9E37_79B1) >> 13).to_le_bytes()[0]).take(bytes).collect()
}
