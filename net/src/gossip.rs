//! Sealed datagrams: what nodes of a cluster say to each other by UDP, readable and writable only with its key.
//!
//! Pure: randomness is an argument, and no socket is opened here ([`crate::ring::Datagrams`] moves the bytes).
//!
//! ```text
//!  0         2      3        7            27              35     37       45         53
//! ┌─────────┬──────┬────────┬────────────┬───────────────┬──────┬────────┬──────────┬─────────────┬────────┐
//! │ version │ kind │ key id │ sender     │ incarnation   │ core │ salt   │ sequence │ ciphertext  │ tag 16 │
//! └─────────┴──────┴────────┴────────────┴───────────────┴──────┴────────┴──────────┴─────────────┴────────┘
//!  └──────────────── header: associated data, with the cluster's name after it ────────┘  XChaCha20-Poly1305
//! ```
//!
//! Numbers are little-endian. `kind` means nothing here; it says for whom the payload is.
//!
//! **What is dropped.** [`Opener::open`] looks, in this order, at length and version, at the key id, at the sender's
//! incarnation and the replay window, and only then at the seal. What does not open has been parsed no further than
//! the header, and the [`Dropped`] reason is counted. Nothing that is remembered changes before the seal opened.
//!
//! **What a replay can do.** A window is kept per sender and core of the sender, for its highest incarnation known. A
//! receiver that has just started, or has forgotten a sender (the least recently heard of more than
//! [`SENDERS_MAX`]), has no window: it takes one old datagram of the sender's once, if no newer one came before; and
//! as every core keeps windows of its own, so does each of them. A time in the header would not help, for clocks may
//! be a day wrong. It is harmless to those who listen here: SWIM orders what is said of a member by that member's
//! incarnation, so an old "suspect" or "alive" changes nothing that is known, and what it changes otherwise the next
//! probe corrects; digests say what is there at an epoch and are asked for again; a beacon names a node that has to
//! answer, sealed, before it is believed. Whoever gives kinds another meaning must make them bear being heard twice.
//!
//! **Keys** change without downtime: install the new one everywhere, then use it everywhere, then remove the old one
//! everywhere ([`KeyRing`]).
//!
//! Limits: [`DATAGRAM_BYTES_MAX`], [`PAYLOAD_BYTES_MAX`], [`CORES_MAX`], [`SENDERS_MAX`], [`KEYS_MAX`]. Errors:
//! [`SealError`], [`Dropped`], [`KeyError`], [`BeaconError`].
//!
//! Sources: draft-irtf-cfrg-xchacha; RFC 5869 (HKDF); RFC 4303, appendix A2 (anti-replay windows).

mod beacon;
mod header;
mod key_ring;
mod seal;
mod window;

pub use self::beacon::{BEACON_KIND, BEACON_V4, BEACON_V6, Beacon, BeaconError};
pub use self::header::{CORES_MAX, HEADER_BYTES, Header, SALT_BYTES};
pub use self::key_ring::{KEYS_MAX, Key, KeyEntry, KeyError, KeyId, KeyRing, SECRET_BYTES_MIN};
pub use self::seal::{
    DATAGRAM_BYTES_MAX, Dropped, Opener, OpenerStats, PAYLOAD_BYTES_MAX, SealError, Sealer, TAG_BYTES,
};
pub use self::window::{SENDERS_MAX, WINDOW_BITS};

#[cfg(test)]
mod tests;
