//! One client connection: receive, plan, run, send.
//!
//! What one receive brings is parsed where it lies, in the ring's buffer. Only the part of a request that is not
//! whole yet is copied, and grows there until it is.

use std::rc::Rc;

use mycorrhizal_net::resp::{Limits, RequestParser, Trust};
use mycorrhizal_net::ring::{Connection, Listener};

use super::batch::{Batch, Planning};
use super::caller::{Caller, PortKind};
use super::core::Core;

/// An input buffer that grew beyond this is given back once it is empty.
const KEPT_BYTES: usize = 32 * 1024;

/// Commands of a connection with more unsent replies than this wait until its peer has read them. Their bytes are still
/// received, up to `client-query-buffer-limit`: a peer may write much before it reads.
const UNSENT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// They go on when no more than this is unsent.
const UNSENT_LOW_BYTES: usize = UNSENT_MAX_BYTES / 4;

/// Accepts connections and starts a task for each. Ends when it is cancelled.
pub(crate) async fn accept(core: Rc<Core>, listener: Listener, port: PortKind) {
    loop {
        match listener.accept().await {
            Ok(connection) => welcome(&core, connection, port),
            Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
        }
    }
}

fn welcome(core: &Rc<Core>, connection: Connection, port: PortKind) {
    use std::sync::atomic::Ordering::Relaxed;
    let settings = core.settings();
    if core.node.connections.fetch_add(1, Relaxed) >= settings.maxclients {
        core.node.connections.fetch_sub(1, Relaxed);
        core.counters().rejected.add(1);
        connection.output().extend_from_slice(b"-ERR max number of clients reached\r\n");
        connection.shutdown_after_flush();
        return;
    }
    core.counters().accepted.add(1);
    core.counters().connections.add(1);
    let keepalive =
        (settings.tcp_keepalive > 0).then(|| std::time::Duration::from_secs(settings.tcp_keepalive));
    if let Err(error) = connection.set_keepalive(keepalive) {
        tracing::debug!(%error, "keep-alive probes are not to be had");
    }
    let caller = Rc::new(Caller::connected(Rc::clone(core), connection, port));
    let key = core.callers.borrow_mut().insert(Rc::clone(&caller));
    caller.key.set(Some(key));
    glommio::spawn_local(async move {
        serve(&caller).await;
        let core = Rc::clone(&caller.core);
        caller.end_subscriptions();
        caller.end_claims().await;
        core.callers.borrow_mut().remove(key);
        core.counters().connections.subtract(1);
        core.node.connections.fetch_sub(1, Relaxed);
    })
    .detach();
}

/// Serves a connection until either side ends it; what was answered is sent before it closes.
async fn serve(caller: &Caller) {
    let Some(connection) = caller.connection() else { return };
    let mut reader = Reader::new(caller);
    while let Ok(Some(chunk)) = connection.recv().await {
        let mut go_on = reader.feed(&chunk).await;
        drop(chunk);
        while go_on && is_behind(connection) {
            reader.wait_for_peer(connection).await;
            go_on = !caller.session().closing && reader.feed(&[]).await;
        }
        if !go_on || caller.session().closing {
            break;
        }
    }
    connection.shutdown_after_flush();
}

/// Whether the peer reads so slowly that no more of its commands are to run for now.
fn is_behind(connection: &Connection) -> bool {
    connection.unsent_bytes() > UNSENT_MAX_BYTES
}

/// Turns received bytes into commands that run.
pub(crate) struct Reader<'a> {
    caller: &'a Caller,
    parser: RequestParser,
    limits: Limits,
    batch: Batch,
    /// The beginning of a request that is not whole yet.
    partial: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(caller: &'a Caller) -> Self {
        let limits = limits_of(caller);
        Self {
            caller,
            parser: RequestParser::new(limits),
            limits,
            batch: Batch::default(),
            partial: Vec::new(),
        }
    }

    /// Runs the commands that `bytes` completes. `false`: the connection is to be closed.
    pub(crate) async fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.partial.is_empty() {
            let (go_on, end) = self.run(bytes).await;
            self.partial.extend_from_slice(&bytes[end..]);
            return go_on && self.is_within_limit();
        }
        let mut input = std::mem::take(&mut self.partial);
        let missing = self.parser.missing();
        if missing > bytes.len() && missing <= input.len() {
            // Half of a large request is here: what is announced may be believed.
            input.reserve_exact(missing);
        }
        input.extend_from_slice(bytes);
        let (go_on, end) = self.run(&input).await;
        input.drain(..end);
        input.shrink_to(KEPT_BYTES);
        self.partial = input;
        go_on && self.is_within_limit()
    }

    /// Waits until the peer has read most of its replies, or is gone; takes in what it sends meanwhile.
    async fn wait_for_peer(&mut self, connection: &Connection) {
        let drained = async {
            // An error means that the connection is gone, which the next receive says as well.
            drop(connection.drained(UNSENT_LOW_BYTES).await);
        };
        let received = async {
            while let Ok(Some(chunk)) = connection.recv().await {
                self.partial.extend_from_slice(&chunk);
                if !self.is_within_limit() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        futures_lite::future::or(drained, received).await;
    }

    /// Runs whole requests at the front of `input`, all unless the peer is behind; returns where the rest begins.
    async fn run(&mut self, input: &[u8]) -> (bool, usize) {
        let mut at = 0;
        loop {
            let authenticated = self.refresh_limits();
            let (core, db) = (&self.caller.core, self.caller.session().db);
            let (planning, end) = self.batch.plan(core, &mut self.parser, input, at, db, !authenticated);
            at = end;
            self.caller.run(&self.parser, input, &self.batch).await;
            if self.caller.session().closing {
                return (false, at);
            }
            match planning {
                Planning::Full if self.caller.connection().is_some_and(is_behind) => {
                    return (self.is_output_within_limit(), at);
                }
                Planning::Full => {}
                Planning::NeedsInput => return (self.is_output_within_limit(), at),
                Planning::Broken(error) => {
                    self.caller.core.counters().count_error("ERR");
                    error.write(&mut self.caller.output());
                    return (false, at);
                }
            }
        }
    }

    /// Follows AUTH and CONFIG SET proto-max-bulk-len; returns whether the caller is authenticated.
    fn refresh_limits(&mut self) -> bool {
        let limits = limits_of(self.caller);
        if limits != self.limits {
            self.limits = limits;
            self.parser.set_limits(limits);
        }
        limits.trust == Trust::Authenticated
    }

    fn is_within_limit(&self) -> bool {
        let core = &self.caller.core;
        self.caller.session.borrow_mut().input_bytes = self.partial.len();
        let within = self.partial.len() as u64 <= core.settings().client_query_buffer_limit;
        if !within {
            core.counters().query_limit_closed.add(1);
            tracing::warn!(client = %self.caller.peer_address(), "closed: client-query-buffer-limit reached");
            self.caller.kill();
        }
        within
    }

    fn is_output_within_limit(&self) -> bool {
        let Some(connection) = self.caller.connection() else { return true };
        let limit = self.caller.output_limit(&self.caller.core.settings()).hard_bytes;
        if limit == 0 || connection.unsent_bytes() as u64 <= limit {
            return true;
        }
        self.caller.close_over_output_limit();
        false
    }
}

fn limits_of(caller: &Caller) -> Limits {
    let trust = if caller.session().authenticated { Trust::Authenticated } else { Trust::Unauthenticated };
    let bulk_bytes = u32::try_from(caller.core.settings().proto_max_bulk_len).unwrap_or(u32::MAX);
    Limits { bulk_bytes, trust, ..Limits::default() }
}
