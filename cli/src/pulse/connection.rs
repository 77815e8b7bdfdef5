//! One connection to a server, blocking: requests out, values in.
//!
//! Waiting is cut into short slices, so that Ctrl-C and the time-out are noticed without a second thread.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mycorrhizal_net::resp::{DecodeError, Decoder, ReplyLimits, Value, encode_command};

use crate::clock;

/// How long one wait lasts before somebody looks around.
const SLICE: Duration = Duration::from_millis(50);
/// Bytes asked for with one read.
const READ_BYTES: usize = 64 * 1024;
/// Consumed bytes that are kept in front of a reply's start before they are moved out.
const SLACK_BYTES: usize = 1024 * 1024;

/// Why a connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The kernel says so.
    #[error("{0}")]
    Local(#[from] io::Error),
    /// The server hung up.
    #[error("the server closed the connection")]
    PeerClosed,
    /// The server does not speak RESP.
    #[error("{0}")]
    PeerProtocol(#[from] DecodeError),
    /// Nothing came within the time-out.
    #[error("no reply within {} s", .0.as_secs_f64())]
    PeerSlow(Duration),
    /// The user does not want to wait any longer.
    #[error("interrupted")]
    Interrupted,
}

/// A connection. Owned by the one thread of the client.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    decoder: Decoder,
    received: Vec<u8>,
    /// Where the next reply starts in `received`.
    start: usize,
    /// How long a reply may take; `None` is for ever.
    patience: Option<Duration>,
}

impl Connection {
    /// Connects to the first address of the host that answers.
    pub(crate) fn open(
        host: &str,
        port: u16,
        connect: Duration,
        patience: Option<Duration>,
    ) -> io::Result<Self> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, connect) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(SLICE))?;
                    let decoder = Decoder::new(ReplyLimits::default());
                    return Ok(Self { stream, decoder, received: Vec::new(), start: 0, patience });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Sends a request.
    pub(crate) fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<(), LinkError> {
        let mut request = Vec::new();
        encode_command(&mut request, args);
        self.send_encoded(&request)
    }

    /// Sends requests that are encoded already.
    pub(crate) fn send_encoded(&mut self, requests: &[u8]) -> Result<(), LinkError> {
        Ok(self.stream.write_all(requests)?)
    }

    /// Waits for the next value. Ends early, and leaves the connection usable, once `interrupt` is set.
    pub(crate) fn receive(&mut self, interrupt: &AtomicBool) -> Result<Value, LinkError> {
        self.receive_within(self.patience, interrupt)
    }

    /// Waits for the next value as long as it takes, time-out or not: for what a server sends on its own.
    pub(crate) fn receive_push(&mut self, interrupt: &AtomicBool) -> Result<Value, LinkError> {
        self.receive_within(None, interrupt)
    }

    /// Whether the server hung up while nobody was asking. Bytes that wait to be read mean that it did not.
    pub(crate) fn is_closed(&self) -> bool {
        if self.stream.set_nonblocking(true).is_err() {
            return true;
        }
        let closed = match self.stream.peek(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        closed || self.stream.set_nonblocking(false).is_err()
    }

    fn receive_within(
        &mut self,
        patience: Option<Duration>,
        interrupt: &AtomicBool,
    ) -> Result<Value, LinkError> {
        let begun = clock::now();
        loop {
            if let Some((value, end)) = self.decoder.decode(&self.received, self.start)? {
                self.start = end;
                self.forget_consumed();
                return Ok(value);
            }
            if interrupt.load(Ordering::Relaxed) {
                return Err(LinkError::Interrupted);
            }
            if let Some(patience) = patience.filter(|patience| clock::now() - begun > *patience) {
                return Err(LinkError::PeerSlow(patience));
            }
            self.read_some()?;
        }
    }

    /// Reads what is there, or waits a slice of time for it.
    fn read_some(&mut self) -> Result<(), LinkError> {
        let filled = self.received.len();
        self.received.resize(filled + READ_BYTES, 0);
        let outcome = self.stream.read(&mut self.received[filled..]);
        self.received.truncate(filled + *outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(0) => Err(LinkError::PeerClosed),
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(()),
                _ => Err(LinkError::Local(error)),
            },
        }
    }

    fn forget_consumed(&mut self) {
        if self.start == self.received.len() {
            self.received.clear();
            self.start = 0;
        } else if self.start > SLACK_BYTES {
            self.received.drain(..self.start);
            self.start = 0;
        }
    }
}
