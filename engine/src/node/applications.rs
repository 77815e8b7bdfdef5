//! Messages between applications, on the cores: each application has one core of a node to itself, so that what it sends to
//! another goes by one link and keeps its order. *Core*.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use mycorrhizal_net::identity::NodeId;
use mycorrhizal_net::link::frame::{ArchivedMessage, ArchivedMessageKind, MessageKind};

use super::core::Core;
use super::directory::{CoreId, PeerId};
use super::mesh::Letter;
use crate::cytoplasm::{Answer, Answering, Delivery, Demand, Dispatch, Effect, Exchange, MessageId, Outcome};
use crate::mycel::Slot;
use crate::nodosum::state::{CoreAddress, Presence};

/// Told what became of a message, on the core that sent it.
pub(crate) type Told = Box<dyn FnOnce(&Rc<Core>, Outcome)>;

/// A message to another node, or an answer.
pub(crate) struct MessageLetter {
    /// Which side of the exchange it is.
    pub(crate) kind: MessageKind,
    /// Of the exchange.
    pub(crate) id: MessageId,
    /// Empty in an answer.
    pub(crate) application: String,
    /// How long the sender waits, in ms; 0: for ever.
    pub(crate) timeout_ms: u32,
    /// What it says.
    pub(crate) body: Vec<u8>,
}

/// A message from here, as whoever sends it has it.
pub(crate) struct Parcel {
    /// The application, here and there.
    pub(crate) application: String,
    /// To which node.
    pub(crate) node: NodeId,
    /// What is wanted.
    pub(crate) demand: Demand,
    /// What it says.
    pub(crate) body: Vec<u8>,
    /// How long anybody waits for what becomes of it.
    pub(crate) timeout: Option<Duration>,
}

/// The applications whose messages go by this core.
pub(crate) struct Applications {
    exchange: RefCell<Exchange<PeerId, Told>>,
    inboxes: RefCell<BTreeMap<String, async_channel::Sender<Delivery>>>,
    /// What handlers have answered, on whatever thread; bounded by what is in the inboxes.
    answered: async_channel::Receiver<Answered>,
    answer: async_channel::Sender<Answered>,
}

/// An answer, to whom, and to what.
struct Answered {
    to: PeerId,
    id: MessageId,
    answer: Answer,
}

impl Default for Applications {
    fn default() -> Self {
        let (answer, answered) = async_channel::unbounded();
        Self { exchange: RefCell::default(), inboxes: RefCell::default(), answered, answer }
    }
}

/// The core of a node of so many cores that an application's messages go by.
pub(crate) fn core_of(application: &str, cores: u16) -> CoreId {
    CoreId(Slot::of(application.as_bytes()).number() % cores.max(1))
}

impl Core {
    /// Opens the inbox of an application; `false`: it has one already.
    pub(crate) fn open_inbox(&self, application: &str, inbox: async_channel::Sender<Delivery>) -> bool {
        let mut inboxes = self.applications.inboxes.borrow_mut();
        let is_free = inboxes.get(application).is_none_or(async_channel::Sender::is_closed);
        if is_free {
            inboxes.insert(application.to_owned(), inbox);
        }
        is_free
    }

    /// Sends a message; `told` hears what becomes of it.
    pub(crate) fn send_message(self: &Rc<Self>, parcel: Parcel, told: Told) {
        let Parcel { application, node, demand, body, timeout } = parcel;
        let state = self.directory.state();
        let member = state.member(node).filter(|member| member.presence == Presence::Present);
        let Some(member) = member else {
            return told(self, Outcome::Failed(format!("node {node} is not there")));
        };
        let core = core_of(&application, member.cores).0;
        let to = self.directory.peer(CoreAddress { node, core });
        let deadline = timeout.map(|timeout| self.ring.now() + timeout);
        let dispatch = Dispatch { application, to, demand, body, deadline };
        self.exchange(|exchange, out| exchange.dispatch(dispatch, told, out));
    }

    /// Sends a message by the core that its application's messages go by, and returns what became of it.
    pub(crate) async fn transmit(self: &Rc<Self>, parcel: Parcel) -> Outcome {
        let cores = u16::try_from(self.node.posts.len()).expect("a node has at most 1024 cores");
        let sent = self.call_later(core_of(&parcel.application, cores), move |core, answerer| {
            core.send_message(parcel, Box::new(move |core, outcome| answerer.answer(core, outcome)));
        });
        sent.await
    }

    /// Lets the exchange act, and does what it wants done.
    fn exchange(
        self: &Rc<Self>,
        act: impl FnOnce(&mut Exchange<PeerId, Told>, &mut Vec<Effect<PeerId, Told>>),
    ) {
        let mut effects = Vec::new();
        act(&mut self.applications.exchange.borrow_mut(), &mut effects);
        for effect in effects {
            match effect {
                Effect::Settle(told, outcome) => told(self, outcome),
                Effect::Post(id, dispatch) => self.post_message(id, dispatch),
            }
        }
    }

    fn post_message(self: &Rc<Self>, id: MessageId, dispatch: Dispatch<PeerId>) {
        let Dispatch { application, to, demand, body, deadline } = dispatch;
        if to == self.id {
            self.applications.exchange.borrow_mut().on_sent(id);
            let (from, answer) = (self.node.id, self.answering(to, id));
            return self.deliver_message(&application, Delivery { from, demand, body, deadline, answer });
        }
        let kind = match demand {
            Demand::Take => MessageKind::Take,
            Demand::Answer => MessageKind::Answer,
        };
        let wait = deadline.map(|deadline| deadline.saturating_duration_since(self.ring.now()).as_millis());
        let timeout_ms = wait.map_or(0, |wait| u32::try_from(wait.max(1)).unwrap_or(u32::MAX));
        let letter = MessageLetter { kind, id, application, timeout_ms, body };
        self.outboxes.borrow_mut().mail(to).letters.push(Letter::Message(letter));
    }

    /// Whether a letter is still to be sent; if it is a message, it counts as sent from here on.
    pub(crate) fn note_message_sent(&self, letter: &MessageLetter) -> bool {
        match letter.kind {
            MessageKind::Take | MessageKind::Answer => {
                self.applications.exchange.borrow_mut().on_sent(letter.id)
            }
            MessageKind::Done | MessageKind::Refused | MessageKind::Unanswered => true,
        }
    }

    /// A letter cannot be sent.
    pub(crate) fn on_message_unsent(self: &Rc<Self>, letter: &MessageLetter) {
        if matches!(letter.kind, MessageKind::Take | MessageKind::Answer) {
            self.exchange(|exchange, out| exchange.on_unsent(letter.id, out));
        }
    }

    /// The link to a peer has ended.
    pub(crate) fn on_message_link_end(self: &Rc<Self>, peer: PeerId) {
        self.exchange(|exchange, out| exchange.on_link_end(peer, out));
    }

    /// Gives up messages whose time is over.
    pub(crate) fn expire_messages(self: &Rc<Self>) {
        let due = self.applications.exchange.borrow().next_deadline();
        let now = self.ring.now();
        if due.is_some_and(|due| due <= now) {
            self.exchange(|exchange, out| exchange.on_deadline(now, out));
        }
    }

    /// When [`Core::expire_messages`] has something to do.
    pub(crate) fn next_message_deadline(&self) -> Option<std::time::Instant> {
        self.applications.exchange.borrow().next_deadline()
    }

    /// A message of another node has come, or an answer.
    pub(super) fn on_message(self: &Rc<Self>, from: PeerId, message: &ArchivedMessage<'_>) {
        let id = MessageId(message.id.to_native());
        let body = message.body.as_slice();
        let demand = match message.kind {
            ArchivedMessageKind::Take => Demand::Take,
            ArchivedMessageKind::Answer => Demand::Answer,
            ArchivedMessageKind::Done => return self.on_answer(from, id, Answer::Done(body.to_vec())),
            ArchivedMessageKind::Refused => {
                let reason = String::from_utf8_lossy(body).into_owned();
                return self.on_answer(from, id, Answer::Refused(reason));
            }
            ArchivedMessageKind::Unanswered => return self.on_answer(from, id, Answer::Unanswered),
        };
        let timeout_ms = message.timeout_ms.to_native();
        let timeout = (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms.into()));
        let delivery = Delivery {
            from: self.directory.address(from).node,
            demand,
            body: body.to_vec(),
            deadline: timeout.map(|timeout| self.ring.now() + timeout),
            answer: self.answering(from, id),
        };
        self.deliver_message(&String::from_utf8_lossy(message.application.as_slice()), delivery);
    }

    fn on_answer(self: &Rc<Self>, from: PeerId, id: MessageId, answer: Answer) {
        self.exchange(|exchange, out| exchange.on_answer(from, id, answer, out));
    }

    /// The duty to answer a message of a peer.
    fn answering(&self, to: PeerId, id: MessageId) -> Answering {
        let answers = self.applications.answer.clone();
        let waker = self.node.posts[self.id.index()].waker.clone();
        Answering::new(Box::new(move |answer| {
            if answers.try_send(Answered { to, id, answer }).is_ok() {
                waker.wake();
            }
        }))
    }

    /// Passes on what handlers have answered.
    pub(crate) fn pass_answers(self: &Rc<Self>) {
        while let Ok(Answered { to, id, answer }) = self.applications.answered.try_recv() {
            if to == self.id {
                self.on_answer(to, id, answer);
            } else {
                self.send_answer(to, id, answer);
            }
        }
    }

    /// Whether a handler has answered since.
    pub(crate) fn has_answers(&self) -> bool {
        !self.applications.answered.is_empty()
    }

    fn send_answer(&self, to: PeerId, id: MessageId, answer: Answer) {
        let (kind, body) = match answer {
            Answer::Done(body) => (MessageKind::Done, body),
            Answer::Refused(reason) => (MessageKind::Refused, reason.into_bytes()),
            Answer::Unanswered => (MessageKind::Unanswered, Vec::new()),
        };
        let letter = MessageLetter { kind, id, application: String::new(), timeout_ms: 0, body };
        self.outboxes.borrow_mut().mail(to).letters.push(Letter::Message(letter));
    }

    /// Puts a message where its application takes it.
    fn deliver_message(&self, application: &str, delivery: Delivery) {
        let inboxes = self.applications.inboxes.borrow();
        let refused = match inboxes.get(application) {
            Some(inbox) => inbox.try_send(delivery).err().map(async_channel::TrySendError::into_inner),
            None => Some(delivery),
        };
        if let Some(delivery) = refused {
            let reason = format!("no application '{application}' listens on node {}", self.node.id);
            delivery.answer.give(Answer::Refused(reason));
        }
    }
}
