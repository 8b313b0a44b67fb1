//! Judging a server in `cargo test`: what `tests/respect.rs` of a server's project looks like, with the server named on the
//! command line so that it can be tried on any.
//!
//! ```console
//! $ MY_SERVER='redis-server --port {port} --dir {dir} --save ""' cargo run -p respect-conformance --example judge -- inl/
//! ```
//!
//! Everything behind `--` is what tests take: part of a name, `--exact`, `--list`, `--test-threads 1`.

use std::env;
use std::process::ExitCode;

use respect_conformance::harness::Harness;

fn main() -> ExitCode {
    let server = env::var("MY_SERVER").unwrap_or_else(|_| "127.0.0.1:6379".to_owned());
    let mut harness = Harness::new(server);
    if let Ok(build) = env::var("JUDGED_AS") {
        harness = harness.judged_as(build);
    }
    if let Ok(file) = env::var("KNOWN") {
        harness = harness.known(file);
    }
    harness.main()
}
