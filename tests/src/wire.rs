//! A raw RESP connection: sends whatever bytes a test wants and reads whole replies, as bytes and as a tree.

mod reply;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

pub use reply::{Malformed, Reply, shown};

use crate::clock::PATIENCE;

/// Where a server listens.
#[derive(Debug, Clone)]
pub enum Address {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A Unix socket, which the oracle uses so that no port has to be guessed.
    Unix(PathBuf),
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One connection to a server under test.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    received: Vec<u8>,
    /// A dropped connection shall not look like an orderly end when a test asks for one.
    reset: bool,
}

/// What a server sent: the bytes, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Exactly what came.
    pub bytes: Vec<u8>,
    /// The same, taken apart.
    pub reply: Reply,
}

impl Connection {
    /// Connects, with time-outs that end a test rather than hang it.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn open(address: &Address) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        let mut connection = Connection { stream, received: Vec::new(), reset: false };
        connection.set_timeouts(PATIENCE)?;
        Ok(connection)
    }

    fn set_timeouts(&mut self, patience: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))
            }
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Whatever the socket says; a peer that takes nothing ends in a time-out.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Sends as much as the socket takes at once, and says how much that was.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn send_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    /// Reads one whole reply.
    ///
    /// # Errors
    /// `UnexpectedEof` when the server closed, `InvalidData` when what came is no RESP, or what the socket says.
    pub fn read(&mut self) -> io::Result<Received> {
        loop {
            let parsed = Reply::parse(&self.received);
            let parsed = parsed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.0))?;
            if let Some((reply, length)) = parsed {
                let bytes = self.received.drain(..length).collect();
                return Ok(Received { bytes, reply });
            }
            if self.receive()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads until the server closes and returns what came before.
    ///
    /// # Errors
    /// Whatever the socket says; a reset counts as a close.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        while !self.reset && self.receive()? > 0 {}
        Ok(std::mem::take(&mut self.received))
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let result = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut chunk),
            Stream::Unix(stream) => stream.read(&mut chunk),
        };
        let length = match result {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                self.reset = true;
                0
            }
            other => other?,
        };
        self.received.extend_from_slice(&chunk[..length]);
        Ok(length)
    }

    /// Sends one command and reads its reply.
    ///
    /// # Errors
    /// As [`Connection::send`] and [`Connection::read`].
    pub fn command<A: AsRef<[u8]>>(&mut self, words: &[A]) -> io::Result<Received> {
        self.send(&encode(words))?;
        self.read()
    }

    /// Sends one command of plain words and returns its reply; a test's shortest form.
    ///
    /// # Panics
    /// When the connection fails.
    pub fn say(&mut self, line: &str) -> Reply {
        let words: Vec<&str> = line.split(' ').collect();
        self.command(&words).unwrap_or_else(|error| panic!("`{line}`: {error}")).reply
    }

    /// Ends our half: the server reads the end of the stream.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn end_sending(&mut self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

/// A command as every client sends it: an array of bulk strings.
#[must_use]
pub fn encode<A: AsRef<[u8]>>(words: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
