//! The `respect-server` program.

use respect_server::Server;

fn main() {
    let port = 6380;
    match Server::builder().port(port).bind().map(Server::run) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("{error}"),
        Err(error) => eprintln!("{error}"),
    }
}
