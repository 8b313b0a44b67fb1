//! Every command, by family: in each file first the constants, then the functions, then the tests.

mod arguments;
mod bits;
mod client;
mod client_tracking;
mod cluster;
mod command;
mod config;
mod connection;
mod counter;
mod debug;
mod debug_crash;
mod debug_data;
mod debug_switches;
mod debug_tables;
mod dump;
mod expire;
mod flush;
mod geo;
mod geo_search;
mod hash;
mod hash_deadline;
mod hash_read_change;
pub(crate) mod help;
mod hyperloglog;
mod info;
mod key;
mod latency;
mod lcs;
mod list;
mod list_pop;
mod memory;
mod monitor;
mod object;
mod pubsub;
mod scan;
mod server;
mod set;
mod slowlog;
mod sort;
mod string;
mod substring;
mod transaction;
mod zcombine;
mod zpop;
mod zrange;
mod zset;

use crate::registry::command::Command;

/// All families. Adding one is a line here and a file beside this one.
pub(crate) const FAMILIES: &[&[Command]] = &[
    bits::COMMANDS,
    client::COMMANDS,
    cluster::COMMANDS,
    command::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    counter::COMMANDS,
    debug::COMMANDS,
    dump::COMMANDS,
    expire::COMMANDS,
    flush::COMMANDS,
    geo::COMMANDS,
    geo_search::COMMANDS,
    hash::COMMANDS,
    hash_deadline::COMMANDS,
    hash_read_change::COMMANDS,
    hyperloglog::COMMANDS,
    info::COMMANDS,
    key::COMMANDS,
    latency::COMMANDS,
    lcs::COMMANDS,
    list::COMMANDS,
    list_pop::COMMANDS,
    memory::COMMANDS,
    monitor::COMMANDS,
    object::COMMANDS,
    scan::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    slowlog::COMMANDS,
    sort::COMMANDS,
    string::COMMANDS,
    substring::COMMANDS,
    transaction::COMMANDS,
    zcombine::COMMANDS,
    zpop::COMMANDS,
    zrange::COMMANDS,
    zset::COMMANDS,
];
