//! `respect report`: puts what several commands wrote as JSON into one report, and writes it in any form. Judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use respect_conformance::matrix;
use respect_conformance::report::Report;
use respect_conformance::report::sections::{Coverage, Matrix, SlowClients};
use serde::de::DeserializeOwned;

use super::report::{Outputs, Wanted};
use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What `respect run --report json=FILE` wrote
    #[arg(value_name = "RUN.json")]
    run: PathBuf,
    /// Add what `respect matrix --json FILE` wrote
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Add what `respect coverage --json FILE` wrote
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,
    /// Add what `respect slow --json FILE` wrote
    #[arg(long, value_name = "FILE")]
    slow: Option<PathBuf>,
    /// Write a report: html, json, junit, tap, markdown or github, with =PATH behind it, or to stdout; may be repeated
    #[arg(long = "report", value_name = "KIND[=PATH]", required = true)]
    reports: Vec<Wanted>,
}

pub(crate) fn main(arguments: &Arguments) -> Result<Exit, Stop> {
    let mut report: Report = read(&arguments.run)?;
    if let Some(path) = &arguments.matrix {
        let matrix: matrix::Matrix = read(path)?;
        report.matrix = Some(Matrix::from(&matrix));
    }
    if let Some(path) = &arguments.coverage {
        report.coverage = Some(read::<Coverage>(path)?);
    }
    if let Some(path) = &arguments.slow {
        report.slow_clients = Some(read::<SlowClients>(path)?);
    }
    Outputs::open(&arguments.reports)?.write(&report)?;
    Ok(Exit::Ok)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Stop> {
    let name = path.display();
    let text = fs::read(path).map_err(|error| Stop::usage(format!("{name}: {error}")))?;
    serde_json::from_slice(&text)
        .map_err(|error| Stop::usage(format!("{name} is not what its command writes: {error}")))
}
