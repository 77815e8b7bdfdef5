//! The link itself: handshake, TLS and frames over a connection of the core's ring.
//!
//! ```text
//!              Link (clones: any task of the core)                 LinkReceiver (one task)
//!   send ──▶ encode ──────────────────▶ output ─▶ ring     ring ─▶ chunk ─▶ decoder ──▶ frames, in place
//!        └─▶ encode ─▶ seal (copies) ──┘                        └─▶ open (copies) ─┘
//! ```
//!
//! Frames that the tasks of one turn send leave in one send. Nothing is dropped while the link stands: a sender asks
//! [`Link::has_room`] before it takes more work on, and waits for [`Link::room`]; a receiver that does not receive
//! stops the peer. When the link ends, what was sent and not answered may or may not have arrived: that is for the
//! sender to say (`unknown`), here it is only known that it ended.
//!
//! Limits: [`LinkConfig`]. Errors: [`LinkError`].

mod establish;
#[cfg(test)]
mod tests;

pub use self::establish::{Established, Opening, Role};

use super::frame::{FRAME_BYTES_MAX, Frame, FrameDecoder, FrameError, ReceivedFrame};
use super::handshake::{HandshakeError, LinkSecret};
use super::tls::{TlsConfig, TlsError, TlsSession};
use crate::ring::{Connection, Ring};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How the links of a node are made.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// The keys of the cluster. Without any, only peers without any are taken: let TLS be there then.
    pub secret: LinkSecret,
    /// TLS, if links are to use it. They then use nothing else.
    pub tls: Option<TlsConfig>,
    /// The largest frame that is sent or taken.
    pub frame_bytes_max: usize,
    /// With more than so many bytes unsent, a link has no room.
    pub unsent_bytes_max: usize,
    /// How long it may take until a connection is a link.
    pub handshake_timeout: Duration,
}

impl LinkConfig {
    /// The usual sizes, without TLS.
    #[must_use]
    pub fn new(secret: LinkSecret) -> Self {
        Self {
            secret,
            tls: None,
            frame_bytes_max: FRAME_BYTES_MAX,
            unsent_bytes_max: 4 << 20,
            handshake_timeout: Duration::from_secs(5),
        }
    }
}

/// Why there is no link, or no more. Final for this link; the variants within say whether to dial again.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The two sides did not agree to have a link.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A frame is wrong: the peer's and the link has ended, or one that was to be sent, and was not.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The handshake took too long. Worth another attempt.
    #[error("the handshake with the peer was not done within {} ms", limit.as_millis())]
    PeerTooSlow {
        /// What it was given.
        limit: Duration,
    },
    /// The peer closed in the middle of a frame. Worth another attempt.
    #[error("the peer closed the link in the middle of a frame")]
    PeerClosedInFrame,
    /// This side has closed the link.
    #[error("the link is closed")]
    LocalClosed,
    /// The connection failed. Worth another attempt.
    #[error("the connection to the peer failed: {0}")]
    Connection(#[from] io::Error),
}

/// Where a link stands, seen from this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// This side sends no more.
    Finished,
    /// Nothing goes either way.
    Closed,
}

/// What both halves of a link share.
struct Shared {
    connection: Connection,
    tls: RefCell<Option<TlsSession>>,
    /// Where a frame is encoded before it is sealed.
    plain: RefCell<Vec<u8>>,
    state: Cell<State>,
    frame_bytes_max: usize,
    unsent_bytes_max: usize,
}

impl Shared {
    /// Appends what the connection is to send, if anything.
    fn output(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.connection.output().extend_from_slice(bytes);
        }
    }

    fn close(&self) {
        if self.state.replace(State::Closed) != State::Closed {
            self.connection.close();
        }
    }
}

/// The sending half of a link, for any task of the core. Clones are the same link. The connection is closed when all
/// of them and the receiving half are gone.
#[derive(Clone)]
pub struct Link {
    shared: Rc<Shared>,
}

impl Link {
    /// Makes a link of a connection, or says why not; the peer is told too, if it can understand.
    ///
    /// # Errors
    ///
    /// Whatever stands in the way; the connection is closed then.
    pub async fn establish(
        ring: &Ring,
        connection: Connection,
        opening: Opening<'_>,
    ) -> Result<Established, LinkError> {
        establish::establish(ring, connection, opening).await
    }

    /// Appends a frame to what is sent at the end of the turn.
    ///
    /// # Errors
    ///
    /// The frame is too large, or the link has ended; then nothing of it is sent.
    pub fn send(&self, frame: &Frame<'_>) -> Result<(), LinkError> {
        let shared = &*self.shared;
        if !self.is_open() {
            return Err(LinkError::LocalClosed);
        }
        match &mut *shared.tls.borrow_mut() {
            None => frame.encode(&mut shared.connection.output(), shared.frame_bytes_max)?,
            Some(session) => {
                let mut plain = shared.plain.borrow_mut();
                plain.clear();
                frame.encode(&mut plain, shared.frame_bytes_max)?;
                let sealed = session.write(&plain, &mut shared.connection.output());
                plain.shrink_to(PLAIN_BYTES_KEPT);
                if let Err(error) = sealed {
                    // Half a frame may be in the output: nothing can follow it.
                    shared.close();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Whether more should be sent now. [`Link::send`] takes it anyway.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.unsent_bytes() <= self.shared.unsent_bytes_max
    }

    /// Waits until at most half of what makes a link full is unsent. One task at a time waits for a link.
    ///
    /// # Errors
    ///
    /// The connection failed, or was closed.
    pub async fn room(&self) -> Result<(), LinkError> {
        self.drained(self.shared.unsent_bytes_max / 2).await
    }

    /// Bytes that are not known to be with the kernel.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.shared.connection.unsent_bytes()
    }

    /// Waits until at most `below` bytes are unsent. One task at a time waits for a link.
    ///
    /// # Errors
    ///
    /// The connection failed, or was closed.
    pub async fn drained(&self, below: usize) -> Result<(), LinkError> {
        Ok(self.shared.connection.drained(below).await?)
    }

    /// Sends what was given to [`Link::send`] and then no more: the peer finds the end of the link between two frames.
    /// Receiving goes on.
    pub fn finish(&self) {
        if self.is_open() {
            self.shared.state.set(State::Finished);
            if let Some(session) = &mut *self.shared.tls.borrow_mut() {
                session.close(&mut self.shared.connection.output());
            }
            self.shared.connection.shutdown_after_flush();
        }
    }

    /// Ends the link now, both ways; what is unsent is dropped.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether [`Link::send`] sends.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.state.get() == State::Open
    }

    /// The connection beneath, for its addresses and options. Its bytes are the link's.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.shared.connection
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("open", &self.is_open()).finish_non_exhaustive()
    }
}

/// A buffer for plain bytes that is larger is not kept.
const PLAIN_BYTES_KEPT: usize = 64 * 1024;

/// The receiving half of a link, for one task.
pub struct LinkReceiver {
    shared: Rc<Shared>,
    decoder: FrameDecoder,
    /// Bytes behind the handshake that came with it, opened.
    early: Vec<u8>,
    /// Where received bytes are opened.
    plain: Vec<u8>,
}

impl LinkReceiver {
    /// Waits for bytes, and hands `on_frame` every frame that they complete, in order; it reads them where they are,
    /// may send on this or any link, and ends this one by returning an error. False: the peer sends no more.
    /// Cancel-safe: no bytes are lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// The link has ended, unless by the peer's [`Link::finish`]; nothing more is sent over it.
    pub async fn recv(
        &mut self,
        mut on_frame: impl FnMut(&ReceivedFrame) -> Result<(), FrameError>,
    ) -> Result<bool, LinkError> {
        let result = self.recv_some(&mut on_frame).await;
        if result.is_err() {
            self.shared.close();
        }
        result
    }

    async fn recv_some(
        &mut self,
        on_frame: &mut impl FnMut(&ReceivedFrame) -> Result<(), FrameError>,
    ) -> Result<bool, LinkError> {
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            hand_over(&mut self.decoder, &early, on_frame)?;
            return Ok(true);
        }
        let Some(first) = self.shared.connection.recv().await? else {
            return match self.shared.state.get() {
                State::Closed => Err(LinkError::LocalClosed),
                _ if self.decoder.is_between_frames() => Ok(false),
                _ => Err(LinkError::PeerClosedInFrame),
            };
        };
        self.on_chunk(&first, on_frame)?;
        drop(first);
        // What else came in this turn, so that what it asks for is done in one go.
        while let Some(chunk) = self.shared.connection.try_recv() {
            self.on_chunk(&chunk, on_frame)?;
        }
        Ok(true)
    }

    fn on_chunk(
        &mut self,
        chunk: &[u8],
        on_frame: &mut impl FnMut(&ReceivedFrame) -> Result<(), FrameError>,
    ) -> Result<(), LinkError> {
        self.plain.clear();
        let opened = match &mut *self.shared.tls.borrow_mut() {
            None => None,
            Some(session) => {
                let mut out = Vec::new();
                let result = session.on_bytes(chunk, &mut self.plain, &mut out);
                self.shared.output(&out);
                Some(result)
            }
        };
        match opened {
            None => hand_over(&mut self.decoder, chunk, on_frame),
            Some(result) => {
                hand_over(&mut self.decoder, &self.plain, on_frame)?;
                Ok(result?)
            }
        }
    }
}

impl fmt::Debug for LinkReceiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LinkReceiver").finish_non_exhaustive()
    }
}

fn hand_over(
    decoder: &mut FrameDecoder,
    mut bytes: &[u8],
    on_frame: &mut impl FnMut(&ReceivedFrame) -> Result<(), FrameError>,
) -> Result<(), LinkError> {
    while let Some(frame) = decoder.next(&mut bytes)? {
        on_frame(frame)?;
    }
    Ok(())
}
