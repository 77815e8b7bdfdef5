//! The command line against real servers.

mod applications;
mod bus;
mod certificates;
mod cluster;
