//! The sending side of connections: what the tasks of a turn appended leaves in one send per connection.
//!
//! ```text
//!  output (appended to by tasks) ──end of turn──▶ in flight (owned by the kernel's slab) ──▶ spare buffers
//! ```
//!
//! While a send is in flight, output gathers for the next. A connection that has nothing to send holds no buffer:
//! buffers come from and go to a small stack shared by the core, so that the few in use stay in the cache. One
//! that grew past [`SPARE_BYTES_MAX`] is freed instead.

use super::core::{Core, Due};
use super::kernel::SendMode;
use super::stats::add;
use super::stream::{Finish, Mode, ReceiveState, SendState, Sending, Stream};
use std::cell::RefMut;
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A fresh output buffer.
const OUTPUT_BYTES: usize = 4096;
/// A buffer larger than this is not kept for another use.
const SPARE_BYTES_MAX: usize = 64 * 1024;
/// So many buffers are kept.
const SPARES_MAX: usize = 128;

impl Core {
    /// The buffer that is sent at the end of the turn.
    pub(super) fn output<'a>(&self, stream: &'a Rc<Stream>) -> RefMut<'a, Vec<u8>> {
        self.mark_dirty(stream);
        let mut output = stream.output.borrow_mut();
        if output.capacity() == 0 {
            *output = self.spare.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(OUTPUT_BYTES));
        }
        output
    }

    pub(super) fn mark_dirty(&self, stream: &Rc<Stream>) {
        if !stream.dirty.replace(true) {
            self.dirty.borrow_mut().push(Rc::clone(stream));
            self.stir();
        }
    }

    /// Starts the sends of this turn.
    pub(super) fn send_outputs(&self) {
        if self.dirty.borrow().is_empty() {
            return;
        }
        let mut dirty = self.dirty.take();
        for stream in dirty.drain(..) {
            stream.dirty.set(false);
            self.send_output(&stream);
        }
        // Nobody ran meanwhile: the list is as it was left, empty. Its memory is used again.
        self.dirty.replace(dirty);
    }

    fn send_output(&self, stream: &Rc<Stream>) {
        let mut sending = stream.sending.borrow_mut();
        if let SendState::InFlight(_) = sending.state {
            return;
        }
        let bytes = stream.output.take();
        if bytes.is_empty() || sending.state != SendState::Idle {
            self.recycle(bytes);
            finish(stream, &mut sending);
            drop(sending);
            self.end_lingering(stream);
            return;
        }
        // An inline send that succeeds wakes nobody: it is known to have when the core next wakes up. So whoever
        // waits for its end, and whatever holds much memory, takes the way that posts a completion.
        let awaited = sending.drained.is_some() || sending.finish == Finish::Shutdown;
        let how = match bytes.len() {
            length if length >= self.config.zero_copy_bytes => SendMode::ZeroCopy,
            length if awaited || length > SPARE_BYTES_MAX => SendMode::Waiting,
            _ => SendMode::Inline,
        };
        sending.in_flight_bytes = bytes.len();
        let id = self.kernel.borrow_mut().send(Rc::clone(stream), bytes, how);
        sending.state = SendState::InFlight(id);
    }

    pub(super) fn on_sent(&self, stream: &Rc<Stream>, bytes: Vec<u8>, result: Result<(), i32>) {
        self.recycle(bytes);
        let mut sending = stream.sending.borrow_mut();
        let sent_bytes = std::mem::take(&mut sending.in_flight_bytes);
        if stream.mode.get() == Mode::Closed {
            return;
        }
        match result {
            Ok(()) => {
                add(&self.counters.sends, 1);
                add(&self.counters.sent_bytes, sent_bytes as u64);
                sending.state = SendState::Idle;
            }
            Err(error) => {
                sending.state = SendState::Failed(error);
                self.recycle(stream.output.take());
            }
        }
        let unsent_bytes = stream.output.borrow().len();
        if unsent_bytes == 0 {
            finish(stream, &mut sending);
        } else {
            self.mark_dirty(stream);
        }
        let waker = match &sending.drained {
            Some((below, _)) if unsent_bytes > *below => None,
            _ => sending.drained.take().map(|(_, waker)| waker),
        };
        drop(sending);
        if let Some(waker) = waker {
            self.wake(&waker);
        }
        self.end_lingering(stream);
    }

    fn recycle(&self, mut bytes: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if bytes.capacity() > 0 && bytes.capacity() <= SPARE_BYTES_MAX && spare.len() < SPARES_MAX {
            bytes.clear();
            spare.push(bytes);
        }
    }

    /// Ready when at most `below` bytes are unsent.
    pub(super) fn poll_drained(&self, stream: &Stream, below: usize, waker: &Waker) -> Poll<io::Result<()>> {
        let unsent_bytes = stream.unsent_bytes();
        let mut sending = stream.sending.borrow_mut();
        if let SendState::Failed(error) = sending.state {
            return Poll::Ready(Err(io::Error::from_raw_os_error(error)));
        }
        if unsent_bytes <= below {
            return Poll::Ready(Ok(()));
        }
        sending.drained = Some((below, waker.clone()));
        Poll::Pending
    }

    /// The sending side is shut down once everything was sent.
    pub(super) fn shutdown_after_flush(&self, stream: &Rc<Stream>) {
        let mut sending = stream.sending.borrow_mut();
        if sending.finish == Finish::Nothing {
            sending.finish = Finish::Shutdown;
            self.mark_dirty(stream);
        }
    }

    /// The handle is gone: ends what is in flight, or lets what was promised be sent first.
    pub(super) fn on_dropped(&self, stream: &Rc<Stream>) {
        stream.sending.borrow_mut().drained = None;
        let promised = stream.sending.borrow().finish != Finish::Nothing;
        if !promised || self.closing.get() || stream.mode.get() != Mode::Open {
            self.release(stream);
            return;
        }
        stream.mode.set(Mode::Lingering);
        let until = self.now() + self.config.linger;
        self.deadlines.borrow_mut().insert(until, Due::Abandon(Rc::downgrade(stream)));
        self.discard_received(stream);
        self.mark_dirty(stream);
    }

    /// Releases a lingering connection when both sides are through, or the sending side failed.
    pub(super) fn end_lingering(&self, stream: &Rc<Stream>) {
        if stream.mode.get() != Mode::Lingering {
            return;
        }
        let failed = matches!(stream.sending.borrow().state, SendState::Failed(_));
        let received_all = matches!(stream.receiving.borrow().state, ReceiveState::Ended(_));
        if failed || (received_all && stream.unsent_bytes() == 0) {
            self.release(stream);
        }
    }

    /// Ends every operation of a connection; the descriptor closes when the kernel has let go of the last. Tasks
    /// that wait for it are woken.
    pub(super) fn release(&self, stream: &Rc<Stream>) {
        if stream.mode.replace(Mode::Closed) == Mode::Closed {
            return;
        }
        self.recycle(stream.output.take());
        let receiver = self.stop_receiving(stream);
        let mut sending = stream.sending.borrow_mut();
        if let SendState::InFlight(id) = sending.state {
            self.kernel.borrow_mut().cancel(id);
        }
        sending.state = SendState::Failed(libc::ECONNABORTED);
        let sender = sending.drained.take().map(|(_, waker)| waker);
        drop(sending);
        for waker in receiver.into_iter().chain(sender) {
            self.wake(&waker);
        }
        self.stir();
    }
}

/// All output is with the kernel, or never will be: shuts the sending side down if that was asked for.
fn finish(stream: &Stream, sending: &mut Sending) {
    if sending.finish == Finish::Shutdown {
        sending.finish = Finish::Done;
        if let Err(error) = stream.socket().shutdown(Shutdown::Write) {
            tracing::debug!(%error, "a connection was gone before it was shut down");
        }
    }
}
