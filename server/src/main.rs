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

#[cfg(test)]
mod tests {
    use respect_server::Embedded;

    /// Here too the allocator is the program's own, under the whole server.
    #[test]
    fn a_server_in_these_pages_finds_everything_where_it_put_it() {
        let keys = if cfg!(miri) { 30 } else { 3000 };
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        let mut ask = |command: String| redis.exchange(client, command.as_bytes());
        let value = |key: usize| "v".repeat(key * 7 % 400);
        for key in 0..keys {
            let set = format!("SET s{key} x{}\r\n", value(key));
            assert_eq!(ask(set), b"+OK\r\n");
            // Fields and members beyond those of a listpack have blocks of their own.
            ask(format!("HSET h{} f{key} {}x\r\n", key % 10, value(key)));
            ask(format!("SADD m{} {key}{}\r\n", key % 10, value(key)));
        }
        for key in (0..keys).step_by(2) {
            assert_eq!(ask(format!("DEL s{key}\r\n")), b":1\r\n");
            assert_eq!(ask(format!("HDEL h{} f{key}\r\n", key % 10)), b":1\r\n");
        }
        for key in 0..keys {
            let is_there = key % 2 == 1;
            let bulk = |text: String| match is_there {
                true => format!("${}\r\n{text}\r\n", text.len()),
                false => "$-1\r\n".to_owned(),
            };
            let (text, field) = (format!("x{}", value(key)), format!("{}x", value(key)));
            let got = ask(format!("GET s{key}\r\n"));
            assert_eq!(
                got.escape_ascii().to_string(),
                bulk(text).escape_default().to_string()
            );
            let got = ask(format!("HGET h{} f{key}\r\n", key % 10));
            assert_eq!(
                got.escape_ascii().to_string(),
                bulk(field).escape_default().to_string()
            );
            let got = ask(format!("SISMEMBER m{} {key}{}\r\n", key % 10, value(key)));
            assert_eq!(got, b":1\r\n");
        }
    }
}
