//! From frames to what they ask for, read where they were received.

use std::rc::Rc;

use mycorrhizal_net::link::frame::{
    ArchivedControl, ArchivedControlKind, ArchivedReplies, ArchivedRequests, ArchivedTransfer,
    ArchivedTransferKind, FrameError, ReceivedFrame, RequestFlags, RequestItem,
};
use mycorrhizal_net::link::transport::LinkReceiver;
use mycorrhizal_net::resp::{Protocol, Span};

use super::Wire;
use crate::command::table::{self, Row};
use crate::command::{Apply, CommandError, Run, Spread};
use crate::mycel::transfer::{Ack, TransferKind, TransferMessage};
use crate::mycel::{Db, Key, PARTITIONS};
use crate::node::call::never_applied;
use crate::node::core::Core;
use crate::node::directory::PeerId;
use crate::node::gather::Ticket;
use crate::node::mesh::{Letter, Manner, Request, RequestContext, RequestList};
use crate::node::migration::TransferAnswer;

/// Lists that received requests are read into, kept for their allocations.
#[derive(Default)]
pub(super) struct Scratch {
    items: Vec<(Request, u32)>,
    spans: Vec<Span>,
}

impl Core {
    /// Serves a link until it ends.
    pub(super) async fn receive(self: Rc<Self>, wire: Rc<Wire>, generation: u32, mut receiver: LinkReceiver) {
        loop {
            match receiver.recv(|frame| self.on_frame(&wire, generation, frame)).await {
                Ok(true) => {}
                Ok(false) => return self.on_link_end(&wire, generation, None),
                Err(error) => return self.on_link_end(&wire, generation, Some(&error)),
            }
        }
    }

    fn on_frame(
        self: &Rc<Self>,
        wire: &Rc<Wire>,
        generation: u32,
        frame: &ReceivedFrame,
    ) -> Result<(), FrameError> {
        match frame {
            ReceivedFrame::Requests(requests) => self.on_requests(wire.peer, requests),
            ReceivedFrame::Replies(replies) => self.on_replies(wire, generation, replies),
            ReceivedFrame::Control(control) => {
                self.on_control(wire.peer, control);
                Ok(())
            }
            ReceivedFrame::Transfer(step) => {
                self.on_step(wire.peer, step);
                Ok(())
            }
            ReceivedFrame::Message(message) => {
                self.on_message(wire.peer, message);
                Ok(())
            }
            ReceivedFrame::Interest(interest) => self.on_interest(wire.peer, wire.life.get(), interest),
            ReceivedFrame::InterestAck(version) => {
                self.on_interest_known(wire.peer, version.to_native());
                Ok(())
            }
            other => {
                tracing::debug!(kind = other.name(), "a frame of a kind that is not taken");
                Ok(())
            }
        }
    }

    fn on_requests(self: &Rc<Self>, from: PeerId, requests: &ArchivedRequests<'_>) -> Result<(), FrameError> {
        let mut scratch = self.links.inbound.take();
        scratch.items.clear();
        scratch.spans.clear();
        for item in requests.iter() {
            let item = item?;
            let start = scratch.spans.len();
            item.append_spans(&mut scratch.spans);
            match self.request_of(&item) {
                Some(request) => {
                    let end = u32::try_from(scratch.spans.len()).map_err(|_| FrameError::PeerFrameBroken)?;
                    scratch.items.push((request, end));
                }
                None => {
                    scratch.spans.truncate(start);
                    self.refuse_item(from, &item);
                }
            }
        }
        let bytes = requests.bytes.as_slice();
        let list = RequestList::new(&scratch.items, &scratch.spans, bytes);
        self.run_requests(from, requests.epoch.to_native(), list);
        self.links.inbound.replace(scratch);
        Ok(())
    }

    /// What a received command is; `None` if this version has no such command.
    fn request_of(&self, item: &RequestItem<'_>) -> Option<Request> {
        let flags = item.head.flags.to_native();
        let has = |flag| flags & flag != 0;
        let mut args = item.args();
        let row = find_row(&mut args)?;
        let manner = match (has(RequestFlags::WHOLE), has(RequestFlags::OF_CORE), has(RequestFlags::PART)) {
            (true, true, _) => Manner::OfCore,
            (true, false, _) => Manner::OfNode,
            (false, _, true) => Manner::Part,
            (false, _, false) => Manner::Direct,
        };
        let (apply, first_key) = match (row.command.run, manner) {
            (_, Manner::OfCore | Manner::OfNode) => (never_applied as Apply, None),
            (Run::Publish(_), Manner::Part) if row.command.accepts(item.spans.len()) => {
                return Some(Request {
                    row,
                    apply: never_applied,
                    first_key: None,
                    manner: Manner::Publish,
                    context: RequestContext { db: Db::default(), protocol: Protocol::Resp2, no_touch: false },
                    ticket: ticket_of(item),
                });
            }
            (Run::Data { spread: Spread::Each { element, .. }, .. }, Manner::Part) => {
                (element, Some(first_key(self, row, item)?))
            }
            (Run::Data { apply, .. }, _) if row.command.accepts(item.spans.len()) => {
                (apply, Some(first_key(self, row, item)?))
            }
            _ => return None,
        };
        let context = RequestContext {
            db: Db::new(item.head.database.to_native()),
            protocol: if has(RequestFlags::RESP3) { Protocol::Resp3 } else { Protocol::Resp2 },
            no_touch: has(RequestFlags::NO_TOUCH),
        };
        Some(Request { row, apply, first_key, manner, context, ticket: ticket_of(item) })
    }

    fn refuse_item(&self, from: PeerId, item: &RequestItem<'_>) {
        let ticket = ticket_of(item);
        let mut reply = Vec::new();
        self.refuse(None, &CommandError::Text("ERR the owner does not know this command"), &mut reply);
        self.reply_to(from, ticket, &reply);
    }

    fn on_replies(
        &self,
        wire: &Wire,
        generation: u32,
        replies: &ArchivedReplies<'_>,
    ) -> Result<(), FrameError> {
        for reply in replies.iter() {
            let reply = reply?;
            if reply.generation != generation {
                // To something that was sent over an earlier link and has been answered when that ended.
                continue;
            }
            let under_way = wire.under_way.borrow_mut().try_remove(reply.ticket as usize);
            let under_way = under_way.ok_or(FrameError::PeerFrameBroken)?;
            self.answer_piece(under_way.ticket, reply.bytes);
        }
        Ok(())
    }

    fn on_step(self: &Rc<Self>, from: PeerId, step: &ArchivedTransfer<'_>) {
        let (partition, epoch, sequence) =
            (step.partition.to_native(), step.epoch.to_native(), step.sequence.to_native());
        let kind = match step.kind {
            ArchivedTransferKind::Begin => TransferKind::Begin,
            ArchivedTransferKind::Records => TransferKind::Records,
            ArchivedTransferKind::SlotDone => TransferKind::SlotDone,
            ArchivedTransferKind::Handover => TransferKind::Handover,
            ArchivedTransferKind::Abort => TransferKind::Abort,
            ArchivedTransferKind::Ack => {
                if let Ok(now_ms) = step.records.as_slice().try_into() {
                    let now_ms = u64::from_le_bytes(now_ms);
                    let ack = Ack { partition, epoch, sequence, now_ms };
                    self.on_transfer_answer(TransferAnswer::Ack(ack));
                }
                return;
            }
        };
        if usize::from(partition) < PARTITIONS {
            let (slot, records) = (step.slot.to_native(), step.records.as_slice());
            self.on_transfer(from, &TransferMessage { partition, epoch, sequence, kind, slot, records });
        }
    }

    fn on_control(self: &Rc<Self>, from: PeerId, control: &ArchivedControl<'_>) {
        let (id, body) = (control.id.to_native(), control.body.as_slice());
        match control.kind {
            ArchivedControlKind::Request => self.on_coordination_call(from, id, body.to_vec()),
            ArchivedControlKind::Response => self.on_coordination_answer(id, body),
            ArchivedControlKind::Failure | ArchivedControlKind::OneWay => {}
        }
    }

    /// Another node calls the coordination layer of this one.
    fn on_coordination_call(self: &Rc<Self>, from: PeerId, id: u64, body: Vec<u8>) {
        let Some(cluster) = &self.node.cluster else { return };
        let (node, mine) = (self.directory.address(from).node, self.node.reach(self.id));
        let reply = move |body: Vec<u8>| {
            mine.call(Box::new(move |core: &Rc<Core>| {
                core.outboxes.borrow_mut().mail(from).letters.push(Letter::Answer { id, body });
            }));
        };
        cluster.service.answer(node, body, Box::new(reply));
    }
}

fn ticket_of(item: &RequestItem<'_>) -> Ticket {
    Ticket { gather: item.head.ticket.to_native(), piece: item.head.generation.to_native() }
}

fn find_row<'a>(args: &mut impl Iterator<Item = &'a [u8]>) -> Option<&'static Row> {
    let row = table::find(args.next()?)?;
    if row.subcommands.is_empty() {
        return Some(row);
    }
    row.subcommand(args.next()?)
}

fn first_key(core: &Core, row: &'static Row, item: &RequestItem<'_>) -> Option<(crate::mycel::Slot, u32)> {
    let at = usize::from(row.command.keys.first()?.first);
    // A part has its key right behind its name, whichever of the command's keys it is.
    let key = item.args().nth(at)?;
    let key = Key::new(key, &core.node.hasher);
    Some((key.slot(), key.hash()))
}
