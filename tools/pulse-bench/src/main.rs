//! pulse-bench.
fn main() {}
