//! Cores: pinned glommio executors, each on a named thread, and the turn that drives a core's ring.
//!
//! ```text
//!   ┌──▶ tasks run ──▶ after_tasks ──▶ submit (and sleep) ──▶ completions wake tasks ──▶ before_tasks ──┐
//!   └───────────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A core sleeps only if no task was woken while the tasks had their go, `after_tasks` allows it, and its mailboxes
//! were empty after it had announced that it sleeps.

mod core_set;
mod turn;

pub use self::core_set::{CoreSet, CoreSetError, available_cpus};
pub use self::turn::{Park, Turn, run};

use glommio::{LocalExecutorBuilder, Placement};
use std::any::Any;
use std::io;
use std::thread::{Builder, JoinHandle};

/// Memory that one executor locks for its file I/O, in bytes. Buffers beyond it come from the allocator.
const IO_MEMORY_BYTES: usize = 64 * 1024;
/// Entries of each of an executor's three own rings, which carry file I/O only.
const RING_DEPTH: usize = 64;
/// How long ready tasks run before glommio looks after its own rings.
const PREEMPT: std::time::Duration = std::time::Duration::from_millis(10);

/// Why a core ended, other than as it was meant to.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The thread or its executor could not be started; nothing ran.
    #[error("core {cpu} cannot be started: {reason}")]
    LocalStart {
        /// The CPU that it was to run on.
        cpu: usize,
        /// What the system said.
        reason: String,
    },
    /// A task of the core panicked; the core's state is gone.
    #[error("core {cpu} panicked: {message}")]
    LocalPanic {
        /// The CPU that it ran on.
        cpu: usize,
        /// The panic's message.
        message: String,
    },
}

/// A core that runs.
#[derive(Debug)]
pub struct CoreHandle<T> {
    cpu: usize,
    thread: JoinHandle<Result<T, String>>,
}

impl<T> CoreHandle<T> {
    /// The CPU that the core is pinned to.
    pub fn cpu(&self) -> usize {
        self.cpu
    }

    /// Whether the core has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the core to end.
    ///
    /// # Errors
    ///
    /// It could not be started, or it panicked.
    pub fn join(self) -> Result<T, CoreError> {
        let cpu = self.cpu;
        match self.thread.join() {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(reason)) => Err(CoreError::LocalStart { cpu, reason }),
            Err(panic) => Err(CoreError::LocalPanic { cpu, message: panic_message(&*panic) }),
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

/// Starts a thread named `name` with an executor that is pinned to `cpu`, and runs there the future that `make`
/// makes. The core ends when that future does.
///
/// # Errors
///
/// The thread cannot be started. That its executor cannot be is told by [`CoreHandle::join`].
pub fn spawn<F, G, T>(cpu: usize, name: &str, make: G) -> io::Result<CoreHandle<T>>
where
    G: FnOnce() -> F + Send + 'static,
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let label = name.to_owned();
    let body = move || {
        let executor = LocalExecutorBuilder::new(Placement::Fixed(cpu))
            .name(&label)
            .io_memory(IO_MEMORY_BYTES)
            .ring_depth(RING_DEPTH)
            .preempt_timer(PREEMPT)
            .make()
            .map_err(|error| error.to_string())?;
        Ok(executor.run(async move { make().await }))
    };
    let thread = Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(CoreHandle { cpu, thread })
}
