//! Matches replies with the operations that they answer, and counts them.

use std::collections::VecDeque;

use mycorrhizal_net::resp::{DecodeError, scan_reply};

use crate::cluster::Redirect;
use crate::generator::{Lead, Operation};
use crate::link::Endpoint;
use crate::tally::Tally;

/// The counters that replies move; owned by one load thread.
#[derive(Debug, Default)]
pub(super) struct Replies {
    pub(super) tally: Tally,
    /// Operations that have to be sent again, elsewhere.
    pub(super) redirected: Vec<(Operation, Redirect)>,
    /// Replies of any kind so far, warm-up included.
    pub(super) answered: u64,
}

/// Operations with one start, whose replies came at one time: they are recorded together.
struct Batch {
    start_ns: u64,
    operations: u64,
}

impl Replies {
    /// Reads the whole replies of `bytes`, which came at `now_ns`, and returns where the first incomplete one starts.
    /// `asked` is the endpoint that replied, if its redirections are to be followed.
    #[inline]
    pub(super) fn read(
        &mut self,
        inflight: &mut VecDeque<Operation>,
        bytes: &[u8],
        now_ns: u64,
        asked: Option<&Endpoint>,
    ) -> Result<usize, DecodeError> {
        let mut at = 0;
        let mut batch = Batch { start_ns: 0, operations: 0 };
        while let Some((end, is_error)) = scan_reply(bytes, at)? {
            let reply = &bytes[at..end];
            at = end;
            if reply[0] == b'>' {
                continue;
            }
            // More replies than requests: no honest count is possible any more.
            let operation = inflight.front_mut().ok_or(DecodeError::PeerUnknownType(reply[0]))?;
            if operation.lead == Lead::Asking {
                operation.lead = Lead::None;
                continue;
            }
            let operation = *operation;
            inflight.pop_front();
            self.answered += 1;
            if is_error && self.on_error(operation, reply, asked) {
                continue;
            }
            if !operation.counted {
                continue;
            }
            self.tally.nulls += u64::from(is_null(reply));
            if operation.start_ns != batch.start_ns {
                self.record(&batch, now_ns);
                batch = Batch { start_ns: operation.start_ns, operations: 0 };
            }
            batch.operations += 1;
        }
        self.record(&batch, now_ns);
        Ok(at)
    }

    #[inline]
    fn record(&mut self, batch: &Batch, now_ns: u64) {
        if batch.operations > 0 {
            let latency_ns = now_ns.saturating_sub(batch.start_ns);
            self.tally.latencies.saturating_record_n(latency_ns, batch.operations);
            self.tally.operations += batch.operations;
            self.tally.until_ns = now_ns;
        }
    }

    /// Whether the error is a redirection that is followed.
    #[cold]
    fn on_error(&mut self, mut operation: Operation, reply: &[u8], asked: Option<&Endpoint>) -> bool {
        let line = error_line(reply);
        let redirect = asked.and_then(|asked| Redirect::read(line, asked));
        if let Some(redirect) = redirect.filter(|_| operation.redirects < super::REDIRECTS_MAX) {
            operation.redirects += 1;
            self.tally.redirects += u64::from(operation.counted);
            self.redirected.push((operation, redirect));
            return true;
        }
        if operation.counted {
            self.tally.count_error(line);
        }
        false
    }
}

/// The text of an error: after the mark, or after the length if it is a bulk error.
fn error_line(reply: &[u8]) -> &[u8] {
    let text = &reply[1..];
    match (reply[0], text.iter().position(|&byte| byte == b'\n')) {
        (b'!', Some(end)) => &text[end + 1..],
        _ => text,
    }
}

#[inline]
fn is_null(reply: &[u8]) -> bool {
    matches!(reply, [b'_', ..] | [b'$' | b'*', b'-', ..])
}
