//! Which commands a server claims to have: by its own COMMAND, or else by which it does not call unknown.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::control::{Barrier, Control, Trouble};
use crate::coverage::table::Table;
use crate::wire::Kind;

/// Commands that must not be tried out: the server would end, or the connection would carry something else from then on.
const NOT_TRIED: [&str; 7] = [
    "SHUTDOWN", "MONITOR", "SYNC", "PSYNC", "REPLCONF", "FAILOVER", "DEBUG",
];

/// A command that waits for something is not unknown.
const PATIENCE: Duration = Duration::from_secs(1);

/// The commands of the table that the server claims, in capitals and without subcommands.
///
/// # Errors
/// When it no longer answers.
pub fn claims(address: SocketAddr, table: &Table) -> Result<BTreeSet<String>, Trouble> {
    let commands = table.commands().iter();
    let known: BTreeSet<String> = commands
        .filter(|command| !command.name.contains('|'))
        .map(|command| command.name.clone())
        .collect();
    let told = tell(address)?;
    if !told.is_empty() {
        return Ok(known.intersection(&told).cloned().collect());
    }
    let mut claimed = BTreeSet::new();
    for name in known {
        if !NOT_TRIED.contains(&name.as_str()) && !is_unknown(address, &name)? {
            claimed.insert(name);
        }
    }
    Ok(claimed)
}

/// What COMMAND says; nothing if it says nothing of use.
fn tell(address: SocketAddr) -> Result<BTreeSet<String>, Trouble> {
    let mut control = Control::connect(address, Barrier::Ping)?;
    // A server that closes at an unknown command has answered as well.
    let Ok(reply) = control.command(&[b"COMMAND"]) else {
        return Ok(BTreeSet::new());
    };
    if reply.kind() != Kind::Array {
        return Ok(BTreeSet::new());
    }
    let names = reply.root().children().map(|row| {
        let name = row.children().next().map_or(row.body(), |name| name.body());
        String::from_utf8_lossy(name).to_ascii_uppercase()
    });
    Ok(names.collect())
}

/// Whether the bare command is answered with the error of an unknown one. Each is asked on a connection of its own, because
/// some servers close it.
fn is_unknown(address: SocketAddr, name: &str) -> Result<bool, Trouble> {
    let mut control = Control::connect(address, Barrier::Ping)?;
    control.set_patience(PATIENCE)?;
    match control.command(&[name.as_bytes()]) {
        Ok(reply) => {
            let text = String::from_utf8_lossy(reply.root().body()).to_ascii_lowercase();
            Ok(reply.kind() == Kind::Error && text.contains("unknown command"))
        }
        Err(Trouble::Lost(_) | Trouble::Confused(_) | Trouble::Stuck) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers the first command of every connection: COMMAND with `table`, GET and SET with an error of arity, EVAL by
    /// closing, and all others as unknown.
    fn server(table: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 256];
                let length = stream.read(&mut buffer).unwrap_or(0);
                let name = String::from_utf8_lossy(&buffer[..length]).to_uppercase();
                let reply = match name.lines().nth(2) {
                    Some("COMMAND") => table,
                    Some("GET" | "SET") => "-ERR wrong number of arguments\r\n",
                    Some("EVAL") => "",
                    _ => "-ERR unknown command\r\n",
                };
                let _ = stream.write_all(reply.as_bytes());
            }
        });
        address
    }

    #[test]
    fn a_server_says_what_it_has() {
        let address = server("*2\r\n*2\r\n$3\r\nget\r\n:2\r\n$6\r\nmyown1\r\n");
        let claimed = claims(address, &Table::recorded()).unwrap();
        assert_eq!(claimed.into_iter().collect::<Vec<_>>(), ["GET"]);
    }

    #[test]
    fn a_server_that_does_not_say_is_tried_out() {
        let address = server("-ERR unknown command\r\n");
        let claimed = claims(address, &Table::recorded()).unwrap();
        assert_eq!(
            claimed.into_iter().collect::<Vec<_>>(),
            ["EVAL", "GET", "SET"]
        );
    }
}
