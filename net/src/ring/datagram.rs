//! One received datagram: what the kernel wrote into a receive buffer, read without copying.
//!
//! ```text
//!  0            4            8            12       16              44                    44 + payload
//! ┌────────────┬────────────┬────────────┬────────┬───────────────┬─────────────────────┐
//! │ name bytes │ (control)  │ payload    │ flags  │ sender, 28    │ payload             │
//! └────────────┴────────────┴────────────┴────────┴───────────────┴─────────────────────┘
//!   four u32 in the machine's order                 sockaddr_in or sockaddr_in6
//! ```
//!
//! Limits: a datagram of at most the receive buffer less [`HEAD_BYTES`]; longer ones say so in their flags.
//!
//! Sources: `io_uring_recvmsg_out` of the kernel's `io_uring.h`, ip(7), ipv6(7).

use super::pool::Chunk;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::Deref;

/// Bytes kept for the sender's address: those of the longest one, `sockaddr_in6`.
pub(super) const NAME_BYTES: usize = size_of::<libc::sockaddr_in6>();
/// What stands before the payload.
pub(super) const HEAD_BYTES: usize = FIELDS_BYTES + NAME_BYTES;
const FIELDS_BYTES: usize = 16;

/// A datagram, in the buffer that the kernel filled. Gives it back on drop: hold it for the turn, copy what must be
/// kept.
pub struct Datagram {
    chunk: Chunk,
    from: SocketAddr,
}

impl Datagram {
    /// None if it was cut short, or its sender has no internet address.
    pub(super) fn parse(chunk: Chunk) -> Option<Self> {
        let from = sender(&chunk)?;
        Some(Self { chunk, from })
    }

    /// Who sent it, as far as the network can tell.
    pub fn from(&self) -> SocketAddr {
        self.from
    }

    /// Frees the receive buffer by moving the bytes to memory of their own.
    pub(super) fn detach(&mut self) {
        self.chunk.detach();
    }
}

impl Deref for Datagram {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.chunk.get(HEAD_BYTES..).unwrap_or_default()
    }
}

impl fmt::Debug for Datagram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Datagram({} bytes from {})", self.len(), self.from)
    }
}

/// The address of the sender of a datagram that arrived whole.
fn sender(bytes: &[u8]) -> Option<SocketAddr> {
    let name_bytes = usize::try_from(u32::from_ne_bytes(array(bytes, 0)?)).ok()?;
    let payload_bytes = usize::try_from(u32::from_ne_bytes(array(bytes, 8)?)).ok()?;
    let flags = u32::from_ne_bytes(array(bytes, 12)?);
    let is_cut = flags & libc::MSG_TRUNC.unsigned_abs() != 0;
    if is_cut || name_bytes > NAME_BYTES || bytes.len() != HEAD_BYTES + payload_bytes {
        return None;
    }
    address(bytes.get(FIELDS_BYTES..FIELDS_BYTES + name_bytes)?)
}

/// Reads a `sockaddr_in` or `sockaddr_in6`.
fn address(name: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(array(name, 2)?);
    match i32::from(u16::from_ne_bytes(array(name, 0)?)) {
        libc::AF_INET => {
            let ip = Ipv4Addr::from(array::<4>(name, 4)?);
            Some(SocketAddr::from((ip, port)))
        }
        libc::AF_INET6 => {
            let flow = u32::from_ne_bytes(array(name, 4)?);
            let ip = Ipv6Addr::from(array::<16>(name, 8)?);
            let scope = u32::from_ne_bytes(array(name, 24)?);
            Some(SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope)))
        }
        _ => None,
    }
}

fn array<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use socket2::SockAddr;

    /// The bytes of an address as the system has them.
    fn name(address: SocketAddr) -> Vec<u8> {
        let (family, port) = match address {
            SocketAddr::V4(_) => (libc::AF_INET, address.port()),
            SocketAddr::V6(_) => (libc::AF_INET6, address.port()),
        };
        let mut name = u16::try_from(family).expect("a small number").to_ne_bytes().to_vec();
        name.extend(port.to_be_bytes());
        match address {
            SocketAddr::V4(v4) => {
                name.extend(v4.ip().octets());
                name.extend([0; 8]);
            }
            SocketAddr::V6(v6) => {
                name.extend(v6.flowinfo().to_ne_bytes());
                name.extend(v6.ip().octets());
                name.extend(v6.scope_id().to_ne_bytes());
            }
        }
        assert_eq!(name.len(), usize::try_from(SockAddr::from(address).len()).expect("few bytes"));
        name
    }

    fn buffer(name: &[u8], payload: &[u8], flags: i32) -> Vec<u8> {
        let fields = [name.len(), 0, payload.len(), flags.unsigned_abs() as usize];
        let mut buffer = Vec::new();
        for field in fields {
            buffer.extend(u32::try_from(field).expect("a small number").to_ne_bytes());
        }
        buffer.extend_from_slice(name);
        buffer.resize(HEAD_BYTES, 0);
        buffer.extend_from_slice(payload);
        buffer
    }

    #[test]
    fn both_families_are_read() {
        let v6 = SocketAddrV6::new("fe80::1".parse().expect("an address"), 7000, 5, 3);
        for from in [SocketAddr::from(([192, 0, 2, 1], 4000)), SocketAddr::V6(v6)] {
            assert_eq!(sender(&buffer(&name(from), b"payload", 0)), Some(from));
            assert_eq!(sender(&buffer(&name(from), b"", 0)), Some(from));
        }
    }

    #[test]
    fn what_was_cut_or_is_from_elsewhere_is_not() {
        let from = name(SocketAddr::from(([192, 0, 2, 1], 4000)));
        assert_eq!(sender(&buffer(&from, b"payload", libc::MSG_TRUNC)), None);
        assert_eq!(sender(&buffer(&[1, 0, b'/', b'x', 0, 0, 0, 0], b"payload", 0)), None);
        assert_eq!(sender(&buffer(&[], b"payload", 0)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_left(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _: Option<SocketAddr> = sender(&bytes);
        }
    }
}
