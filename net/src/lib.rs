//! Ground floor.

pub mod resp;
