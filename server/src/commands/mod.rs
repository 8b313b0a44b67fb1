//! Every command, by family: in each file first the constants, then the functions, then the tests.

mod arguments;
mod command;
mod connection;
pub(crate) mod help;
mod key;
mod string;

use crate::registry::command::Command;

/// All families. Adding one is a line here and a file beside this one.
pub(crate) const FAMILIES: &[&[Command]] = &[
    command::COMMANDS,
    connection::COMMANDS,
    key::COMMANDS,
    string::COMMANDS,
];
