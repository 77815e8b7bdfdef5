//! Connections before they carry load: reaching a server, logging in, asking it things one at a time.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use mycorrhizal_net::resp::{Decoder, ReplyLimits, Value, encode_command};

use crate::error::BenchError;

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the answer to one question may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("'{text}' is not HOST:PORT");
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match port.parse() {
            Ok(port) if !host.is_empty() && port > 0 => Ok(Self { host: host.to_owned(), port }),
            _ => Err(expected()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What every new connection says first.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// User of the ACL.
    pub user: Option<String>,
    /// Password of the user, or of the server.
    pub password: Option<String>,
    /// Numbered database.
    pub db: u32,
    /// Whether to switch to RESP3.
    pub resp3: bool,
}

impl Login {
    /// The commands in their order.
    fn commands(&self) -> Vec<Vec<String>> {
        let mut commands = Vec::new();
        if let Some(password) = &self.password {
            let mut auth = vec!["AUTH".to_owned()];
            auth.extend(self.user.clone());
            auth.push(password.clone());
            commands.push(auth);
        }
        if self.resp3 {
            commands.push(vec!["HELLO".to_owned(), "3".to_owned()]);
        }
        if self.db != 0 {
            commands.push(vec!["SELECT".to_owned(), self.db.to_string()]);
        }
        commands
    }
}

/// A connection on which one question is asked at a time.
pub struct Link {
    stream: TcpStream,
    endpoint: Endpoint,
    decoder: Decoder,
    received: Vec<u8>,
}

impl Link {
    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or refuses the login.
    pub fn open(endpoint: &Endpoint, login: &Login) -> Result<Self, BenchError> {
        let stream = connect(endpoint)?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(CALL_TIMEOUT)))
            .map_err(|source| BenchError::local("set options of a socket", source))?;
        let mut link = Self {
            stream,
            endpoint: endpoint.clone(),
            decoder: Decoder::new(ReplyLimits::default()),
            received: Vec::new(),
        };
        for command in login.commands() {
            link.call(&command)?;
        }
        Ok(link)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// An error reply is [`BenchError::PeerRefused`]; else the connection broke.
    pub fn call<A: AsRef<str>>(&mut self, command: &[A]) -> Result<Value, BenchError> {
        let words = command.iter().map(|word| word.as_ref().as_bytes()).collect::<Vec<&[u8]>>();
        let mut request = Vec::new();
        encode_command(&mut request, &words);
        self.stream.write_all(&request).map_err(|cause| self.closed(&cause.to_string()))?;
        let value = self.receive()?;
        if value.is_error() {
            let text = String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned();
            // Never the arguments: they may be a password.
            let command = command.first().map_or_else(String::new, |name| name.as_ref().to_owned());
            return Err(BenchError::PeerRefused { endpoint: self.endpoint.clone(), command, text });
        }
        Ok(value)
    }

    fn receive(&mut self) -> Result<Value, BenchError> {
        loop {
            let decoded = self.decoder.decode(&self.received, 0);
            let decoded = decoded
                .map_err(|source| BenchError::PeerProtocol { endpoint: self.endpoint.clone(), source })?;
            if let Some((value, end)) = decoded {
                self.received.drain(..end);
                return Ok(value);
            }
            let mut chunk = [0; 16_384];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(self.closed("end of stream")),
                Ok(bytes) => self.received.extend_from_slice(&chunk[..bytes]),
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {
                    return Err(self.closed("no answer within 10 s"));
                }
                Err(cause) => return Err(self.closed(&cause.to_string())),
            }
        }
    }

    fn closed(&self, cause: &str) -> BenchError {
        BenchError::PeerClosed { endpoint: self.endpoint.clone(), operations: 0, cause: cause.to_owned() }
    }

    /// The server.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The socket, non-blocking from here on.
    ///
    /// # Errors
    ///
    /// The system refuses to make it so.
    pub fn into_stream(self) -> Result<TcpStream, BenchError> {
        self.stream
            .set_nonblocking(true)
            .map_err(|source| BenchError::local("make a socket non-blocking", source))?;
        Ok(self.stream)
    }
}

fn connect(endpoint: &Endpoint) -> Result<TcpStream, BenchError> {
    let unreachable = |cause: String| BenchError::PeerUnreachable { endpoint: endpoint.clone(), cause };
    let addresses =
        (endpoint.host.as_str(), endpoint.port).to_socket_addrs().map_err(|e| unreachable(e.to_string()))?;
    let mut cause = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => cause = error.to_string(),
        }
    }
    Err(unreachable(cause))
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Login};

    #[test]
    fn endpoints_parse() {
        let check = |text: &str, host: &str, port| {
            let endpoint = text.parse::<Endpoint>().unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
            assert_eq!(endpoint.to_string(), text);
        };
        check("localhost:6379", "localhost", 6379);
        check("[::1]:80", "::1", 80);
        for text in ["", "localhost", ":6379", "host:0", "host:70000", "host:x"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_login_authenticates_first() {
        let text = |value: &str| Some(value.to_owned());
        let login = Login { user: text("ann"), password: text("pw"), db: 3, resp3: true };
        assert_eq!(login.commands(), [vec!["AUTH", "ann", "pw"], vec!["HELLO", "3"], vec!["SELECT", "3"]]);
        assert!(Login::default().commands().is_empty());
    }
}
