//! How Redis reads and writes numbers, patterns and quoted words: pure functions on bytes that know nothing of RESP, keys or clients.
#![allow(dead_code, reason = "the layers above come to use it one by one")]

pub(crate) mod doubles;
pub(crate) mod extended;
pub(crate) mod glob;
mod grisu;
pub(crate) mod integers;
mod natural;
pub(crate) mod shell_words;
mod strtod;
