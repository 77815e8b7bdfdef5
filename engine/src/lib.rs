//! Mycorrhizal: the backbone of a modular monolith, to embed.
//!
//! A thread-per-core, shared-nothing engine. Each core owns a share of the keyspace; cores talk by lock-free channels;
//! any Redis client can talk to it, or none: an [`Hypha`] runs inside the program that starts it.
//!
//! ```
//! use mycorrhizal::{Hypha, SeptumPolicy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hypha = Hypha::builder().cores(1).start()?; // and .cluster("orders").secret(key), to be one of many
//! // Under any executor; this one is as good as tokio.
//! futures_lite::future::block_on(async {
//!     hypha.ready().await?;
//!     hypha.septa().create("sessions", SeptumPolicy::default()).await?;
//!     let sessions = hypha.septum::<Vec<String>>("sessions"); // typed by serde; a Redis client sees JSON
//!     sessions.set("alice", &vec!["signed in".to_owned()]).await?;
//!
//!     let leadership = hypha.election("billing").campaign().await?;
//!     println!("this node leads, with the fencing token {}", leadership.token());
//!     leadership.resign().await?;
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! // Or from a plain thread: every handle has a blocking twin.
//! let sessions = hypha.septum::<Vec<String>>("sessions").blocking();
//! assert_eq!(sessions.get("alice")?, Some(vec!["signed in".to_owned()]));
//! hypha.wait_shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! A program that is to hold no data, on another machine for example, has the same septa, topics, elections, locks,
//! semaphores, services and members by a [`Client`].
//!
//! | layer | what it is |
//! |---|---|
//! | [`hypha`] | what an application holds: its own node, and handles on septa, elections, locks, services, members |
//! | [`client`] | most of the same from outside, without a node |
//! | [`node`] | the node: cores, connections, links |
//! | [`mycel`] | the keyspace and its storage |
//! | [`nodosum`] | what nodes agree on: who is a member |
//! | [`cytoplasm`] | messages: who hears what is published, and what applications tell each other |
//! | [`command`] | commands as data, and their functions |

pub mod client;
mod clock;
pub mod command;
pub mod cytoplasm;
pub mod hypha;
pub mod mycel;
pub mod node;
pub mod nodosum;

pub use client::{BlockingClient, Client, ClientBuilder, ConnectError};
pub use hypha::{
    Addresses, Answer, App, Batch, BlockingApp, BlockingElection, BlockingLock, BlockingMembers,
    BlockingSemaphore, BlockingSepta, BlockingSeptum, BlockingServices, BlockingTopic, Builder, CallError,
    Condition, Countable, Discover, Election, Hypha, Inbox, Incoming, Leader, Leadership, LeaveError,
    ListenError, Lock, LockGuard, MemberChange, MemberWatch, Members, Message, MessageError, Messages,
    NodeStopped, NotReady, Payload, PayloadError, Permit, Raw, Registration, Scan, Semaphore, Sent, Septa,
    Septum, SeptumInfo, SeptumPolicy, ServiceSpec, Services, SetOptions, Stopper, TimeToLive, Topic,
    TopicError, Watch,
};
pub use mycorrhizal_net::identity::NodeId;
pub use mycorrhizal_net::link::tls::{TlsConfig as LinkTls, TlsError as LinkTlsError};
pub use mycorrhizal_net::resp::Value;
pub use node::{CoreError, CoreSet, CoreSetError, Endpoints, GOSSIP_PORT, LINK_PORT, StartError, node_id};
pub use nodosum::service::ProposeError;
pub use nodosum::state::{Health, Member, Presence, Service, Standing};

/// Runs the examples of the README as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
