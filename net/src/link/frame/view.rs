//! Reading received frames: iterators that check what the lists of a frame say of each other.

use super::body::{
    ArchivedInterest, ArchivedInterestHead, ArchivedReplies, ArchivedRequestHead, ArchivedRequests,
};
use super::{FrameError, ReceivedFrame};
use crate::resp::{ArchivedSpan, Span};
use std::ops::Range;

/// One received command.
#[derive(Clone, Copy)]
pub struct RequestItem<'a> {
    /// What it says of itself.
    pub head: &'a ArchivedRequestHead,
    /// Where its arguments lie in `bytes`; every one of them does lie there.
    pub spans: &'a [ArchivedSpan],
    /// The bytes of all commands of the frame.
    pub bytes: &'a [u8],
}

impl<'a> RequestItem<'a> {
    /// The arguments in order.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |span| bytes.get(range(span)).unwrap_or_default())
    }

    /// Appends the spans, as [`crate::resp::Args`] wants them, to `spans`; they speak of [`RequestItem::bytes`].
    pub fn append_spans(&self, spans: &mut Vec<Span>) {
        spans.extend(
            self.spans.iter().map(|span| Span { start: span.start.to_native(), end: span.end.to_native() }),
        );
    }
}

fn range(span: &ArchivedSpan) -> Range<usize> {
    span.start.to_native() as usize..span.end.to_native() as usize
}

impl ArchivedRequests<'_> {
    /// The commands in order.
    ///
    /// Items are [`FrameError::PeerFrameBroken`] where a command's spans are not in the frame, or an argument is not
    /// in its bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<RequestItem<'_>, FrameError>> {
        let (spans, bytes) = (self.spans.as_slice(), self.bytes.as_slice());
        let mut at = 0;
        self.items.iter().map(move |head| {
            let spans = cut(spans, &mut at, head.spans_end.to_native())?;
            let lie_within = spans.iter().all(|span| {
                let Range { start, end } = range(span);
                start <= end && end <= bytes.len()
            });
            if lie_within { Ok(RequestItem { head, spans, bytes }) } else { Err(FrameError::PeerFrameBroken) }
        })
    }
}

/// One received reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyItem<'a> {
    /// Of the request.
    pub ticket: u32,
    /// Of the request.
    pub generation: u32,
    /// The reply.
    pub bytes: &'a [u8],
}

impl ArchivedReplies<'_> {
    /// The replies.
    ///
    /// Items are [`FrameError::PeerFrameBroken`] where a reply is not in the frame's bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<ReplyItem<'_>, FrameError>> {
        let bytes = self.bytes.as_slice();
        let mut at = 0;
        self.items.iter().map(move |head| {
            let bytes = cut(bytes, &mut at, head.end.to_native())?;
            let (ticket, generation) = (head.ticket.to_native(), head.generation.to_native());
            Ok(ReplyItem { ticket, generation, bytes })
        })
    }
}

impl ArchivedInterest<'_> {
    /// What is new, each with its kind.
    ///
    /// Items are [`FrameError::PeerFrameBroken`] where a name is not in the frame's bytes.
    pub fn added(&self) -> impl ExactSizeIterator<Item = Result<(u32, &[u8]), FrameError>> {
        names(&self.added, self.bytes.as_slice(), 0)
    }

    /// What is gone, each with its kind.
    ///
    /// Items are as in [`ArchivedInterest::added`].
    pub fn removed(&self) -> impl ExactSizeIterator<Item = Result<(u32, &[u8]), FrameError>> {
        let start = self.added.last().map_or(0, |head| head.end.to_native());
        names(&self.removed, self.bytes.as_slice(), start as usize)
    }
}

fn names<'a>(
    heads: &'a [ArchivedInterestHead],
    bytes: &'a [u8],
    mut at: usize,
) -> impl ExactSizeIterator<Item = Result<(u32, &'a [u8]), FrameError>> {
    heads.iter().map(move |head| Ok((head.kind.to_native(), cut(bytes, &mut at, head.end.to_native())?)))
}

/// What lies between `at` and `end`; `at` moves there.
fn cut<'a, T>(list: &'a [T], at: &mut usize, end: u32) -> Result<&'a [T], FrameError> {
    let end = end as usize;
    let part = list.get(*at..end).ok_or(FrameError::PeerFrameBroken)?;
    *at = end;
    Ok(part)
}

impl ReceivedFrame {
    /// What kind it is, for logs and counters.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requests(_) => "requests",
            Self::Replies(_) => "replies",
            Self::Control(_) => "control",
            Self::Transfer(_) => "transfer",
            Self::Interest(_) => "interest",
            Self::InterestAck(_) => "interest-ack",
            Self::Message(_) => "message",
            Self::Ping(_) => "ping",
            Self::Pong(_) => "pong",
            Self::Goodbye(_) => "goodbye",
        }
    }
}
