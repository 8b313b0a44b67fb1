//! The program as a user meets it: its arguments, its file, its log, its end, and the one thread that serves everybody.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use redis::Commands;
use signal_hook::consts::{SIGABRT, SIGSEGV};

const PROGRAM: &str = env!("CARGO_BIN_EXE_respect-server");

/// A running program that is ended when the test is over, whatever comes of it.
struct Running {
    child: Child,
    log: BufReader<ChildStdout>,
    port: u16,
}

impl Running {
    /// Starts the program on a free port and reads its log up to where it says that it listens.
    fn start(arguments: &[&str]) -> Running {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .args(["--port", "0", "--bind", "127.0.0.1"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program is built with its tests");
        let mut log = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut line = String::new();
        while !line.contains("Ready to accept connections") {
            line.clear();
            assert_ne!(
                log.read_line(&mut line).expect("its log is text"),
                0,
                "it ended before it listened"
            );
        }
        let (_, port) = line
            .trim_end()
            .rsplit_once(':')
            .expect("the line ends with an address");
        Running {
            port: port.parse().expect("a port"),
            child,
            log,
        }
    }

    fn connection(&self) -> redis::Connection {
        let client =
            redis::Client::open(format!("redis://127.0.0.1:{}/", self.port)).expect("a URL");
        client.get_connection().expect("it listens")
    }

    /// Waits for its end; its exit code and the rest of its log.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).expect("its log is text");
        (self.child.wait().expect("it was started").code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is what most tests ask for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = Command::new(PROGRAM)
        .args(arguments)
        .output()
        .expect("it runs");
    assert_eq!(status.code(), Some(1), "{arguments:?}");
    String::from_utf8(stderr).expect("its words are text")
}

#[test]
fn one_thread_serves_everybody() {
    let running = Running::start(&[]);
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let mut connection = running.connection();
            std::thread::spawn(move || {
                for _ in 0..500 {
                    let _: i64 = connection.incr("together", 1).expect("it is served");
                    let _: i64 = connection.incr(number, 1).expect("it is served");
                }
            })
        })
        .collect();
    let tasks = Path::new("/proc")
        .join(running.child.id().to_string())
        .join("task");
    // Where there is no /proc, the threads cannot be counted; that everybody is served is seen all the same.
    if let Ok(threads) = tasks.read_dir() {
        assert_eq!(threads.count(), 1);
    }
    for client in clients {
        client.join().expect("no client was turned away");
    }
    let total: i64 = running.connection().get("together").expect("it is served");
    assert_eq!(total, 2000);
}

#[test]
fn what_cannot_be_obeyed_is_named() {
    assert!(refused(&["--port", "seven"]).contains("port \"seven\""));
    assert!(refused(&["--no-such-option", "1"]).contains("no-such-option"));
    assert!(refused(&["/nonexistent/redis.conf"]).contains("/nonexistent/redis.conf"));
    assert!(refused(&["--bind", "not.an.address.invalid"]).contains("not.an.address.invalid"));
}

#[test]
fn a_line_of_the_file_is_refused_with_its_number() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let file = dir.path().join("redis.conf");
    std::fs::write(&file, "# comment\nmaxclients 10\nmaxmemory much\n").expect("it is writable");
    let words = refused(&[&file.display().to_string()]);
    assert!(
        words.contains("at line 3") && words.contains("maxmemory much"),
        "{words}"
    );
}

#[test]
fn the_file_is_rewritten_with_what_changed() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let file = dir.path().join("redis.conf");
    std::fs::write(&file, "# kept\nmaxclients 10\n").expect("it is writable");
    let running = Running::start(&[&file.display().to_string()]);
    let mut connection = running.connection();
    redis::cmd("CONFIG")
        .arg(&["SET", "maxclients", "20"])
        .exec(&mut connection)
        .expect("it can be changed");
    redis::cmd("CONFIG")
        .arg("REWRITE")
        .exec(&mut connection)
        .expect("there is a file");
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.starts_with("# kept\nmaxclients 20\n"), "{text}");
}

#[test]
fn a_signal_and_shutdown_end_it_in_order() {
    let running = Running::start(&[]);
    let pid =
        nix::unistd::Pid::from_raw(i32::try_from(running.child.id()).expect("a process number"));
    nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).expect("it runs");
    let (code, log) = running.end();
    assert_eq!(code, Some(0));
    assert!(
        log.contains("Received SIGTERM scheduling shutdown"),
        "{log}"
    );

    let running = Running::start(&[]);
    // The connection ends without an answer, which the client takes for an error.
    let _ = redis::cmd("SHUTDOWN")
        .arg("NOSAVE")
        .exec(&mut running.connection());
    let (code, log) = running.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("User requested shutdown"), "{log}");
}

/// Starts the program, runs a command that ends it, and returns the signal that it ended by and its log.
fn crash(command: &[&str]) -> (Option<i32>, String) {
    let mut running = Running::start(&["--enable-debug-command", "yes"]);
    let mut connection = running.connection();
    redis::cmd(command[0])
        .arg(&command[1..])
        .exec(&mut connection)
        .expect_err("nobody is left to answer");
    let mut log = String::new();
    running
        .log
        .read_to_string(&mut log)
        .expect("its log is text");
    let status = running.child.wait().expect("it was started");
    (status.signal(), log)
}

#[test]
fn a_panic_is_logged_with_the_command_that_ran() {
    let long = "x".repeat(300);
    let (signal, log) = crash(&["DEBUG", "PANIC", "\r\nnew line", &long]);
    assert_eq!(signal, Some(SIGABRT));
    for expected in [
        "Guru Meditation: DEBUG PANIC called #",
        "argv[0]: '\"DEBUG\"'\n",
        "argv[1]: '\"PANIC\"'\n",
        "argv[2]: '\"\\r\\nnew line\"'\n",
        "x... (172 more bytes)\"'\n",
        "=== REDIS BUG REPORT END.",
    ] {
        assert!(log.contains(expected), "{expected:?} is not in {log}");
    }
}

#[test]
fn every_crash_on_purpose_names_its_command() {
    for (how, expected, signal) in [
        ("ASSERT", "'1 == 2' is not true", SIGABRT),
        ("OOM", "OUT OF MEMORY", SIGABRT),
        ("SEGFAULT", "crashed by signal: 11", SIGSEGV),
    ] {
        let (ended_by, log) = crash(&["DEBUG", how]);
        assert_eq!(ended_by, Some(signal), "{how}: {log}");
        assert!(log.contains(expected), "{expected:?} is not in {log}");
        assert!(log.contains(&format!("argv[1]: '\"{how}\"'\n")), "{log}");
    }
}

#[test]
fn the_process_number_is_in_its_file_while_it_runs() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let file = dir.path().join("pid");
    let running = Running::start(&["--pidfile", &file.display().to_string()]);
    // It has been written before the first client is served.
    let mut connection = running.connection();
    let () = connection.set("k", "v").expect("it is served");
    let written = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(written, format!("{}\n", running.child.id()));
    redis::cmd("SHUTDOWN")
        .exec(&mut connection)
        .expect_err("nobody is left to answer");
    running.end();
    assert!(!file.exists());
}
