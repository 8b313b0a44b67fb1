//! The command line: what can be asked for, and the exit code of each answer.

mod oracle;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How the program ends. The numbers are part of its interface: CI scripts read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything that was asked for is so.
    Ok = 0,
    /// The command line, a fixture, or what the command needs is wrong.
    Usage = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What stops a command before it has an outcome: the line to print, and the exit code.
pub(crate) struct Stop(pub(crate) Exit, pub(crate) String);

impl Stop {
    pub(crate) fn usage(why: impl fmt::Display) -> Stop {
        Stop(Exit::Usage, why.to_string())
    }
}

/// Does your server respect the Redis protocol? Replays recorded transcripts, every byte, at every cut.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The real servers that answers are held against: which there are, and bringing them here
    #[command(subcommand)]
    Oracle(oracle::Command),
}

/// Runs the program on the process's own arguments.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Oracle(command) => oracle::main(command),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(Stop(exit, why)) => {
            eprintln!("respect: {why}");
            exit.into()
        }
    }
}
