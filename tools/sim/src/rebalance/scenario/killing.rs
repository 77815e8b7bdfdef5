//! A node is killed at a chosen step of the move of one partition: the source, or the destination.

use mycorrhizal::mycel::slot_of;
use mycorrhizal::nodosum::state::{CoreAddress, MapChange, Ownership, PartitionId};

use super::super::index_of_id;
use super::*;

/// Operations that set long values before the move: it takes longer than one window.
const LONG_VALUES: usize = 60;
/// Shorter than an absence is noticed: what the node owned is lost when its next life begins.
const SHORT: Duration = Duration::from_millis(20);
/// Longer than anybody waits: what the node owned is given to others, empty.
const LONG: Duration = Duration::from_millis(4_500);

/// How far the move is, in the order in which that comes; between the nodes only messages order it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    /// The log orders it.
    Ordered,
    /// The source knows, and says so to the destination.
    Begun,
    /// The destination has heard of it from the source.
    Taken,
    /// The source has read so many slots.
    Read(usize),
    /// So many slots have come.
    Come(usize),
    /// The source has handed the partition over, and runs nothing on it.
    Frozen,
    /// Everything is at the destination.
    Complete,
    /// The source knows that, and wants the owner to change.
    HandedOver,
    /// The log says who owns it now.
    Decided,
    /// The source has let it go.
    LetGo,
    /// The destination answers for it.
    Owned,
}

const STEPS: [Step; 15] = [
    Step::Ordered,
    Step::Begun,
    Step::Taken,
    Step::Read(1),
    Step::Come(1),
    Step::Read(8),
    Step::Come(8),
    Step::Read(16),
    Step::Come(16),
    Step::Frozen,
    Step::Complete,
    Step::HandedOver,
    Step::Decided,
    Step::LetGo,
    Step::Owned,
];

/// Who is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Source,
    Destination,
}

/// The move that is watched.
#[derive(Clone, Copy)]
struct Watched {
    partition: PartitionId,
    from: CoreAddress,
    to: CoreAddress,
}

impl Watched {
    /// Fills a partition with more than goes in one window, and orders that it moves.
    fn begin(run: &mut Run) -> Watched {
        run.pass(Duration::from_millis(500));
        for number in 0..LONG_VALUES {
            run.world.call(PLACES + 1, |role, _, out| {
                if let Role::Client(client) = role {
                    client.ask(1 + number % 2, Action::SetLong(60_000), out);
                }
            });
        }
        run.pass(Duration::from_millis(500));
        let partition = PartitionId(u16::try_from(slot_of(b"one").partition()).expect("below 1,024"));
        let from = run.log().state().map().ownership(partition).owner.expect("all is owned");
        let other = if index_of_id(from.node) == 1 { 2 } else { 1 };
        let to = CoreAddress { node: id_of(other), core: 0 };
        let grant = run.log().state().leases().leader(planner::ELECTION);
        let token = grant.expect("somebody plans").token;
        run.decree(Command::Rebalance { token, changes: vec![MapChange::BeginMove { partition, from, to }] });
        run.look();
        Watched { partition, from, to }
    }

    fn place(self, side: Side) -> usize {
        index_of_id(match side {
            Side::Source => self.from.node,
            Side::Destination => self.to.node,
        })
    }

    fn node(self, run: &Run, side: Side) -> &Node {
        match run.world.machine(self.place(side)) {
            Some(Role::Node(node)) => node,
            _ => unreachable!("nobody was killed yet"),
        }
    }

    fn has_come(self, step: Step, run: &Run) -> bool {
        let decided = |known: Ownership| known.owner == Some(self.to);
        let (log, source) = (run.log().state(), self.node(run, Side::Source));
        let destination = self.node(run, Side::Destination);
        let (sent, come) = (source.export(self.partition), destination.import(self.partition));
        match step {
            Step::Ordered => log.map().ownership(self.partition).moving_to.is_some(),
            Step::Begun => sent.is_some(),
            Step::Taken => come.is_some(),
            Step::Read(slots) => sent.is_some_and(|sent| sent.slots_done() >= slots),
            Step::Come(slots) => come.is_some_and(|come| come.slots_done() >= slots),
            Step::Frozen => sent.is_some_and(|sent| sent.is_frozen()),
            Step::Complete => come.is_some_and(mycorrhizal::mycel::transfer::Import::is_complete),
            Step::HandedOver => sent.is_some_and(|sent| sent.handed_over()),
            Step::Decided => decided(log.map().ownership(self.partition)),
            Step::LetGo => decided(source.state().map().ownership(self.partition)),
            Step::Owned => decided(destination.state().map().ownership(self.partition)),
        }
    }

    /// Lets things happen one by one until the step has come.
    fn reach(self, step: Step, run: &mut Run) {
        let end = run.world.now() + Duration::from_secs(5);
        while !self.has_come(step, run) {
            assert!(run.world.step(end), "{step:?} does not come");
            run.look();
        }
        if let Step::Come(slots) = step {
            assert!(!self.has_come(Step::Come(slots + 1), run), "{step:?} is overtaken");
        }
    }
}

/// Kills one of the two at a step, and returns the keys of the partition that are lost.
fn kill_at(seed: u64, step: Step, side: Side, down: Duration) -> usize {
    let options = Options { nodes: 3, ..Options::default() };
    let mut run = Run::new(&options, seed);
    let watched = Watched::begin(&mut run);
    watched.reach(step, &mut run);
    let victim = watched.place(side);
    run.kill(victim);
    run.back.insert(victim, run.world.now() + down);
    run.pass(down + Duration::from_millis(500));
    run.come_to_rest();
    let failures = run.checker.failures();
    assert!(failures.is_empty(), "seed {seed}, {side:?} at {step:?}, {down:?}: {failures:?}");
    run.checker.lost_keys_of(watched.partition)
}

#[test]
fn whoever_dies_at_whichever_step_takes_only_what_it_owned() {
    for (number, step) in STEPS.into_iter().enumerate() {
        for side in [Side::Source, Side::Destination] {
            for (seed, down) in [(number as u64, SHORT), (100 + number as u64, LONG)] {
                let lost = kill_at(seed, step, side, down);
                let owned = match side {
                    Side::Source => step < Step::HandedOver,
                    Side::Destination => step >= Step::Decided,
                };
                // When the source dies with what it wants on its way, the log may have it or not.
                if step != Step::HandedOver {
                    assert_eq!(lost > 0, owned, "seed {seed}, {side:?} at {step:?}, {down:?}: {lost}");
                }
            }
        }
    }
}
