//! `respect slow`: runs the trials of slow clients one after the other, and prints what came of each.

use clap::Args;
use respect_conformance::slow::{PATIENCE, TRIALS, Verdict};

use super::target::TargetArguments;
use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let origin = arguments.target.origin()?;
    let mut exit = Exit::Ok;
    for trial in TRIALS {
        say!("{:24} {}", trial.id, trial.title);
        let verdict = trial.run(&origin, PATIENCE);
        say!("{:24} {verdict}", "");
        exit = exit.max(match verdict {
            Verdict::Held(_) | Verdict::NotApplicable(_) => Exit::Ok,
            Verdict::Failed(_) => Exit::Divergence,
            Verdict::Lost(_) => Exit::Target,
        });
    }
    Ok(exit)
}
