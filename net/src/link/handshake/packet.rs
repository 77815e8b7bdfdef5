//! The messages of a handshake: their head, and finding them in what is received.

use super::HandshakeError;
use crate::version::PROTOCOL;

/// The longest message of a handshake, head included, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// More of a refusal is not shown.
const SENTENCE_CHARS_MAX: usize = 300;

const MAGIC: [u8; 8] = *b"MYCOLINK";
const HEAD_BYTES: usize = 14;
/// How TLS begins: a handshake record, or an alert.
const TLS_STARTS: [[u8; 2]; 2] = [[0x16, 0x03], [0x15, 0x03]];

/// What a message is. The numbers of hello and refusal are the same in every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Hello = 0,
    Refusal = 1,
    Proof = 2,
    Ready = 3,
    /// Of another version.
    Unknown,
}

/// Appends a message.
pub(super) fn encode(kind: Kind, body: &[u8], out: &mut Vec<u8>) {
    let body = body.get(..MESSAGE_BYTES_MAX - HEAD_BYTES).unwrap_or(body);
    let length = u16::try_from(body.len()).expect("cut to less");
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&PROTOCOL.to_le_bytes());
    out.extend_from_slice(&[kind as u8, 0]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(body);
}

/// A whole message.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) kind: Kind,
    version: u16,
    bytes: Vec<u8>,
}

impl Packet {
    /// As it was received.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(HEAD_BYTES..).unwrap_or_default()
    }

    /// A refusal of another version says what the two versions say: that they differ.
    pub(super) fn check_version(&self) -> Result<(), HandshakeError> {
        if self.version == PROTOCOL {
            return Ok(());
        }
        Err(HandshakeError::PeerOtherProtocol { theirs: self.version, ours: PROTOCOL })
    }

    /// The body as text for people: nothing in it moves a cursor or fills a log.
    pub(super) fn sentence(&self) -> String {
        let text = String::from_utf8_lossy(self.body());
        text.chars().filter(|char| !char.is_control()).take(SENTENCE_CHARS_MAX).collect()
    }
}

/// Finds messages, however they are cut.
#[derive(Debug, Default)]
pub(super) struct PacketReader {
    gathered: Vec<u8>,
}

impl PacketReader {
    /// Takes bytes off the front of `input` up to the end of a message. `Ok(None)`: all were taken. What is no
    /// message is refused at the first byte that shows it.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Packet>, HandshakeError> {
        self.take(input, HEAD_BYTES);
        if TLS_STARTS.iter().any(|start| self.gathered.starts_with(start)) {
            return Err(HandshakeError::PeerSpeaksTls);
        }
        let could_be_tls = TLS_STARTS.iter().any(|start| start.starts_with(&self.gathered));
        if self.gathered.iter().zip(MAGIC).any(|(found, due)| *found != due) && !could_be_tls {
            return Err(HandshakeError::PeerNotALink);
        }
        let Some(&[.., v0, v1, kind, _, l0, l1]) = self.gathered.first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let bytes = HEAD_BYTES + usize::from(u16::from_le_bytes([l0, l1]));
        if bytes > MESSAGE_BYTES_MAX {
            return Err(HandshakeError::PeerMessageTooLarge { announced: bytes });
        }
        self.take(input, bytes);
        if self.gathered.len() < bytes {
            return Ok(None);
        }
        let kinds = [Kind::Hello, Kind::Refusal, Kind::Proof, Kind::Ready];
        let kind = kinds.get(usize::from(kind)).copied().unwrap_or(Kind::Unknown);
        let bytes = std::mem::take(&mut self.gathered);
        Ok(Some(Packet { kind, version: u16::from_le_bytes([v0, v1]), bytes }))
    }

    /// Moves bytes from `input` until `bytes` are gathered.
    fn take(&mut self, input: &mut &[u8], bytes: usize) {
        let wanted = bytes.saturating_sub(self.gathered.len());
        let (taken, rest) = input.split_at_checked(wanted).unwrap_or((*input, &[]));
        *input = rest;
        self.gathered.extend_from_slice(taken);
    }
}
