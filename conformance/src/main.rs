//! The `respect` program.
fn main() {}
