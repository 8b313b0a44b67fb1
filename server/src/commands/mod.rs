//! Every command, by family: in each file first the constants, then the functions, then the tests.

mod arguments;
mod bits;
mod client;
mod command;
mod connection;
mod counter;
mod debug;
pub(crate) mod help;
mod info;
mod key;
mod lcs;
mod memory;
mod server;
mod slowlog;
mod string;
mod substring;

use crate::registry::command::Command;

/// All families. Adding one is a line here and a file beside this one.
pub(crate) const FAMILIES: &[&[Command]] = &[
    bits::COMMANDS,
    client::COMMANDS,
    command::COMMANDS,
    connection::COMMANDS,
    counter::COMMANDS,
    debug::COMMANDS,
    info::COMMANDS,
    key::COMMANDS,
    lcs::COMMANDS,
    memory::COMMANDS,
    server::COMMANDS,
    slowlog::COMMANDS,
    string::COMMANDS,
    substring::COMMANDS,
];
