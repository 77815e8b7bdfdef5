//! A conversation with a server over one connection after another: greets, authenticates, selects the database, and
//! comes back after a lost connection.
//!
//! What is lost with a connection is not sent twice: a request that may have reached the server is reported as of
//! unknown outcome, and the next request opens a new connection.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mycorrhizal_net::resp::Value;

use super::connection::{Connection, LinkError};
use super::print::printable;

/// How long opening a connection may take where nothing else was asked for.
const CONNECT: Duration = Duration::from_secs(5);

/// Where to connect, and as whom.
#[derive(Clone)]
pub(crate) struct Target {
    /// Name or address.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// User of the password, if it is not the default one.
    pub(crate) user: Option<String>,
    /// Password.
    pub(crate) password: Option<String>,
    /// Numbered database.
    pub(crate) db: u32,
    /// Whether to stay with RESP2.
    pub(crate) resp2: bool,
    /// How long to wait for a connection, and for each reply.
    pub(crate) timeout: Option<Duration>,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// No connection could be opened. The request was not sent.
    #[error("could not connect to {address}: {source}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Why not.
        source: LinkError,
    },
    /// The server does not want us. The request was not sent.
    #[error("{address} refused: {reason}")]
    Refused {
        /// Host and port.
        address: String,
        /// The server's words.
        reason: String,
    },
    /// The connection broke after the request was sent: whether it took effect is unknown.
    #[error("{0}; whether the command took effect is not known")]
    Lost(LinkError),
    /// The user stopped waiting; the connection was given up.
    #[error("interrupted")]
    Interrupted,
}

/// What was negotiated when the connection was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    /// The protocol is settled.
    Done,
    /// HELLO 3 has to wait until the user has authenticated.
    AfterAuth,
}

/// A conversation. Owned by the one thread of the client.
pub(crate) struct Session {
    target: Target,
    connection: Option<Connection>,
    greeting: Greeting,
    in_transaction: bool,
    interrupt: Arc<AtomicBool>,
}

impl Session {
    /// A conversation that has not begun. Once `interrupt` is set, waiting ends.
    pub(crate) fn new(target: Target, interrupt: Arc<AtomicBool>) -> Self {
        Self { target, connection: None, greeting: Greeting::Done, in_transaction: false, interrupt }
    }

    /// The same conversation with a limit to each wait, where the user set none.
    pub(crate) fn impatient(mut self) -> Self {
        self.target.timeout.get_or_insert(CONNECT);
        self
    }

    /// The server's address as the user wrote it.
    pub(crate) fn address(&self) -> String {
        let host = &self.target.host;
        if host.contains(':') {
            format!("[{host}]:{}", self.target.port)
        } else {
            format!("{host}:{}", self.target.port)
        }
    }

    /// Whether the server is on this host.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.target.host.as_str();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The database that the next command works on.
    pub(crate) fn db(&self) -> u32 {
        self.target.db
    }

    /// Whether MULTI was sent and neither EXEC nor DISCARD.
    pub(crate) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// Whether a connection stands, as far as is known.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Opens a connection if none stands.
    pub(crate) fn connect(&mut self) -> Result<&mut Connection, SessionError> {
        let standing = self.connection.take().filter(|connection| !connection.is_closed());
        let connection = match standing {
            Some(connection) => connection,
            None => {
                self.disconnect();
                self.open()?
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Gives the connection up.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
        self.in_transaction = false;
    }

    /// Sends a request and waits for its reply; what the server sends on its own meanwhile goes to `on_push`.
    pub(crate) fn ask<A: AsRef<[u8]>>(
        &mut self,
        args: &[A],
        on_push: &mut dyn FnMut(&Value),
    ) -> Result<Value, SessionError> {
        self.connect()?.send(args).map_err(|error| self.lost(error))?;
        let reply = self.reply(on_push)?;
        self.note(args, &reply)?;
        Ok(reply)
    }

    /// Sends encoded requests; [`Session::reply`] is to be called for each.
    pub(crate) fn send_encoded(&mut self, requests: &[u8]) -> Result<(), SessionError> {
        self.connect()?.send_encoded(requests).map_err(|error| self.lost(error))
    }

    /// Waits for the reply of a request that was sent.
    pub(crate) fn reply(&mut self, on_push: &mut dyn FnMut(&Value)) -> Result<Value, SessionError> {
        loop {
            match self.receive(Connection::receive)? {
                push @ Value::Push(_) => on_push(&push),
                reply => return Ok(reply),
            }
        }
    }

    /// Waits for whatever comes next, for as long as it takes.
    pub(crate) fn next_push(&mut self) -> Result<Value, SessionError> {
        self.receive(Connection::receive_push)
    }

    /// Waits for whatever comes next, but no longer than for a reply.
    pub(crate) fn next_value(&mut self) -> Result<Value, SessionError> {
        self.receive(Connection::receive)
    }

    /// Remembers what a request that was answered changed about the connection.
    pub(crate) fn note<A: AsRef<[u8]>>(&mut self, args: &[A], reply: &Value) -> Result<(), SessionError> {
        let Some(name) = args.first().filter(|_| !reply.is_error()) else { return Ok(()) };
        match name.as_ref().to_ascii_lowercase().as_slice() {
            b"select" => {
                let db = args.get(1).and_then(|db| std::str::from_utf8(db.as_ref()).ok()?.parse().ok());
                self.target.db = db.unwrap_or(self.target.db);
            }
            b"multi" => self.in_transaction = true,
            b"exec" | b"discard" => self.in_transaction = false,
            b"reset" => {
                self.in_transaction = false;
                self.target.db = 0;
                self.greet_again()?;
            }
            b"auth" if self.greeting == Greeting::AfterAuth => self.greet_again()?,
            _ => {}
        }
        Ok(())
    }

    fn receive(
        &mut self,
        how: impl FnOnce(&mut Connection, &AtomicBool) -> Result<Value, LinkError>,
    ) -> Result<Value, SessionError> {
        let outcome = match self.connection.as_mut() {
            Some(connection) => how(connection, &self.interrupt),
            None => Err(LinkError::PeerClosed),
        };
        outcome.map_err(|error| self.lost(error))
    }

    fn lost(&mut self, error: LinkError) -> SessionError {
        self.disconnect();
        match error {
            LinkError::Interrupted => SessionError::Interrupted,
            error => SessionError::Lost(error),
        }
    }

    /// A server that wanted a password first, or that was RESET to RESP2, is asked for RESP3 now.
    fn greet_again(&mut self) -> Result<(), SessionError> {
        self.greeting = Greeting::Done;
        if !self.target.resp2 {
            self.ask(&["HELLO", "3"], &mut |_| {})?;
        }
        if self.target.db != 0 {
            self.ask(&["SELECT", &self.target.db.to_string()], &mut |_| {})?;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<Connection, SessionError> {
        let address = self.address();
        let connect = self.target.timeout.unwrap_or(CONNECT);
        let opened = Connection::open(&self.target.host, self.target.port, connect, self.target.timeout);
        let unreachable = |source| SessionError::Unreachable { address: address.clone(), source };
        let mut connection = opened.map_err(|error| unreachable(LinkError::Local(error)))?;
        self.greeting = Greeting::Done;
        let refusal = self.introduce(&mut connection).map_err(unreachable)?;
        match refusal {
            Some(reason) => Err(SessionError::Refused { address, reason }),
            None => Ok(connection),
        }
    }

    /// Protocol, password and database. Returns the server's words if it refuses.
    fn introduce(&mut self, connection: &mut Connection) -> Result<Option<String>, LinkError> {
        let interrupt = Arc::clone(&self.interrupt);
        let mut ask = |args: &[&str]| -> Result<Option<String>, LinkError> {
            connection.send(args)?;
            let reply = connection.receive(&interrupt)?;
            Ok(reply.as_bytes().filter(|_| reply.is_error()).map(printable))
        };
        let user = self.target.user.as_deref().unwrap_or("default");
        let mut authenticated = false;
        if !self.target.resp2 {
            let refusal = match &self.target.password {
                Some(password) => ask(&["HELLO", "3", "AUTH", user, password])?,
                None => ask(&["HELLO", "3"])?,
            };
            authenticated = refusal.is_none();
            if refusal.as_ref().is_some_and(|reason| reason.starts_with("NOAUTH")) {
                self.greeting = Greeting::AfterAuth;
            }
        }
        // Here a server is left that does not know HELLO, or that shall speak RESP2.
        if let Some(password) = self.target.password.as_deref().filter(|_| !authenticated) {
            let refusal = match &self.target.user {
                Some(user) => ask(&["AUTH", user, password])?,
                None => ask(&["AUTH", password])?,
            };
            if refusal.is_some() {
                return Ok(refusal);
            }
        }
        if self.target.db != 0 && self.greeting == Greeting::Done {
            return ask(&["SELECT", &self.target.db.to_string()]);
        }
        Ok(None)
    }
}
