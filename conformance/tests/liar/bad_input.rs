//! Whatever the judge is given, it says what is wrong in one clear line and ends with the right code: it never hangs and never
//! panics.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use respect_conformance::report::Report;

use super::command_line::{HONEST, ends, fixtures, respect};
use crate::server::{Liar, Lie};

/// Serves every connection with `serve`, in a thread that ends with the test.
fn server(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Answers what the judge itself asks, tells `on_echo` of every ECHO, and notes the names of all commands.
fn scripted(
    heard: Arc<Mutex<Vec<String>>>,
    on_echo: impl Fn(&mut TcpStream, &[u8]) + Send + Sync + Clone + 'static,
) -> SocketAddr {
    server(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(words) = command(&mut reader) {
            let name = String::from_utf8_lossy(&words[0]).to_uppercase();
            heard.lock().unwrap().push(name.clone());
            match (name.as_str(), words.get(1)) {
                ("ECHO", Some(word)) => on_echo(&mut stream, word),
                ("PING", Some(word)) => bulk(&mut stream, word),
                ("PING", None) => write(&mut stream, b"+PONG\r\n"),
                ("CONFIG" | "EVAL" | "DEBUG", _) => write(&mut stream, b"-ERR not here\r\n"),
                _ => write(&mut stream, b"+OK\r\n"),
            }
        }
    })
}

fn command(reader: &mut impl BufRead) -> Option<Vec<Vec<u8>>> {
    let number = |reader: &mut dyn BufRead| {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        line.get(1..)?.trim_end().parse::<usize>().ok()
    };
    let count = number(reader)?;
    let word = |_| {
        let mut word = vec![0; number(reader)? + 2];
        reader.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        Some(word)
    };
    (0..count).map(word).collect()
}

/// The judge may have gone; that is its right.
fn write(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

fn bulk(stream: &mut TcpStream, word: &[u8]) {
    let head = format!("${}\r\n", word.len());
    write(stream, &[head.as_bytes(), word, b"\r\n"].concat());
}

/// Writes the same for ever.
fn flood(stream: &mut TcpStream, bytes: &[u8]) {
    let much = bytes.repeat(64 * 1024 / bytes.len());
    while stream.write_all(&much).is_ok() {}
}

#[track_caller]
fn run_ends(steps: &str, target: SocketAddr, code: i32, says: &str) {
    let target = target.to_string();
    let run = ["run", "--target", &target, "--as", "redis-8.2.3"];
    ends(fixtures(steps).path(), &run, code, says);
}

#[test]
fn a_target_that_never_answers_is_3() {
    let silent = server(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    run_ends(
        HONEST,
        silent,
        3,
        "it accepts connections, and does not answer",
    );
}

#[test]
fn a_target_that_closes_at_once_is_3() {
    // Whether it reads first decides between FIN and RST.
    run_ends(HONEST, server(drop), 3, "no server answers at");
}

#[test]
fn a_target_that_floods_whoever_connects_is_3() {
    for (bytes, says) in [
        (&b"x"[..], "cannot be judged"),
        (b"+OK\r\n", "no longer answers"),
        (b"$999999999\r\nxxxxxxxxxx", "does not answer"),
    ] {
        let target = server(move |mut stream| {
            write(&mut stream, &bytes[..bytes.len().min(12)]);
            flood(&mut stream, bytes);
        });
        let target = target.to_string();
        let run = ["run", "--target", &target, "--as", "redis-8.2.3"];
        let output = respect(fixtures(HONEST).path(), &run);
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(3), "{says}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(said.lines().all(|line| line.len() < 400), "{said}");
    }
}

#[test]
fn a_target_that_floods_instead_of_an_answer_has_diverged() {
    let target = scripted(Arc::default(), |stream, _| flood(stream, b"+OK\r\n"));
    run_ends(
        HONEST,
        target,
        1,
        "a simple string where a bulk string is due",
    );
    let target = scripted(Arc::default(), |stream, _| flood(stream, b"+OK\r\n"));
    let sleeps = "a: ECHO Hello\n# to be read meanwhile\nsleep 100ms\na< $5\\r\\nHello\n";
    run_ends(
        sleeps,
        target,
        1,
        "a simple string where a bulk string is due",
    );
}

#[test]
fn a_command_that_cannot_be_started_is_3() {
    let dir = fixtures(HONEST);
    let run = ["run", "--target", "/no/such/server --port {port}"];
    ends(dir.path(), &run, 3, "before it answered");
}

#[test]
fn a_server_at_an_address_is_left_empty() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let target = scripted(Arc::clone(&heard), bulk);
    run_ends(HONEST, target, 0, "1 of 1");
    let heard = heard.lock().unwrap();
    let last = |name: &str| heard.iter().rposition(|heard| heard == name);
    assert!(last("FLUSHALL") > last("ECHO"), "{heard:?}");
}

#[test]
fn a_wrong_flag_is_2_before_any_server_is_asked() {
    let dir = fixtures(HONEST);
    for (flag, value, says) in [
        ("--cuts", "some", "invalid value"),
        ("--shard", "6/5", "the second of five"),
        ("--report", "xml", "expected one of"),
        (
            "--report",
            "json=/no/such/folder/r.json",
            "cannot be written",
        ),
        ("--report", "json=/", "cannot be written"),
        ("--known", "/no/such/known.toml", "/no/such/known.toml"),
        ("--as", "eight", "invalid value"),
        ("--barrier", "soon", "timed:5ms"),
        ("--jobs", "0", "invalid value"),
        ("--level", "high", "expected must"),
        ("--no-such-flag", "x", "unexpected argument"),
        ("--fixtures", "/no/such/folder", "no folder of transcripts"),
    ] {
        // Were the target asked, it would be 3.
        let run = ["run", "--target", "127.0.0.1:1", flag, value];
        ends(dir.path(), &run, 2, says);
    }
    let two = ["run", "--report", "json", "--report", "tap"];
    ends(dir.path(), &two, 2, "only one report");
    ends(dir.path(), &["judge"], 2, "unrecognized subcommand");
}

#[test]
fn a_broken_transcript_is_2_with_its_line() {
    for (steps, says) in [
        ("a PING\n", "8:"),
        ("@titel x\na: PING\na< +PONG\n", "8:"),
        ("a: SET k \"v\na< +OK\n", "8:"),
        ("a>> \\q\na< +OK\n", "8:"),
        ("a: PING \na< +PONG\n", "8:"),
        ("a: PING\na< {x:number}\n", "9:"),
        ("[redis<] a: PING\na< +PONG\n", "8:"),
        ("a: PING\na<{ any-order\na< +PONG\n", "9:"),
        ("a! jump\na: PING\na< +PONG\n", "8:"),
        ("sleep long\na: PING\na< +PONG\n", "8:"),
        ("a: PING\na< {x*}\n", "9:"),
        ("a>> \\x4\na< +OK\n", "8:"),
    ] {
        let dir = fixtures(steps);
        let output = respect(dir.path(), &["run", "--target", "127.0.0.1:1"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{steps}: {said}");
        let place = format!("echo/hello.resp:{says}");
        assert!(
            said.contains(&place),
            "{steps} is not told at {place} {said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
    let dir = fixtures(HONEST);
    fs::write(dir.path().join("echo/hello.resp"), b"@id echo/\xff\n").unwrap();
    ends(
        dir.path(),
        &["run"],
        2,
        "echo/hello.resp: stream did not contain valid UTF-8",
    );
}

#[test]
fn a_transcript_that_uses_what_nothing_has_captured_is_2() {
    let honest = Liar::start(Lie::Honest);
    let steps = "a: ECHO {nothing}\na< $1\\r\\nx\n";
    run_ends(steps, honest.address(), 2, "nothing");
}

#[test]
fn reports_are_written_and_stdout_is_left_to_the_one_that_wants_it() {
    let dir = fixtures(HONEST);
    let liar = Liar::start(Lie::LowercasedBulk);
    let target = liar.address().to_string();
    let file = |name: &str| dir.path().join(name);
    let summary = file("summary.md");
    fs::write(&summary, "before\n").unwrap();
    let mut arguments = vec!["run".to_owned(), "--target".to_owned(), target];
    arguments.extend(["--as", "redis-8.2.3", "--report", "json"].map(str::to_owned));
    for kind in ["html", "junit", "tap", "markdown"] {
        // What was in a file is gone, however long it was.
        fs::write(file(kind), "old".repeat(100_000)).unwrap();
        let path = file(kind);
        arguments.extend(["--report".to_owned(), format!("{kind}={}", path.display())]);
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_respect"))
        .args(&arguments)
        .args(["--report", "github=/dev/null"])
        .env("RESPECT_FIXTURES", dir.path())
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report.exit_code, report.cases.len()), (1, 1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("DIVERGES"));
    let text = |name: &str| fs::read_to_string(file(name)).unwrap();
    assert!(text("html").starts_with("<!DOCTYPE html>") && text("html").ends_with("</html>"));
    assert!(text("junit").contains("<failure ") && !text("junit").contains("oldold"));
    assert!(text("tap").contains("not ok 1 - echo/hello"));
    assert!(text("summary.md").starts_with("before\n## "));
}

#[test]
fn what_is_piped_has_no_colours() {
    let liar = Liar::start(Lie::LowercasedBulk);
    let target = liar.address().to_string();
    let run = ["run", "--target", &target, "--as", "redis-8.2.3"];
    let output = respect(fixtures(HONEST).path(), &run);
    assert!(!output.stdout.is_empty() && !output.stdout.contains(&0x1b));
}

#[test]
fn a_failure_names_the_folder_and_the_server_it_was_judged_with() {
    let dir = fixtures(HONEST);
    let liar = Liar::start(Lie::LowercasedBulk);
    let target = liar.address().to_string();
    let folder = dir.path().display();
    let again =
        format!("respect run --fixtures {folder} --target {target} --as redis-8.2.3 'echo/hello'");
    let run = ["run", "--target", &target, "--as", "redis-8.2.3"];
    ends(dir.path(), &run, 1, &again);
    let liar = Liar::start(Lie::LowercasedBulk);
    let target = liar.address().to_string();
    let run = ["run", "--target", &target, "--as", "redis-8.2.3"];
    let at = format!("at        {folder}/echo/hello.resp:9");
    ends(dir.path(), &run, 1, &at);
}

#[test]
fn what_failed_is_judged_again_until_it_does_not() {
    let dir = fixtures(HONEST);
    let state = dir.path().join("state/failed");
    let state = state.to_str().unwrap();
    let run = |lie: Option<Lie>, again: bool, code: i32, says: &str| {
        let server = lie.map(Liar::start);
        let address = server.as_ref().map(Liar::address);
        let target = address.map_or("127.0.0.1:1".to_owned(), |address| address.to_string());
        let mut run = vec![
            "run",
            "--target",
            &target,
            "--as",
            "redis-8.2.3",
            "--state",
            state,
        ];
        run.extend(again.then_some("--rerun-failed"));
        ends(dir.path(), &run, code, says);
    };
    run(None, true, 2, "nothing is known of an earlier run");
    run(Some(Lie::LowercasedBulk), false, 1, "DIVERGES");
    run(Some(Lie::LowercasedBulk), true, 1, "DIVERGES");
    run(Some(Lie::Honest), true, 0, "1 of 1");
    run(None, true, 4, "nothing failed");
}

#[test]
fn a_list_asks_no_server_and_shares_are_disjoint() {
    let dir = fixtures(HONEST);
    let list = ["run", "--target", "127.0.0.1:1", "--list"];
    ends(dir.path(), &list, 0, "must   echo/hello");
    let shares: Vec<Option<i32>> = ["1/2", "2/2"]
        .iter()
        .map(|share| respect(dir.path(), &["run", "--list", "--shard", share]))
        .map(|output| output.status.code())
        .collect();
    assert!(
        shares == [Some(0), Some(4)] || shares == [Some(4), Some(0)],
        "{shares:?}"
    );
}

#[test]
fn an_entry_of_the_known_file_expires() {
    let dir = fixtures(HONEST);
    let file = dir.path().join("accepted.toml");
    let known = "[[difference]]\nid = 'echo/hello'\nbuild = 'redis-8.2.3'\nreason = 'r'\nexpires = 2020-01-31\nactual = 'hello\\r\\n'\n";
    fs::write(&file, known).unwrap();
    let file = file.to_str().unwrap();
    let liar = Liar::start(Lie::LowercasedBulk);
    let target = liar.address().to_string();
    let run = [
        "run",
        "--target",
        &target,
        "--as",
        "redis-8.2.3",
        "--known",
        file,
    ];
    ends(dir.path(), &run, 1, "(redis-8.2.3) expired on 2020-01-31");
    fs::write(file, known.replace("echo/hello", "echo/hullo")).unwrap();
    ends(
        dir.path(),
        &run,
        2,
        "the entry for echo/hullo is for no transcript",
    );
}

#[test]
fn lint_counts_its_notes_and_shows_them_when_asked() {
    let dir = fixtures("a: ECHO x\na< {x:reply}\n");
    let told = respect(dir.path(), &["lint"]);
    let all = respect(dir.path(), &["lint", "--notes"]);
    let notes = |output: &std::process::Output| {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (said.matches(": note: ").count(), said)
    };
    let ((none, said), (some, _)) = (notes(&told), notes(&all));
    assert!(none == 0 && some > 0, "{said}");
    assert!(
        said.contains(&format!("{some} notes (--notes shows them)")),
        "{said}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let dir = fixtures(HONEST);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_respect"))
        .args(["list"])
        .env("RESPECT_FIXTURES", dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{:?}", ErrorKind::BrokenPipe);
}

#[test]
fn the_action_passes_its_inputs_on_and_keeps_the_exit_code() {
    let dir = fixtures(HONEST);
    let out = tempfile::tempdir().unwrap();
    let (outputs, reports) = (out.path().join("outputs"), out.path().join("reports"));
    for (lie, cases, code) in [
        (Lie::Honest, "echo/*", 0),
        (Lie::LowercasedBulk, "", 1),
        (Lie::Honest, "no/such", 4),
    ] {
        let server = Liar::start(lie);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/action/judge");
        let output = std::process::Command::new(script)
            .env("RESPECT", env!("CARGO_BIN_EXE_respect"))
            .env("TARGET", server.address().to_string())
            .env("JUDGED_AS", "redis-8.2.3")
            .env("FIXTURES", dir.path())
            .env("CASES", cases)
            .env("ARGUMENTS", "--cuts bytes --fail-fast")
            .env("REPORTS", &reports)
            .env("GITHUB_OUTPUT", &outputs)
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(said.contains("::error file="), code == 1, "{said}");
    }
    let outputs = fs::read_to_string(outputs).unwrap();
    assert_eq!(outputs, "exit-code=0\nexit-code=1\nexit-code=4\n");
    for report in ["report.html", "report.json", "junit.xml"] {
        assert!(
            fs::metadata(reports.join(report)).unwrap().len() > 0,
            "{report}"
        );
    }
}

#[test]
fn what_several_commands_wrote_is_put_into_one_report() {
    let dir = fixtures(HONEST);
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str| out.path().join(name).display().to_string();
    let (run, coverage, page) = (file("run.json"), file("coverage.json"), file("page.html"));
    let honest = Liar::start(Lie::Honest);
    let target = honest.address().to_string();
    let json = format!("json={run}");
    let judge = [
        "run",
        "--target",
        &target,
        "--as",
        "redis-8.2.3",
        "--report",
        &json,
    ];
    ends(dir.path(), &judge, 0, "1 of 1");
    ends(dir.path(), &["coverage", "--json", &coverage], 0, "holes");
    let html = format!("html={page}");
    let gather = ["report", &run, "--coverage", &coverage, "--report", &html];
    ends(dir.path(), &gather, 0, "");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("echo/hello") && text.contains(">Coverage</h2>"));
    let wrong = ["report", &coverage, "--report", &html];
    ends(dir.path(), &wrong, 2, "is not what its command writes");
    ends(
        dir.path(),
        &["report", "/no/such.json", "--report", &html],
        2,
        "/no/such.json",
    );
}
