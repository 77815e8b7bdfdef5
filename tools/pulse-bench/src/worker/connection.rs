//! One non-blocking connection of a load thread, and its buffers.

use std::collections::VecDeque;
use std::net::TcpStream;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::generator::Operation;

/// Room that is made for the rest of a reply that one receive did not bring whole, in bytes.
const CARRY_BYTES: usize = 65_536;

/// A connection; owned by one load thread.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// Index of the endpoint at its other end.
    pub(super) endpoint: u16,
    /// Whether it stands in the line of those that have room and got nothing to do.
    pub(super) is_waiting: bool,
    /// Operations without a reply, in the order of their requests.
    pub(super) inflight: VecDeque<Operation>,
    /// Requests; those before `sent` are gone.
    pub(super) out: Vec<u8>,
    sent: usize,
    /// The beginning of a reply whose end has not come.
    carry: Vec<u8>,
}

/// What one receive brought.
pub(super) struct Received {
    /// How many bytes; none at the end of the stream.
    pub(super) bytes: usize,
    /// Whether there may be more.
    pub(super) more: bool,
    /// Whether they stand in the carry, after what was there.
    carried: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, endpoint: u16, pipeline: usize) -> Self {
        let inflight = VecDeque::with_capacity(pipeline);
        Self { stream, endpoint, is_waiting: false, inflight, out: Vec::new(), sent: 0, carry: Vec::new() }
    }

    /// Receives into `scratch`, or after the carry if there is one. `Ok(None)`: nothing there.
    ///
    /// A receive that does not fill its buffer has emptied the socket, so that under edge-triggered
    /// readiness another one would find nothing (epoll(7)).
    #[inline]
    pub(super) fn receive(&mut self, scratch: &mut [u8]) -> Result<Option<Received>, Errno> {
        let carried = !self.carry.is_empty();
        let (result, room) = if carried {
            self.carry.reserve(CARRY_BYTES);
            let room = self.carry.capacity() - self.carry.len();
            (recv(&self.stream, spare_capacity(&mut self.carry), RecvFlags::DONTWAIT).map(|got| got.0), room)
        } else {
            let room = scratch.len();
            (recv(&self.stream, scratch, RecvFlags::DONTWAIT).map(|got| got.0), room)
        };
        match result {
            Ok(bytes) => Ok(Some(Received { bytes, more: bytes == room, carried })),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The operations in flight, and the bytes that answer them.
    #[inline]
    pub(super) fn answers<'a>(
        &'a mut self,
        received: &Received,
        scratch: &'a [u8],
    ) -> (&'a mut VecDeque<Operation>, &'a [u8]) {
        let bytes = if received.carried { self.carry.as_slice() } else { &scratch[..received.bytes] };
        (&mut self.inflight, bytes)
    }

    /// Drops the first `consumed` of the received bytes, and carries the others to the next receive.
    #[inline]
    pub(super) fn consume(&mut self, received: &Received, scratch: &[u8], consumed: usize) {
        if received.carried {
            if consumed == self.carry.len() {
                self.carry.clear();
            } else if consumed > 0 {
                self.carry.drain(..consumed);
            }
        } else if consumed < received.bytes {
            self.carry.extend_from_slice(&scratch[consumed..received.bytes]);
        }
    }

    /// Sends as much as the socket takes, and returns how many bytes that were. The rest waits for the socket.
    #[inline]
    pub(super) fn send(&mut self) -> Result<usize, Errno> {
        let before = self.sent;
        while self.sent < self.out.len() {
            match send(&self.stream, &self.out[self.sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(bytes) => self.sent += bytes,
                Err(Errno::AGAIN) => return Ok(self.sent - before),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        let bytes = self.sent - before;
        self.out.clear();
        self.sent = 0;
        Ok(bytes)
    }

    /// Whether requests wait for the socket.
    pub(super) fn has_unsent(&self) -> bool {
        self.sent < self.out.len()
    }
}
