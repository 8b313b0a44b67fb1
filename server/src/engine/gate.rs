//! What must hold before a command runs: one function per check, one list, in the order of Redis's `processCommand`.

use crate::config::Asker;
use crate::engine::Engine;
use crate::engine::client::{Client, ClientFlags};
use crate::registry::command::Flags;
use crate::registry::table::Entry;
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::resp::reply::Protocol;

/// CLIENT PAUSE: which commands wait, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) until_ms: i64,
    /// Only commands that may write.
    pub(crate) writes_only: bool,
}

/// Why a command does not run now.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Never: the client is told.
    Error(Error),
    /// Not until the pause ends.
    Postpone,
}

/// One command about to run.
pub(crate) struct Candidate<'a> {
    pub(crate) client: &'a Client,
    pub(crate) entry: &'static Entry,
    pub(crate) args: Args<'a>,
}

type Check = fn(&Engine, &Candidate<'_>) -> Result<(), Refusal>;

/// The checks, in Redis's order; that the command exists was seen when it was looked up.
const GATE: &[Check] = &[
    arity,
    protected,
    authenticated,
    allowed_in_multi,
    within_memory,
    subscriber_mode,
    no_keys_for_monitors,
    paused,
];

impl Engine {
    /// Whether the command may run now.
    #[inline]
    pub(crate) fn admit(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        // Most commands meet none of the states that most checks ask for.
        let states = ClientFlags::AUTHENTICATED
            | ClientFlags::MULTI
            | ClientFlags::PUBSUB
            | ClientFlags::MONITOR;
        let plain = candidate.client.flags & states == ClientFlags::AUTHENTICATED
            && self.pause.is_none()
            && self.config.maxmemory == 0
            && !candidate.entry.command.flags.intersects(Flags::PROTECTED);
        if plain {
            return arity(self, candidate);
        }
        GATE.iter().try_for_each(|check| check(self, candidate))
    }
}

fn arity(_: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    if candidate.entry.command.accepts(candidate.args.len()) {
        Ok(())
    } else {
        Err(Refusal::Error(Error::arity(&candidate.entry.full_name)))
    }
}

/// DEBUG, which could harm a server in use, is for those whom the configuration names.
fn protected(engine: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    if !candidate.entry.command.flags.contains(Flags::PROTECTED) {
        return Ok(());
    }
    let local = candidate.client.peer.addr.is_local();
    let asker = if local { Asker::Local } else { Asker::Remote };
    if engine.config.enable_debug_command.allows(asker) {
        return Ok(());
    }
    Err(Refusal::Error(Error::fixed(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
         local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
    )))
}

fn authenticated(engine: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    let allowed = engine.is_authenticated(candidate.client)
        || candidate.entry.command.flags.contains(Flags::NO_AUTH);
    if allowed {
        Ok(())
    } else {
        Err(Refusal::Error(Error::fixed(
            "NOAUTH Authentication required.",
        )))
    }
}

fn allowed_in_multi(_: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    let refused = candidate.client.is(ClientFlags::MULTI)
        && candidate.entry.command.flags.contains(Flags::NO_MULTI);
    if refused {
        return Err(Refusal::Error(Error::fixed(
            "ERR Command not allowed inside a transaction",
        )));
    }
    Ok(())
}

/// While more memory is in use than `maxmemory` allows, and evicting keys does not help, commands that may need more are
/// refused.
fn within_memory(engine: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    if engine.is_out_of_memory() && has_flags(candidate, Flags::DENYOOM) {
        return Err(Refusal::Error(Error::fixed(
            "OOM command not allowed when used memory > 'maxmemory'.",
        )));
    }
    Ok(())
}

/// In RESP2 a subscriber reads only messages, so it may only manage its subscriptions.
fn subscriber_mode(_: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    const ALLOWED: [&str; 9] = [
        "ping",
        "subscribe",
        "ssubscribe",
        "unsubscribe",
        "sunsubscribe",
        "psubscribe",
        "punsubscribe",
        "quit",
        "reset",
    ];
    let Candidate { client, entry, .. } = candidate;
    let refused = client.is(ClientFlags::PUBSUB)
        && client.protocol == Protocol::Resp2
        && !ALLOWED.contains(&entry.full_name.as_str());
    if refused {
        return Err(Refusal::Error(Error::new(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            entry.full_name
        ))));
    }
    Ok(())
}

/// Redis treats a monitor as a replica, which CLIENT PAUSE does not hold back and which therefore may not touch keys.
fn no_keys_for_monitors(_: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    let touches = Flags::WRITE | Flags::MAY_REPLICATE | Flags::READONLY;
    if candidate.client.is(ClientFlags::MONITOR) && has_flags(candidate, touches) {
        return Err(Refusal::Error(Error::fixed(
            "ERR Replica can't interact with the keyspace",
        )));
    }
    Ok(())
}

fn paused(engine: &Engine, candidate: &Candidate<'_>) -> Result<(), Refusal> {
    let Some(pause) = engine.pause else {
        return Ok(());
    };
    let writes = has_flags(candidate, Flags::WRITE | Flags::MAY_REPLICATE);
    if candidate.client.is(ClientFlags::MONITOR) || pause.writes_only && !writes {
        Ok(())
    } else {
        Err(Refusal::Postpone)
    }
}

/// Whether the command has any of these flags; EXEC has those of what it will run.
fn has_flags(candidate: &Candidate<'_>, flags: Flags) -> bool {
    let Candidate { client, entry, .. } = candidate;
    entry.command.flags.intersects(flags)
        || entry.command.name == "exec"
            && client.transaction.as_ref().is_some_and(|transaction| {
                let mut queued = transaction.queued.iter();
                queued.any(|(entry, _)| entry.command.flags.intersects(flags))
            })
}
