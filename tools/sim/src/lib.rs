//! The simulator: the machines of many nodes under a seeded network and clock, on one thread.
