//! From arguments to a command: look it up, pass the gate, then queue it or run it.

use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::engine::gate::{Candidate, Refusal};
use crate::registry::table::Entry;
use crate::resp::args::{Args, OwnedArgs};
use crate::resp::error::Error;
use crate::resp::output::Output;
use crate::resp::reply::Reply;

/// An error text quotes at most so many bytes of a command's name, and as many of its arguments.
const QUOTED_LEN_MAX: usize = 128;

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was answered, queued or refused; the next one may come.
    Done,
    /// It waits for the end of CLIENT PAUSE.
    Postponed,
}

impl Engine {
    /// Carries out one command of a client, which must be connected.
    pub(crate) fn dispatch(&mut self, key: ClientKey, args: Args<'_>, out: &mut Output) -> Verdict {
        if self.changes.tracked && self.has_too_many_tracked_keys() {
            self.limit_tracked_keys();
            // What the client is told of that answers nothing, so it comes before the reply.
            if let Some(client) = self.clients.get_mut(key) {
                out.append(&mut client.output);
            }
        }
        let Some(client) = self.clients.get_mut(key) else {
            return Verdict::Done;
        };
        let skip = client.flags.contains(ClientFlags::REPLY_SKIP_NEXT);
        client.flags.set(ClientFlags::REPLY_SKIP, skip);
        client.flags.remove(ClientFlags::REPLY_SKIP_NEXT);
        let (protocol, muted) = (client.protocol, client.is_muted());
        let found = find(self.registry, args);
        client.last = found.as_ref().ok().copied();
        let entry = match found {
            Ok(entry) => entry,
            Err(_) if is_foreign_protocol(args) => {
                log::warn!(
                    "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to \
                     Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to \
                     compromise your Redis instance. Connection aborted."
                );
                self.doom(key);
                return Verdict::Done;
            }
            Err(error) => {
                self.reject(key, None, &error, Reply::new(out, protocol, muted));
                return Verdict::Done;
            }
        };
        // Redis does so after the first checks. Who fails one of those is gone at the end of the turn anyway, and keys
        // that are too many go before the next command.
        self.evict_clients();
        if self.config.maxmemory != 0 {
            self.evict_keys();
            // What was evicted before the command is told before its reply.
            if let Some(client) = self.clients.get_mut(key) {
                out.append(&mut client.output);
            }
        }
        let Some(client) = self.clients.get(key) else {
            return Verdict::Done;
        };
        let mut reply = Reply::new(out, protocol, muted);
        if client.is(ClientFlags::DOOMED) {
            return Verdict::Done;
        }
        match self.admit(&Candidate {
            client,
            entry,
            args,
        }) {
            Ok(()) => {}
            Err(Refusal::Postpone) => return Verdict::Postponed,
            Err(Refusal::Error(error)) => {
                self.reject(key, Some(entry), &error, reply);
                return Verdict::Done;
            }
        }
        if client.is(ClientFlags::MULTI) && !runs_inside_multi(entry) {
            if let Some(transaction) = self
                .clients
                .get_mut(key)
                .and_then(|client| client.transaction.as_mut())
            {
                transaction.queue(entry, OwnedArgs::from_args(args));
            }
            reply.status("QUEUED");
            return Verdict::Done;
        }
        self.begin_invalidation(key);
        self.call(key, entry, args, reply);
        self.end_invalidation(key);
        // Not before: what a transaction does in between is seen by nobody.
        if self.blocked.has_ready() {
            self.serve_ready();
        }
        Verdict::Done
    }

    /// Answers a command that will not run; within MULTI it also spoils the transaction.
    pub(super) fn reject(
        &mut self,
        key: ClientKey,
        entry: Option<&'static Entry>,
        error: &Error,
        mut reply: Reply<'_>,
    ) {
        if let Some(client) = self
            .clients
            .get_mut(key)
            .filter(|client| client.is(ClientFlags::MULTI))
        {
            client.flags.insert(ClientFlags::DIRTY_EXEC);
        }
        if let Some(entry) = entry {
            self.stats.commands[entry.slot].rejected += 1;
        }
        if entry.is_some_and(|entry| entry.command.name == "exec") {
            // An EXEC that may not run ends the transaction; Redis says why inside EXECABORT.
            let line = [
                b"EXECABORT Transaction discarded because of: ",
                error.line().strip_prefix(b"ERR ").unwrap_or(error.line()),
            ]
            .concat();
            self.discard(key);
            let error = Error::new(line);
            self.stats.count_error(error.code());
            return reply.error(&error);
        }
        self.stats.count_error(error.code());
        reply.error(error);
    }

    /// Leaves MULTI: forgets what was queued and what was watched.
    pub(crate) fn discard(&mut self, key: ClientKey) {
        self.unwatch(key);
        if let Some(client) = self.clients.get_mut(key) {
            client.transaction = None;
            client
                .flags
                .remove(ClientFlags::MULTI | ClientFlags::DIRTY_EXEC | ClientFlags::DIRTY_CAS);
        }
    }
}

/// The commands that act on the transaction instead of being queued in it.
fn runs_inside_multi(entry: &Entry) -> bool {
    matches!(
        entry.full_name.as_str(),
        "exec" | "discard" | "multi" | "watch" | "quit" | "reset"
    )
}

/// A browser made to speak to us: the request line of an HTTP POST, or a Host header.
fn is_foreign_protocol(args: Args<'_>) -> bool {
    args.is(0, "post") || args.is(0, "host:")
}

/// The command that the arguments name.
///
/// # Errors
/// `unknown command` or `unknown subcommand`.
pub(crate) fn find(
    registry: &'static crate::registry::table::Table,
    args: Args<'_>,
) -> Result<&'static Entry, Error> {
    let Some(entry) = registry.find(args.at(0)) else {
        return Err(unknown_command(args));
    };
    match args.get(1) {
        Some(name) if !entry.subcommands.is_empty() => registry
            .find_subcommand(entry, name)
            .ok_or_else(|| unknown_subcommand(entry, name)),
        _ => Ok(entry),
    }
}

fn unknown_command(args: Args<'_>) -> Error {
    let mut quoted = Vec::new();
    for arg in args.rest(1) {
        if quoted.len() >= QUOTED_LEN_MAX {
            break;
        }
        let room = QUOTED_LEN_MAX - quoted.len();
        quoted.push(b'\'');
        quoted.extend_from_slice(text_up_to(arg, room));
        quoted.extend_from_slice(b"' ");
    }
    let name = text_up_to(args.at(0), QUOTED_LEN_MAX);
    Error::new(
        [
            b"ERR unknown command '",
            name,
            b"', with args beginning with: ",
            &quoted,
        ]
        .concat(),
    )
}

fn unknown_subcommand(container: &Entry, name: &[u8]) -> Error {
    let name = &name[..name.len().min(QUOTED_LEN_MAX)];
    let help = format!(
        "'. Try {} HELP.",
        container.command.name.to_ascii_uppercase()
    );
    Error::quoting("ERR unknown subcommand '", name, &help)
}

/// At most `room` bytes, and nothing behind a NUL: Redis formats these as C strings.
fn text_up_to(bytes: &[u8], room: usize) -> &[u8] {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len()).min(room);
    &bytes[..end]
}
