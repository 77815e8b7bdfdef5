//! The network lab: real daemons in network namespaces, and faults between them.
//!
//! ```text
//!  host 0            host 1            host 2          a namespace each: 10.77.0.1 …, fd77::1 …
//!  ┌──────┐          ┌──────┐          ┌──────┐
//!  │ eth0 │          │ eth0 │          │ eth0 │        drops and resets, by sender (nft)
//!  └──┬───┘          └──┬───┘          └──┬───┘
//!  ┌──┴─────────────────┴─────────────────┴──┐
//!  │  p0                p1                p2 │        detours, by sender: rate (tbf), delay (netem or relay)
//!  │  └───────────── br0 ────────────────┘   │        cables pulled (link down)
//!  └─────────────────────────────────────────┘        the hub, a namespace too, apart from the machine's own network
//! ```
//!
//! A [`Lab`] is such a network; a [`Fault`] lies on the [`Paths`] between chosen hosts until it is undone; a
//! [`Cluster`] has a daemon on each host. What this machine lacks for that, [`Capabilities`] say in a sentence each.
//! Everything is gone when the lab is dropped; what a killed process left is removed by the next one.

mod capability;
pub mod cluster;

mod error;
mod fault;
mod host;
mod lab;
mod namespace;
mod process;
mod relay;
mod ruleset;
mod stage;
mod tap;
mod tool;

pub use self::capability::{Capabilities, Capability, Kind};

pub use self::cluster::{Cluster, ClusterOptions};
pub use self::error::LabError;
pub use self::fault::{Fault, FaultId, Impairment, Paths};
pub use self::host::Host;
pub use self::lab::Lab;
pub use self::process::Process;
pub use rustix::process::Signal;
