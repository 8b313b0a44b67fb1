//! What came of a run, for people and for programs: a failure with both sides and a caret, the sum of a run, and the whole of
//! it as one value that is written down in several forms. Judges nothing; every figure and byte comes from elsewhere.

mod colour;
mod failure;
mod gather;
mod github;
mod html;
mod junit;
mod ledger;
pub mod model;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;
pub mod sections;
mod summary;
mod tap;

pub use colour::coloured;
pub use failure::{Place, failure, fatality, wire_log};
pub use github::{annotations, markdown};
pub use html::html;
pub use junit::junit;
pub use ledger::Ledger;
pub use model::Report;
pub use summary::{closing, sum};
pub use tap::tap;
