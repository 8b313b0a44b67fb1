//! How Redis reads and writes numbers, patterns, quoted words and small graphs: pure functions on bytes that know nothing of RESP, keys or clients.

pub(crate) mod doubles;
pub(crate) mod extended;
pub(crate) mod glob;
mod grisu;
pub(crate) mod integers;
mod natural;
pub(crate) mod shell_words;
pub(crate) mod sparkline;
mod strtod;
