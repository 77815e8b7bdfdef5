//! Somebody on the network who may have the cluster's key and says whatever a test wants: datagrams that are sealed as
//! they should be or are not, and links that begin well.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use mycorrhizal_net::gossip::{KeyRing, Sealer};
use mycorrhizal_net::identity::{Incarnation, NodeId};
use mycorrhizal_net::link::frame::{
    FRAME_BYTES_MAX, Frame, FrameDecoder, ReceivedFrame, RequestHead, Requests,
};
use mycorrhizal_net::link::handshake::{ClusterTag, Handshake, Hello, Progress, Purpose, Terms};
use mycorrhizal_net::random;
use mycorrhizal_net::resp::Span;
use mycorrhizal_net::secret::{Secret, Secrets};
use mycorrhizal_tests::clock::PATIENCE;
use mycorrhizal_tests::server::Daemon;

/// The kind of datagram that carries membership.
pub(crate) const MEMBERSHIP: u8 = 1;

/// One of them, who tells every daemon the same id.
pub(crate) struct Stranger {
    secrets: Secrets,
    name: String,
    id: NodeId,
    sealer: Sealer,
    socket: UdpSocket,
}

impl Stranger {
    /// Who has this secret, and says that the cluster is called so.
    pub(crate) fn new(name: &str, secret: &[u8]) -> Self {
        let id = NodeId(random::bytes());
        Self {
            secrets: Secrets::parse(secret).unwrap(),
            name: name.to_owned(),
            id,
            sealer: Sealer::new(name, id, Incarnation(7), 0, random::bytes()),
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
        }
    }

    /// Where it hears datagrams.
    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Is in another life from here on.
    pub(crate) fn live(&mut self, incarnation: u64) {
        self.sealer.set_incarnation(Incarnation(incarnation));
    }

    /// Has learnt another secret as well, and goes on with the first.
    pub(crate) fn learn(&mut self, secret: &[u8]) {
        self.secrets.install(Secret::new(secret).unwrap()).unwrap();
    }

    /// A datagram, sealed.
    pub(crate) fn seal(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        let keys: KeyRing = self.secrets.key_ring();
        self.sealer.seal(&keys, kind, payload).unwrap()
    }

    /// Sends a datagram to a daemon.
    pub(crate) fn throw(&self, at: &Daemon, datagram: &[u8]) {
        self.socket.send_to(datagram, at.gossip_address(0)).unwrap();
    }

    /// A datagram that somebody has sent it.
    pub(crate) fn catch(&self) -> Vec<u8> {
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer).expect("a datagram");
        buffer[..length].to_vec()
    }

    /// Makes a link to a daemon as its core would that it says it is; the end of its sentence if it is refused.
    pub(crate) fn link(&self, to: &Daemon, core: u16) -> Result<Bond, String> {
        let local = Hello {
            cluster_tag: ClusterTag::of(&self.name),
            cluster: None,
            node: self.id,
            incarnation: Incarnation(7),
            process: random::number(),
            core,
            cores: core.saturating_add(1),
            purpose: Purpose::Member,
        };
        let secret = self.secrets.link_secret();
        let mut stream = tcp(to);
        let mut out = Vec::new();
        let terms = Terms::new(&local, &secret, random::bytes());
        let mut handshake = Handshake::dial(terms, &mut out);
        let mut buffer = [0; 4096];
        loop {
            stream.write_all(&out).map_err(|error| error.to_string())?;
            out.clear();
            let length = stream.read(&mut buffer).map_err(|error| error.to_string())?;
            if length == 0 {
                return Err(handshake.on_end().to_string());
            }
            match handshake.on_bytes(&buffer[..length], &mut out) {
                Ok(Progress::Pending) => {}
                Ok(Progress::Done { used, .. }) => {
                    stream.write_all(&out).map_err(|error| error.to_string())?;
                    let received = buffer[used..length].to_vec();
                    let decoder = FrameDecoder::new(FRAME_BYTES_MAX);
                    return Ok(Bond { stream, received, decoder });
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// A connection to where a daemon takes links, and nothing said yet.
pub(crate) fn tcp(to: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(to.link_address(0)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Whether the other side closes a connection within that time; what it says until then does not matter.
pub(crate) fn is_closed(mut stream: TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).unwrap();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// A link that stands.
pub(crate) struct Bond {
    stream: TcpStream,
    /// What came and was not read yet.
    received: Vec<u8>,
    decoder: FrameDecoder,
}

impl Bond {
    /// Sends a frame.
    pub(crate) fn send(&mut self, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes, FRAME_BYTES_MAX).unwrap();
        self.send_bytes(&bytes);
    }

    /// Sends bytes that may be no frame; a daemon that has closed meanwhile is for whoever looks.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// Reads frames until `wanted` finds what it looks for in one of them; `None`: the link has ended.
    pub(crate) fn read_until<T>(&mut self, mut wanted: impl FnMut(&ReceivedFrame) -> Option<T>) -> Option<T> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let received = std::mem::take(&mut self.received);
            let mut rest = received.as_slice();
            while let Some(frame) = self.decoder.next(&mut rest).expect("daemons send frames") {
                if let Some(found) = wanted(frame) {
                    self.received = rest.to_vec();
                    return Some(found);
                }
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the link neither speaks nor ends: {error}"),
            }
        }
    }

    /// Waits until the daemon ends the link.
    pub(crate) fn ended(mut self) {
        self.read_until(|_| None::<()>);
    }

    /// Says no more, and waits until the daemon ends the link as well.
    pub(crate) fn finish(self) {
        // It may have ended it already.
        drop(self.stream.shutdown(std::net::Shutdown::Write));
        self.ended();
    }

    /// Whether the link stands: whoever asks on it for a command gets an answer.
    pub(crate) fn stands(&mut self) -> bool {
        let asked = command(0, 0, 0, &[b"GET", b"stands"]);
        self.send(&asked.frame());
        self.read_until(|frame| matches!(frame, ReceivedFrame::Replies(_)).then_some(())).is_some()
    }
}

/// A frame with one command, and what it borrows.
pub(crate) struct Asked {
    epoch: u64,
    head: RequestHead,
    spans: Vec<Span>,
    bytes: Vec<u8>,
}

/// A command, by a version of the map, for a database.
pub(crate) fn command(epoch: u64, database: u16, flags: u16, args: &[&[u8]]) -> Asked {
    let mut asked = Asked { epoch, head: RequestHead::default(), spans: Vec::new(), bytes: Vec::new() };
    for arg in args {
        let start = u32::try_from(asked.bytes.len()).unwrap();
        asked.bytes.extend_from_slice(arg);
        let end = u32::try_from(asked.bytes.len()).unwrap();
        asked.spans.push(Span { start, end });
    }
    asked.head.spans_end = u32::try_from(args.len()).unwrap();
    (asked.head.database, asked.head.flags) = (database, flags);
    asked
}

impl Asked {
    /// The frame.
    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame::Requests(Requests {
            epoch: self.epoch,
            items: std::slice::from_ref(&self.head),
            spans: &self.spans,
            bytes: &self.bytes,
        })
    }

    /// With a span that leads elsewhere.
    pub(crate) fn with_span(mut self, start: u32, end: u32) -> Self {
        self.spans[0] = Span { start, end };
        self
    }

    /// With another number of spans announced than there are.
    pub(crate) fn with_spans_end(mut self, end: u32) -> Self {
        self.head.spans_end = end;
        self
    }
}
