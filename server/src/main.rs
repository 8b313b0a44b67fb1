//! The `respect-server` program.

mod allocator;
mod pages;

use std::alloc::System;
use std::ffi::OsString;
use std::process::ExitCode;

use allocator::Counting;
use pages::Pages;
use respect_server::{Allocator, Server, StartError};

#[global_allocator]
static MEMORY: Counting<Pages<System>> = Counting::new(Pages::new(System));

const USAGE: &str = "\
Usage: respect-server [/path/to/redis.conf] [options] [-]
       respect-server -v or --version
       respect-server -h or --help

Options are those of redis.conf: --name value ...
With -, more of redis.conf is read from the standard input.

Examples:
       respect-server (run with default options, on port 6380)
       respect-server /etc/redis.conf
       respect-server --port 7777
       echo 'maxmemory 128mb' | respect-server -
       respect-server redis.conf --loglevel verbose -
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|first| first.to_str()) {
        Some("-v" | "--version") => {
            println!(
                "Respect server v={} redis={}",
                env!("CARGO_PKG_VERSION"),
                respect_server::REDIS_VERSION
            );
            return ExitCode::SUCCESS;
        }
        Some("-h" | "--help") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    match std::panic::catch_unwind(|| serve(arguments)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        Err(_) => {
            log::error!("=== REDIS BUG REPORT END. Make sure to include from START to END. ===");
            // As Redis ends: whoever waits for it sees a crash, and the system may keep a picture of its memory.
            std::process::abort()
        }
    }
}

fn serve(arguments: Vec<OsString>) -> Result<(), StartError> {
    let builder = Server::from_arguments(arguments)?.log_to_file()?;
    let memory = Allocator {
        used: || MEMORY.used(),
        ..Allocator::default()
    };
    let mut server = builder.allocator(memory).bind()?;
    server.end_on_signals()?;
    server.run()?;
    log::warn!("Respect is now ready to exit, bye bye...");
    Ok(())
}
