//! The `respect-server` program.

use std::process::ExitCode;

use respect_server::Server;

fn main() -> ExitCode {
    let mut builder = Server::builder().port(6380);
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next();
        match (name.as_str(), value.as_deref().map(str::parse)) {
            ("--port", Some(Ok(port))) => builder = builder.port(port),
            _ => {
                eprintln!(
                    "'{name}' with '{}': expected --port NUMBER",
                    value.unwrap_or_default()
                );
                return ExitCode::FAILURE;
            }
        }
    }
    match builder.bind() {
        Ok(server) => match server.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
