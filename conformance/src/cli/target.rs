//! Which server a command is about: our own, built first; an installed build; a command; or an address.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use respect_conformance::oracle;
use respect_conformance::ours::{self, Profile};
use respect_conformance::server::{Origin, keys};
use respect_conformance::transcript::Identity;
use respect_conformance::workspace;

use super::{Exit, Stop};

#[derive(Args)]
pub(crate) struct TargetArguments {
    /// The server to judge: HOST:PORT, a build such as redis-8.2.3, or a command with {port} and {dir} in it [default: our
    /// own, built first]
    #[arg(long, value_name = "ADDR|COMMAND")]
    target: Option<String>,
    /// Judge a server that was not started for this, although judging it deletes all its keys
    #[arg(long)]
    flush: bool,
}

impl TargetArguments {
    /// Whether it is the server of this checkout.
    pub(crate) fn is_ours(&self) -> bool {
        self.target.is_none()
    }

    /// What the user called it; nothing for our own.
    pub(crate) fn named(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// A live oracle: an installed build, or a server to be asked who it is, whose keys are as dear as the target's.
    pub(crate) fn oracle(&self, name: &str) -> Result<Origin, Stop> {
        match origin_of(name, self.flush) {
            Ok((origin, _)) => Ok(origin),
            Err(Stop(Exit::Usage, why)) if oracle::find(name).is_none() && !name.contains(':') => {
                let there_are = oracle::ids();
                Err(Stop::usage(format!(
                    "{why}, nor an oracle: there are recorded, {there_are}"
                )))
            }
            Err(stop) => Err(stop),
        }
    }

    /// Where the server comes from. Our own is built, so that nobody judges yesterday's.
    pub(crate) fn origin(&self) -> Result<Origin, Stop> {
        match &self.target {
            None => ours().map(Origin::Program),
            Some(text) => Ok(origin_of(text, self.flush)?.0),
        }
    }
}

/// Our own server answers as this build does.
pub(super) const OURS_ANSWERS_AS: &str = "redis-8.2.3";

/// The server a text names: an installed build, `ours`, an address or a command; and whose answers are expected of it, where
/// that is known without asking.
pub(super) fn origin_of(text: &str, flush: bool) -> Result<(Origin, Option<Identity>), Stop> {
    if text == "ours" {
        return Ok((Origin::Program(ours()?), OURS_ANSWERS_AS.parse().ok()));
    }
    if let Some(build) = oracle::find(text) {
        return Ok((installed(build)?, build.id().parse().ok()));
    }
    let origin = Origin::parse(text).map_err(Stop::usage)?;
    if let Origin::Address(address) = origin
        && !flush
    {
        refuse_to_flush(address)?;
    }
    Ok((origin, None))
}

/// An installed build, or a stop that says how to install it.
pub(crate) fn installed(build: &'static oracle::Build) -> Result<Origin, Stop> {
    Origin::oracle(build, &workspace::oracles()).map_err(|why| Stop(Exit::Target, why))
}

/// Everything begins with an empty server, so a server that holds somebody's keys is left alone.
fn refuse_to_flush(address: SocketAddr) -> Result<(), Stop> {
    match keys(address).map_err(|why| Stop(Exit::Target, why))? {
        0 => Ok(()),
        keys => Err(Stop::usage(format!(
            "{address} holds {keys} keys, and judging it deletes them; add --flush if that is meant"
        ))),
    }
}

fn ours() -> Result<PathBuf, Stop> {
    let root = workspace::root().ok_or_else(|| {
        Stop::usage("our own server is built from its checkout, and this is none; name a --target")
    })?;
    // A first build takes minutes; silence would look like a hang.
    eprintln!("building our own server (cargo build --release -p respect-server)");
    ours::build(&root, Profile::Release).map_err(|why| Stop(Exit::Target, why))
}
