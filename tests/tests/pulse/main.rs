//! The command line against real servers.

mod bus;
mod certificates;
mod cluster;
