//! Listening sockets: multishot accept, and what happens when descriptors run out.

use super::acceptor::{AcceptState, Accepting, Acceptor, QUEUE_MAX};
use super::connection::Connection;
use super::core::{Core, Due};
use super::stats::add;
use super::stream::Stream;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// How long accepting pauses when descriptors or memory ran out.
const BACK_OFF: Duration = Duration::from_millis(20);

/// A listening socket of this core's ring. Dropping it stops accepting; connections that nobody took are closed.
pub struct Listener {
    core: Rc<Core>,
    acceptor: Rc<Acceptor>,
}

impl Listener {
    pub(super) fn new(core: Rc<Core>, listener: std::net::TcpListener) -> Self {
        Self { core, acceptor: Rc::new(Acceptor::new(listener)) }
    }

    /// The next connection. Running out of descriptors is no error: accepting goes on when there are some again.
    ///
    /// # Errors
    ///
    /// The socket itself failed; accepting again gives the same answer.
    pub async fn accept(&self) -> io::Result<Connection> {
        let fd = poll_fn(|context| self.core.poll_accept(&self.acceptor, context.waker())).await?;
        let stream = Rc::new(Stream::new(fd, &self.core.connections));
        Ok(Connection::new(Rc::clone(&self.core), stream))
    }

    /// The address that it listens at.
    ///
    /// # Errors
    ///
    /// What `getsockname` says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.listener.local_addr()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.core.stop_accepting(&self.acceptor);
    }
}

impl Core {
    fn poll_accept(&self, acceptor: &Rc<Acceptor>, waker: &Waker) -> Poll<io::Result<OwnedFd>> {
        let mut accepting = acceptor.accepting.borrow_mut();
        if let Some(fd) = accepting.queue.pop_front() {
            return Poll::Ready(Ok(fd));
        }
        if let Some(error) = accepting.failed {
            return Poll::Ready(Err(io::Error::from_raw_os_error(error)));
        }
        if accepting.state == AcceptState::Idle {
            self.arm_accept(acceptor, &mut accepting);
        }
        accepting.waker = Some(waker.clone());
        Poll::Pending
    }

    fn arm_accept(&self, acceptor: &Rc<Acceptor>, accepting: &mut Accepting) {
        accepting.state = AcceptState::Armed(self.kernel.borrow_mut().accept(acceptor));
        self.stir();
    }

    /// A back-off is over.
    pub(super) fn accept_again(&self, acceptor: &Rc<Acceptor>) {
        let mut accepting = acceptor.accepting.borrow_mut();
        if accepting.state == AcceptState::BackingOff {
            self.arm_accept(acceptor, &mut accepting);
        }
    }

    pub(super) fn on_accepted(&self, acceptor: &Rc<Acceptor>, result: Result<OwnedFd, i32>, armed: bool) {
        let mut accepting = acceptor.accepting.borrow_mut();
        if accepting.state == AcceptState::Closed {
            return;
        }
        let mut next = AcceptState::Idle;
        match result {
            Ok(fd) => {
                add(&self.counters.accepts, 1);
                accepting.queue.push_back(fd);
            }
            Err(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                add(&self.counters.accept_back_offs, 1);
                next = AcceptState::BackingOff;
            }
            Err(error @ (libc::EBADF | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP)) => {
                accepting.failed = Some(error);
            }
            // That one connection is gone, or the operation was cancelled to pause.
            Err(_) => {}
        }
        if armed {
            self.pause_if_full(&mut accepting);
        } else {
            accepting.state = next;
            match next {
                AcceptState::BackingOff => {
                    let due = Due::Accept(Rc::downgrade(acceptor));
                    self.deadlines.borrow_mut().insert(self.now() + BACK_OFF, due);
                }
                _ if accepting.queue.is_empty() && accepting.failed.is_none() => {
                    self.arm_accept(acceptor, &mut accepting);
                }
                _ => {}
            }
        }
        let waker = accepting.waker.take();
        drop(accepting);
        if let Some(waker) = waker {
            self.wake(&waker);
        }
    }

    fn pause_if_full(&self, accepting: &mut Accepting) {
        if let AcceptState::Armed(id) = accepting.state
            && accepting.queue.len() >= QUEUE_MAX
        {
            accepting.state = AcceptState::Pausing(id);
            self.kernel.borrow_mut().cancel(id);
        }
    }

    /// The ring is ending: whoever waits for a connection gets an error.
    pub(super) fn fail_accepting(&self, acceptor: &Acceptor) {
        let waker = acceptor.accepting.borrow_mut().waker.take();
        self.stop_accepting(acceptor);
        acceptor.accepting.borrow_mut().failed = Some(libc::ECANCELED);
        if let Some(waker) = waker {
            self.wake(&waker);
        }
    }

    fn stop_accepting(&self, acceptor: &Acceptor) {
        let mut accepting = acceptor.accepting.borrow_mut();
        if let AcceptState::Armed(id) = accepting.state {
            self.kernel.borrow_mut().cancel(id);
            self.stir();
        }
        accepting.state = AcceptState::Closed;
        accepting.queue.clear();
        accepting.waker = None;
    }
}
