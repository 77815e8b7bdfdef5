//! pulse.
fn main() {}
