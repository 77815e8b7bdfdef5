//! Datagram operations: multishot receives into the pool's buffers, and sends whose header, address and bytes the
//! slab owns until the kernel is through with them.
//!
//! A send is tried within the submitting call and posts no completion on success, as small sends of connections do;
//! it never waits for room: there, a datagram is lost.

use super::super::datagram::NAME_BYTES;
use super::super::datagrams::DatagramSocket;
use super::super::operations::OperationId;
use super::super::pool::GROUP;
use super::{Kernel, Operation};
use io_uring::opcode;
use io_uring::squeue::Flags;
use io_uring::types::Fd;
use socket2::SockAddr;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::rc::Rc;

/// A multishot receive.
pub(super) struct Incoming {
    socket: Rc<DatagramSocket>,
    /// Says how many bytes of each buffer are for the sender's address. The kernel reads it.
    header: libc::msghdr,
}

/// A datagram on its way. What the header points to lies behind the same box, or is the vector's memory.
pub(super) struct OutgoingDatagram {
    socket: Rc<DatagramSocket>,
    bytes: Vec<u8>,
    address: SockAddr,
    vector: libc::iovec,
    header: libc::msghdr,
}

impl Incoming {
    pub(super) fn socket(&self) -> &Rc<DatagramSocket> {
        &self.socket
    }
}

impl OutgoingDatagram {
    pub(super) fn socket(&self) -> &Rc<DatagramSocket> {
        &self.socket
    }
}

fn empty_header() -> libc::msghdr {
    // SAFETY: a header of zeroes is one without name, vectors and control data; every field may be zero.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

impl Kernel {
    /// Receives datagrams until it is cancelled, each with [`super::Event::Datagram`].
    pub(in super::super) fn receive_datagrams(&mut self, socket: &Rc<DatagramSocket>) -> OperationId {
        let mut incoming = Box::new(Incoming { socket: Rc::clone(socket), header: empty_header() });
        incoming.header.msg_namelen = libc::socklen_t::try_from(NAME_BYTES).expect("a few bytes");
        // What is behind the box does not move when the box itself does.
        let header = &raw const incoming.header;
        let entry = opcode::RecvMsgMulti::new(Fd(socket.raw()), header, GROUP).build();
        self.start(Operation::ReceiveDatagrams(incoming), &entry)
    }

    /// Sends `bytes` to `address`, or drops them; [`super::Event::DatagramSent`] says which.
    pub(in super::super) fn send_datagram(
        &mut self,
        socket: &Rc<DatagramSocket>,
        bytes: Vec<u8>,
        address: SockAddr,
    ) {
        let mut outgoing = Box::new(OutgoingDatagram {
            socket: Rc::clone(socket),
            bytes,
            address,
            vector: libc::iovec { iov_base: null_mut(), iov_len: 0 },
            header: empty_header(),
        });
        outgoing.vector.iov_base = outgoing.bytes.as_mut_ptr().cast();
        outgoing.vector.iov_len = outgoing.bytes.len();
        outgoing.header.msg_name = outgoing.address.as_ptr().cast_mut().cast();
        outgoing.header.msg_namelen = outgoing.address.len();
        outgoing.header.msg_iov = &raw mut outgoing.vector;
        outgoing.header.msg_iovlen = 1;
        // What is behind the box does not move when the box itself does.
        let header = &raw const outgoing.header;
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        let entry = opcode::SendMsg::new(Fd(socket.raw()), header).flags(flags.unsigned_abs()).build();
        let number = self.submitted;
        let id = self.start(Operation::SendDatagram(outgoing), &entry.flags(Flags::SKIP_SUCCESS));
        self.inline.push_back((number, id));
    }
}
