//! Messages, over all nodes: who hears what is published, and what applications tell each other. Sans-I/O;
//! [`crate::node`] does what is decided here.
//!
//! ```text
//!   PUBLISH ──▶ Interest: which cores have a subscriber? ──a part each──▶ Subscriptions: who of this core is to hear it?
//!                  ▲                                                           │
//!                  └────── Announcer: what changed, who knows it by now ◀──────┘
//!
//!   application ─▶ Exchange: order, window, outcome ──link──▶ inbox ─▶ application
//!        ▲             │                              ◀─────── answer ──────┘
//!        └── Outcome ──┘
//! ```
//!
//! Every core knows of every core of the cluster what it has subscribers for, so that a message goes to those cores only. A
//! subscription is confirmed when all have been told: what is published anywhere after that, arrives.

mod announcer;
mod exchange;
mod inbox;
mod interest;
mod name;
pub(crate) mod sink;
mod subscriptions;

pub(crate) use announcer::{Announcer, Delta};
pub(crate) use exchange::{Answer, Demand, Dispatch, Effect, Exchange, MessageId};
pub use exchange::{MESSAGE_BYTES_MAX, Outcome};
pub(crate) use inbox::{Answering, Delivery};
pub(crate) use interest::Interest;
pub(crate) use name::Kind;
pub(crate) use subscriptions::{SubscriberId, Subscriptions, Unsubscribed};
