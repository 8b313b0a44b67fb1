//! MONITOR: clients that are shown every command as it is run. What may not be shown the command's constant says.

use std::fmt::Write;

use crate::engine::Engine;
use crate::engine::call::without_secrets;
use crate::engine::client::{Address, ClientFlags, ClientKey};
use crate::registry::command::Flags;
use crate::registry::table::Entry;
use crate::resp::args::Args;
use crate::resp::reply::Broadcast;
use crate::text::shell_words;

impl Engine {
    /// Shows a client every command from now on.
    pub(crate) fn monitor(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key) {
            client.flags.insert(ClientFlags::MONITOR);
            self.monitors.push(key);
        }
    }

    /// Shows a client no more commands.
    pub(super) fn unmonitor(&mut self, key: ClientKey) {
        if let Some(client) = self
            .clients
            .get_mut(key)
            .filter(|client| client.is(ClientFlags::MONITOR))
        {
            client.flags.remove(ClientFlags::MONITOR);
            self.monitors.retain(|other| *other != key);
        }
    }

    /// Shows a command that has been run, in the database that its client has now.
    #[cold]
    pub(super) fn show_to_monitors(&mut self, key: ClientKey, entry: &Entry, args: Args<'_>) {
        let hidden = Flags::ADMIN | Flags::SKIP_MONITOR;
        let Some(client) = self.clients.get(key) else {
            return;
        };
        if entry.command.flags.intersects(hidden) {
            return;
        }
        let (s, us) = (
            self.now.wall_us.div_euclid(1_000_000),
            self.now.wall_us.rem_euclid(1_000_000),
        );
        let from = match &client.peer.addr {
            Address::Unix(path) => format!("unix:{}", String::from_utf8_lossy(path)),
            address @ Address::Tcp(_) => address.to_string(),
        };
        let mut line = format!("{s}.{us:06} [{} {from}]", client.db);
        for arg in without_secrets(entry, args) {
            // Writing to a String cannot fail.
            let _ = write!(line, " {}", shell_words::quoted(arg));
        }
        let mut line = Broadcast::new(|reply| reply.status(&line));
        for monitor in self.monitors.clone() {
            // Unlike a message this counts as a reply, and CLIENT REPLY OFF holds it back.
            if self
                .clients
                .get(monitor)
                .is_some_and(|client| !client.is_muted())
            {
                self.push(monitor, |reply| reply.broadcast(&mut line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::embedded::{Connection, Embedded};

    fn start() -> (Embedded, Connection, Connection) {
        let mut redis = Embedded::new(1);
        let (monitor, client) = (redis.connect(), redis.connect());
        assert_eq!(redis.ask(monitor, "MONITOR"), "+OK\r\n");
        (redis, monitor, client)
    }

    fn shown(redis: &mut Embedded, monitor: Connection) -> String {
        String::from_utf8(redis.output(monitor)).expect("what is shown is ASCII")
    }

    #[test]
    fn a_command_is_shown_with_time_database_and_client() {
        let (mut redis, monitor, client) = start();
        redis.advance(Duration::from_micros(1_000_042));
        redis.exchange(client, b"*2\r\n$3\r\nget\r\n$4\r\n\"\0\xff\n\r\n");
        redis.ask(client, "SELECT 7");
        assert_eq!(
            shown(&mut redis, monitor),
            "+1767225601.000042 [0 127.0.0.1:10001] \"get\" \"\\\"\\x00\\xff\\n\"\r\n\
             +1767225601.000042 [7 127.0.0.1:10001] \"SELECT\" \"7\"\r\n"
        );
    }

    /// What is shown of a line, without time and client.
    fn words(redis: &mut Embedded, monitor: Connection) -> Vec<String> {
        shown(redis, monitor)
            .lines()
            .map(|line| line.split_once("] ").expect("a prefix").1.to_owned())
            .collect()
    }

    #[test]
    fn what_administrators_do_and_what_is_refused_is_not_shown_nor_is_a_password() {
        let (mut redis, monitor, client) = start();
        let lines = "CONFIG GET port\r\nNOSUCH\r\nGET\r\nCLIENT LIST\r\nAUTH pw\r\nHELLO 2 AUTH u pw SETNAME auth\r\nPING";
        redis.ask(client, lines);
        assert_eq!(
            words(&mut redis, monitor),
            [
                "\"AUTH\" \"(redacted)\"",
                "\"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\" \"SETNAME\" \"auth\"",
                "\"PING\"",
            ]
        );
    }

    #[test]
    fn a_transaction_is_shown_when_it_is_run_and_a_waiting_command_once() {
        let (mut redis, monitor, client) = start();
        redis.ask(client, "MULTI\r\nSET k v\r\nSELECT 3\r\nEXEC\r\nBLPOP l 0");
        let other = redis.connect();
        redis.ask(other, "SELECT 3\r\nRPUSH l x");
        assert_eq!(redis.output(client), b"*2\r\n$1\r\nl\r\n$1\r\nx\r\n");
        let words = words(&mut redis, monitor);
        assert_eq!(
            words.join(" | "),
            "\"MULTI\" | \"SET\" \"k\" \"v\" | \"SELECT\" \"3\" | \"EXEC\" | \"BLPOP\" \"l\" \"0\" | \
             \"SELECT\" \"3\" | \"RPUSH\" \"l\" \"x\""
        );
    }

    #[test]
    fn a_monitor_is_shown_its_own_commands_after_their_replies() {
        let (mut redis, monitor, _) = start();
        let told = redis.ask(monitor, "PING\r\nMULTI\r\nPING\r\nCLIENT ID\r\nEXEC");
        let lines: Vec<&str> = told
            .lines()
            .map(|line| line.split_once("] ").map_or(line, |(_, words)| words))
            .collect();
        let words = ["\"PING\"", "\"MULTI\"", "\"CLIENT\" \"ID\"", "\"EXEC\""];
        let [ping, multi, id, exec] = words;
        assert_eq!(
            lines,
            [
                "+PONG", ping, "+OK", multi, "+QUEUED", "+QUEUED", "*2", "+PONG", ":1", ping, id,
                exec
            ]
        );
    }

    #[test]
    fn who_monitors_no_more_costs_nothing() {
        for ending in ["RESET", "QUIT"] {
            let (mut redis, monitor, client) = start();
            redis.ask(monitor, ending);
            assert!(redis.engine.monitors.is_empty(), "{ending}");
            redis.ask(client, "PING");
            assert_eq!(redis.output(monitor), b"");
        }
    }

    #[test]
    fn a_monitor_that_does_not_read_is_closed_at_the_limit_of_normal_clients() {
        let (mut redis, monitor, client) = start();
        redis.ask(
            client,
            "CONFIG SET client-output-buffer-limit \"normal 1000 0 0 pubsub 0 0 0\"",
        );
        // All in one turn, so that nothing is written meanwhile.
        redis.send(client, &b"PING\r\n".repeat(40));
        redis.advance(Duration::ZERO);
        assert!(!redis.is_connected(monitor) && redis.is_connected(client));
    }
}
