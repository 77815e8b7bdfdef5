//! One run against one server: connect, fill, warm up, measure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::clock::{Clock, from_seconds};
use crate::cluster::SlotMap;
use crate::distribution::KeySampler;
use crate::error::BenchError;
use crate::generator::{Generator, TemplateSet};
use crate::link::{Endpoint, Link};
use crate::mix::{CommandSpec, Mix};
use crate::plan::{Length, Plan};
use crate::progress::Progress;
use crate::random::Random;
use crate::schedule::{Budget, End, Pace, Schedule};
use crate::server_cpu::ServerCpu;
use crate::tally::{Tally, latencies};
use crate::template::TemplateSetting;
use crate::worker::{Interval, Phase, Shared, Worker, WorkerSetting};

/// Files that the process needs beside its connections.
const SPARE_FILES: u64 = 64;
/// Requests in flight per connection while the keyspace is filled, at least, unless values are large.
const FILL_PIPELINE: usize = 64;
/// From when on values are large, in bytes.
const LARGE_VALUE_BYTES: usize = 16_384;
/// How often progress is looked at.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What a run brought.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The server.
    pub target: Endpoint,
    /// Endpoints that took load.
    pub endpoints: usize,
    /// Connections that were made.
    pub connections: usize,
    /// What was counted.
    pub tally: Tally,
    /// Latencies per second of the measured part, if a log was asked for.
    pub intervals: BTreeMap<u64, Histogram<u64>>,
    /// When the measured part began.
    pub started_at: SystemTime,
    /// User and system time of the servers in the measured part, in seconds, if they tell it.
    pub server_cpu_seconds: Option<f64>,
}

/// The load threads of a run, connected and idle.
struct Session<'a> {
    plan: &'a Plan,
    clock: Clock,
    workers: Vec<Worker>,
    endpoints: Vec<Endpoint>,
    connections: usize,
    setting: TemplateSetting,
}

/// Runs the plan once against `target`. `round` shifts the random numbers.
///
/// # Errors
///
/// The server cannot be reached, refuses the login, or a connection breaks.
pub fn run(plan: &Plan, target: &Endpoint, round: u32) -> Result<Outcome, BenchError> {
    let mut session = Session::open(plan, target)?;
    if plan.fill {
        session.fill()?;
    }
    session.load(target, round)
}

impl<'a> Session<'a> {
    fn open(plan: &'a Plan, target: &Endpoint) -> Result<Self, BenchError> {
        let clock = Clock::start();
        let map =
            if plan.cluster { Some(SlotMap::fetch(&mut Link::open(target, &plan.login)?)?) } else { None };
        let endpoints = map.as_ref().map_or_else(|| vec![target.clone()], |map| map.endpoints.clone());
        let connections = plan.connections.max(plan.threads * endpoints.len());
        allow_files(connections as u64)?;
        let mut shares = (0..plan.threads).map(|_| Vec::new()).collect::<Vec<_>>();
        for number in 0..connections {
            let endpoint = (number / plan.threads) % endpoints.len();
            let stream = Link::open(&endpoints[endpoint], &plan.login)?.into_stream()?;
            let endpoint = u16::try_from(endpoint).expect("a map has fewer than 65,536 endpoints");
            shares[number % plan.threads].push((endpoint, stream));
        }
        let worker = |(thread, streams)| {
            let setting = WorkerSetting {
                thread,
                clock,
                login: plan.login.clone(),
                seed: target.clone(),
                timeout_ns: from_seconds(plan.timeout_seconds),
            };
            Worker::new(setting, map.clone(), streams)
        };
        let workers = shares.into_iter().enumerate().map(worker).collect::<Result<_, _>>()?;
        let setting = TemplateSetting::new(plan.layout.clone(), plan.value_size, plan.ttl_seconds, plan.seed);
        Ok(Self { plan, clock, workers, endpoints, connections, setting })
    }

    /// Sets every key once.
    fn fill(&mut self) -> Result<(), BenchError> {
        let plan = self.plan;
        let set = Arc::new(TemplateSet::new(&Mix::only(CommandSpec::Set), self.setting.clone(), None));
        let threads = plan.threads as u64;
        let share = |thread: u64| plan.keyspace * thread / threads;
        let is_large = plan.value_size.max() >= LARGE_VALUE_BYTES;
        let pipeline = if is_large { plan.pipeline } else { plan.pipeline.max(FILL_PIPELINE) };
        let now_ns = self.clock.now_ns();
        let phase = |thread: u64, intervals| {
            let (from, to) = (share(thread), share(thread + 1));
            let keys = KeySampler::Round { next: from, step: 1, keyspace: plan.keyspace };
            let random = Random::new(plan.seed, u64::MAX / 2 + thread);
            Phase {
                schedule: Schedule::new(
                    Pace::Closed,
                    0,
                    now_ns,
                    End::Requests(Arc::new(Budget::new(to - from))),
                ),
                generator: Generator::new(Arc::clone(&set), keys, random, plan.cluster),
                pipeline,
                cuts_seconds: false,
                intervals,
            }
        };
        let mut progress = Progress::requests("fill", plan.keyspace);
        let tally =
            self.run_phase(phase, &mut |now_ns, answered| progress.show_at(now_ns, answered), &mut |_| {})?;
        match tally.errors.iter().next() {
            None => Ok(()),
            Some((text, _)) => Err(BenchError::PeerRefused {
                endpoint: self.endpoints[0].clone(),
                command: "SET while the keyspace was filled".into(),
                text: String::from_utf8_lossy(text).into_owned(),
            }),
        }
    }

    /// Warms up and measures.
    fn load(&mut self, target: &Endpoint, round: u32) -> Result<Outcome, BenchError> {
        let plan = self.plan;
        let clustered = plan.cluster.then(|| u32::try_from(plan.keyspace).unwrap_or(u32::MAX));
        let set = Arc::new(TemplateSet::new(&plan.mix, self.setting.clone(), clustered));
        let mut server_cpu = ServerCpu::open(&self.endpoints, &plan.login);
        let start_ns = self.clock.now_ns();
        let record_from_ns = start_ns + from_seconds(plan.warmup_seconds);
        let (end, mut progress) = match plan.length {
            Length::Requests(requests) => {
                (End::Requests(Arc::new(Budget::new(requests))), Progress::requests("load", requests))
            }
            Length::Seconds(seconds) => (
                End::At(record_from_ns + from_seconds(seconds)),
                Progress::time("load", start_ns, plan.warmup_seconds + seconds),
            ),
        };
        let threads = plan.threads as u64;
        let phase = |thread: u64, intervals| {
            let keys = plan.distribution.sampler(plan.keyspace, thread, threads);
            let random = Random::new(plan.seed, thread + u64::from(round) * threads);
            let pace = Pace::of(plan.rate, thread, threads);
            Phase {
                schedule: Schedule::new(pace, start_ns, record_from_ns, end.clone()),
                generator: Generator::new(Arc::clone(&set), keys, random, plan.cluster),
                pipeline: plan.pipeline,
                cuts_seconds: plan.hdr.is_some(),
                intervals,
            }
        };
        let mut intervals = BTreeMap::new();
        let tally = self.run_phase(
            phase,
            &mut |now_ns, answered| {
                progress.show_at(now_ns, answered);
                if now_ns >= record_from_ns {
                    server_cpu.begin();
                }
            },
            &mut |interval: Interval| {
                let whole = intervals.entry(interval.second).or_insert_with(latencies);
                whole.add(&interval.latencies).expect("all histograms have the same bounds");
            },
        )?;
        let warm_up = Duration::from_nanos(record_from_ns);
        Ok(Outcome {
            target: target.clone(),
            endpoints: self.endpoints.len(),
            connections: self.connections,
            tally,
            intervals,
            started_at: self.clock.started_at() + warm_up,
            server_cpu_seconds: server_cpu.end(),
        })
    }

    /// Runs a phase on all threads, and merges what they counted. `watch` is called every now and then with the
    /// time and the number of replies.
    fn run_phase(
        &mut self,
        phase: impl Fn(u64, Sender<Interval>) -> Phase,
        watch: &mut dyn FnMut(u64, u64),
        on_interval: &mut dyn FnMut(Interval),
    ) -> Result<Tally, BenchError> {
        let shared = Shared::new(self.workers.len());
        let (sender, receiver) = channel();
        let (clock, pin) = (self.clock, &self.plan.pin);
        let tallies = std::thread::scope(|scope| -> Result<Vec<Tally>, BenchError> {
            let mut threads = Vec::new();
            for (number, worker) in self.workers.iter_mut().enumerate() {
                let phase = phase(number as u64, sender.clone());
                let core = (!pin.is_empty()).then(|| pin[number % pin.len()]);
                let shared = &shared;
                let work = move || {
                    let result = prepare_thread(core).and_then(|()| worker.run(phase, shared));
                    if result.is_err() {
                        shared.stop.store(true, Ordering::Relaxed);
                    }
                    result
                };
                let thread = std::thread::Builder::new().name(format!("load-{number}"));
                let thread = thread.spawn_scoped(scope, work);
                threads.push(thread.map_err(|source| {
                    shared.stop.store(true, Ordering::Relaxed);
                    BenchError::local("start a thread", source)
                })?);
            }
            drop(sender);
            watch_threads(clock, &shared, &receiver, watch, on_interval);
            threads.into_iter().map(|thread| thread.join().expect("a load thread does not panic")).collect()
        })?;
        let mut whole = Tally::new();
        tallies.iter().for_each(|tally| whole.merge(tally));
        Ok(whole)
    }
}

/// Returns when all threads have dropped their end of the channel.
fn watch_threads(
    clock: Clock,
    shared: &Shared,
    intervals: &Receiver<Interval>,
    watch: &mut dyn FnMut(u64, u64),
    on_interval: &mut dyn FnMut(Interval),
) {
    loop {
        watch(clock.now_ns(), shared.answered());
        match intervals.recv_timeout(PROGRESS_EVERY) {
            Ok(interval) => on_interval(interval),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Pins the calling thread, and lets its timers be exact.
fn prepare_thread(core: Option<usize>) -> Result<(), BenchError> {
    if let Some(core) = core {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set)
            .map_err(|errno| BenchError::local(&format!("pin a load thread to core {core}"), errno))?;
    }
    set_current_timer_slack(std::num::NonZeroU64::new(1))
        .map_err(|errno| BenchError::local("set the timer slack of a load thread", errno))
}

/// Raises the soft limit of open files as far as the connections need it.
fn allow_files(connections: u64) -> Result<(), BenchError> {
    let wanted = connections + SPARE_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|errno| {
        let action =
            format!("open {connections} connections: the limit of open files (ulimit -Hn) is too low");
        BenchError::local(&action, errno)
    })
}
