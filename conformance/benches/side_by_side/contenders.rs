//! Who is measured: our server, the installed oracles, and those of the command line; and how each is started. Knows
//! nothing of what is measured.

use std::path::Path;
use std::process::Command;

use respect_conformance::oracle::{self, State};
use respect_conformance::ours::{self, Profile};
use respect_conformance::server::{Origin, Server};
use respect_conformance::workspace;

use super::figures::Named;
use super::machine::{self, Cores};
use super::options::Options;

/// Our server's name in the tables.
pub(crate) const OURS: &str = "respect";

/// One server to be measured.
pub(crate) struct Contender {
    pub(crate) named: Named,
    origin: Origin,
}

/// A server that runs, and its process.
pub(crate) struct Running {
    server: Server,
    pub(crate) pid: u32,
}

/// Our server first, then the oracles, then the peers.
pub(crate) fn choose(options: &Options) -> Result<Vec<Contender>, String> {
    let root = workspace::root().ok_or("run this inside the checkout")?;
    let peers: Vec<Contender> = options
        .peer
        .iter()
        .map(|peer| named_peer(peer))
        .collect::<Result<_, _>>()?;
    let oracles = installed()?;
    let known = || {
        let ids = oracles.iter().chain(&peers);
        ids.map(|contender| contender.named.name.as_str())
            .collect::<Vec<_>>()
    };
    if !known().contains(&options.reference.as_str()) {
        return Err(match known().as_slice() {
            [] => format!(
                "no real server is installed, so there is nothing to compare with; `just oracles` brings them under \
                 {}, or RESPECT_ORACLES names the folder that has them",
                workspace::oracles().display()
            ),
            known => format!(
                "--reference {} is not here; there are {}, and `cargo respect oracle install {0}` may bring it",
                options.reference,
                known.join(", ")
            ),
        });
    }
    for pattern in &options.server {
        if !known().iter().any(|name| name.contains(pattern.as_str()))
            && !OURS.contains(pattern.as_str())
        {
            return Err(format!(
                "--server {pattern}: no server's name has this in it; there are {OURS}, {}",
                known().join(", ")
            ));
        }
    }
    let wanted = |contender: &Contender| {
        let name = &contender.named.name;
        options.server.is_empty()
            || *name == options.reference
            || options
                .server
                .iter()
                .any(|pattern| name.contains(pattern.as_str()))
    };
    let mut contenders = vec![ours(&root)?];
    contenders.extend(oracles.into_iter().filter(&wanted));
    // Who names a peer wants it measured.
    contenders.extend(peers);
    Ok(contenders)
}

fn ours(root: &Path) -> Result<Contender, String> {
    let program = ours::build(root, Profile::Release)?;
    Ok(Contender {
        named: Named {
            name: OURS.to_owned(),
            version: format!("{}{}", env!("CARGO_PKG_VERSION"), commit(root)),
        },
        origin: Origin::Program(program),
    })
}

/// `, commit 1a2b3c4`, and whether the sources differ from it.
fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(root)
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return String::new();
    };
    let changed = git(&["status", "--porcelain", "server"]).is_some_and(|text| !text.is_empty());
    format!(
        ", commit {commit}{}",
        if changed { " and changes" } else { "" }
    )
}

fn installed() -> Result<Vec<Contender>, String> {
    let folder = workspace::oracles();
    let mut contenders = Vec::new();
    for build in oracle::BUILDS {
        if matches!(build.state(&folder), Ok(State::Installed(_))) {
            contenders.push(Contender {
                named: Named {
                    name: build.id(),
                    version: build.version.to_owned(),
                },
                origin: Origin::oracle(build, &folder)?,
            });
        }
    }
    Ok(contenders)
}

/// Reads `NAME=COMMAND`.
fn named_peer(text: &str) -> Result<Contender, String> {
    let (name, command) = split_peer(text)?;
    Ok(Contender {
        named: Named {
            name: name.to_owned(),
            version: command.to_owned(),
        },
        origin: Origin::Command(command.to_owned()),
    })
}

/// The name and the command of `--peer`.
pub(crate) fn split_peer(text: &str) -> Result<(&str, &str), String> {
    match text.split_once('=') {
        Some((name, command)) if !name.is_empty() && command.contains("{port}") => {
            Ok((name, command))
        }
        _ => Err(format!(
            "--peer `{text}`: expected NAME=COMMAND with {{port}} in it, such as \
             'mine=./my-server --port {{port}}'"
        )),
    }
}

impl Contender {
    /// Starts it on the server's core, ready for so many connections. Persistence is off.
    pub(crate) fn start(&self, cores: Cores, connections_max: u64) -> Result<Running, String> {
        // A peer's command says all that it wants to be told.
        let options = match self.origin {
            Origin::Command(_) => Vec::new(),
            _ => vec![("maxclients".to_owned(), connections_max.to_string())],
        };
        // Threads and children inherit the core, also those that a server starts before it answers.
        machine::pin(cores.server)?;
        let server = Server::start_with(&self.origin, &options);
        machine::pin(cores.load)?;
        let server = server.map_err(|error| error.to_string())?;
        let pid = server
            .pid()
            .ok_or("was not started here, so its processor time is not known")?;
        Ok(Running { server, pid })
    }
}

impl Running {
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Makes an error tell of the server's death, if it died.
    pub(crate) fn explain(&mut self, error: impl ToString) -> String {
        match self.server.death() {
            Some(death) => format!("{}; the server {death}", error.to_string()),
            None => error.to_string(),
        }
    }
}
