//! The `respect` program: reads the command line and turns outcomes into exit codes; decides nothing about replies.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
