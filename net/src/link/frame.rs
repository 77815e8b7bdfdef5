//! Frames: what travels over a link, as archives that are checked and then read where they were received.
//!
//! ```text
//!  ┌────────────────────────┬──────────────────────────────────────────────────────┐
//!  │ length u32, little end │ rkyv archive of one Frame, `length` bytes             │  … the next
//!  └────────────────────────┴──────────────────────────────────────────────────────┘
//!                             lists, one after the other │ root: tag u8, the fields │
//!                                    ▲──── relative offset i32, length u32 ────┘
//! ```
//!
//! Every number is little-endian and nothing is aligned, so an archive may lie anywhere in a receive buffer. A
//! [`Frame`] borrows what it carries: encoding copies each list once, from where the caller gathered it into the
//! output. What comes in is an [`ArchivedFrame`]: its offsets and tags have been checked, its *meaning* has not; the
//! iterators here ([`ArchivedRequests::iter`] …) check what lists say of each other as they go.
//!
//! Limits: [`FRAME_BYTES_MAX`] unless a side says otherwise. Errors: [`FrameError`].
//!
//! The bytes of every kind are held in `net/src/link/golden/frames.txt`; a change there is another
//! [protocol](crate::version::PROTOCOL).
//!
//! Sources: the rkyv book, "Format" and "Validation".

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod body;
mod decoder;
#[cfg(test)]
mod tests;
mod view;

pub use self::body::{
    ArchivedControl, ArchivedControlKind, ArchivedGoodbye, ArchivedInterest, ArchivedInterestHead,
    ArchivedMessage, ArchivedMessageKind, ArchivedReplies, ArchivedReplyHead, ArchivedRequestHead,
    ArchivedRequests, ArchivedTransfer, ArchivedTransferKind, Control, ControlKind, Goodbye, Interest,
    InterestHead, Message, MessageKind, Replies, ReplyHead, RequestFlags, RequestHead, Requests, Transfer,
    TransferKind,
};
pub use self::decoder::FrameDecoder;
pub use self::view::{ReplyItem, RequestItem};

use rkyv::api::low;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::SubAllocator;
use rkyv::{Archive, Serialize};

/// The largest frame that is sent or taken, in bytes behind the length, unless a side is told otherwise.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// Bytes of the length before each frame.
const LENGTH_BYTES: usize = size_of::<u32>();

/// What a link carries. All kinds, and only shapes: what the bytes in them mean is the business of who sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize)]
pub enum Frame<'a> {
    /// Commands for partitions that the peer owns.
    Requests(Requests<'a>),
    /// What came of them.
    Replies(Replies<'a>),
    /// A word of the coordination layer.
    Control(Control<'a>),
    /// A step of moving a partition.
    Transfer(Transfer<'a>),
    /// What the sender has subscribers for.
    Interest(Interest<'a>),
    /// All cores of the sender know the receiver's [`Interest`] up to this version.
    InterestAck(u64),
    /// A message between applications.
    Message(Message<'a>),
    /// Are you there? The number comes back in the [`Frame::Pong`].
    Ping(u64),
    /// Yes, with the number of the [`Frame::Ping`].
    Pong(u64),
    /// The sender closes the link after this, and on purpose.
    Goodbye(Goodbye<'a>),
}

/// A frame as it is received. Its lifetime is that of the borrow: it owns and borrows nothing else.
pub type ReceivedFrame = ArchivedFrame<'static>;

/// What is wrong with a frame. The link that it came over is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The peer announced more than is taken; nothing was reserved for it.
    #[error("the peer announced a frame of {announced} bytes, and {max} is the limit")]
    PeerFrameTooLarge {
        /// In bytes.
        announced: usize,
        /// In bytes.
        max: usize,
    },
    /// The peer's bytes are no frame, or its lists contradict each other.
    #[error("the peer sent a frame that fails its check")]
    PeerFrameBroken,
    /// The peer announced a frame of no bytes.
    #[error("the peer sent an empty frame")]
    PeerFrameEmpty,
    /// What was to be sent is more than a peer takes; nothing of it was written.
    #[error("a frame of {bytes} bytes cannot be sent, for {max} is the limit")]
    LocalFrameTooLarge {
        /// In bytes.
        bytes: usize,
        /// In bytes.
        max: usize,
    },
}

impl Frame<'_> {
    /// Appends the length and the archive to `out`, in one pass.
    ///
    /// # Errors
    ///
    /// [`FrameError::LocalFrameTooLarge`] if it would be over `max` bytes; then nothing was appended.
    pub fn encode(&self, out: &mut Vec<u8>, max: usize) -> Result<(), FrameError> {
        let bytes = self.archive_bytes();
        let length = u32::try_from(bytes).ok().filter(|_| bytes <= max);
        let length = length.ok_or(FrameError::LocalFrameTooLarge { bytes, max })?;
        out.reserve(LENGTH_BYTES + bytes);
        out.extend_from_slice(&length.to_le_bytes());
        let start = out.len();
        // No list needs memory while it is written: each is copied as it lies there.
        low::to_bytes_in_with_alloc::<_, _, Failure>(self, &mut *out, SubAllocator::empty())
            .expect("a vector takes everything, and offsets fit because the length does");
        debug_assert_eq!(out.len() - start, bytes, "the length that was announced");
        Ok(())
    }

    /// Bytes of the archive, without the length before it.
    #[must_use]
    pub fn archive_bytes(&self) -> usize {
        let lists = match self {
            Self::Requests(body) => {
                size_of_val(body.items) + size_of_val(body.spans) + size_of_val(body.bytes)
            }
            Self::Replies(body) => size_of_val(body.items) + body.bytes.len(),
            Self::Control(body) => body.body.len(),
            Self::Transfer(body) => body.records.len(),
            Self::Interest(body) => size_of_val(body.added) + size_of_val(body.removed) + body.bytes.len(),
            Self::Message(body) => body.application.len() + body.body.len(),
            Self::InterestAck(_) | Self::Ping(_) | Self::Pong(_) => 0,
            Self::Goodbye(body) => body.reason.len(),
        };
        lists + size_of::<ReceivedFrame>()
    }
}

/// Checks the archive in `bytes` and reads it there.
fn access(bytes: &[u8]) -> Result<&ReceivedFrame, FrameError> {
    if bytes.is_empty() {
        return Err(FrameError::PeerFrameEmpty);
    }
    low::access::<ReceivedFrame, Failure>(bytes).map_err(|Failure| FrameError::PeerFrameBroken)
}
