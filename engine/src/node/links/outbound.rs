//! From mail to frames.

use mycorrhizal_net::link::frame::{
    Control, ControlKind, Frame, Interest, InterestHead, Message, Replies, ReplyHead, RequestFlags,
    RequestHead, Requests, Transfer, TransferKind,
};
use mycorrhizal_net::link::transport::Link;
use mycorrhizal_net::resp::Protocol;

use super::{UnderWay, Wire};
use crate::cytoplasm::{Delta, Kind};
use crate::mycel::transfer::{self, Ack};
use crate::node::applications::MessageLetter;
use crate::node::core::Core;
use crate::node::mesh::{Letter, Mail, Manner, Request};
use crate::node::migration::TransferAnswer;

/// What calls of the coordination layer travel on.
pub(super) const COORDINATION: u8 = 0;

/// Lists that frames are made from, kept for their allocations.
#[derive(Default)]
pub(super) struct Scratch {
    requests: Vec<RequestHead>,
    replies: Vec<ReplyHead>,
}

impl Core {
    /// Sends one mail as frames.
    pub(super) fn send_mail(&self, wire: &Wire, link: &Link, generation: u32, mail: &Mail) {
        let mut scratch = self.links.outbound.borrow_mut();
        let Scratch { requests: heads, replies } = &mut *scratch;
        if !mail.requests.items().is_empty() {
            heads.clear();
            let mut under_way = wire.under_way.borrow_mut();
            for (request, spans_end) in mail.requests.items() {
                let ticket = under_way.insert(UnderWay { ticket: request.ticket, row: request.row });
                let ticket = u32::try_from(ticket).expect("requests under way are fewer than 2^32");
                heads.push(head(request, ticket, generation, *spans_end));
            }
            let (spans, bytes) = (mail.requests.spans(), mail.requests.bytes());
            let epoch = self.directory.version();
            self.send(link, &Frame::Requests(Requests { epoch, items: heads, spans, bytes }));
        }
        if !mail.replies.items().is_empty() {
            replies.clear();
            replies.extend(mail.replies.items().iter().map(|(ticket, end)| ReplyHead {
                ticket: ticket.gather,
                generation: ticket.piece,
                end: *end,
            }));
            self.send(link, &Frame::Replies(Replies { items: replies, bytes: mail.replies.bytes() }));
        }
        for letter in &mail.letters {
            self.send_letter(link, letter);
        }
    }

    fn send_letter(&self, link: &Link, letter: &Letter) {
        let control = |id, kind, body| Frame::Control(Control { channel: COORDINATION, id, kind, body });
        match letter {
            Letter::Call { id, body } => self.send(link, &control(*id, ControlKind::Request, body)),
            Letter::Transfer(letter) => self.send(link, &Frame::Transfer(step(&letter.message()))),
            Letter::TransferAnswer(answer) => {
                let (mark, kind) = match answer {
                    TransferAnswer::Ack(mark) => (mark, TransferKind::Ack),
                    TransferAnswer::Refused(mark) => (mark, TransferKind::Abort),
                };
                let Ack { partition, epoch, sequence, now_ms } = *mark;
                let records = &now_ms.to_le_bytes();
                let step = Transfer { partition, epoch, sequence, kind, slot: 0, records };
                self.send(link, &Frame::Transfer(step));
            }
            Letter::Message(letter) => {
                if self.note_message_sent(letter) {
                    self.send(link, &message(letter));
                }
            }
            Letter::Interest(delta) => self.send_interest(link, delta),
            Letter::InterestAck(version) => self.send(link, &Frame::InterestAck(*version)),
            Letter::Hail => {}
            Letter::Answer { id, body } => self.send(link, &control(*id, ControlKind::Response, body)),
        }
    }

    fn send_interest(&self, link: &Link, delta: &Delta) {
        let mut bytes = Vec::new();
        let mut heads = |names: &[(Kind, Box<[u8]>)]| -> Vec<InterestHead> {
            let head = |(kind, name): &(Kind, Box<[u8]>)| {
                bytes.extend_from_slice(name);
                let end = u32::try_from(bytes.len()).expect("names are told in pieces");
                InterestHead { kind: kind.number(), end }
            };
            names.iter().map(head).collect()
        };
        let (added, removed) = (heads(&delta.added), heads(&delta.removed));
        let (added, removed) = (added.as_slice(), removed.as_slice());
        let Delta { reset, version, .. } = *delta;
        self.send(link, &Frame::Interest(Interest { reset, version, added, removed, bytes: &bytes }));
    }

    fn send(&self, link: &Link, frame: &Frame<'_>) {
        if let Err(error) = link.send(frame) {
            tracing::error!(%error, "a frame was not sent");
            // What it carried is answered when the link has ended.
            link.close();
        }
    }
}

fn message(letter: &MessageLetter) -> Frame<'_> {
    Frame::Message(Message {
        application: letter.application.as_bytes(),
        kind: letter.kind,
        id: letter.id.0,
        timeout_ms: letter.timeout_ms,
        body: &letter.body,
    })
}

fn step<'a>(message: &transfer::TransferMessage<'a>) -> Transfer<'a> {
    let transfer::TransferMessage { partition, epoch, sequence, kind, slot, records } = *message;
    let kind = match kind {
        transfer::TransferKind::Begin => TransferKind::Begin,
        transfer::TransferKind::Records => TransferKind::Records,
        transfer::TransferKind::SlotDone => TransferKind::SlotDone,
        transfer::TransferKind::Handover => TransferKind::Handover,
        transfer::TransferKind::Abort => TransferKind::Abort,
    };
    Transfer { partition, epoch, sequence, kind, slot, records }
}

fn head(request: &Request, ticket: u32, generation: u32, spans_end: u32) -> RequestHead {
    let mut flags = match request.manner {
        Manner::Direct => 0,
        Manner::Part | Manner::Publish => RequestFlags::PART,
        Manner::OfNode => RequestFlags::WHOLE,
        Manner::OfCore => RequestFlags::WHOLE | RequestFlags::OF_CORE,
    };
    if request.context.protocol == Protocol::Resp3 {
        flags |= RequestFlags::RESP3;
    }
    if request.context.no_touch {
        flags |= RequestFlags::NO_TOUCH;
    }
    RequestHead {
        ticket,
        generation,
        spans_end,
        database: request.context.db.number(),
        part: 0,
        flags,
        hops: 0,
    }
}
