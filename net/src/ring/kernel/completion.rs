//! What completions mean: whose operation went on or ended, and what happens next to its memory.

use super::super::ledger::BufferId;
use super::super::operations::OperationId;
use super::super::pool::Chunk;
use super::super::stream::Mode;
use super::connect::connected;
use super::{Event, Kernel, Operation, Outgoing, PEER, PEER_FAILED, Ready, SEND_BYTES_MAX, SendMode};
use io_uring::cqueue;
use std::os::fd::{FromRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

impl Kernel {
    /// The next thing that happened.
    pub(in super::super) fn next_event(&mut self) -> Option<Event> {
        loop {
            let event = match self.ready.pop_front()? {
                // Nothing is found if a failure came before: then the send went on under another name.
                Ready::Settled(id) => match self.operations.remove(id) {
                    Some(Operation::Send(outgoing)) => self.on_sent_part(outgoing, None),
                    Some(Operation::SendDatagram(outgoing)) => {
                        Some(Event::DatagramSent { socket: Rc::clone(outgoing.socket()), result: Ok(()) })
                    }
                    _ => None,
                },
                Ready::Completion { user_data, result, flags } => {
                    self.on_completion(user_data, result, flags)
                }
            };
            if event.is_some() {
                return event;
            }
        }
    }

    fn on_completion(&mut self, user_data: u64, result: i32, flags: u32) -> Option<Event> {
        if user_data == PEER {
            return Some(Event::Woken);
        }
        if user_data & u64::from(u32::MAX) == u64::from(PEER_FAILED) {
            let index = usize::try_from(user_data >> 32).ok()?;
            self.peers.get(index)?.signal();
            return None;
        }
        let id = OperationId::from_user_data(user_data);
        let armed = cqueue::more(flags);
        match self.operations.find(id)? {
            Operation::Poll(shared) => {
                let shared = Arc::clone(shared);
                if !armed {
                    self.operations.remove(id);
                    if !self.closing {
                        self.poll(&shared);
                    }
                }
                Some(Event::Woken)
            }
            Operation::Accept(acceptor) => {
                let acceptor = Rc::clone(acceptor);
                if !armed {
                    self.operations.remove(id);
                }
                Some(Event::Accepted { acceptor, result: accepted(result), armed })
            }
            Operation::Connect(_) => match self.operations.remove(id)? {
                Operation::Connect(outward) => Some(connected(*outward, result)),
                _ => None,
            },
            Operation::Receive(stream) => {
                let stream = Rc::clone(stream);
                if !armed {
                    self.operations.remove(id);
                }
                Some(Event::Received { stream, result: self.received(result, flags), armed })
            }
            Operation::ReceiveDatagrams(incoming) => {
                let socket = Rc::clone(incoming.socket());
                if !armed {
                    self.operations.remove(id);
                }
                Some(Event::Datagram { socket, result: self.received(result, flags), armed })
            }
            Operation::SendDatagram(outgoing) => {
                let socket = Rc::clone(outgoing.socket());
                self.operations.remove(id);
                let result = if result < 0 { Err(-result) } else { Ok(()) };
                Some(Event::DatagramSent { socket, result })
            }
            Operation::Send(_) if armed => self.on_zero_copied(id, result),
            Operation::Send(_) => match self.operations.remove(id)? {
                Operation::Send(outgoing) => self.on_sent_part(outgoing, Some(result)),
                _ => None,
            },
            Operation::Notice { .. } => {
                self.notices -= 1;
                self.operations.remove(id);
                None
            }
        }
    }

    fn received(&self, result: i32, flags: u32) -> Result<Option<Chunk>, i32> {
        let filled = u32::try_from(result).unwrap_or(0);
        let chunk = cqueue::buffer_select(flags).and_then(|id| self.pool.take(BufferId(id), filled));
        match result {
            1.. => Ok(Some(chunk.ok_or(libc::EIO)?)),
            0 => Ok(None),
            error => Err(-error),
        }
    }

    /// A send ended: all of it (`None`, or as many bytes as were asked for), a part, or with an error.
    fn on_sent_part(&mut self, mut outgoing: Outgoing, result: Option<i32>) -> Option<Event> {
        let asked = (outgoing.bytes.len() - outgoing.from).min(SEND_BYTES_MAX);
        let outcome = match result {
            None => Ok(asked),
            Some(result) => match usize::try_from(result) {
                Ok(0) => Err(libc::EPIPE),
                Ok(sent) => Ok(sent),
                Err(_) => Err(-result),
            },
        };
        match outcome {
            Ok(sent) => outgoing.from += sent,
            // No room, interrupted, or zero-copy is not to be had: the same bytes, waiting and copied.
            Err(libc::EAGAIN | libc::EINTR) => {}
            Err(libc::EINVAL | libc::EOPNOTSUPP) if outgoing.how == SendMode::ZeroCopy => {}
            Err(error) => return Some(sent(outgoing, Err(error))),
        }
        if outgoing.from == outgoing.bytes.len() {
            return Some(sent(outgoing, Ok(())));
        }
        // A cancelled send that had got part of the way says how far, not that it was cancelled.
        if self.closing || outgoing.stream.mode.get() == Mode::Closed {
            return Some(sent(outgoing, Err(libc::ECANCELED)));
        }
        outgoing.how = SendMode::Waiting;
        let stream = Rc::clone(&outgoing.stream);
        let id = self.send_from(outgoing);
        stream.on_send_continued(id);
        None
    }

    /// The bytes of a zero-copy send were handed to the network, which still reads them: they stay, under the name
    /// that the notice will carry.
    fn on_zero_copied(&mut self, id: OperationId, result: i32) -> Option<Event> {
        let place = self.operations.find_mut(id)?;
        let Operation::Send(outgoing) = std::mem::replace(place, Operation::Notice { bytes: Vec::new() })
        else {
            return None;
        };
        self.notices += 1;
        let Outgoing { stream, bytes, from, .. } = outgoing;
        let refused = result == -libc::EOPNOTSUPP || result == -libc::EINVAL;
        let again = if refused { bytes[from..].to_vec() } else { Vec::new() };
        let all = usize::try_from(result).is_ok_and(|sent| from + sent == bytes.len());
        *place = Operation::Notice { bytes };
        if refused && !self.closing {
            let id = self.send(Rc::clone(&stream), again, SendMode::Waiting);
            stream.on_send_continued(id);
            return None;
        }
        // With MSG_WAITALL the kernel sends all or says why not; a part means that the connection is broken.
        let result = if all { Ok(()) } else { Err(if result < 0 { -result } else { libc::EPIPE }) };
        Some(Event::Sent { stream, bytes: Vec::new(), result })
    }
}

fn accepted(result: i32) -> Result<OwnedFd, i32> {
    if result < 0 {
        return Err(-result);
    }
    // SAFETY: a non-negative result of accept is a descriptor that was opened for us and that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

fn sent(outgoing: Outgoing, result: Result<(), i32>) -> Event {
    Event::Sent { stream: outgoing.stream, bytes: outgoing.bytes, result }
}
