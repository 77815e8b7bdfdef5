//! Whether this machine lets the ring run, said in one sentence if not.
//!
//! [`check`] looks (kernel release, the `io_uring_disabled` switch, the locked-memory limit, a trial ring);
//! [`decide`] judges what was seen, and takes it as an argument.

use super::limits::{Limit, Resource};
use io_uring::{IoUring, cqueue, squeue};
use std::io;
use std::path::Path;

/// The oldest kernel that has all that the ring uses.
pub const KERNEL_MIN: (u32, u32) = (6, 1);
/// Memory that one core's executor locks, and what it insists on, in bytes.
pub const LOCKED_BYTES_MIN: u64 = 512 * 1024;

/// Why the ring cannot be had. Nothing was started; the first three are for the operator to change.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The kernel is older than [`KERNEL_MIN`].
    #[error("this kernel is {found}, and Mycorrhizal needs Linux 6.1 or newer")]
    LocalKernelTooOld {
        /// Its release.
        found: String,
    },
    /// The kernel, or the container around us, refuses io_uring.
    #[error("io_uring is refused here ({reason}); Mycorrhizal does all its I/O through it")]
    LocalRefused {
        /// What refused it, and what to change.
        reason: String,
    },
    /// Too little memory may be locked.
    #[error(
        "at most {have_bytes} bytes of memory may be locked (ulimit -l), and the cores need {need_bytes}: \
         raise the hard limit, e.g. LimitMEMLOCK in the unit file or --ulimit memlock=-1 for a container"
    )]
    ConfigLockedMemory {
        /// The limit in force.
        have_bytes: u64,
        /// What is needed.
        need_bytes: u64,
    },
    /// Anything else that the system said while the ring was set up.
    #[error("the network ring cannot be set up: {0}")]
    Local(#[from] io::Error),
}

impl RingError {
    /// The exit code that tells a service manager what is wrong (as `sysexits.h` names them).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::LocalKernelTooOld { .. } => 71,  // EX_OSERR
            Self::LocalRefused { .. } => 77,       // EX_NOPERM
            Self::ConfigLockedMemory { .. } => 78, // EX_CONFIG
            Self::Local(_) => 71,
        }
    }
}

/// What [`check`] saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// As `uname -r` has it; empty if it cannot be told.
    pub(super) release: String,
    /// `/proc/sys/kernel/io_uring_disabled`; None on kernels without the switch.
    pub(super) disabled: Option<u32>,
    pub(super) locked_memory: Limit,
    /// What a trial ring said.
    pub(super) trial: Result<(), io::Error>,
}

/// Raises the locked-memory limit as far as it goes, and finds out whether `cores` rings can be had.
///
/// # Errors
///
/// The reason why not.
pub fn check(cores: usize) -> Result<(), RingError> {
    let locked_memory = Resource::LockedMemory.raise()?;
    let release = read_trimmed(Path::new("/proc/sys/kernel/osrelease")).unwrap_or_default();
    let disabled = read_trimmed(Path::new("/proc/sys/kernel/io_uring_disabled"));
    let disabled = disabled.and_then(|text| text.parse().ok());
    let mut builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
    builder.setup_single_issuer().setup_defer_taskrun();
    let trial = builder.build(8).map(drop);
    decide(Seen { release, disabled, locked_memory, trial }, cores)
}

fn read_trimmed(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Judges what was seen. A release that cannot be read is no reason to refuse: the trial decides.
pub(super) fn decide(seen: Seen, cores: usize) -> Result<(), RingError> {
    if let Some(found) = version(&seen.release)
        && found < KERNEL_MIN
    {
        return Err(RingError::LocalKernelTooOld { found: seen.release });
    }
    match (seen.trial, seen.disabled) {
        (Err(error), Some(switch @ 1..)) if error.raw_os_error() == Some(libc::EPERM) => {
            let reason = format!("sysctl kernel.io_uring_disabled is {switch}: set it to 0");
            return Err(RingError::LocalRefused { reason });
        }
        (Err(error), _) => return Err(explain_setup(error)),
        (Ok(()), _) => {}
    }
    // Up to one ring's worth per core, and never less than the executor insists on.
    let need_bytes = LOCKED_BYTES_MIN.max(cores as u64 * 128 * 1024);
    if seen.locked_memory.soft < need_bytes {
        return Err(RingError::ConfigLockedMemory { have_bytes: seen.locked_memory.soft, need_bytes });
    }
    Ok(())
}

/// What an error of `io_uring_setup` means.
pub(super) fn explain_setup(error: io::Error) -> RingError {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => RingError::LocalRefused {
            reason: "the kernel was built without it, or a sandbox hides it".to_owned(),
        },
        Some(libc::EPERM | libc::EACCES) => RingError::LocalRefused {
            reason:
                "a seccomp profile or security module forbids it: allow io_uring_setup, io_uring_enter and \
                     io_uring_register"
                    .to_owned(),
        },
        Some(libc::EINVAL) => {
            RingError::LocalKernelTooOld { found: "without the features of 6.1".to_owned() }
        }
        _ => RingError::Local(error),
    }
}

/// Major and minor of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|character: char| !character.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests;
