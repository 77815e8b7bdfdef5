//! Engine.

pub mod mycel;
