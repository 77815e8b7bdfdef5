//! Connect operations: the slab owns the socket and the address until the completion that hands the socket back.

use super::super::connect::Dial;
use super::super::operations::OperationId;
use super::{Event, Kernel, Operation};
use io_uring::opcode;
use io_uring::types::Fd;
use socket2::SockAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

/// A socket on its way to a peer.
pub(super) struct Outward {
    dial: Rc<Dial>,
    socket: OwnedFd,
    /// The kernel reads it: it stays where it is in memory.
    address: SockAddr,
}

impl Kernel {
    /// Connects `socket`, which comes back with [`Event::Connected`]; after a failure it is closed.
    pub(in super::super) fn connect(
        &mut self,
        dial: &Rc<Dial>,
        socket: OwnedFd,
        address: SockAddr,
    ) -> OperationId {
        let outward = Box::new(Outward { dial: Rc::clone(dial), socket, address });
        // What is behind the box does not move when the box itself does.
        let name = outward.address.as_ptr().cast();
        let fd = Fd(outward.socket.as_raw_fd());
        let entry = opcode::Connect::new(fd, name, outward.address.len()).build();
        self.start(Operation::Connect(outward), &entry)
    }
}

impl Outward {
    pub(super) fn dial(&self) -> &Rc<Dial> {
        &self.dial
    }
}

pub(super) fn connected(outward: Outward, result: i32) -> Event {
    let Outward { dial, socket, address: _ } = outward;
    Event::Connected { dial, result: if result < 0 { Err(-result) } else { Ok(socket) } }
}
