//! A TAP device: a network interface whose other end is a file, on which a frame is one read or one write.
//!
//! Source: Documentation/networking/tuntap.rst of Linux.
#![expect(
    unsafe_code,
    reason = "the request that names the device is an ioctl, which no safe interface offers"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::OFlags;
use rustix::ioctl::{self, Opcode, Updater};

/// TUNSETIFF: makes the interface and ties it to the file.
const MAKE_INTERFACE: Opcode = 0x4004_54CA;

/// `IFF_TAP | IFF_NO_PI`: whole Ethernet frames, nothing before them.
const WHOLE_FRAMES: u16 = 0x0002 | 0x1000;

const NAME_BYTES: usize = 16;

/// The kernel's `struct ifreq`.
#[repr(C)]
struct Request {
    name: [u8; NAME_BYTES],
    flags: u16,
    rest: [u8; 22],
}

const _: () = assert!(size_of::<Request>() == 40, "the size of ifreq on 64-bit Linux");

/// The file's end. The interface is gone when it is dropped. Owned by the relay.
#[derive(Debug)]
pub(crate) struct Tap(File);

impl Tap {
    /// Makes an interface in the network namespace of the calling thread.
    pub(crate) fn create(name: &str) -> io::Result<Self> {
        let mut request = Request { name: [0; NAME_BYTES], flags: WHOLE_FRAMES, rest: [0; 22] };
        let room = request.name[..NAME_BYTES - 1].get_mut(..name.len()).ok_or(ErrorKind::InvalidInput)?;
        room.copy_from_slice(name.as_bytes());
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/net/tun")?;
        // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, and `Request` has its size and its first two fields.
        let request = unsafe { Updater::<MAKE_INTERFACE, Request>::new(&mut request) };
        // SAFETY: the opcode belongs to the device that was just opened, and the request outlives the call.
        unsafe { ioctl::ioctl(&file, request) }?;
        Ok(Tap(file))
    }

    /// Reads the next frame, if one is there.
    pub(crate) fn read(&self, frame: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.0).read(frame) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets the interface receive a frame.
    pub(crate) fn write(&self, frame: &[u8]) -> io::Result<()> {
        (&self.0).write(frame).map(drop)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
