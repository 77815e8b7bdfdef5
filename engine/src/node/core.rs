//! One core: the partitions it owns, the connections it holds, and its turn.
//!
//! ```text
//!   harvest completions ─▶ before_tasks: clock, mailbox, expiry ─▶ connection tasks ─▶ after_tasks: flush, park
//! ```
//!
//! All state here belongs to the core's own thread. `RefCell`s are borrowed for synchronous stretches only, never over
//! an await.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use mycorrhizal_net::executor::{Park, Turn};
use mycorrhizal_net::link::transport::LinkConfig;
use mycorrhizal_net::ring::Ring;
use slab::Slab;

use super::announced::Announced;
use super::applications::Applications;
use super::call::PendingAnswer;
use super::caller::Caller;
use super::counter::CoreCounters;
use super::cytoplasm::Cytoplasm;
use super::data::Data;
use super::directory::{CoreId, Directory};
use super::gather::Gather;
use super::gossip::{Exchange, Gossip, Port};
use super::held::Holding;
use super::keys::Keys;
use super::links::Links;
use super::mesh::{Inbox, Mail, Outboxes};
use super::migration::Migration;
use super::seeds::Resolver;
use super::settings::Settings;
use super::shared::Node;
use super::slowlog::{LatencyEvents, SlowLog};
use super::stopwatch::Stopwatch;
use super::watcher::Watchers;
use crate::mycel::{Keyspace, Remains, Rng};

/// How long one turn removes keys for their deadline, and how long it frees what FLUSHALL ASYNC detached; what is left
/// waits for the next turn, so that no turn is long.
const UPKEEP_BUDGET: Duration = Duration::from_micros(100);

/// Keys removed between two looks at the clock.
const EXPIRE_KEYS: usize = 64;

/// The shortest time between two turns that do nothing but expire keys.
const EXPIRE_PAUSE: Duration = Duration::from_millis(2);

/// The shortest time between two turns that free what was detached: whoever else has work for the processor has it then.
const FREE_PAUSE: Duration = Duration::from_micros(400);

/// How long a stopping core waits for its connections to take what they were sent.
const DRAIN: Duration = Duration::from_secs(5);

/// One core of the node.
pub(crate) struct Core {
    /// Which one.
    pub(crate) id: CoreId,
    /// What all cores share.
    pub(crate) node: Arc<Node>,
    /// Its network ring.
    pub(crate) ring: Ring,
    /// Who owns what.
    pub(crate) directory: Directory,
    /// What it owns.
    pub(crate) data: RefCell<Data>,
    /// What it has to say to other cores.
    pub(crate) outboxes: RefCell<Outboxes>,
    inbox: Inbox,
    /// What is between it and cores of other nodes.
    pub(crate) links: Links,
    /// How its links are made; as long as its node belongs to a cluster.
    pub(crate) link_config: RefCell<Option<Rc<LinkConfig>>>,
    /// The keys of the cluster, on the first core.
    pub(crate) keys: Option<Keys>,
    /// Resolves names, for the first core.
    pub(crate) resolver: RefCell<Option<Resolver>>,
    /// Gossip, on the first core.
    pub(crate) gossip: RefCell<Option<Rc<Gossip>>>,
    /// Its gossip socket.
    pub(crate) gossip_port: RefCell<Option<Rc<Port>>>,
    /// What it tells others of its partitions, and they it.
    pub(crate) exchange: Exchange,
    /// The applications whose messages go by it.
    pub(crate) applications: Applications,
    /// What the embedding program has announced, on the first core.
    pub(crate) announced: RefCell<Announced>,
    /// The moves that it takes part in.
    pub(crate) migration: Migration,
    /// Its part in the event bus.
    pub(crate) cytoplasm: Cytoplasm,
    /// Tasks that wait until it knows more.
    pub(crate) watchers: Watchers,
    /// Requests that wait until it knows more.
    pub(crate) holding: RefCell<Holding>,
    /// Whether its node may not act as what the cluster takes it for.
    pub(crate) suspended: Cell<bool>,
    /// Replies on their way to its connections.
    pub(crate) gathers: RefCell<Slab<Gather>>,
    pub(super) answers: RefCell<Slab<PendingAnswer>>,
    /// Its connections.
    pub(crate) callers: RefCell<Slab<Rc<Caller>>>,
    /// Its listening tasks; dropping one stops it.
    pub(crate) accepting: RefCell<Vec<glommio::Task<()>>>,
    /// When the core was told to stop, if it was.
    stopping_since: Cell<Option<Instant>>,
    /// The settings in force.
    settings: RefCell<Rc<Settings>>,
    /// Times commands.
    pub(crate) stopwatch: RefCell<Stopwatch>,
    /// What was detached from the keyspace and is still to be freed.
    pub(crate) remains: RefCell<Vec<Remains>>,
    /// Slow commands.
    pub(crate) slow_log: RefCell<SlowLog>,
    /// `slowlog-log-slower-than`.
    pub(crate) slow_threshold_micros: Cell<i64>,
    /// `latency-monitor-threshold`.
    pub(crate) latency_threshold_ms: Cell<u64>,
    /// Chance, for whatever samples.
    pub(crate) rng: RefCell<Rng>,
    /// Latency spikes.
    pub(crate) latency_events: RefCell<LatencyEvents>,
    /// CLIENT PAUSE, if in force.
    pub(crate) pause: Cell<Option<Pause>>,
    /// Unix time of this turn, in milliseconds.
    now_ms: Cell<u64>,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub(crate) active_expiry: Cell<bool>,
    expire_after: Cell<Instant>,
    /// When what was detached is freed on.
    free_after: Cell<Instant>,
    next_holder: Cell<u64>,
}

/// CLIENT PAUSE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pause {
    /// Unix time at which it ends, in milliseconds.
    pub(crate) until_ms: u64,
    /// Whether only writing commands wait.
    pub(crate) writes_only: bool,
}

impl Core {
    pub(crate) fn new(id: CoreId, node: Arc<Node>, ring: Ring, inbox: Inbox, keyspace: Keyspace) -> Rc<Self> {
        let settings = Rc::new(node.settings.clone());
        let cores = node.posts.len();
        node.counters[id.index()].startup_bytes.set(keyspace.used_bytes() as u64);
        let secrets = node.cluster.as_ref().and_then(|cluster| {
            let secrets = cluster.options.secrets().ok()?;
            Some((Rc::new(cluster.options.link_config(&secrets)), secrets))
        });
        let (link_config, secrets) = secrets.unzip();
        let count = u16::try_from(cores).expect("a node has at most 1024 cores");
        Rc::new(Self {
            id,
            directory: Directory::new(node.id, id, count, Arc::clone(&node.first_state)),
            data: RefCell::new(Data::new(keyspace)),
            outboxes: RefCell::new(Outboxes::new(id, cores)),
            inbox,
            links: Links::default(),
            applications: Applications::default(),
            migration: Migration::new(node.hasher),
            cytoplasm: Cytoplasm::new(node.hasher, id, count),
            link_config: RefCell::new(link_config),
            keys: secrets.filter(|_| id == CoreId(0)).map(Keys::new),
            resolver: RefCell::default(),
            gossip: RefCell::default(),
            gossip_port: RefCell::default(),
            exchange: Exchange::default(),
            announced: RefCell::default(),
            watchers: Watchers::default(),
            holding: RefCell::default(),
            suspended: Cell::new(node.cluster.is_some()),
            gathers: RefCell::default(),
            stopwatch: RefCell::default(),
            answers: RefCell::default(),
            callers: RefCell::default(),
            accepting: RefCell::default(),
            stopping_since: Cell::new(None),
            slow_log: RefCell::new(SlowLog::new(settings.slowlog_max_len)),
            slow_threshold_micros: Cell::new(settings.slowlog_log_slower_than),
            latency_threshold_ms: Cell::new(settings.latency_monitor_threshold),
            remains: RefCell::default(),
            rng: RefCell::new(Rng::new(node.started_ms ^ u64::from(id.0) << 48)),
            latency_events: RefCell::default(),
            settings: RefCell::new(settings),
            pause: Cell::new(None),
            now_ms: Cell::new(0),
            active_expiry: Cell::new(true),
            expire_after: Cell::new(ring.now()),
            free_after: Cell::new(ring.now()),
            ring,
            next_holder: Cell::new(0),
            node,
        })
    }

    /// This core's counters.
    #[inline]
    pub(crate) fn counters(&self) -> &CoreCounters {
        &self.node.counters[self.id.index()]
    }

    /// Unix time of this turn, in milliseconds.
    #[inline]
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// The settings in force.
    #[inline]
    pub(crate) fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings.borrow())
    }

    /// Puts other settings in force on this core.
    pub(crate) fn set_settings(&self, settings: Settings) {
        self.slow_log.borrow_mut().set_max(settings.slowlog_max_len);
        self.slow_threshold_micros.set(settings.slowlog_log_slower_than);
        self.latency_threshold_ms.set(settings.latency_monitor_threshold);
        *self.settings.borrow_mut() = Rc::new(settings);
        self.set_budget();
    }

    /// A number no other intent holder of this core has.
    pub(crate) fn next_holder(&self) -> u64 {
        self.next_holder.set(self.next_holder.get() + 1);
        self.next_holder.get()
    }

    /// Begins a task of this core, which polls it at once, and keeps the core from parking over it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.ring.note_wake();
        glommio::spawn_local(task).detach();
    }

    /// Wakes a task of this core, and keeps the core from parking over it.
    pub(crate) fn wake(&self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.ring.note_wake();
            waker.wake();
        }
    }

    fn read_mail(self: &Rc<Self>, mut mail: Box<Mail>) {
        self.run_requests(mail.from.into(), mail.version, mail.requests.list());
        for (ticket, reply) in mail.replies.iter() {
            self.answer_piece(ticket, reply);
        }
        for call in mail.calls.drain(..) {
            call(self);
        }
        self.outboxes.borrow_mut().recycle(mail);
    }

    /// Works out what `maxmemory` leaves for this core.
    fn set_budget(&self) {
        let settings = self.settings.borrow();
        let max = settings.maxmemory;
        let mut data = self.data.borrow_mut();
        data.value_bytes_max = usize::try_from(settings.proto_max_bulk_len).unwrap_or(usize::MAX);
        data.bytes_max = if max == 0 {
            usize::MAX
        } else {
            let own = self.counters().data_bytes.read();
            let others =
                self.node.sum(|core| core.data_bytes.read() + core.buffer_bytes.read()).saturating_sub(own);
            usize::try_from(max.saturating_sub(others)).unwrap_or(usize::MAX)
        };
    }

    /// Removes keys whose deadline has passed, the earliest first, within the budget of a turn.
    fn expire(&self) {
        let now = self.ring.now();
        let mut data = self.data.borrow_mut();
        let due = data.keyspace.next_deadline_ms().is_some_and(|deadline_ms| deadline_ms <= self.now_ms());
        if !due || !self.active_expiry.get() || now < self.expire_after.get() {
            return;
        }
        let started = crate::clock::monotonic();
        while data.keyspace.expire_due(EXPIRE_KEYS).count == EXPIRE_KEYS {
            if crate::clock::monotonic() - started > UPKEEP_BUDGET {
                return;
            }
        }
        self.expire_after.set(now + EXPIRE_PAUSE);
    }

    /// Frees, within the budget of a turn, what was detached to be freed later.
    fn free_remains(&self) {
        if self.ring.now() < self.free_after.get() {
            return;
        }
        let mut remains = self.remains.borrow_mut();
        let started = crate::clock::monotonic();
        while let Some(last) = remains.last_mut() {
            if !last.free_some() {
                remains.pop();
            } else if crate::clock::monotonic() - started > UPKEEP_BUDGET {
                return self.free_after.set(started + FREE_PAUSE);
            }
        }
    }

    /// When this core must wake to free what is left of that.
    fn next_freeing(&self) -> Option<Instant> {
        (!self.remains.borrow().is_empty()).then(|| self.free_after.get())
    }

    /// When this core must wake for its keys' deadlines.
    fn next_expiry(&self) -> Option<Instant> {
        let deadline_ms =
            self.data.borrow().keyspace.next_deadline_ms().filter(|_| self.active_expiry.get())?;
        let due = self.ring.now() + Duration::from_millis(deadline_ms.saturating_sub(self.now_ms()));
        Some(due.max(self.expire_after.get()))
    }

    /// Takes note of the time, and of what `maxmemory` leaves.
    pub(crate) fn begin_turn(&self) {
        let now_ms = crate::clock::unix_ms();
        self.now_ms.set(now_ms);
        self.data.borrow_mut().keyspace.set_now(now_ms);
        self.counters().sample(now_ms, || self.node.used_bytes());
        self.look_at_tenure();
        self.set_budget();
    }

    /// Closes connections that have been idle for too long, or over their soft limit.
    pub(crate) fn keep_house(&self) {
        let callers: Vec<Rc<Caller>> =
            self.callers.borrow().iter().map(|(_, caller)| Rc::clone(caller)).collect();
        let settings = self.settings();
        let mut buffer_bytes = 0;
        for caller in callers {
            let Some(connection) = caller.connection() else { continue };
            let unsent = connection.unsent_bytes() as u64;
            buffer_bytes += unsent + caller.session().input_bytes as u64;
            let idle_ms = self.now_ms().saturating_sub(caller.session().active_ms);
            let subscribes = caller.session().subscriptions > 0;
            if settings.timeout > 0 && idle_ms > settings.timeout * 1000 && !subscribes {
                caller.kill();
            } else {
                caller.check_soft_limit(unsent, caller.output_limit(&settings), self.now_ms());
            }
        }
        self.counters().buffer_bytes.set(buffer_bytes);
    }

    /// The node was not allowed to act any more before this turn had ended: what it answered may be wrong by now, so it
    /// reaches nobody.
    fn cut_off(&self) {
        tracing::warn!(
            "paused for so long that what was being answered may be wrong: connections are closed"
        );
        for (_, caller) in &*self.callers.borrow() {
            if caller.connection().is_some_and(|connection| connection.unsent_bytes() > 0) {
                caller.kill();
            }
        }
    }

    /// The node stops: no more connections, and those there are end when they have been answered.
    fn drain(&self) {
        if self.stopping_since.get().is_none() {
            self.stopping_since.set(Some(self.ring.now()));
            self.accepting.borrow_mut().clear();
            for (_, caller) in &*self.callers.borrow() {
                caller.drain();
            }
        }
    }

    fn park_while_stopping(&self) -> Park {
        let Some(since) = self.stopping_since.get() else { return Park::Now };
        let deadline = since + DRAIN;
        if self.callers.borrow().is_empty() || self.ring.now() >= deadline {
            return Park::Stop;
        }
        Park::Until(Some(deadline))
    }

    /// Makes the counters that describe a state, rather than count events, speak of this moment.
    pub(crate) fn publish(&self) {
        let data = self.data.borrow();
        let counters = self.counters();
        let staged = self.migration.staged_bytes();
        counters.data_bytes.set((data.keyspace.used_bytes() + staged) as u64);
        counters.expired.set(data.keyspace.expired());
        let ring = self.ring.stats();
        counters.received_bytes.set(ring.received_bytes);
        counters.sent_bytes.set(ring.sent_bytes);
    }
}

/// The core's part in each turn of its ring.
pub(crate) struct CoreTurn(pub(crate) Rc<Core>);

impl Turn for CoreTurn {
    fn before_tasks(&self) {
        let core = &self.0;
        core.begin_turn();
        core.release_held();
        core.expire_messages();
        core.pass_answers();
        while let Some(mail) = core.inbox.mails.try_recv() {
            core.read_mail(mail);
        }
        while let Ok(call) = core.inbox.calls.try_recv() {
            call(core);
        }
        core.expire();
        if !core.remains.borrow().is_empty() {
            core.free_remains();
        }
        if core.node.is_stopping() {
            core.drain();
        }
    }

    fn after_tasks(&self) -> Park {
        let core = &self.0;
        core.migrate();
        core.publish();
        if !core.acted_rightly() {
            core.cut_off();
        }
        core.send_deliveries();
        core.announce();
        core.flush_links();
        let held_back =
            core.outboxes.borrow_mut().flush(&core.node.posts, &core.ring, core.directory.version());
        if core.node.is_stopping() {
            return core.park_while_stopping();
        }
        let has_input = !core.inbox.is_empty() || core.has_answers();
        if held_back || has_input {
            return Park::Now;
        }
        let dues = [core.next_expiry(), core.next_freeing(), core.next_look(), core.next_message_deadline()];
        Park::Until(dues.into_iter().flatten().min())
    }
}
