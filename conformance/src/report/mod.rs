//! What came of a run, for people and for programs: a failure with both sides and a caret, the sum of a run, and the whole of
//! it as one value that is written down in several forms. Judges nothing; every figure and byte comes from elsewhere.

mod failure;
mod ledger;
pub mod model;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;
pub mod sections;
mod summary;

pub use failure::{Place, failure, fatality, wire_log};
pub use ledger::Ledger;
pub use model::Report;
pub use summary::closing;
