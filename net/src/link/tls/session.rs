//! One TLS session: bytes in, bytes out.

use super::config::{names, server_name};
use super::{TlsConfig, TlsError};
use crate::identity::NodeId;
use crate::link::handshake::RANDOM_BYTES;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, Connection, ServerConnection};
use std::fmt;
use std::io::{BufRead, Write};
use std::sync::Arc;

const BINDING_LABEL: &[u8] = b"EXPORTER-mycorrhizal-link";

/// One TLS session of a link.
pub struct TlsSession {
    connection: Box<Connection>,
    /// The peer has said something that is TLS.
    begun: bool,
}

impl TlsSession {
    /// The side that opened the connection. With `expected`, only that node's certificate will do. The first message
    /// is appended to `out`.
    ///
    /// # Errors
    ///
    /// rustls cannot begin (it has no randomness).
    pub fn dial(config: &TlsConfig, expected: Option<NodeId>, out: &mut Vec<u8>) -> Result<Self, TlsError> {
        let connection = ClientConnection::new(Arc::clone(&config.client), server_name(expected));
        let mut session = Self::new(connection.map(Connection::from))?;
        session.flush(out);
        Ok(session)
    }

    /// The side that accepted the connection.
    ///
    /// # Errors
    ///
    /// As for [`TlsSession::dial`].
    pub fn accept(config: &TlsConfig) -> Result<Self, TlsError> {
        Self::new(ServerConnection::new(Arc::clone(&config.server)).map(Connection::from))
    }

    fn new(connection: Result<Connection, rustls::Error>) -> Result<Self, TlsError> {
        let connection = connection.map_err(|error| TlsError::from_rustls(error, true))?;
        Ok(Self { connection: Box::new(connection), begun: false })
    }

    /// Takes what was received; appends what it says to `plain`, and what TLS itself has to send to `out`, also if it
    /// fails: then that is the alert for the peer.
    ///
    /// # Errors
    ///
    /// The session failed, for good. Send `out`, then close.
    pub fn on_bytes(
        &mut self,
        mut input: &[u8],
        plain: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        let result = loop {
            if input.is_empty() {
                break Ok(());
            }
            match self.advance(&mut input, plain) {
                // The peer has said that it is through; whatever follows is nobody's.
                Ok(0) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        self.flush(out);
        result
    }

    fn advance(&mut self, input: &mut &[u8], plain: &mut Vec<u8>) -> Result<usize, TlsError> {
        let taken = self.connection.read_tls(input);
        let taken = taken.map_err(|error| TlsError::PeerBroken { reason: error.to_string() })?;
        let state = self.connection.process_new_packets();
        let state = state.map_err(|error| TlsError::from_rustls(error, self.begun))?;
        self.begun |= self.connection.protocol_version().is_some();
        let mut left = state.plaintext_bytes_to_read();
        let mut reader = self.connection.reader();
        while left > 0 {
            let Ok(bytes) = reader.fill_buf() else { break };
            plain.extend_from_slice(bytes);
            let length = bytes.len();
            reader.consume(length);
            left -= length.min(left);
        }
        Ok(taken)
    }

    /// Seals `plain` and appends it to `out`. For after the handshake, and before [`TlsSession::close`].
    ///
    /// # Errors
    ///
    /// [`TlsError::LocalEnded`]: the session takes no more, and not all was sealed.
    pub fn write(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        debug_assert!(!self.is_handshaking(), "the handshake comes first");
        while !plain.is_empty() {
            let taken = self.connection.writer().write(plain).unwrap_or(0);
            self.flush(out);
            if taken == 0 {
                return Err(TlsError::LocalEnded);
            }
            plain = plain.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Says that this side sends no more, and appends that to `out`.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.flush(out);
    }

    /// Whether the two sides have yet to agree.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// What the peer has shown; None before the handshake is done.
    #[must_use]
    pub fn peer(&self) -> Option<PeerCertificate> {
        let certificate = self.connection.peer_certificates()?.first()?;
        Some(PeerCertificate(certificate.clone().into_owned()))
    }

    /// What both ends of this session know and no other session can be made to share; None before the handshake is
    /// done.
    #[must_use]
    pub fn binding(&self) -> Option<[u8; RANDOM_BYTES]> {
        let output = [0; RANDOM_BYTES];
        self.connection.export_keying_material(output, BINDING_LABEL, None).ok()
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        while self.connection.wants_write() {
            self.connection.write_tls(out).expect("a vector takes everything");
        }
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handshaking = self.is_handshaking();
        formatter.debug_struct("TlsSession").field("handshaking", &handshaking).finish_non_exhaustive()
    }
}

/// The certificate of a peer, signed by the cluster's authority.
#[derive(Clone, Debug)]
pub struct PeerCertificate(CertificateDer<'static>);

impl PeerCertificate {
    /// Whether it is one of `node`.
    #[must_use]
    pub fn is_node(&self, node: NodeId) -> bool {
        names(&self.0, node)
    }
}
