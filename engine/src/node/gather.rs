//! Collects the replies of one batch whose commands ran on several cores, and puts them into the order of the
//! commands.
//!
//! A batch is a row of pieces. A piece is a reply, or the head of a group of pieces that are merged into one reply
//! (MGET, DEL, MSET over several cores). Replies arrive in any order.

use std::task::{Context, Poll, Waker};

use mycorrhizal_net::resp::{Protocol, Reply};

use crate::command::Merge;

/// The place of one reply: which gather of the asking core, and which piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// Key of the gather in its core.
    pub(crate) gather: u32,
    /// Index of the piece.
    pub(crate) piece: u32,
}

impl Ticket {
    /// In place of a gather: the reply is awaited by [`Core::ask`](super::core::Core::ask).
    pub(crate) const ASKED: u32 = u32::MAX;
}

/// The replies of one batch. Belongs to one connection of one core.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
    outstanding: u32,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy)]
enum Piece {
    Waiting,
    Ready {
        start: usize,
        end: usize,
    },
    /// The next `parts` pieces are merged.
    Group {
        merge: Merge,
        parts: u32,
    },
}

/// Above this many bytes the buffer of a finished gather is given back.
const KEPT_BYTES: usize = 64 * 1024;

impl Gather {
    /// Whether nothing has been put in since it was last drained.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Starts a group: the next `parts` pieces become one reply.
    pub(crate) fn group(&mut self, merge: Merge, parts: u32) {
        self.pieces.push(Piece::Group { merge, parts });
    }

    /// Adds a piece that will be answered later, and returns its index.
    pub(crate) fn expect(&mut self) -> u32 {
        self.outstanding += 1;
        self.pieces.push(Piece::Waiting);
        u32::try_from(self.pieces.len() - 1).expect("a batch has fewer than 2^32 pieces")
    }

    /// Adds a piece whose reply `write` appends now; returns the reply's length in bytes.
    pub(crate) fn ready(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        self.pieces.push(Piece::Ready { start, end });
        end - start
    }

    /// Answers a piece that was expected. Returns the task to wake, if this was the last.
    pub(crate) fn answer(&mut self, piece: u32, reply: &[u8]) -> Option<Waker> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(reply);
        self.pieces[piece as usize] = Piece::Ready { start, end: self.bytes.len() };
        self.outstanding -= 1;
        if self.outstanding == 0 { self.waker.take() } else { None }
    }

    /// Ready when nothing is outstanding.
    pub(crate) fn poll_complete(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.outstanding == 0 {
            return Poll::Ready(());
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Appends the replies to `out`, in order, and becomes empty.
    pub(crate) fn drain_into(&mut self, out: &mut Vec<u8>, protocol: Protocol) {
        debug_assert_eq!(self.outstanding, 0, "a gather is drained when it is complete");
        let mut at = 0;
        while let Some(&piece) = self.pieces.get(at) {
            at += 1;
            if let Piece::Group { merge, parts } = piece {
                let end = at + parts as usize;
                self.merge(merge, at..end, out, protocol);
                at = end;
            } else {
                out.extend_from_slice(self.reply(piece));
            }
        }
        self.pieces.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
    }

    fn reply(&self, piece: Piece) -> &[u8] {
        match piece {
            Piece::Ready { start, end } => &self.bytes[start..end],
            Piece::Waiting | Piece::Group { .. } => unreachable!("groups are flat and complete"),
        }
    }

    fn merge(&self, merge: Merge, parts: std::ops::Range<usize>, out: &mut Vec<u8>, protocol: Protocol) {
        let replies = self.pieces[parts.clone()].iter().map(|piece| self.reply(*piece));
        if let Some(error) = replies.clone().find(|reply| reply.first() == Some(&b'-')) {
            return out.extend_from_slice(error);
        }
        let mut reply = Reply::new(out, protocol);
        match merge {
            Merge::Ok => reply.ok(),
            Merge::Sum => reply.integer(replies.map(integer_of).sum()),
            Merge::Array => {
                reply.array(parts.len());
                replies.for_each(|part| reply.raw(part));
            }
        }
    }
}

/// The number in an integer reply `:n\r\n`.
fn integer_of(reply: &[u8]) -> i64 {
    let digits = reply.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b"\r\n"));
    digits
        .and_then(mycorrhizal_net::resp::number::parse_i64)
        .expect("a command merged by sum replies with an integer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(gather: &mut Gather, reply: &[u8]) {
        gather.ready(|out| out.extend_from_slice(reply));
    }

    #[test]
    fn replies_come_out_in_the_order_of_commands() {
        let mut gather = Gather::default();
        let first = gather.expect();
        ready(&mut gather, b"+B\r\n");
        let third = gather.expect();
        assert!(gather.answer(third, b"+C\r\n").is_none());
        assert!(gather.answer(first, b"+A\r\n").is_none());
        let mut out = b"+0\r\n".to_vec();
        gather.drain_into(&mut out, Protocol::Resp2);
        assert_eq!(out, b"+0\r\n+A\r\n+B\r\n+C\r\n");
        assert!(gather.is_empty());
    }

    #[test]
    fn groups_merge() {
        let check = |merge, parts: [&[u8]; 2], expect: &[u8]| {
            let mut gather = Gather::default();
            gather.group(merge, 2);
            let late = gather.expect();
            ready(&mut gather, parts[1]);
            ready(&mut gather, b"+next\r\n");
            assert!(gather.answer(late, parts[0]).is_none());
            let mut out = Vec::new();
            gather.drain_into(&mut out, Protocol::Resp2);
            assert_eq!(out, [expect, b"+next\r\n"].concat());
        };
        check(Merge::Sum, [b":1\r\n", b":41\r\n"], b":42\r\n");
        check(Merge::Ok, [b"+OK\r\n", b"+OK\r\n"], b"+OK\r\n");
        check(Merge::Ok, [b"+OK\r\n", b"-OOM no\r\n"], b"-OOM no\r\n");
        check(Merge::Array, [b"$1\r\na\r\n", b"$-1\r\n"], b"*2\r\n$1\r\na\r\n$-1\r\n");
    }
}
