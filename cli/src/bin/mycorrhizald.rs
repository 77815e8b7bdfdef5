//! mycorrhizald.
fn main() {}
