//! Outgoing TCP connections: one connect operation each, with a time limit, ended as soon as nobody waits for it.
//!
//! ```text
//!            first poll             connected, or refused
//!   Planned ───────────▶ Dialling ────────────────────────▶ Over
//!                           │ dropped, or out of time
//!                           └──▶ cancelled; the kernel closes the socket with the operation
//! ```

use super::connection::Connection;
use super::core::Core;
use super::operations::OperationId;
use super::stats::add;
use super::stream::Stream;
use super::timer::Sleep;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What the future that waits and the operation in flight share. Owned by a core.
#[derive(Debug)]
pub(super) struct Dial(RefCell<Dialled>);

#[derive(Debug)]
enum Dialled {
    /// The kernel has the socket.
    InFlight(OperationId, Waker),
    Done(Result<OwnedFd, i32>),
    /// Nobody waits: what comes of it is closed.
    Abandoned,
}

/// Completes with a connection to a peer. Made by [`super::Ring::connect`]; dropping it gives the attempt up.
#[must_use = "nothing is connected unless it is awaited"]
pub struct Connect {
    core: Rc<Core>,
    address: SocketAddr,
    stage: Stage,
}

enum Stage {
    Planned(Duration),
    Dialling {
        dial: Rc<Dial>,
        /// None if the limit lies beyond what the clock can say.
        limit: Option<Sleep>,
    },
    Over,
}

impl Connect {
    pub(super) fn new(core: Rc<Core>, address: SocketAddr, timeout: Duration) -> Self {
        Self { core, address, stage: Stage::Planned(timeout) }
    }

    fn finish(&mut self, result: io::Result<OwnedFd>) -> Poll<io::Result<Connection>> {
        self.stage = Stage::Over;
        let result = result.and_then(|fd| self.adopt(fd));
        let counters = &self.core.counters;
        add(if result.is_ok() { &counters.connects } else { &counters.connect_failures }, 1);
        Poll::Ready(result)
    }

    pub(super) fn adopt(&self, fd: OwnedFd) -> io::Result<Connection> {
        let stream = Rc::new(Stream::new(fd, &self.core.connections));
        let connection = Connection::new(Rc::clone(&self.core), stream);
        // Dialling a free port of this host from that very port is a simultaneous open with oneself.
        if connection.local_addr()? == self.address {
            return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        }
        Ok(connection)
    }
}

impl Future for Connect {
    type Output = io::Result<Connection>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Stage::Planned(timeout) = this.stage {
            match this.core.dial(this.address, context.waker()) {
                Ok(dial) => {
                    let until = this.core.now().checked_add(timeout);
                    let limit = until.map(|at| Sleep::new(Rc::clone(&this.core), at));
                    this.stage = Stage::Dialling { dial, limit };
                }
                Err(error) => return this.finish(Err(error)),
            }
        }
        let Stage::Dialling { dial, limit } = &mut this.stage else {
            panic!("a future is not polled after it was ready");
        };
        if let Some(result) = dial.take(context.waker()) {
            return this.finish(result.map_err(io::Error::from_raw_os_error));
        }
        if limit.as_mut().is_some_and(|limit| Pin::new(limit).poll(context).is_ready()) {
            this.core.hang_up(dial);
            return this.finish(Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)));
        }
        Poll::Pending
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        if let Stage::Dialling { dial, .. } = &self.stage {
            self.core.hang_up(dial);
        }
    }
}

impl Dial {
    /// What came of it, or `waker` is left to be woken for it.
    fn take(&self, waker: &Waker) -> Option<Result<OwnedFd, i32>> {
        let mut dialled = self.0.borrow_mut();
        match &mut *dialled {
            Dialled::InFlight(_, known) => {
                known.clone_from(waker);
                None
            }
            Dialled::Done(_) => match std::mem::replace(&mut *dialled, Dialled::Abandoned) {
                Dialled::Done(result) => Some(result),
                Dialled::InFlight(..) | Dialled::Abandoned => None,
            },
            Dialled::Abandoned => Some(Err(libc::ECANCELED)),
        }
    }
}

impl Core {
    fn dial(&self, address: SocketAddr, waker: &Waker) -> io::Result<Rc<Dial>> {
        if self.closing.get() {
            return Err(io::Error::from_raw_os_error(libc::ECANCELED));
        }
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        let dial = Rc::new(Dial(RefCell::new(Dialled::Abandoned)));
        let id = self.kernel.borrow_mut().connect(&dial, socket.into(), SockAddr::from(address));
        dial.0.replace(Dialled::InFlight(id, waker.clone()));
        self.stir();
        Ok(dial)
    }

    pub(super) fn on_connected(&self, dial: &Dial, result: Result<OwnedFd, i32>) {
        let mut dialled = dial.0.borrow_mut();
        if let Dialled::InFlight(_, waker) = &*dialled {
            self.wake(waker);
            *dialled = Dialled::Done(result);
        }
    }

    /// The ring is ending: whoever waits for the connection gets an error.
    pub(super) fn fail_dialling(&self, dial: &Dial) {
        let mut dialled = dial.0.borrow_mut();
        if let Dialled::InFlight(id, waker) = &*dialled {
            self.kernel.borrow_mut().cancel(*id);
            self.wake(waker);
            *dialled = Dialled::Done(Err(libc::ECANCELED));
        }
    }

    /// Nobody waits any more.
    fn hang_up(&self, dial: &Dial) {
        if let Dialled::InFlight(id, _) = dial.0.replace(Dialled::Abandoned) {
            self.kernel.borrow_mut().cancel(id);
            self.stir();
        }
    }
}
