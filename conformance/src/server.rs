//! A server under judgement as a process: started on a free port with a folder of its own, watched for its death, ended
//! when dropped. Knows nothing of what is asked of it once it answers.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::oracle::{Build, State};
use crate::transcript::{Identity, Version};

/// How long a server may take to answer its first PING. Generous: the machine may be busy building something else.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long a server that runs already may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long a process may take to vanish after its connections broke; it may be writing a crash report.
const DEATH_WITHIN: Duration = Duration::from_secs(5);

/// Where a server comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// An installed oracle build.
    Oracle {
        /// Which one.
        build: &'static Build,
        /// Its program.
        program: PathBuf,
    },
    /// A program that takes Redis's own flags, as our server does.
    Program(PathBuf),
    /// A shell command in which `{port}` and `{dir}` are replaced.
    Command(String),
    /// A server that somebody else started; it can be neither restarted nor given start options.
    Address(SocketAddr),
}

impl Origin {
    /// The origin of an installed build under `oracles`; otherwise a line that says how to install it.
    pub fn oracle(build: &'static Build, oracles: &Path) -> Result<Origin, String> {
        match build.state(oracles) {
            Ok(State::Installed(program)) => Ok(Origin::Oracle { build, program }),
            Ok(State::Absent) => Err(format!(
                "{0} is not installed; `respect oracle install {0}` brings it",
                build.id()
            )),
            Ok(State::Foreign(program)) => Err(format!(
                "{} is not the pinned program; `respect oracle install {}` replaces it",
                program.display(),
                build.id()
            )),
            Err(error) => Err(format!("{}: {error}", build.path(oracles).display())),
        }
    }

    /// Reads `HOST:PORT`, or takes the text as a shell command when it has a `{port}` to fill in.
    pub fn parse(text: &str) -> Result<Origin, String> {
        if text.contains("{port}") {
            return Ok(Origin::Command(text.to_owned()));
        }
        let addresses = text.to_socket_addrs().map_err(|_| {
            format!("`{text}` is neither an address such as 127.0.0.1:6379 nor a command with {{port}} in it")
        })?;
        addresses
            .into_iter()
            .next()
            .map(Origin::Address)
            .ok_or_else(|| format!("`{text}` has no address"))
    }

    /// Whether a fresh server can be started from it.
    pub fn can_start(&self) -> bool {
        !matches!(self, Origin::Address(_))
    }

    /// Whether it is known to answer all its clients from one thread: the real builds do, and ours. Of a stranger nobody knows.
    pub(crate) fn answers_from_one_thread(&self) -> bool {
        matches!(self, Origin::Oracle { .. } | Origin::Program(_))
    }

    fn command(&self, port: u16, dir: &Path, options: &[(String, String)]) -> Option<Command> {
        let mut command = match self {
            Origin::Address(_) => return None,
            Origin::Command(text) => {
                let text = text
                    .replace("{port}", &port.to_string())
                    .replace("{dir}", &dir.display().to_string());
                let mut command = Command::new("sh");
                // exec: the process that is watched and ended must be the server, not a shell in front of it.
                command.arg("-c").arg(format!("exec {text}"));
                command
            }
            Origin::Oracle { program, .. } | Origin::Program(program) => {
                let mut command = Command::new(program);
                command
                    .args([
                        "--port",
                        &port.to_string(),
                        "--bind",
                        "127.0.0.1",
                        "--save",
                        "",
                        "--dir",
                    ])
                    .arg(dir);
                // Redis 6 knows no such option, and allows DEBUG to everybody.
                if !matches!(self, Origin::Oracle { build, .. } if build.version.starts_with("6."))
                {
                    command.args(["--enable-debug-command", "yes"]);
                }
                command
            }
        };
        for (name, value) in options {
            command.arg(format!("--{name}")).args(value.split(' '));
        }
        Some(command)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Oracle { build, .. } => f.write_str(&build.id()),
            Origin::Program(program) => write!(f, "{}", program.display()),
            Origin::Command(text) => f.write_str(text),
            Origin::Address(address) => write!(f, "{address}"),
        }
    }
}

/// Why no server answers. Its `Display` is what the user reads.
#[derive(Debug)]
pub enum StartError {
    /// The process could not be made at all.
    Spawn(String, io::Error),
    /// It ended before it answered.
    Died {
        /// What was started.
        origin: String,
        /// How it ended.
        death: Death,
    },
    /// Nothing answered in time.
    Silent {
        /// Where it was expected.
        address: SocketAddr,
        /// The last thing that went wrong.
        reason: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Spawn(origin, error) => write!(f, "cannot start {origin}: {error}"),
            StartError::Died { origin, death } => write!(f, "{origin} {death} before it answered"),
            StartError::Silent { address, reason } => {
                write!(f, "no server answers at {address}: {reason}")
            }
        }
    }
}

impl std::error::Error for StartError {}

/// How a server's process ended, and the last lines it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// The exit status; `None` when the process is somebody else's and only its silence is known.
    pub status: Option<ExitStatus>,
    /// The end of its log.
    pub log: String,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "died ({status})")?,
            None => f.write_str("no longer accepts connections")?,
        }
        for line in self.log.lines() {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// A server that answers. Dropping it ends the process it started, and no other.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    origin: Origin,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    dir: TempDir,
}

impl Server {
    /// Starts a server on a free port, or joins one, and waits until it answers.
    pub fn start(origin: &Origin) -> Result<Server, StartError> {
        Server::start_with(origin, &[])
    }

    /// As [`Server::start`], with configuration on the command line: name and value, the value's words separated by
    /// blanks. A server that was joined ignores it.
    pub fn start_with(origin: &Origin, options: &[(String, String)]) -> Result<Server, StartError> {
        let spawn = |error| StartError::Spawn(origin.to_string(), error);
        if let Origin::Address(address) = origin {
            ask_until_ready(*address, true, &mut || Ok(()))?;
            return Ok(Server {
                address: *address,
                origin: origin.clone(),
                process: None,
            });
        }
        let mut last = None;
        // Between finding a free port and the server taking it another program may; then it dies at once.
        for _ in 0..5 {
            let dir = tempfile::Builder::new()
                .prefix("respect-")
                .tempdir()
                .map_err(spawn)?;
            let port = free_port().map_err(spawn)?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let log = File::create(dir.path().join("log")).map_err(spawn)?;
            let Some(mut command) = origin.command(port, dir.path(), options) else {
                continue;
            };
            let child = command
                .stdin(Stdio::null())
                .stdout(log.try_clone().map_err(spawn)?)
                .stderr(log)
                .spawn()
                .map_err(spawn)?;
            let mut process = Process { child, dir };
            let ready = ask_until_ready(address, false, &mut || match process.child.try_wait() {
                Ok(None) => Ok(()),
                Ok(status) => Err(Death {
                    status,
                    log: process.log(),
                }),
                Err(_) => Err(Death {
                    status: None,
                    log: process.log(),
                }),
            });
            match ready {
                Ok(()) => {
                    return Ok(Server {
                        address,
                        origin: origin.clone(),
                        process: Some(process),
                    });
                }
                Err(StartError::Died { death, .. }) => {
                    let in_use = death.log.contains("already in use");
                    last = Some(StartError::Died {
                        origin: origin.to_string(),
                        death,
                    });
                    if !in_use {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| spawn(io::Error::other("no free port was found"))))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its process id, when it is ours.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// After a connection broke unexpectedly: has the server died? Waits for a process on its way out; answers at once
    /// when it still answers others.
    pub fn death(&mut self) -> Option<Death> {
        let deadline = Instant::now() + DEATH_WITHIN;
        loop {
            if let Some(process) = &mut self.process
                && let Ok(Some(status)) = process.child.try_wait()
            {
                return Some(Death {
                    status: Some(status),
                    log: process.log(),
                });
            }
            // A dying server's port may still accept for a moment; only an answer is a sign of life.
            if ask(
                self.address,
                b"*1\r\n$4\r\nPING\r\n",
                Instant::now() + Duration::from_secs(1),
            )
            .is_ok()
            {
                return None;
            }
            if self.process.is_none() || Instant::now() >= deadline {
                return Some(Death {
                    status: None,
                    log: String::new(),
                });
            }
            pause();
        }
    }

    /// Starts it again from the same origin, on another port and in an empty folder.
    pub fn restart(&mut self) -> Result<(), StartError> {
        // The old process is ended first: two at a time would compete for the same two cores.
        self.process = None;
        *self = Server::start(&self.origin)?;
        Ok(())
    }
}

impl Process {
    fn log(&self) -> String {
        let text = fs::read(self.dir.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        // An assertion's own line is worth more than the end of the register dump behind it.
        let telling = lines
            .iter()
            .position(|line| line.contains("ASSERTION FAILED") || line.contains("panicked at"));
        let first = telling.unwrap_or(lines.len().saturating_sub(8));
        lines[first..]
            .iter()
            .take(8)
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Sends PING until something other than "still loading" comes back. `alive` ends the wait early; so does a refused
/// connection when the server should have been listening all along.
fn ask_until_ready(
    address: SocketAddr,
    listening: bool,
    alive: &mut dyn FnMut() -> Result<(), Death>,
) -> Result<(), StartError> {
    let within = if listening {
        ANSWER_WITHIN
    } else {
        READY_WITHIN
    };
    let deadline = Instant::now() + within;
    loop {
        let (reason, last) = match ask(address, b"*1\r\n$4\r\nPING\r\n", deadline) {
            Ok(reply) if !reply.starts_with(b"-LOADING") => return Ok(()),
            Ok(_) => ("it is still loading".to_owned(), false),
            Err(error) => (error.to_string(), listening),
        };
        alive().map_err(|death| StartError::Died {
            origin: String::new(),
            death,
        })?;
        if last || Instant::now() >= deadline {
            return Err(StartError::Silent { address, reason });
        }
        pause();
    }
}

/// Between two looks at something that announces itself in no other way: a port that opens, a process that ends.
fn pause() {
    thread::sleep(Duration::from_millis(2));
}

/// One request on a connection of its own, and the first bytes of what comes back.
fn ask(address: SocketAddr, request: &[u8], deadline: Instant) -> io::Result<Vec<u8>> {
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        left.max(Duration::from_millis(1))
    };
    let mut stream = TcpStream::connect_timeout(&address, left())?;
    stream.write_all(request)?;
    let mut reply = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        stream.set_read_timeout(Some(left()))?;
        let read = stream.read(&mut reply[length..]);
        match read.map_err(|error| silence(error, length))? {
            0 if length == 0 => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it closed without a byte",
                ));
            }
            0 => break,
            read => length += read,
        }
        if length == reply.len() || is_whole(&reply[..length]) {
            break;
        }
        if Instant::now() >= deadline {
            return Err(silence(io::ErrorKind::TimedOut.into(), length));
        }
    }
    reply.truncate(length);
    Ok(reply)
}

/// A read that has waited in vain says so in the kernel's words, which tell nobody anything.
fn silence(error: io::Error, arrived: usize) -> io::Error {
    if !matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    ) {
        return error;
    }
    let what = match arrived {
        0 => "it accepts connections, and does not answer",
        _ => "it begins an answer, and does not end it",
    };
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// Enough of a reply reader for one bulk string. Of anything else the first bytes will do: whether they are right is
/// judged later, and a server that never ends a line must be found out then, not waited for now.
fn is_whole(reply: &[u8]) -> bool {
    let Some(rest) = reply.strip_prefix(b"$") else {
        return !reply.is_empty();
    };
    let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
        return false;
    };
    let length = std::str::from_utf8(&rest[..end])
        .ok()
        .and_then(|digits| digits.parse::<usize>().ok());
    length.is_none_or(|length| rest.len() >= end + 2 + length + 2)
}

/// Who the server at `address` says it is, from `INFO server`: valkey names itself, everything else counts as redis.
/// An error says what it answered instead.
pub fn identity(address: SocketAddr) -> Result<Identity, String> {
    let reply = ask(
        address,
        b"*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n",
        Instant::now() + ANSWER_WITHIN,
    );
    let reply = reply.map_err(|error| format!("{address} does not say who it is: {error}"))?;
    let text = String::from_utf8_lossy(&reply);
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
            .map(str::to_owned)
    };
    let (product, version) = match (field("valkey_version"), field("redis_version")) {
        (Some(version), _) => ("valkey", version),
        (None, Some(version)) => ("redis", version),
        (None, None) => {
            let line = text.lines().next().unwrap_or_default();
            let line: String = line.chars().take(80).collect();
            return Err(format!(
                "{address} does not say who it is: INFO server answered `{}` (use --as)",
                line.escape_debug()
            ));
        }
    };
    let version: Version = version
        .parse()
        .map_err(|error| format!("{address} reports a strange version: {error}"))?;
    Ok(Identity::new(product, version))
}

/// How many keys the server at `address` holds, in all its databases together.
///
/// # Errors
/// What it answered instead.
pub fn keys(address: SocketAddr) -> Result<u64, String> {
    let request = b"*2\r\n$4\r\nINFO\r\n$8\r\nkeyspace\r\n";
    let reply = ask(address, request, Instant::now() + ANSWER_WITHIN);
    let reply = reply.map_err(|error| format!("no server answers at {address}: {error}"))?;
    let text = String::from_utf8_lossy(&reply);
    let databases = text.lines().filter_map(|line| {
        line.split_once(":keys=")?
            .1
            .split(',')
            .next()?
            .parse::<u64>()
            .ok()
    });
    Ok(databases.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_joined_and_a_command_is_started() {
        assert!(
            matches!(Origin::parse("127.0.0.1:7000"), Ok(Origin::Address(a)) if a.port() == 7000)
        );
        assert!(matches!(
            Origin::parse("my-server --port {port}"),
            Ok(Origin::Command(_))
        ));
        assert!(Origin::parse("my-server").unwrap_err().contains("{port}"));
    }

    #[test]
    fn a_command_that_ends_at_once_is_told_with_its_status_and_last_words() {
        let origin = Origin::parse("sh -c 'echo no such flag {port} >&2; exit 7'").unwrap();
        let error = Server::start(&origin).unwrap_err().to_string();
        assert!(
            error.contains("exit status: 7") && error.contains("no such flag"),
            "{error}"
        );
    }

    #[test]
    fn an_address_where_nobody_listens_is_unreachable() {
        let port = free_port().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let error = ask(
            address,
            b"PING\r\n",
            Instant::now() + Duration::from_secs(1),
        )
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_bulk_is_whole_with_its_last_crlf() {
        assert!(is_whole(b"+PONG\r\n") && is_whole(b"$-1\r\n"));
        assert!(is_whole(b"$3\r\nabc\r\n"));
        assert!(!is_whole(b"$3\r\nabc\r"));
        assert!(!is_whole(b"$3"));
    }
}
