//! A page-aligned stretch of anonymous memory, zeroed and backed only where it was touched.
//!
//! The kernel wants the ring of provided buffers on a page boundary; the receive buffers live in one such region
//! too, so that buffers which never circulate cost no memory.
#![expect(unsafe_code, reason = "maps and unmaps anonymous memory")]

use std::io;
use std::ptr::NonNull;

/// A mapping that is unmapped on drop. Whoever lends its address to the kernel keeps it alive meanwhile.
#[derive(Debug)]
pub(super) struct Region {
    start: NonNull<u8>,
    bytes: usize,
}

impl Region {
    /// Maps `bytes` (not zero), rounded up to whole pages by the kernel.
    ///
    /// # Errors
    ///
    /// What `mmap` says, `ENOMEM` most likely.
    pub(super) fn new(bytes: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory that exists.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { start, bytes })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: start and length are those of a mapping that this value made and nobody else unmaps.
        let outcome = unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert_eq!(outcome, 0, "a whole mapping of ours can be unmapped");
    }
}
