//! The judge as the only test: `just mutants` changes the server's code in one place at a time, and this must fail. Knows nothing
//! of the code; the program is started as any other server is.

use std::path::Path;
use std::process::ExitCode;

use respect_conformance::harness::Harness;
use respect_conformance::report::closing;
use respect_conformance::suite::Cuts;

fn main() -> ExitCode {
    let server = env!("CARGO_BIN_EXE_respect-server");
    let target = format!(
        "'{server}' --port {{port}} --bind 127.0.0.1 --save '' --dir '{{dir}}' --enable-debug-command yes"
    );
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let judged = Harness::new(target)
        .known(fixtures.join("known.toml"))
        .fixtures(fixtures)
        .judged_as("redis-8.2.3")
        // Every single position takes five times as long, and what only it notices is rare.
        .cuts(Cuts::Bytes)
        // One difference is enough to know.
        .fail_fast()
        .judge();
    match judged {
        Ok(report) => {
            for case in report.failures() {
                println!("{}", case.result.terminal);
            }
            println!("{}", closing(&report));
            ExitCode::from(report.exit_code)
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
