//! The command line: what can be asked for, and the exit code of each answer.

/// Prints a line; see [`say`].
macro_rules! say {
    ($($argument:tt)*) => { $crate::cli::say(&format!($($argument)*)) };
}

mod coverage;
mod fixtures;
mod fuzz;
mod gather;
mod identify;
mod laws;
mod matrix;
mod oracle;
mod proxy;
mod record;
mod report;
mod run;
mod scoreboard;
mod show;
mod slow;
mod state;
mod target;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};
use respect_conformance::report::model::Conclusion;

/// How the program ends. The numbers are part of its interface: CI scripts read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything that was asked for is so.
    Ok = 0,
    /// The server answers otherwise than it should.
    Divergence = 1,
    /// The command line, a fixture, or what the command needs is wrong.
    Usage = 2,
    /// The server cannot be reached, or died.
    Target = 3,
    /// Nothing was there to be done, which must not look like success.
    Nothing = 4,
    /// An oracle does not answer as it is recorded, so nothing can be held against anyone.
    Oracles = 5,
}

impl From<Conclusion> for Exit {
    fn from(conclusion: Conclusion) -> Exit {
        match conclusion {
            Conclusion::Ok => Exit::Ok,
            Conclusion::Diverged => Exit::Divergence,
            Conclusion::Unplayable => Exit::Usage,
            Conclusion::Lost => Exit::Target,
            Conclusion::Nothing => Exit::Nothing,
            Conclusion::Oracles => Exit::Oracles,
        }
    }
}

impl From<Exit> for Conclusion {
    fn from(exit: Exit) -> Conclusion {
        match exit {
            Exit::Ok => Conclusion::Ok,
            Exit::Divergence => Conclusion::Diverged,
            Exit::Usage => Conclusion::Unplayable,
            Exit::Target => Conclusion::Lost,
            Exit::Nothing => Conclusion::Nothing,
            Exit::Oracles => Conclusion::Oracles,
        }
    }
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
    /// Judge a server: replay transcripts at every cut and compare every byte
    #[command(after_help = EXIT_CODES)]
    Run(run::Arguments),
    /// Judge many servers side by side: which agrees, answers as another build did, answers as nobody does, or dies
    #[command(after_help = EXIT_CODES)]
    Matrix(matrix::Arguments),
    /// Find out which real server an unknown one resembles, whatever it says it is
    Identify(identify::Arguments),
    /// Judge the real servers and those by others, each on the commands it claims, and write the page
    Scoreboard(scoreboard::Arguments),
    /// Put what several commands wrote as JSON into one report, and write it as a page or in any other form
    Report(gather::Arguments),
    /// Judge how a server serves others while some of its clients are slow
    Slow(slow::Arguments),
    /// Look at laws that need no oracle: what must be so of any server, whatever it answers
    #[command(after_help = EXIT_CODES)]
    Laws(laws::Arguments),
    /// Ask real servers, and rewrite in place what transcripts expect of them; or, as a proxy, write down what is said
    Record(record::Arguments),
    /// Play generated commands to a server and to a real one, and print the shortest that are answered differently
    #[command(after_help = EXIT_CODES)]
    Fuzz(fuzz::Arguments),
    /// Look for mistakes in transcripts
    Lint {
        #[command(flatten)]
        selection: fixtures::Selection,
        /// Print what is merely worth knowing as well
        #[arg(long)]
        notes: bool,
    },
    /// Write transcripts in their canonical form
    Fmt {
        #[command(flatten)]
        selection: fixtures::Selection,
        /// Change nothing; name the files that would change, and fail if there are any
        #[arg(long)]
        check: bool,
    },
    /// Print transcripts, and which builds answer what
    Show(show::Arguments),
    /// Tell what of all commands the transcripts exercise, and what they do not
    Coverage(coverage::Arguments),
    /// List transcripts with their titles
    List(fixtures::Selection),
    /// The real servers that answers are held against: which there are, and bringing them here
    #[command(subcommand)]
    Oracle(oracle::Command),
}

const EXIT_CODES: &str = "Exit codes: 0 all is as it should be, 1 something differs, 2 the command line or a transcript is \
    wrong, 3 the server cannot be reached or died, 4 nothing ran, 5 an oracle does not answer as it is recorded";

/// Prints text and ends its last line. A reader that has gone, as `head` does, wants no more: that is no reason to die, and the
/// verdict is in the exit code.
fn say(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    // Both streams leave the colours out unless a terminal shows them and nobody has set NO_COLOR.
    let _ = if STDOUT_IS_TAKEN.load(Ordering::Relaxed) {
        write!(anstream::stderr(), "{text}{end}")
    } else {
        write!(anstream::stdout(), "{text}{end}")
    };
}

/// Whether the standard output stream carries a report, so that what is said to people goes beside it.
static STDOUT_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Runs the program on the process's own arguments.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Run(arguments) => run::main(&arguments),
        Command::Matrix(arguments) => matrix::main(&arguments),
        Command::Identify(arguments) => identify::main(&arguments),
        Command::Coverage(arguments) => coverage::main(&arguments),
        Command::Scoreboard(arguments) => scoreboard::main(&arguments),
        Command::Report(arguments) => gather::main(&arguments),
        Command::Slow(arguments) => slow::main(&arguments),
        Command::Laws(arguments) => laws::main(&arguments),
        Command::Record(arguments) => record::main(&arguments),
        Command::Fuzz(arguments) => fuzz::main(&arguments),
        Command::Lint { selection, notes } => fixtures::lint(&selection, notes),
        Command::Fmt { selection, check } => fixtures::format(&selection, check),
        Command::Show(arguments) => show::main(&arguments),
        Command::List(selection) => fixtures::list(&selection),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn every_command_line_makes_sense() {
        Arguments::command().debug_assert();
    }
}
