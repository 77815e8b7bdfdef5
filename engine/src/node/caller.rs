//! Whoever sends commands: a connection with its session, or the embedding application.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

use mycorrhizal_net::resp::{Decoder, Protocol, ReplyLimits, Value};
use mycorrhizal_net::ring::Connection;

use super::call::Question;
use super::claim::Claim;
use super::core::Core;
use super::directory::{CoreId, PeerId};
use super::mesh::{Manner, RequestContext};
use super::settings::{OutputLimit, Settings};
use crate::command::CommandError;
use crate::command::table::{self, Row};
use crate::cytoplasm::SubscriberId;
use crate::mycel::Db;
use crate::nodosum::state::SeptumId;

/// One sender of commands. Belongs to the core that holds it.
pub struct Caller {
    /// The core that holds it.
    pub(crate) core: Rc<Core>,
    /// What it has told about itself.
    pub(crate) session: RefCell<Session>,
    /// Where it is connected.
    outlet: Outlet,
    /// Where it came in.
    pub(crate) port: PortKind,
    /// Key of its gather in the core.
    gather: Cell<Option<u32>>,
    /// Its key among the core's connections.
    pub(super) key: Cell<Option<usize>>,
    /// As whom it subscribes, once it has.
    pub(super) subscriber: Cell<Option<SubscriberId>>,
}

/// Where replies go.
enum Outlet {
    Socket(Connection),
    Memory(RefCell<Vec<u8>>),
}

/// The kind of port that a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortKind {
    /// Any key of any core; the node looks like one server.
    Plain,
    /// The core's own: its own keys only, everything else is MOVED.
    Core,
    /// No port: the embedding application.
    InProcess,
    /// No port: another node, which asks for what this node has, and no other.
    Node,
}

/// What a connection has told about itself, and what is known of it.
pub(crate) struct Session {
    /// Its id, unique in the node's life.
    pub(crate) id: u64,
    /// The selected database.
    pub(crate) db: Db,
    /// The septum that it stored when it was selected.
    pub(crate) septum: SeptumId,
    /// The version of RESP that it speaks.
    pub(crate) protocol: Protocol,
    /// Whether it may run commands.
    pub(crate) authenticated: bool,
    /// CLIENT SETNAME.
    pub(crate) name: Vec<u8>,
    /// CLIENT SETINFO lib-name.
    pub(crate) library_name: Vec<u8>,
    /// CLIENT SETINFO lib-ver.
    pub(crate) library_version: Vec<u8>,
    /// CLIENT REPLY.
    pub(crate) replies: ReplyMode,
    /// CLIENT NO-EVICT.
    pub(crate) no_evict: bool,
    /// CLIENT NO-TOUCH.
    pub(crate) no_touch: bool,
    /// Unix time at which it connected, in milliseconds.
    pub(crate) connected_ms: u64,
    /// Unix time of its last command, in milliseconds.
    pub(crate) active_ms: u64,
    /// Its last command.
    pub(crate) last_row: Option<&'static Row>,
    /// Bytes of input that are not parsed yet.
    pub(crate) input_bytes: usize,
    /// To how many channels and patterns it is subscribed, those of shards among them.
    pub(crate) subscriptions: usize,
    /// The leases that it has asked for.
    pub(crate) claims: Vec<Claim>,
    /// ASKING: the next command may be for a partition that is on its way to this core.
    pub(crate) asking: bool,
    /// Set when the connection is to end once what it was sent is out.
    pub(crate) closing: bool,
    /// Since when its unsent replies are above the soft limit, Unix milliseconds.
    pub(crate) over_soft_limit_ms: Option<u64>,
}

/// CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// Every command is answered.
    On,
    /// None is.
    Off,
    /// The next one is not (set by the command that asks for it).
    SkipNext,
    /// This one is not.
    Skip,
}

impl Caller {
    /// A connection that has just been accepted.
    pub(crate) fn connected(core: Rc<Core>, connection: Connection, port: PortKind) -> Self {
        Self::new(core, Outlet::Socket(connection), port)
    }

    /// The embedding application or another node, for one call, as if it had come in by `port`.
    pub(crate) fn in_process(core: Rc<Core>, port: PortKind) -> Self {
        let caller = Self::new(core, Outlet::Memory(RefCell::default()), port);
        caller.session.borrow_mut().authenticated = true;
        caller
    }

    fn new(core: Rc<Core>, outlet: Outlet, port: PortKind) -> Self {
        let session = Session::new(
            core.node.next_connection_id(),
            core.now_ms(),
            core.settings().requirepass.is_empty(),
        );
        Self {
            core,
            session: RefCell::new(session),
            outlet,
            port,
            gather: Cell::new(None),
            key: Cell::new(None),
            subscriber: Cell::new(None),
        }
    }

    /// Where replies are appended.
    #[inline]
    pub(crate) fn output(&self) -> RefMut<'_, Vec<u8>> {
        match &self.outlet {
            Outlet::Socket(connection) => connection.output(),
            Outlet::Memory(bytes) => bytes.borrow_mut(),
        }
    }

    /// Takes the replies out.
    pub(crate) fn take_output(&self) -> Vec<u8> {
        std::mem::take(&mut *self.output())
    }

    /// The connection, unless the caller is in this process.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match &self.outlet {
            Outlet::Socket(connection) => Some(connection),
            Outlet::Memory(_) => None,
        }
    }

    /// The caller's address, as CLIENT LIST writes it.
    pub(crate) fn peer_address(&self) -> String {
        let address = self.connection().and_then(|connection| connection.peer_addr().ok());
        address.map(|address| address.to_string()).unwrap_or_default()
    }

    /// The cores of this node whose keys it sees: its own on a core port, as in a cluster each node shows its own keys;
    /// else all.
    pub(crate) fn visible_cores(&self) -> Vec<CoreId> {
        match self.port {
            PortKind::Core => vec![self.core.id],
            PortKind::Plain | PortKind::InProcess | PortKind::Node => self.core.node.cores().collect(),
        }
    }

    /// The other nodes whose keys it sees, each by one of its cores: none on a core port.
    pub(crate) fn visible_nodes(&self) -> Vec<PeerId> {
        match self.port {
            PortKind::Core | PortKind::Node => Vec::new(),
            PortKind::Plain | PortKind::InProcess => self.core.directory.other_nodes(),
        }
    }

    /// Has a command run by a core of another node and returns its reply; an error reply is an error.
    pub(crate) async fn ask(
        &self,
        peer: PeerId,
        manner: Manner,
        args: &[&[u8]],
    ) -> Result<Value, CommandError> {
        decode(&self.core.ask(peer, self.question(manner, args)).await)
    }

    /// Has a command run by every other node that this caller sees, each for itself.
    pub(crate) async fn ask_nodes(&self, args: &[&[u8]]) -> Result<Vec<Value>, CommandError> {
        let question = self.question(Manner::OfNode, args);
        let replies = self.core.ask_all(&self.visible_nodes(), question).await;
        replies.iter().map(|reply| decode(reply)).collect()
    }

    /// Waits until every core of other nodes that serves knows of the state that this core knows.
    pub(crate) async fn wait_until_all_know(&self) {
        let mut peers = self.core.directory.owners();
        peers.retain(|peer| self.core.directory.local(*peer).is_none());
        // One that cannot be asked serves nobody, until it knows of it too.
        drop(self.core.ask_all(&peers, self.question(Manner::OfNode, &[b"PING"])).await);
    }

    /// Has a command run by every other present member that this caller sees, each for itself; what those answer that do.
    pub(crate) async fn ask_members(&self, args: &[&[u8]]) -> Vec<Value> {
        let peers = match self.port {
            PortKind::Core | PortKind::Node => return Vec::new(),
            PortKind::Plain | PortKind::InProcess => self.core.directory.other_members(),
        };
        let replies = self.core.ask_all(&peers, self.question(Manner::OfNode, args)).await;
        replies.iter().filter_map(|reply| decode(reply).ok()).collect()
    }

    fn question<'a>(&self, manner: Manner, args: &'a [&'a [u8]]) -> Question<'a> {
        let row = args.first().and_then(|name| table::find(name)).expect("what is asked is a command");
        let context = self.session.borrow().request_context();
        let context = RequestContext { protocol: Protocol::Resp3, ..context };
        Question { row, manner, context, args }
    }

    /// Key of its gather in the core, made at first use.
    pub(crate) fn gather(&self) -> u32 {
        self.gather.get().unwrap_or_else(|| {
            let key = self.core.gathers.borrow_mut().insert(super::gather::Gather::default());
            let key = u32::try_from(key).expect("connections are fewer than 2^32");
            self.gather.set(Some(key));
            key
        })
    }

    /// Key of its gather, if it has ever needed one.
    #[inline]
    pub(crate) fn existing_gather(&self) -> Option<u32> {
        self.gather.get()
    }

    /// Whether the selected septum was dropped. Its number may store another by now.
    #[inline]
    pub(crate) fn has_lost_septum(&self) -> bool {
        let session = self.session.borrow();
        session.septum != SeptumId::NUMBERED
            && self.core.data.borrow().septum_at(session.db) != Some(session.septum)
    }

    /// Ends the connection at once, whoever asks.
    pub(crate) fn kill(&self) {
        self.session.borrow_mut().closing = true;
        if let Some(connection) = self.connection() {
            connection.close();
        }
    }

    /// Ends the connection because its unsent replies take more than `client-output-buffer-limit`.
    pub(crate) fn close_over_output_limit(&self) {
        self.core.counters().output_limit_closed.add(1);
        tracing::warn!(client = %self.peer_address(), "closed: client-output-buffer-limit reached");
        self.kill();
    }

    /// What its unsent replies may take.
    pub(crate) fn output_limit(&self, settings: &Settings) -> OutputLimit {
        if self.session().subscriptions > 0 {
            settings.client_output_buffer_limit_pubsub
        } else {
            settings.client_output_buffer_limit_normal
        }
    }

    /// Keeps track of unsent replies above the soft limit, and ends the connection when they stay there.
    pub(crate) fn check_soft_limit(&self, unsent_bytes: u64, limit: OutputLimit, now_ms: u64) {
        if limit.soft_bytes == 0 || unsent_bytes <= limit.soft_bytes {
            self.session.borrow_mut().over_soft_limit_ms = None;
            return;
        }
        let since_ms = *self.session.borrow_mut().over_soft_limit_ms.get_or_insert(now_ms);
        if now_ms - since_ms > limit.soft_seconds * 1000 {
            self.close_over_output_limit();
        }
    }

    /// Ends the connection once what was received has been answered.
    pub(crate) fn drain(&self) {
        self.session.borrow_mut().closing = true;
        if let Some(connection) = self.connection() {
            connection.stop_receiving();
        }
    }

    /// What is known of the session, to read.
    pub(crate) fn session(&self) -> Ref<'_, Session> {
        self.session.borrow()
    }
}

pub(super) fn decode(reply: &[u8]) -> Result<Value, CommandError> {
    match Decoder::new(ReplyLimits::default()).decode(reply, 0) {
        Ok(Some((Value::Error(text), _))) => {
            Err(CommandError::Message(String::from_utf8_lossy(&text).into_owned()))
        }
        Ok(Some((value, _))) => Ok(value),
        Ok(None) | Err(_) => Err(CommandError::Text("ERR another node gave a reply that cannot be read")),
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(gather) = self.gather.get() {
            self.core.gathers.borrow_mut().remove(gather as usize);
        }
    }
}

impl Session {
    fn new(id: u64, now_ms: u64, authenticated: bool) -> Self {
        Self {
            id,
            db: Db::default(),
            septum: SeptumId::NUMBERED,
            protocol: Protocol::Resp2,
            authenticated,
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            replies: ReplyMode::On,
            no_evict: false,
            no_touch: false,
            connected_ms: now_ms,
            active_ms: now_ms,
            last_row: None,
            input_bytes: 0,
            subscriptions: 0,
            claims: Vec::new(),
            asking: false,
            closing: false,
            over_soft_limit_ms: None,
        }
    }

    /// Selects a database for the commands that follow, which stores `septum`.
    pub(crate) fn select(&mut self, db: Db, septum: SeptumId) {
        (self.db, self.septum) = (db, septum);
    }

    /// Whether it may do little but subscribe: RESP2 has no other way to tell messages from replies.
    #[inline]
    pub(crate) fn only_subscribes(&self) -> bool {
        self.subscriptions > 0 && self.protocol == Protocol::Resp2
    }

    /// RESET: as if it had just connected.
    pub(crate) fn reset(&mut self, authenticated: bool) {
        let fresh = Self::new(self.id, self.connected_ms, authenticated);
        let kept = std::mem::replace(self, fresh);
        self.active_ms = kept.active_ms;
        self.library_name = kept.library_name;
        self.library_version = kept.library_version;
    }
}
