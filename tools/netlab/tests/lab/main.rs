//! The lab holds itself to its word: each fault does what it says, its undoing restores what was, and nothing stays
//! behind.
//!
//! As root these tests run in earnest; elsewhere each says what is missing and ends.

mod capabilities;
mod daemons;
mod detours;
mod drops;
mod leftovers;
mod links;
mod multicast;
mod processes;
mod wire;
