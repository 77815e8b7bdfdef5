//! Membership in the simulator: nodes that run the gossip machine, scenarios, and what must hold in them.

mod node;
mod scenario;
mod swarm;

pub use node::{Payload, SwimNode};
pub use scenario::{Options, Outcome, Scenario, run};
pub use swarm::{Fact, Seen, Swarm};

#[cfg(test)]
mod tests;
