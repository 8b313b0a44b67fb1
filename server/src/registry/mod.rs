//! What a command is, and the one table of all of them; knows nothing of how any of them works.

pub(crate) mod command;
pub(crate) mod docs;
pub(crate) mod keys;
mod names;
pub(crate) mod table;

#[cfg(test)]
mod tests;
