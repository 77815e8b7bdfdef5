//! The lab itself: hosts on one bridge, and the book of what is wrong between them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::capability::{Capabilities, Kind};
use crate::error::LabError;
use crate::fault::{Fault, FaultId, Paths};
use crate::host::{self, Host};
use crate::namespace::{self, Namespace};
use crate::relay::Relay;
use crate::ruleset;
use crate::stage::{Stage, StageKind};

/// Hosts at most; a bridge has 1,023 ports, and no scenario needs a tenth of them.
const HOSTS_MAX: usize = 250;

/// A network of its own. Owned by one test; gone when it is dropped.
#[derive(Debug)]
pub struct Lab {
    // In the order of dropping: the relay's devices, the hosts with what runs there, what joins them.
    relay: Option<Relay>,
    hosts: Vec<Host>,
    hub: Namespace,
    faults: BTreeMap<FaultId, Placed>,
    /// The script last loaded into each host, then the hub; a fault changes few of them.
    loaded: Vec<String>,
    impairment: ImpairmentBy,
    seed: u64,
    next_number: u64,
}

/// A fault that is in force.
#[derive(Debug)]
struct Placed {
    fault: Fault,
    paths: Paths,
    stages: Vec<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ImpairmentBy {
    Netem,
    Relay,
}

impl Lab {
    /// So many hosts that reach each other.
    ///
    /// # Errors
    /// When this machine lacks what a lab needs, or more hosts are asked for than it takes.
    pub fn new(hosts: usize) -> Result<Self, LabError> {
        if hosts > HOSTS_MAX {
            return Err(LabError::ConfigFault(format!("a lab has at most {HOSTS_MAX} hosts")));
        }
        let capabilities = Capabilities::probe();
        if let Some(obstacle) = capabilities.obstacle() {
            return Err(LabError::ConfigFault(obstacle.to_string()));
        }
        let number = next_number();
        let hub = hub(number)?;
        let hosts: Vec<Host> =
            (0..hosts).map(|host| Host::create(number, host, &hub)).collect::<Result<_, _>>()?;
        let loaded = vec![String::new(); hosts.len() + 1];
        let impairment =
            if capabilities.has(Kind::Netem) { ImpairmentBy::Netem } else { ImpairmentBy::Relay };
        let faults = BTreeMap::new();
        Ok(Lab { relay: None, hosts, hub, faults, loaded, impairment, seed: 1, next_number: 0 })
    }

    /// A lab where this machine has one; otherwise says in one sentence what is missing, and the scenario is to end
    /// there.
    ///
    /// # Panics
    /// When the machine could have one, but it cannot be built.
    #[must_use]
    pub fn where_possible(hosts: usize) -> Option<Self> {
        if let Some(obstacle) = Capabilities::probe().obstacle() {
            eprintln!("{obstacle} This scenario was not run.");
            return None;
        }
        Some(Self::new(hosts).unwrap_or_else(|error| panic!("the lab cannot be built: {error}")))
    }

    /// What this machine can do for a lab.
    #[must_use]
    pub fn probe() -> &'static Capabilities {
        Capabilities::probe()
    }

    /// Removes the namespaces of processes that are gone, with all that runs there, and returns how many there were.
    /// Every first lab of a process does so.
    #[must_use]
    pub fn remove_stale() -> usize {
        namespace::remove_stale()
    }

    /// Draws the fates of the relay's packets from this seed instead of 1. Packets come when they come, so that only
    /// the draws are repeated, not the run.
    pub fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Takes the relay from now on also where the kernel has netem.
    pub fn impair_by_relay(&mut self) {
        self.impairment = ImpairmentBy::Relay;
    }

    /// One of the hosts.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn host(&self, number: usize) -> &Host {
        &self.hosts[number]
    }

    /// All hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The names of its namespaces, as `ip netns` shows them.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        let hosts = self.hosts.iter().map(Host::namespace);
        hosts.chain([&self.hub]).map(Namespace::name)
    }

    /// Lets a fault lie on these paths until it is undone.
    ///
    /// # Errors
    /// When it makes no sense or this machine cannot do it. Then nothing has changed.
    pub fn apply(&mut self, paths: &Paths, fault: Fault) -> Result<FaultId, LabError> {
        let fault = fault.check()?;
        if let Some((from, to)) = paths.iter().find(|(from, to)| *from.max(to) >= self.hosts.len()) {
            return Err(LabError::ConfigFault(format!("there is no path from host {from} to host {to}")));
        }
        let id = FaultId(self.number());
        self.faults.insert(id, Placed { fault, paths: paths.clone(), stages: Vec::new() });
        if let Err(error) = self.build_stages(id).and_then(|()| self.load()) {
            self.undo(id)?;
            return Err(error);
        }
        Ok(id)
    }

    /// Ends a fault. Packets that a detour still holds are lost.
    ///
    /// # Errors
    /// When there is no such fault, or this machine refuses.
    pub fn undo(&mut self, fault: FaultId) -> Result<(), LabError> {
        let placed = self.faults.remove(&fault);
        let placed = placed.ok_or_else(|| LabError::ConfigFault("the fault was undone before".to_owned()))?;
        self.load()?;
        placed.stages.iter().try_for_each(|stage| stage.demolish(&self.hub, self.relay.as_ref()))
    }

    /// Ends all faults and plugs all cables in.
    ///
    /// # Errors
    /// When this machine refuses.
    pub fn heal(&mut self) -> Result<(), LabError> {
        while let Some(fault) = self.faults.keys().next().copied() {
            self.undo(fault)?;
        }
        (0..self.hosts.len()).try_for_each(|host| self.plug(host))
    }

    /// Pulls a host's cable: its interface has no carrier, and keeps its addresses.
    ///
    /// # Errors
    /// When this machine refuses.
    pub fn unplug(&mut self, host: usize) -> Result<(), LabError> {
        self.hub.ip(&format!("link set {} down\n", host::port(host)))
    }

    /// Plugs it in again.
    ///
    /// # Errors
    /// When this machine refuses.
    pub fn plug(&mut self, host: usize) -> Result<(), LabError> {
        self.hub.ip(&format!("link set {} up\n", host::port(host)))
    }

    fn build_stages(&mut self, id: FaultId) -> Result<(), LabError> {
        let Placed { fault, paths, .. } = &self.faults[&id];
        let (fault, paths) = (*fault, paths.clone());
        let netem = self.impairment == ImpairmentBy::Netem;
        for (from, to) in paths.iter() {
            let number = self.number();
            let Some(kind) = StageKind::of(fault, netem, self.seed.wrapping_add(number)) else {
                return Ok(());
            };
            if self.relay.is_none() && matches!(kind, StageKind::Relay { .. }) {
                self.relay = Some(Relay::start()?);
            }
            let stage = Stage { number, from, to, kind };
            stage.build(&self.hub, self.relay.as_ref())?;
            self.faults.get_mut(&id).expect("it was looked up above").stages.push(stage);
        }
        Ok(())
    }

    /// Brings the rules of every namespace in line with the faults.
    fn load(&mut self) -> Result<(), LabError> {
        for (host, loaded) in self.hosts.iter().zip(&mut self.loaded) {
            let of = |placed: &Placed| {
                let to_it = placed.paths.iter().filter(|(_, to)| *to == host.number());
                to_it.map(|(from, _)| (from, placed.fault)).collect::<Vec<_>>()
            };
            let faults: Vec<(usize, Fault)> = self.faults.values().flat_map(of).collect();
            replace(loaded, ruleset::of_host(&faults), |script| host.load(script))?;
        }
        let stages: Vec<Stage> = self.faults.values().flat_map(|placed| placed.stages.clone()).collect();
        let script = ruleset::of_hub(self.hosts.len(), &stages);
        let loaded = self.loaded.last_mut().expect("the hub's is there from the start");
        replace(loaded, script, |script| self.hub.nft(script))
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

/// Loads a script where it differs from the one that is loaded.
fn replace(
    loaded: &mut String,
    script: String,
    load: impl FnOnce(&str) -> Result<(), LabError>,
) -> Result<(), LabError> {
    if *loaded != script {
        load(&script)?;
        *loaded = script;
    }
    Ok(())
}

/// Labs are numbered within their process.
pub(crate) fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The bridge. It forwards multicast to every port and is silent itself.
pub(crate) fn hub(lab: usize) -> Result<Namespace, LabError> {
    let hub = Namespace::create(lab, "hub")?;
    hub.set("ipv6/conf/default/disable_ipv6", "1")?;
    hub.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\nlink set br0 up\n")?;
    Ok(hub)
}
