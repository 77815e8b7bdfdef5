//! Mycorrhizal: the backbone of a modular monolith, to embed.
//!
//! A thread-per-core, shared-nothing engine. Each core owns a share of the keyspace; cores talk by lock-free channels;
//! any Redis client can talk to it, or none: an [`Hypha`] runs inside the program that starts it.
//!
//! ```
//! use mycorrhizal::{CoreSet, Hypha};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hypha = Hypha::builder().cores(CoreSet::first(1)).start()?;
//! let data = hypha.handle();
//!
//! // Under any executor; this one is as good as tokio.
//! futures_lite::future::block_on(async {
//!     data.set("greeting", "hello").await?;
//!     assert_eq!(data.get("greeting").await?.as_deref(), Some(&b"hello"[..]));
//!     assert_eq!(data.increment("visits", 2).await?, 2);
//!     Ok::<(), mycorrhizal::CallError>(())
//! })?;
//!
//! // Or from a plain thread.
//! let data = data.blocking();
//! data.set_many(&[("a", "1"), ("b", "2")])?;
//! assert_eq!(data.get_many(&["a", "b", "c"])?, [Some(b"1".to_vec()), Some(b"2".to_vec()), None]);
//! assert!(data.delete("a")?);
//!
//! hypha.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! | layer | what it is |
//! |---|---|
//! | [`hypha`] | what an application holds: the handle of its own node |
//! | [`node`] | the node: cores, connections, links |
//! | [`mycel`] | the keyspace and its storage |
//! | [`nodosum`] | what nodes agree on: who is a member |
//! | `cytoplasm` | the event bus: who hears what |
//! | [`command`] | commands as data, and their functions |

mod clock;
pub mod command;
mod cytoplasm;
pub mod hypha;
pub mod mycel;
pub mod node;
pub mod nodosum;

pub use hypha::{
    Addresses, BlockingHandle, Builder, CallError, Condition, Handle, Hypha, LeaveError, NotReady,
    SetOptions, Stopper,
};
pub use mycorrhizal_net::link::tls::{TlsConfig as LinkTls, TlsError as LinkTlsError};
pub use node::{
    ClusterOptions, CoreError, CoreSet, CoreSetError, Endpoints, GOSSIP_PORT, LINK_PORT, StartError,
};

/// Runs the examples of the README as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
