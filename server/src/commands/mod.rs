//! Every command, by family: in each file first the constants, then the functions, then the tests.

mod arguments;
mod command;
mod connection;
mod debug;
pub(crate) mod help;
mod info;
mod key;
mod memory;
mod server;
mod slowlog;
mod string;

use crate::registry::command::Command;

/// All families. Adding one is a line here and a file beside this one.
pub(crate) const FAMILIES: &[&[Command]] = &[
    command::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    info::COMMANDS,
    key::COMMANDS,
    memory::COMMANDS,
    server::COMMANDS,
    slowlog::COMMANDS,
    string::COMMANDS,
];
