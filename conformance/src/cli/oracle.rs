//! `respect oracle`: prints what there is and drives the installation; which builds exist is not its business.

use std::time::Duration;

use clap::Subcommand;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use respect_conformance::oracle::{self, BUILDS, Build, Source, State};
use respect_conformance::workspace;

use super::{Exit, Stop};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List every build, where it comes from, and whether it is here
    List,
    /// Bring builds under target/oracles; does nothing for those that are here
    Install {
        /// Builds such as redis-8.2.3
        #[arg(value_name = "NAME-VERSION", required_unless_present = "all")]
        builds: Vec<String>,
        /// Every build there is
        #[arg(long, conflicts_with = "builds")]
        all: bool,
    },
    /// Print the path of an installed build's program
    Path {
        /// A build such as redis-8.2.3
        #[arg(value_name = "NAME-VERSION")]
        build: String,
    },
}

pub(crate) fn main(command: Command) -> Result<Exit, Stop> {
    match command {
        Command::List => list(),
        Command::Install { all: true, .. } => Ok(install(BUILDS.iter())),
        Command::Install { builds, .. } => {
            let builds: Vec<&Build> = builds
                .iter()
                .map(|id| named(id))
                .collect::<Result<_, _>>()?;
            Ok(install(builds.into_iter()))
        }
        Command::Path { build } => path(named(&build)?),
    }
}

/// The build of that id, or a stop that lists the ids there are.
pub(super) fn named(id: &str) -> Result<&'static Build, Stop> {
    oracle::find(id).ok_or_else(|| {
        Stop::usage(format!(
            "no build is called {id}; there are {}",
            oracle::ids()
        ))
    })
}

fn list() -> Result<Exit, Stop> {
    let oracles = workspace::oracles();
    for build in BUILDS {
        let state = match build.state(&oracles).map_err(Stop::usage)? {
            State::Absent => "not installed".to_owned(),
            State::Installed(path) => path.display().to_string(),
            State::Foreign(path) => format!("{} is not the pinned program", path.display()),
        };
        let origin = match build.source {
            Source::Wheel { package, .. } => format!("wheel {package} {}", build.pins[0].version),
            Source::Debian { package, .. } => {
                format!("Debian package {package} {}", build.pins[0].version)
            }
        };
        say!("{:14} {origin:50} {state}", build.id());
    }
    Ok(Exit::Ok)
}

fn path(build: &Build) -> Result<Exit, Stop> {
    match build.state(&workspace::oracles()).map_err(Stop::usage)? {
        State::Installed(path) => {
            say!("{}", path.display());
            Ok(Exit::Ok)
        }
        State::Absent | State::Foreign(_) => Err(Stop::usage(format!(
            "{0} is not installed; `respect oracle install {0}` brings it",
            build.id()
        ))),
    }
}

fn install<'a>(builds: impl Iterator<Item = &'a Build>) -> Exit {
    let oracles = workspace::oracles();
    let bars = MultiProgress::new();
    let mut exit = Exit::Ok;
    for build in builds {
        let bar = bars.add(spinner(build));
        let outcome = oracle::install(build, &oracles, &|step| {
            bar.set_message(step.to_owned());
            if bar.is_hidden() && step.starts_with("downloading") {
                eprintln!("{:14} {step}", build.id());
            }
        });
        bar.finish_and_clear();
        match outcome {
            Ok(path) => say!("{:14} {}", build.id(), path.display()),
            Err(error) => {
                exit = Exit::Usage;
                eprintln!("{:14} could not be had", build.id());
                for line in error.to_string().lines() {
                    eprintln!("    {line}");
                }
            }
        }
    }
    exit
}

/// Says what is being waited for; the clients report no sizes, so there is no percentage to show.
fn spinner(build: &Build) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:14} {spinner} {msg} ({elapsed})")
        .expect("the template is constant and valid");
    let bar = ProgressBar::new_spinner()
        .with_style(style)
        .with_prefix(build.id());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
