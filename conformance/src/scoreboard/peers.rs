//! Servers by others: which there are, at which version, and how to bring and start each. Knows package clients, not what is
//! asked of a server.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::Origin;

/// A server by others.
#[derive(Debug)]
pub struct Peer {
    /// What it is called.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What brings it.
    pub package: Package,
    /// How to start it, with `{root}` for its folder; `{port}` and `{dir}` are as in [`Origin::Command`].
    pub start: &'static str,
}

/// What brings a server.
#[derive(Debug)]
pub enum Package {
    /// Python packages, each with its version, into an environment of their own.
    Python(&'static [&'static str]),
    /// The crate of its name, built with the versions that its own lock file holds.
    Crate,
    /// It cannot be had: why.
    None(&'static str),
}

/// Every server by others that the registries hold and that was tried. Versions are pinned, those of what it needs too: a
/// scoreboard is worth nothing if it cannot be repeated.
pub static PEERS: &[Peer] = &[
    Peer {
        name: "fakeredis",
        version: "2.40.0",
        package: Package::Python(&[
            "fakeredis==2.40.0",
            "lupa==2.8",
            "redis==8.1.0",
            "sortedcontainers==2.4.0",
        ]),
        start: "{root}/bin/python -c \"from fakeredis import TcpFakeServer as S; S(('127.0.0.1', {port})).serve_forever()\"",
    },
    Peer {
        name: "pyvalkey",
        version: "0.0.5",
        package: Package::Python(&[
            "click==8.1.8",
            "markdown-it-py==4.3.0",
            "mdurl==0.1.2",
            "Pygments==2.21.0",
            "pyvalkey==0.0.5",
            "rich==15.0.0",
            "shellingham==1.5.4",
            "sortedcontainers==2.4.0",
            "typer==0.12.5",
            "typing_extensions==4.16.0",
        ]),
        start: "{root}/bin/python -m pyvalkey --port {port}",
    },
    Peer {
        name: "resp-server",
        version: "0.2.3",
        package: Package::Python(&["click==8.5.1", "resp-server==0.2.3"]),
        start: "{root}/bin/resp-server --port {port} --dir {dir}",
    },
    Peer {
        name: "ember-server",
        version: "0.4.9",
        package: Package::Crate,
        start: "{root}/bin/ember-server --host 127.0.0.1 --port {port}",
    },
    Peer {
        name: "sider",
        version: "0.1.4",
        package: Package::None(
            "it has no PING, by which the judge knows that a server is there and has read what was sent",
        ),
        start: "",
    },
    Peer {
        name: "rustdis",
        version: "0.1.1",
        package: Package::None("it listens on port 6379 only"),
        start: "",
    },
    Peer {
        name: "mini-redis",
        version: "0.4.1",
        package: Package::None(
            "it has no PING, by which the judge knows that a server is there and has read what was sent",
        ),
        start: "",
    },
    Peer {
        name: "redilite",
        version: "1.0.0",
        package: Package::None(
            "its wheel has no module `redilite`, so that its own start script cannot import it",
        ),
        start: "",
    },
    Peer {
        name: "kevy",
        version: "7.0.0",
        package: Package::None("it needs Rust 1.97, and so do its versions 5 and 6"),
        start: "",
    },
    Peer {
        name: "pogocache",
        version: "",
        package: Package::None("no package registry holds it"),
        start: "",
    },
];

impl Peer {
    /// Where it is, or would be, below a folder of peers.
    fn root(&self, peers: &Path) -> PathBuf {
        peers.join(format!("{}-{}", self.name, self.version))
    }

    /// Its origin, if it is installed below `peers`, or why it cannot be had.
    ///
    /// # Errors
    /// A line that says what is missing.
    pub fn origin(&self, peers: &Path) -> Result<Origin, String> {
        if let Package::None(why) = self.package {
            return Err(why.to_owned());
        }
        let root = self.root(peers);
        if !root.join(COMPLETE).is_file() {
            return Err("not installed: `respect scoreboard --install` brings it".to_owned());
        }
        let root = root.display().to_string();
        Ok(Origin::Command(self.start.replace("{root}", &root)))
    }

    /// Brings it, unless it is there or cannot be had.
    ///
    /// # Errors
    /// What its package client said.
    pub fn install(&self, peers: &Path) -> Result<(), String> {
        let root = self.root(peers);
        let done = root.join(COMPLETE);
        if done.is_file() {
            return Ok(());
        }
        match &self.package {
            Package::None(_) => return Ok(()),
            Package::Python(requirements) => {
                run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
                let quiet = [
                    "install",
                    "--quiet",
                    "--no-deps",
                    "--disable-pip-version-check",
                ];
                run(Command::new(root.join("bin/pip"))
                    .args(quiet)
                    .args(*requirements))?;
            }
            Package::Crate => run(Command::new("cargo")
                .args(["install", "--quiet", "--locked", self.name])
                .args(["--version", self.version, "--root"])
                .arg(&root))?,
        }
        fs::write(done, "").map_err(|error: io::Error| error.to_string())
    }
}

/// A file that is written last: an installation without it is half of one.
const COMPLETE: &str = "complete";

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_installed_or_cannot_be_had_says_so() {
        let dir = tempfile::tempdir().unwrap();
        for peer in PEERS {
            let why = peer.origin(dir.path()).unwrap_err();
            match peer.package {
                Package::None(reason) => assert_eq!(why, reason),
                _ => assert!(why.starts_with("not installed"), "{why}"),
            }
        }
        let peer = &PEERS[0];
        fs::create_dir_all(peer.root(dir.path())).unwrap();
        fs::write(peer.root(dir.path()).join(COMPLETE), "").unwrap();
        let origin = peer.origin(dir.path()).unwrap().to_string();
        assert!(
            origin.starts_with(&dir.path().display().to_string()),
            "{origin}"
        );
        assert!(
            origin.contains("{port}") && !origin.contains("{root}"),
            "{origin}"
        );
    }

    #[test]
    fn everything_that_is_installed_is_pinned() {
        for peer in PEERS {
            if let Package::Python(requirements) = peer.package {
                assert!(
                    requirements.iter().all(|it| it.contains("==")),
                    "{}",
                    peer.name
                );
                let own = format!("{}=={}", peer.name, peer.version);
                assert!(requirements.contains(&own.as_str()), "{own}");
            }
        }
    }
}
