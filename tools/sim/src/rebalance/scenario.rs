//! What happens while partitions move, by seed: nodes join, drain, crash and come back; links break, cuts come and go.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Duration;

use mycorrhizal::nodosum::planner;
use mycorrhizal::nodosum::state::{Command, CoreAddress, Standing};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::message::Action;
use super::{Checker, Client, Flaw, LOG, Log, Node, Out, Role, address_of, id_of, member};
use crate::network::{Network, Weather, between};
use crate::{Time, Trace, World};

/// How large, how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Nodes at the start, at most; there are two at least.
    #[arg(long, default_value_t = 4)]
    pub nodes: usize,
    /// Seconds in which things happen.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// A readable trace goes there.
    #[arg(long)]
    pub trace: Option<PathBuf>,
    /// What nodes do wrong.
    #[arg(skip)]
    pub flaw: Option<Flaw>,
}

impl Default for Options {
    fn default() -> Self {
        Self { nodes: 4, seconds: 10, trace: None, flaw: None }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What did not hold.
    pub failures: Vec<String>,
    /// The hash of everything that happened.
    pub trace_hash: u64,
    /// How many operations were done.
    pub operations: usize,
    /// How many keys there were in the end.
    pub keys: usize,
    /// How many keys went with their owners.
    pub lost_keys: usize,
    /// How many changes the map has seen.
    pub epoch: u64,
}

/// Clients.
const CLIENTS: usize = 3;
/// Places for nodes, those included that join later.
const PLACES: usize = 7;
/// How long everything has to come to rest.
const SETTLE: Duration = Duration::from_secs(120);
const DAY_MS: u64 = 86_400_000;

/// Runs a seed.
pub fn run(options: &Options, seed: u64) -> Report {
    let mut run = Run::new(options, seed);
    let end = run.world.now() + Duration::from_secs(options.seconds);
    loop {
        let pause = between(&mut run.random, Duration::from_millis(50), Duration::from_millis(2_000));
        run.pass(pause);
        if run.world.now() >= end {
            break;
        }
        run.disturb();
    }
    run.come_to_rest();
    Report {
        failures: run.checker.failures().to_vec(),
        trace_hash: run.world.trace_hash(),
        operations: run.checker.done(),
        keys: run.checker.len(),
        lost_keys: run.checker.lost_keys(),
        epoch: run.log().state().map().epoch(),
    }
}

/// The command that runs a seed again, with a trace to read.
pub fn replay(options: &Options, seed: u64) -> String {
    let Options { nodes, seconds, .. } = options;
    format!(
        "cargo run --release -p sim -- rebalance --nodes {nodes} --seconds {seconds} --seed {seed} --trace trace.txt"
    )
}

struct Run {
    world: World<Role>,
    random: Xoshiro256PlusPlus,
    checker: Checker,
    /// How often each node was started, by its place.
    lives: BTreeMap<usize, u64>,
    /// Nodes that are down and come back then.
    back: BTreeMap<usize, Time>,
    draining: Vec<usize>,
    skewed: bool,
    flaw: Option<Flaw>,
    healed_at: Option<Time>,
}

impl Run {
    fn new(options: &Options, seed: u64) -> Run {
        let trace = match &options.trace {
            Some(path) => {
                Trace::written(BufWriter::new(File::create(path).expect("the trace can be written")))
            }
            None => Trace::silent(),
        };
        let mut world = World::new(seed, Network::new(Weather::lan()), trace);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5EED);
        let mut checker = Checker::default();
        for index in 0..=PLACES + CLIENTS {
            world.add(address_of(index));
        }
        // Where clocks differ by a day, nothing expires: how long a move takes would show.
        let skewed = seed.is_multiple_of(4);
        let first = random.random_range(2..=options.nodes.clamp(2, PLACES - 2));
        let members: Vec<_> = (1..=first).map(|index| member(index, 1)).collect();
        let mut out = Out::default();
        let log = Log::new(seed, &members, &mut out);
        out.events.iter().for_each(|event| checker.on_event(Time::START, LOG, event));
        world.start(LOG, Role::Log(log));
        let (lives, back, draining) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let flaw = options.flaw;
        let mut run = Run { world, random, checker, lives, back, draining, skewed, flaw, healed_at: None };
        (1..=first).for_each(|index| run.start(index));
        for index in PLACES + 1..=PLACES + CLIENTS {
            let nodes = (1..=PLACES).collect();
            let client = Client::new(index, seed ^ index as u64, nodes, Duration::from_millis(6), !skewed);
            run.world.start(index, Role::Client(client));
        }
        run
    }

    fn log(&self) -> &Log {
        match self.world.machine(LOG) {
            Some(Role::Log(log)) => log,
            _ => unreachable!("the log is the first, and never dies"),
        }
    }

    fn start(&mut self, index: usize) {
        let life = self.lives.get(&index).map_or(1, |life| life + 1);
        self.lives.insert(index, life);
        let ahead_ms = if self.skewed && index.is_multiple_of(2) { DAY_MS } else { 0 };
        let is_first = self.log().state().member(id_of(index)).is_some() && life == 1;
        let node = Node::new(index, life, ahead_ms, !is_first, self.flaw);
        self.world.start(index, Role::Node(node));
    }

    fn kill(&mut self, index: usize) {
        self.world.kill(index);
        for peer in (1..=PLACES).filter(|peer| *peer != index) {
            self.world.break_link(index, peer);
        }
    }

    fn running(&self) -> Vec<usize> {
        (1..=PLACES).filter(|index| self.world.is_running(*index)).collect()
    }

    fn pick(&mut self, from: &[usize]) -> Option<usize> {
        (!from.is_empty()).then(|| from[self.random.random_range(0..from.len())])
    }

    /// Lets time pass; what was down long enough comes back.
    fn pass(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.world.now() < until {
            let step = self.world.now() + Duration::from_millis(50);
            self.world.run_until(step.min(until));
            self.look();
            let now = self.world.now();
            let due: Vec<usize> =
                self.back.iter().filter(|(_, at)| **at <= now).map(|(index, _)| *index).collect();
            for index in due {
                self.back.remove(&index);
                self.start(index);
            }
            if self.healed_at.is_some_and(|at| at <= now) {
                self.heal();
            }
        }
    }

    /// The checker is told what has happened.
    fn look(&mut self) {
        for seen in self.world.observations() {
            self.checker.on_event(seen.at, seen.node, &seen.event);
        }
    }

    fn heal(&mut self) {
        self.healed_at = None;
        // Some links have not outlived the cut.
        for one in 1..=PLACES {
            for other in one + 1..=PLACES {
                if self.random.random_range(0..4) == 0 {
                    self.world.break_link(one, other);
                }
            }
        }
        self.world.heal();
    }

    fn disturb(&mut self) {
        let running = self.running();
        match self.random.random_range(0..12) {
            0..3 => self.join(),
            3..5 => self.drain(&running),
            5..7 if running.len() > 2 => {
                let Some(index) = self.pick(&running) else { return };
                self.kill(index);
                let down = between(&mut self.random, Duration::from_millis(20), Duration::from_secs(7));
                self.back.insert(index, self.world.now() + down);
            }
            7..10 => {
                let (Some(one), Some(other)) = (self.pick(&running), self.pick(&running)) else { return };
                if one != other {
                    self.world.break_link(one, other);
                }
            }
            _ if self.healed_at.is_none() => self.cut(),
            _ => {}
        }
    }

    fn join(&mut self) {
        let free: Vec<usize> = (1..=PLACES).filter(|index| !self.lives.contains_key(index)).collect();
        if let Some(index) = free.first() {
            self.start(*index);
        }
    }

    fn drain(&mut self, running: &[usize]) {
        let Some(index) = self.pick(running) else { return };
        let active =
            self.log().state().members().filter(|member| member.standing == Standing::Active).count();
        if active > 2 && !self.draining.contains(&index) {
            self.draining.push(index);
            self.decree(Command::Stand { node: id_of(index), standing: Standing::Draining });
        }
    }

    fn decree(&mut self, command: Command) {
        self.world.call(LOG, |role, _, out| {
            if let Role::Log(log) = role {
                log.decree(command, out);
            }
        });
    }

    /// Cuts some from the others: either two nodes from each other, or one from all and the log.
    fn cut(&mut self) {
        let side = |members: &[usize]| (0..=PLACES + CLIENTS).map(|index| members.contains(&index)).collect();
        let (one, other) = (self.random.random_range(1..=PLACES), self.random.random_range(1..=PLACES));
        let others: Vec<usize> = (0..=PLACES).filter(|index| *index != one).collect();
        let far: Vec<bool> = if self.random.random() { side(&others) } else { side(&[other]) };
        if self.random.random_range(0..4) == 0 {
            self.world.network.cut_one_way(side(&[one]), far);
        } else {
            self.world.network.cut(side(&[one]), far);
        }
        let length = between(&mut self.random, Duration::from_millis(50), Duration::from_secs(6));
        self.healed_at = Some(self.world.now() + length);
    }

    /// Undoes all faults, waits until nothing moves, and looks at what is left.
    fn come_to_rest(&mut self) {
        self.heal();
        let now = self.world.now();
        self.back.values_mut().for_each(|at| *at = now);
        let end = now + SETTLE;
        self.stop_clients();
        while self.unfinished().is_some() && self.world.now() < end {
            self.pass(Duration::from_millis(100));
        }
        if let Some(what) = self.unfinished() {
            self.checker.fail(format!("it does not come to rest: {what}"));
            return;
        }
        self.check_answers();
        self.check_balance();
        // Until every deadline has passed: nodes look at the clock only now and then.
        self.pass(Duration::from_secs(4));
        let now = self.world.now();
        let running = self.running();
        let nodes = running.iter().filter_map(|index| match self.world.machine(*index) {
            Some(Role::Node(node)) => Some((*index, node.keys())),
            _ => None,
        });
        self.checker.check_contents(now, nodes);
    }

    fn stop_clients(&mut self) {
        for index in PLACES + 1..=PLACES + CLIENTS {
            self.world.call(index, |role, _, _| {
                if let Role::Client(client) = role {
                    client.stop();
                }
            });
        }
    }

    /// What is not as it must be in the end, in words.
    fn unfinished(&self) -> Option<String> {
        let log = self.log();
        if !log.is_settled() || !self.back.is_empty() {
            return Some("partitions move".to_owned());
        }
        self.running().into_iter().find_map(|index| match self.world.machine(index) {
            Some(Role::Node(node)) if node.state() != log.state() => {
                Some(format!("{index} knows another state"))
            }
            Some(Role::Node(node)) => node.unfinished().map(|what| format!("{index} has {what}")),
            _ => None,
        })
    }

    /// Whoever is asked now has an answer within a second.
    fn check_answers(&mut self) {
        let running = self.running();
        let client = PLACES + 1;
        for round in 0..40 {
            let to = running[round % running.len()];
            let action = if round % 2 == 0 { Action::Get } else { Action::Append };
            self.world.call(client, |role, _, out| {
                if let Role::Client(client) = role {
                    client.ask(to, action, out);
                }
            });
        }
        self.pass(Duration::from_secs(1));
        if let Some(Role::Client(client)) = self.world.machine(client)
            && client.open() > 0
        {
            let open = client.open();
            self.checker.fail(format!("{open} of 40 operations have no answer though all is quiet"));
        }
    }

    /// Each core has its share.
    fn check_balance(&mut self) {
        let state = self.log().state();
        let owned = |core: &CoreAddress| state.map().owned_by(*core).count();
        let due = planner::shares(state.members());
        let wrong: Vec<_> = due.iter().filter(|(core, due)| owned(core).abs_diff(*due) > 1).collect();
        if !wrong.is_empty() {
            let text = format!("unbalanced in the end: {wrong:?}");
            self.checker.fail(text);
        }
    }
}

#[cfg(test)]
mod killing;
