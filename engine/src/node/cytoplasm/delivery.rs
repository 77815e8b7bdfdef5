//! Messages for the subscribers of this core: gathered during a turn, put into the outputs at its end.
//!
//! While commands run an output may be in use, so a message is written once, beside them all, with a note of who is to get
//! it. At the end of the turn it is copied to where each reader reads.

use mycorrhizal_net::resp::{Args, Protocol, Reply};

use super::super::core::Core;
use super::super::mesh::Request;
use super::Outlet;
use crate::command::Run;
use crate::cytoplasm::{Kind, SubscriberId};

/// Bytes of capacity that are kept from turn to turn.
const KEPT_BYTES: usize = 256 * 1024;

/// Messages of one turn, and who gets which.
#[derive(Default)]
pub(super) struct Deliveries {
    /// The messages, as RESP3 has them.
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Those in this process that did not keep up.
    lagging: Vec<SubscriberId>,
}

#[derive(Clone, Copy)]
struct Item {
    to: SubscriberId,
    start: usize,
    end: usize,
}

impl Deliveries {
    /// Writes a message; returns where it lies.
    fn write(&mut self, parts: &[&[u8]]) -> (usize, usize) {
        let start = self.bytes.len();
        let mut reply = Reply::new(&mut self.bytes, Protocol::Resp3);
        reply.push(parts.len());
        parts.iter().for_each(|part| reply.bulk(part));
        (start, self.bytes.len())
    }
}

impl Core {
    /// Notes a message for the subscribers of this core, and returns how many they are.
    pub(in super::super) fn hand_out(&self, kind: Kind, channel: &[u8], message: &[u8]) -> i64 {
        let subscriptions = self.cytoplasm.subscriptions.borrow();
        let mut deliveries = self.cytoplasm.deliveries.borrow_mut();
        let word: &[u8] = if kind == Kind::Shard { b"smessage" } else { b"message" };
        let mut heard = 0;
        let mut deliver = |pattern: Option<&[u8]>, subscribers: &[SubscriberId]| {
            let mut written = None;
            for &to in subscribers {
                match subscriptions.outlet(to) {
                    Some(Outlet::Connection(_)) => {
                        let (start, end) = *written.get_or_insert_with(|| match pattern {
                            None => deliveries.write(&[word, channel, message]),
                            Some(pattern) => deliveries.write(&[b"pmessage", pattern, channel, message]),
                        });
                        deliveries.items.push(Item { to, start, end });
                    }
                    Some(Outlet::InProcess(sink)) => {
                        self.ring.note_wake();
                        if !sink.deliver(channel, message) {
                            deliveries.lagging.push(to);
                            continue;
                        }
                    }
                    None => continue,
                }
                heard += 1;
            }
        };
        deliver(None, subscriptions.subscribers(kind, channel));
        if kind == Kind::Channel {
            for (pattern, subscribers) in subscriptions.matching(channel) {
                deliver(Some(pattern), subscribers);
            }
        }
        self.cytoplasm.is_delivering.set(true);
        heard
    }

    /// A message that came from another core; the reply is how many heard it.
    pub(in super::super) fn take_published(&self, request: &Request, args: Args<'_>, out: &mut Vec<u8>) {
        self.counters().published_in.add(1);
        let heard = match request.row.command.run {
            Run::Publish(kind) => self.hand_out(kind, args.get(1), args.get(2)),
            Run::Data { .. } | Run::Session(_) | Run::Node(_) | Run::Container => 0,
        };
        Reply::new(out, Protocol::Resp2).integer(heard);
    }

    /// Puts the messages of this turn into the outputs of those who are to get them.
    #[inline]
    pub(crate) fn send_deliveries(&self) {
        if self.cytoplasm.is_delivering.replace(false) {
            self.send_all();
        }
    }

    fn send_all(&self) {
        let mut deliveries = self.cytoplasm.deliveries.take();
        {
            let subscriptions = self.cytoplasm.subscriptions.borrow();
            for run in deliveries.items.chunk_by(|one, next| one.to == next.to) {
                let Some(Outlet::Connection(caller)) = subscriptions.outlet(run[0].to) else { continue };
                let mark = match caller.session().protocol {
                    Protocol::Resp2 => b'*',
                    Protocol::Resp3 => b'>',
                };
                let mut output = caller.output();
                for item in run {
                    output.push(mark);
                    output.extend_from_slice(&deliveries.bytes[item.start + 1..item.end]);
                }
                drop(output);
                caller.check_hard_limit();
            }
        }
        for lagging in deliveries.lagging.drain(..) {
            self.end_subscriber(lagging);
        }
        deliveries.items.clear();
        deliveries.bytes.clear();
        deliveries.bytes.shrink_to(KEPT_BYTES);
        self.cytoplasm.deliveries.replace(deliveries);
    }
}
