//! How Redis reads and writes numbers, patterns and quoted words: pure functions on bytes that know nothing of RESP, keys or clients.
#![allow(dead_code, reason = "the layers above come to use it one by one")]

pub(crate) mod glob;
pub(crate) mod integers;
pub(crate) mod shell_words;
