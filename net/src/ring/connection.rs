//! The handle of one TCP connection.

use super::core::Core;
use super::pool::Chunk;
use super::stream::{ReceiveState, Stream};
use socket2::TcpKeepalive;
use std::cell::RefMut;
use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// One TCP connection of this core. One task receives from it; any task of the core may append output.
///
/// Dropping it ends everything at once, unless [`Connection::shutdown_after_flush`] was called: then what was
/// appended is still sent, within [`super::RingConfig::linger`].
pub struct Connection {
    core: Rc<Core>,
    stream: Rc<Stream>,
}

impl Connection {
    pub(super) fn new(core: Rc<Core>, stream: Rc<Stream>) -> Self {
        Self { core, stream }
    }

    /// The next bytes, or None when the peer will send no more (or [`Connection::close`] was called). After None
    /// the sending side still works. Cancel-safe: no bytes are lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// The connection failed (`ECONNRESET`, `ETIMEDOUT` …). It stays failed.
    pub async fn recv(&self) -> io::Result<Option<Chunk>> {
        poll_fn(|context| self.core.poll_receive(&self.stream, context.waker())).await
    }

    /// What has been received already and waits, without waiting for more.
    pub fn try_recv(&self) -> Option<Chunk> {
        self.stream.receiving.borrow_mut().queue.pop_front()
    }

    /// The output buffer. Whatever is in it at the end of the turn is sent, in one send for all that was
    /// appended. Let go of it before the next await, and use no other method of the connection while holding it.
    ///
    /// # Panics
    ///
    /// If the last guard is still held.
    pub fn output(&self) -> RefMut<'_, Vec<u8>> {
        self.core.output(&self.stream)
    }

    /// Marks the connection for sending at the end of this turn; [`Connection::output`] has done so already.
    pub fn flush(&self) {
        self.core.mark_dirty(&self.stream);
    }

    /// Bytes appended that are not known to be with the kernel.
    pub fn unsent_bytes(&self) -> usize {
        self.stream.unsent_bytes()
    }

    /// Waits until at most `below` bytes are unsent. Nothing is sent before the turn ends, so a task that waits
    /// for less than it has appended in this turn waits for the next.
    ///
    /// # Errors
    ///
    /// The sending side failed (`EPIPE`, `ECONNRESET`, or `ECONNABORTED` after [`Connection::close`]); what was
    /// unsent is gone.
    pub async fn drained(&self, below: usize) -> io::Result<()> {
        poll_fn(|context| self.core.poll_drained(&self.stream, below, context.waker())).await
    }

    /// Closes both directions now: unsent output is dropped, a task in [`Connection::recv`] gets None.
    pub fn close(&self) {
        if let Err(error) = self.stream.socket().shutdown(Shutdown::Both) {
            tracing::trace!(%error, "a connection was gone before it was closed");
        }
        self.core.release(&self.stream);
    }

    /// Ends receiving: once what has arrived is read, [`Connection::recv`] gives None. Sending goes on.
    pub fn stop_receiving(&self) {
        if let Err(error) = self.stream.socket().shutdown(Shutdown::Read) {
            tracing::trace!(%error, "a connection was gone before it was told to stop receiving");
        }
    }

    /// Shuts the sending side down once everything appended so far was sent, even if the handle is dropped before.
    pub fn shutdown_after_flush(&self) {
        self.core.shutdown_after_flush(&self.stream);
    }

    /// True once receiving has ended, by the peer, by an error or by [`Connection::close`].
    pub fn receive_ended(&self) -> bool {
        matches!(self.stream.receiving.borrow().state, ReceiveState::Ended(_))
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` when the peer is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream
            .socket()
            .peer_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// What `getsockname` says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream
            .socket()
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Whether small segments are sent at once: they are, unless it was turned off.
    ///
    /// # Errors
    ///
    /// What `getsockopt` says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.stream.socket().tcp_nodelay()
    }

    /// Whether small segments are sent at once. On at first, for accepted connections by their listener.
    ///
    /// # Errors
    ///
    /// What `setsockopt` says.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.stream.socket().set_tcp_nodelay(on)
    }

    /// Probes an idle peer every `interval` (whole seconds), or never.
    ///
    /// # Errors
    ///
    /// What `setsockopt` says.
    pub fn set_keepalive(&self, interval: Option<Duration>) -> io::Result<()> {
        let socket = self.stream.socket();
        match interval {
            None => socket.set_keepalive(false),
            Some(interval) => {
                socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(interval).with_interval(interval / 3))
            }
        }
    }

    /// The descriptor's number, as CLIENT LIST shows it.
    pub fn descriptor(&self) -> i32 {
        self.stream.raw()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.core.on_dropped(&self.stream);
    }
}
