//! A load thread: an event loop over non-blocking connections.
//!
//! ```text
//!   epoll (edge-triggered, armed once) ─> receive ─> replies counted ─> connection has room ─> requests ─> send
//!                 └── an operation becomes due (open loop, cluster) ─> a waiting connection ─┘
//! ```
//!
//! A connection costs one receive and one send a batch, and one `epoll_wait` serves all that are ready; nothing is
//! allocated per operation.

mod connection;
mod feed;
mod recorder;
mod redirection;
mod replies;

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::clock::{Clock, SECOND_NS, to_seconds};
use crate::cluster::SlotMap;
use crate::error::BenchError;
use crate::generator::Generator;
use crate::link::{Endpoint, Login};
use crate::schedule::Schedule;
use crate::tally::Tally;

use self::connection::Connection;
use self::feed::{Feed, Route};
use self::recorder::Recorder;
use self::replies::Replies;

/// How often one operation may be sent elsewhere before its error counts.
const REDIRECTS_MAX: u8 = 16;
/// The other side will send no more.
const ENDED: epoll::EventFlags =
    epoll::EventFlags::RDHUP.union(epoll::EventFlags::HUP).union(epoll::EventFlags::ERR);
/// What is watched for on every connection.
const WATCHED: epoll::EventFlags = epoll::EventFlags::IN
    .union(epoll::EventFlags::OUT)
    .union(epoll::EventFlags::RDHUP)
    .union(epoll::EventFlags::ET);
/// Most events of one wait.
const EVENTS_MAX: usize = 256;
/// Bytes of one receive.
const RECEIVE_BYTES: usize = 65_536;
/// Longest wait, so that stop and progress are seen, in nanoseconds.
const TICK_NS: u64 = SECOND_NS / 10;
/// An operation that is due within this time is waited for without sleeping, in nanoseconds.
const SPIN_NS: u64 = 20_000;
/// Fewest operations that may wait for the endpoint of their key, in cluster mode.
const BACKLOG_MIN: usize = 1_024;
/// How long after its end a run waits for replies, and sends what was due before, in nanoseconds.
const DRAIN_NS: u64 = 5 * SECOND_NS;

/// What the threads of a run share while it runs.
#[derive(Debug)]
pub struct Shared {
    /// Set when the run is to be given up.
    pub stop: AtomicBool,
    /// Replies so far, per thread.
    progress: Vec<Progress>,
}

/// A counter that shares its cache line with nothing.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Progress(AtomicU64);

impl Shared {
    /// For so many threads.
    pub fn new(threads: usize) -> Self {
        Self { stop: AtomicBool::new(false), progress: (0..threads).map(|_| Progress::default()).collect() }
    }

    /// Replies so far, of all threads.
    pub fn answered(&self) -> u64 {
        self.progress.iter().map(|count| count.0.load(Ordering::Relaxed)).sum()
    }
}

/// The latencies of one second of one thread.
pub struct Interval {
    /// Which second.
    pub second: u64,
    /// The latencies, in nanoseconds.
    pub latencies: Histogram<u64>,
}

/// What stays the same over the phases of a run.
#[derive(Clone, Debug)]
pub struct WorkerSetting {
    /// Number of the thread.
    pub thread: usize,
    /// The clock of the run.
    pub clock: Clock,
    /// What new connections say first.
    pub login: Login,
    /// The server; in a cluster, the node that was asked first.
    pub seed: Endpoint,
    /// How long the servers may be silent while they owe replies, in nanoseconds.
    pub timeout_ns: u64,
}

/// One load thread with its connections.
pub struct Worker {
    setting: WorkerSetting,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Per endpoint: connections that have room, and found nothing to do.
    waiting: Vec<VecDeque<usize>>,
    /// In cluster mode, between phases: who owns what.
    map: Option<SlotMap>,
    /// During a phase.
    feed: Option<Feed>,
    replies: Replies,
    scratch: Vec<u8>,
    pipeline: usize,
    requests: u64,
    refresh_due_ns: u64,
}

/// A phase of a run, as one thread sees it.
pub struct Phase {
    /// When operations are due.
    pub schedule: Schedule,
    /// What they are.
    pub generator: Generator,
    /// Requests in flight per connection.
    pub pipeline: usize,
    /// Whether `intervals` gets the latencies of every second.
    pub cuts_seconds: bool,
    /// Told every second, if so; dropped when the phase is over.
    pub intervals: Sender<Interval>,
}

impl Worker {
    /// A thread over connections that are logged in; each comes with the index of its endpoint in `map`, which there
    /// is in cluster mode.
    ///
    /// # Errors
    ///
    /// The system refuses another epoll instance.
    pub fn new(
        setting: WorkerSetting,
        map: Option<SlotMap>,
        streams: Vec<(u16, TcpStream)>,
    ) -> Result<Self, BenchError> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|errno| BenchError::local("create an epoll instance", errno))?;
        let mut worker = Self {
            setting,
            epoll,
            connections: Vec::with_capacity(streams.len()),
            waiting: Vec::new(),
            map,
            feed: None,
            replies: Replies::default(),
            scratch: vec![0; RECEIVE_BYTES],
            pipeline: 1,
            requests: 0,
            refresh_due_ns: 0,
        };
        for (endpoint, stream) in streams {
            worker.add_connection(stream, endpoint.into())?;
        }
        Ok(worker)
    }

    fn add_connection(&mut self, stream: TcpStream, endpoint: usize) -> Result<(), BenchError> {
        let data = epoll::EventData::new_u64(self.connections.len() as u64);
        epoll::add(&self.epoll, &stream, data, WATCHED)
            .map_err(|errno| BenchError::local("watch a socket", errno))?;
        let endpoint = u16::try_from(endpoint).expect("endpoints are counted in u16");
        self.connections.push(Connection::new(stream, endpoint, self.pipeline));
        Ok(())
    }

    /// Runs one phase to its end, and returns what it counted.
    ///
    /// # Errors
    ///
    /// A connection broke, or a server fell silent or does not speak RESP.
    pub fn run(&mut self, phase: Phase, shared: &Shared) -> Result<Tally, BenchError> {
        let intervals = phase.cuts_seconds.then(|| phase.intervals.clone());
        let mut recorder = Recorder::new(intervals, phase.schedule.record_from_ns());
        self.begin(phase);
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut answered_at = (0, self.setting.clock.now_ns());
        loop {
            let now_ns = self.setting.clock.now_ns();
            recorder.on_time(&mut self.replies.tally, now_ns);
            if self.is_done(now_ns) || shared.stop.load(Ordering::Relaxed) {
                break;
            }
            self.pump()?;
            self.wait(&mut events)?;
            for event in events.drain(..) {
                self.on_event(event)?;
            }
            if !self.replies.redirected.is_empty() {
                self.follow_redirections(now_ns)?;
            }
            shared.progress[self.setting.thread].0.store(self.replies.answered, Ordering::Relaxed);
            if answered_at.0 != self.replies.answered || self.outstanding() == 0 {
                answered_at = (self.replies.answered, now_ns);
            } else if now_ns.saturating_sub(answered_at.1) > self.setting.timeout_ns {
                return Err(self.silent());
            }
        }
        recorder.finish(&mut self.replies.tally, self.setting.clock.now_ns());
        Ok(self.end())
    }

    fn begin(&mut self, phase: Phase) {
        self.pipeline = phase.pipeline;
        self.replies = Replies::default();
        self.requests = 0;
        let endpoints = self.map.as_ref().map_or(1, |map| map.endpoints.len());
        let backlog_max = BACKLOG_MIN.max(4 * self.pipeline * self.connections.len());
        let route = self.map.take().map(|map| Route::new(map, backlog_max));
        self.feed = Some(Feed { schedule: phase.schedule, generator: phase.generator, route });
        self.waiting = vec![VecDeque::new(); endpoints];
        for (index, connection) in self.connections.iter_mut().enumerate() {
            connection.is_waiting = true;
            self.waiting[usize::from(connection.endpoint)].push_back(index);
        }
    }

    fn end(&mut self) -> Tally {
        let mut tally = std::mem::take(&mut self.replies.tally);
        tally.unanswered = self.outstanding();
        if let Some(feed) = self.feed.take() {
            tally.unsent = feed.schedule.unsent() + feed.backlog() as u64;
            self.map = feed.route.map(|route| route.map);
        }
        tally
    }

    /// Requests without a reply.
    fn outstanding(&self) -> u64 {
        self.requests - self.replies.answered
    }

    fn is_done(&mut self, now_ns: u64) -> bool {
        let outstanding = self.outstanding();
        let Some(feed) = &mut self.feed else { return true };
        let is_late = feed.schedule.end_ns().is_some_and(|end_ns| now_ns > end_ns.saturating_add(DRAIN_NS));
        let is_sent = feed.schedule.is_finished(now_ns) && feed.backlog() == 0;
        is_late || (is_sent && outstanding == 0)
    }

    /// Gives waiting connections what has become due.
    fn pump(&mut self) -> Result<(), BenchError> {
        for endpoint in 0..self.waiting.len() {
            while let Some(index) = self.waiting[endpoint].pop_front() {
                self.connections[index].is_waiting = false;
                let now_ns = self.setting.clock.now_ns();
                if self.refill(index, now_ns)? == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn wait(&self, events: &mut Vec<epoll::Event>) -> Result<(), BenchError> {
        let due_ns = self.feed.as_ref().and_then(|feed| feed.schedule.next_due_ns());
        let has_waiting = self.waiting.iter().any(|line| !line.is_empty());
        let wait_ns = match due_ns.filter(|_| has_waiting) {
            None => TICK_NS,
            Some(due_ns) => match due_ns.saturating_sub(self.setting.clock.now_ns()) {
                0..SPIN_NS => 0,
                sleep_ns => (sleep_ns - SPIN_NS / 2).min(TICK_NS),
            },
        };
        // A tick fits every width of the fields.
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait_ns.try_into().unwrap_or(0) };
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(BenchError::local("wait for sockets", errno)),
        }
    }

    #[inline]
    fn on_event(&mut self, event: epoll::Event) -> Result<(), BenchError> {
        let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
        if self.connections[index].has_unsent() {
            self.send(index)?;
        }
        let flags = event.flags;
        if flags.difference(epoll::EventFlags::OUT).is_empty() {
            return Ok(());
        }
        // The end of the stream makes no edge of its own when it came together with data.
        let has_ended = flags.intersects(ENDED);
        let connection = &mut self.connections[index];
        let asked = match &self.feed {
            Some(Feed { route: Some(route), .. }) => {
                Some(&route.map.endpoints[usize::from(connection.endpoint)])
            }
            _ => None,
        };
        loop {
            let received = match connection.receive(&mut self.scratch) {
                Ok(Some(received)) => received,
                Ok(None) => break,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(self.closed(index, &io::Error::from(errno).to_string())),
            };
            if received.bytes == 0 {
                return Err(self.closed(index, "end of stream"));
            }
            let now_ns = self.setting.clock.now_ns();
            self.replies.tally.bytes_in += received.bytes as u64;
            let (inflight, bytes) = connection.answers(&received, &self.scratch);
            match self.replies.read(inflight, bytes, now_ns, asked) {
                Ok(consumed) => connection.consume(&received, &self.scratch, consumed),
                Err(source) => {
                    return Err(BenchError::PeerProtocol { endpoint: self.endpoint(index).clone(), source });
                }
            }
            if !received.more && !has_ended {
                break;
            }
        }
        let now_ns = self.setting.clock.now_ns();
        self.refill(index, now_ns).map(drop)
    }

    /// Fills a connection up with requests, and returns how many it got. In a closed loop it gets a batch when the one
    /// before is answered; in an open loop whatever is due and has room.
    #[inline]
    fn refill(&mut self, index: usize, now_ns: u64) -> Result<usize, BenchError> {
        let connection = &mut self.connections[index];
        let Some(feed) = &mut self.feed else { return Ok(0) };
        if connection.is_waiting || (!connection.inflight.is_empty() && !feed.schedule.is_open()) {
            return Ok(0);
        }
        let room = self.pipeline.saturating_sub(connection.inflight.len());
        let mut got = 0;
        while got < room {
            let Some(operation) = feed.next(connection.endpoint, now_ns) else {
                connection.is_waiting = true;
                self.waiting[usize::from(connection.endpoint)].push_back(index);
                break;
            };
            feed.generator.write(&operation, &mut connection.out);
            connection.inflight.push_back(operation);
            got += 1;
        }
        if got > 0 {
            self.requests += got as u64;
            self.send(index)?;
        }
        Ok(got)
    }

    #[inline]
    fn send(&mut self, index: usize) -> Result<(), BenchError> {
        match self.connections[index].send() {
            Ok(bytes) => {
                self.replies.tally.bytes_out += bytes as u64;
                Ok(())
            }
            Err(errno) => Err(self.closed(index, &io::Error::from(errno).to_string())),
        }
    }

    fn endpoint(&self, index: usize) -> &Endpoint {
        match &self.feed {
            Some(Feed { route: Some(route), .. }) => {
                &route.map.endpoints[usize::from(self.connections[index].endpoint)]
            }
            _ => &self.setting.seed,
        }
    }

    #[cold]
    fn closed(&self, index: usize, cause: &str) -> BenchError {
        let endpoint = self.endpoint(index).clone();
        BenchError::PeerClosed { endpoint, operations: self.replies.answered, cause: cause.to_owned() }
    }

    #[cold]
    fn silent(&self) -> BenchError {
        let index = self.connections.iter().position(|connection| !connection.inflight.is_empty());
        BenchError::PeerSilent {
            endpoint: self.endpoint(index.unwrap_or(0)).clone(),
            seconds: to_seconds(self.setting.timeout_ns),
            outstanding: self.outstanding(),
        }
    }
}
