//! What the user reads: a failure with both sides and a caret, and the sum of a run. Judges nothing; every figure and byte
//! comes from elsewhere.

mod failure;
mod summary;

pub use failure::{failure, fatality, wire_log};
pub use summary::{Count, Summary};
