//! The event bus between applications: messages and requests, with a word on what became of each. Sans-I/O;
//! [`crate::node`] does what is decided here.
//!
//! ```text
//!   application ─▶ Exchange: order, window, outcome ──link──▶ inbox ─▶ application
//!        ▲             │                              ◀─────── answer ──────┘
//!        └── Outcome ──┘
//! ```

mod exchange;
mod inbox;

pub(crate) use exchange::{Answer, Demand, Dispatch, Effect, Exchange, MessageId};
pub use exchange::{MESSAGE_BYTES_MAX, Outcome};
pub(crate) use inbox::{Answering, Delivery};
