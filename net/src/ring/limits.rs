//! Resource limits of the process: how much memory may be locked, how many descriptors may be open.
#![expect(unsafe_code, reason = "reads and raises resource limits")]

use std::io;

/// A soft limit, which the kernel enforces, and the hard one, up to which a process may raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// In force.
    pub soft: u64,
    /// The most that `soft` may be set to.
    pub hard: u64,
}

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Bytes of memory that may be locked (`ulimit -l`, in KiB there).
    LockedMemory,
    /// Open descriptors (`ulimit -n`).
    OpenFiles,
}

impl Resource {
    #[cfg(target_env = "gnu")]
    fn number(self) -> libc::__rlimit_resource_t {
        match self {
            Self::LockedMemory => libc::RLIMIT_MEMLOCK,
            Self::OpenFiles => libc::RLIMIT_NOFILE,
        }
    }

    #[cfg(not(target_env = "gnu"))]
    fn number(self) -> libc::c_int {
        match self {
            Self::LockedMemory => libc::RLIMIT_MEMLOCK,
            Self::OpenFiles => libc::RLIMIT_NOFILE,
        }
    }

    /// The limit now.
    ///
    /// # Errors
    ///
    /// What `getrlimit` says.
    pub fn limit(self) -> io::Result<Limit> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a local of the type that the call fills.
        let outcome = unsafe { libc::getrlimit(self.number(), &raw mut limit) };
        if outcome != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Limit { soft: limit.rlim_cur, hard: limit.rlim_max })
    }

    /// Raises the soft limit to the hard one and says what holds then.
    ///
    /// # Errors
    ///
    /// What `getrlimit` or `setrlimit` says.
    pub fn raise(self) -> io::Result<Limit> {
        let Limit { soft, hard } = self.limit()?;
        if soft < hard {
            let limit = libc::rlimit { rlim_cur: hard, rlim_max: hard };
            // SAFETY: the pointer is to a local that the call only reads.
            let outcome = unsafe { libc::setrlimit(self.number(), &raw const limit) };
            if outcome != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        self.limit()
    }
}
