//! The `respect-server` program.
fn main() {}
