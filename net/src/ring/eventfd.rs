//! Event descriptors: the counters through which threads and rings signal.
#![expect(unsafe_code, reason = "opens an eventfd")]

use glommio::io::BufferedFile;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// Whether reading an event that was not signalled waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocking {
    Yes,
    No,
}

/// Opens an eventfd with a count of zero.
///
/// # Errors
///
/// What `eventfd` says, `EMFILE` most likely.
pub(super) fn create(blocking: Blocking) -> io::Result<OwnedFd> {
    let flags = match blocking {
        Blocking::Yes => libc::EFD_CLOEXEC,
        Blocking::No => libc::EFD_CLOEXEC | libc::EFD_NONBLOCK,
    };
    // SAFETY: the call takes two numbers and touches no memory of ours.
    let fd = unsafe { libc::eventfd(0, flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was opened just now and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets glommio read `event`, on the executor of this thread. It should be [`Blocking::Yes`], so that the read
/// waits.
pub(super) fn readable_by_glommio(event: OwnedFd) -> BufferedFile {
    // SAFETY: the descriptor is open and given up by its owner here; the file closes it.
    unsafe { BufferedFile::from_raw_fd(event.into_raw_fd()) }
}
