//! Bytes in and bytes out: requests parsed, replies written; knows no command and no client.

pub(crate) mod args;
pub(crate) mod error;
pub(crate) mod output;
pub(crate) mod reply;
pub(crate) mod request;
