//! Running one command: the handler, its error, its time, and what follows from the keys it touched.

use crate::config::Config;
use crate::engine::blame::blaming;
use crate::engine::blocked::{Flow, Nil};
use crate::engine::client::{ClientFlags, ClientKey};
use crate::engine::data::Data;
use crate::engine::{Client, Engine};
use crate::keyspace::changes::Class;
use crate::keyspace::db::Keys;
use crate::registry::command::{Flags, Outcome, Run};
use crate::registry::table::Entry;
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::resp::reply::{Protocol, Reply};

/// What a command sees that sequences subsystems.
pub(crate) struct Call<'a> {
    pub(crate) client: ClientKey,
    pub(crate) args: Args<'a>,
    pub(crate) reply: Reply<'a>,
}

/// What a data command's client brings with it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    pub(super) db: usize,
    pub(super) no_touch: bool,
    pub(super) reads_only_messages: bool,
}

impl View {
    fn of(client: &Client) -> View {
        View {
            db: client.db,
            no_touch: client.is(ClientFlags::NO_TOUCH),
            reads_only_messages: client.is(ClientFlags::PUBSUB)
                && client.protocol == Protocol::Resp2,
        }
    }
}

/// The moment before a command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    at_us: u64,
    output_len: usize,
    /// What running it in vain has taken before: to the operator it is one command, however often it ran.
    before_us: u64,
    /// It runs once more after waiting.
    again: bool,
}

/// What a command brings with it that runs again after waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited {
    /// When it gives up.
    pub(super) until_us: Option<u64>,
    /// What running it in vain has taken.
    pub(super) took_us: u64,
}

impl Engine {
    /// Runs one command that passed the gate, and writes its reply.
    pub(crate) fn call(
        &mut self,
        client: ClientKey,
        entry: &'static Entry,
        args: Args<'_>,
        mut reply: Reply<'_>,
    ) {
        let begun = self.begin_call(&reply);
        let outcome = match entry.command.run {
            Run::Data(run) => {
                let Some(session) = self.clients.get_mut(client) else {
                    return;
                };
                session.commands += 1;
                let view = View::of(session);
                self.run_data(view, run, args, reply.reborrow())
            }
            Run::Blocking(run) => {
                return self.call_blocking(client, entry, run, args, reply, None);
            }
            Run::Engine(run) => {
                let mut call = Call {
                    client,
                    args,
                    reply: reply.reborrow(),
                };
                let outer = std::mem::replace(&mut self.inside_command, true);
                let outcome = blaming(args, || run(self, &mut call));
                self.inside_command = outer;
                // CLIENT LIST does not count the command that asks for it.
                if let Some(session) = self.clients.get_mut(client) {
                    session.commands += 1;
                }
                outcome
            }
            Run::Container => Err(Error::arity(&entry.full_name)),
        };
        self.end_call(client, entry, args, reply, begun, outcome);
    }

    /// Runs a command that may have to wait, or that has: then `waited` says for how long it may still.
    pub(super) fn call_blocking(
        &mut self,
        client: ClientKey,
        entry: &'static Entry,
        run: fn(&mut Data<'_>) -> Result<Flow, Error>,
        args: Args<'_>,
        mut reply: Reply<'_>,
        waited: Option<Waited>,
    ) {
        let Some(session) = self.clients.get(client) else {
            return;
        };
        let view = View::of(session);
        let mut begun = self.begin_call(&reply);
        begun.before_us = waited.map_or(0, |waited| waited.took_us);
        begun.again = waited.is_some();
        let outcome = match self.run_data(view, run, args, reply.reborrow()) {
            Ok(Flow::Block(block)) if !self.inside_command => {
                let took_us = self.clock(&begun);
                self.park(client, entry, args, block, waited, took_us);
                if !self.changes.list.is_empty() {
                    self.announce();
                }
                if !self.monitors.is_empty() && !begun.again {
                    self.show_to_monitors(client, entry, args);
                }
                return;
            }
            Ok(Flow::Block(block)) => {
                match block.refusal {
                    Nil::Bulk => reply.null(),
                    Nil::Array => reply.null_array(),
                }
                Ok(())
            }
            Ok(Flow::Done) => Ok(()),
            Err(error) => Err(error),
        };
        if let Some(session) = self.clients.get_mut(client) {
            session.commands += 1;
        }
        self.end_call(client, entry, args, reply, begun, outcome);
    }

    /// What [`Engine::end_call`] must know of the moment before a command.
    #[inline]
    pub(super) fn begin_call(&mut self, reply: &Reply<'_>) -> Begun {
        let now = if self.inside_command {
            self.host.now()
        } else {
            self.now
        };
        Begun {
            at_us: now.mono_us,
            output_len: reply.output_len(),
            before_us: 0,
            again: false,
        }
    }

    /// Runs a data command for a client with this view.
    #[inline]
    pub(super) fn run_data<T>(
        &mut self,
        view: View,
        run: impl FnOnce(&mut Data<'_>) -> T,
        args: Args<'_>,
        reply: Reply<'_>,
    ) -> T {
        let mut data = Data {
            args,
            keys: Keys {
                keyspace: &mut self.keyspace,
                changes: &mut self.changes,
                rng: &mut self.rng,
                db: view.db,
                now_ms: self.now.wall_ms(),
                access: self.access,
                no_touch: view.no_touch,
                used: 0,
            },
            reply,
            config: &self.config,
            now: self.now,
            reads_only_messages: view.reads_only_messages,
        };
        blaming(args, || run(&mut data))
    }

    /// Lets a command that is not a data command see what one sees.
    pub(crate) fn with_data<T>(
        &mut self,
        call: &mut Call<'_>,
        work: impl FnOnce(&mut Data<'_>) -> T,
    ) -> T {
        let view = self.clients.get(call.client).map(View::of);
        let (args, reply) = (call.args, call.reply.reborrow());
        self.run_data(view.unwrap_or_default(), work, args, reply)
    }

    /// Writes a command's error, counts the command, and carries out what follows from the keys it touched.
    #[inline]
    pub(super) fn end_call(
        &mut self,
        client: ClientKey,
        entry: &'static Entry,
        args: Args<'_>,
        mut reply: Reply<'_>,
        begun: Begun,
        outcome: Outcome,
    ) {
        if let Err(error) = outcome {
            debug_assert_eq!(
                reply.output_len(),
                begun.output_len,
                "{} wrote half a reply and failed",
                entry.full_name
            );
            self.stats.count_failure(entry.slot, error.code());
            reply.error(&error);
        }
        let took_us = self.clock(&begun);
        self.account(client, entry, args, took_us);
        if !self.changes.list.is_empty() {
            self.announce();
        }
        // Whoever waited was shown when it began to.
        if !self.monitors.is_empty() && !begun.again {
            self.show_to_monitors(client, entry, args);
        }
        // Last: a key that the command changed itself before it read it is not stale.
        if self.changes.tracked {
            self.note_read(client, entry, args);
        }
    }

    /// Reads the clock after a command, and returns what it took.
    #[inline]
    fn clock(&mut self, begun: &Begun) -> u64 {
        let now = self.host.now();
        let took_us = now.mono_us - begun.at_us;
        // All that a transaction does, it does at one moment: no key of it expires half-way.
        if !self.inside_command {
            self.now = now;
            self.stats.commands_us += took_us;
        }
        begun.before_us + took_us
    }

    /// Counts a command that has been answered.
    #[inline]
    pub(super) fn account(
        &mut self,
        client: ClientKey,
        entry: &'static Entry,
        args: Args<'_>,
        took_us: u64,
    ) {
        self.stats.count_calls(entry.slot, 1, took_us);
        if self.config.latency_tracking {
            self.stats.latencies[entry.slot].record(took_us.saturating_mul(1000), 1);
        }
        self.note_slow(client, entry, args, took_us);
    }

    /// Tells the operator of a command if it was slow.
    #[inline]
    pub(super) fn note_slow(
        &mut self,
        client: ClientKey,
        entry: &Entry,
        args: Args<'_>,
        took_us: u64,
    ) {
        if took_us >= self.slow_from_us {
            self.note_as_slow(client, entry, args, took_us);
        }
    }

    #[cold]
    fn note_as_slow(&mut self, client: ClientKey, entry: &Entry, args: Args<'_>, took_us: u64) {
        let fast = entry.command.flags.contains(Flags::FAST);
        self.note_latency(if fast { "fast-command" } else { "command" }, took_us);
        let log_from_us = u64::try_from(self.config.slowlog_log_slower_than);
        if log_from_us.is_ok_and(|log_from_us| took_us >= log_from_us) {
            self.log_slow(client, entry, args, took_us);
        }
    }

    /// Notes a spike of this event, one of those Redis names, if it took as long as `latency-monitor-threshold` says.
    pub(crate) fn note_latency(&mut self, event: &'static str, took_us: u64) {
        let from_ms = u64::try_from(self.config.latency_monitor_threshold).unwrap_or_default();
        let took_ms = took_us / 1000;
        if from_ms > 0 && took_ms >= from_ms {
            // The moment it ended, also within a transaction, whose commands see the time at which it began.
            let at_s = self.host.now().wall_s();
            self.spikes.add(event, at_s, took_ms);
        }
    }

    fn log_slow(&mut self, client: ClientKey, entry: &Entry, args: Args<'_>, took_us: u64) {
        let Some(client) = self.clients.get(client) else {
            return;
        };
        if entry.command.flags.contains(Flags::SKIP_SLOWLOG) {
            return;
        }
        let name = client
            .labels
            .as_ref()
            .map_or(b"".as_slice(), |labels| &labels.name);
        let peer = client.peer.addr.to_string();
        let (len_max, at_s) = (self.config.slowlog_max_len, self.now.wall_s());
        let args = without_secrets(entry, args);
        self.slowlog
            .push(len_max, at_s, took_us, args.iter().copied(), peer, name);
    }

    /// Turns what happened to keys into everything that follows from it.
    pub(crate) fn announce(&mut self) {
        let mut list = std::mem::take(&mut self.changes.list);
        for change in &list {
            if self.changes.measured {
                self.keyspace.measure(change.db, &change.key);
            }
            if change.modified && self.changes.watched {
                self.touch_watched(change.db, &change.key);
            }
            if change.modified && self.changes.tracked {
                self.invalidate(change);
            }
            if self.changes.awaited && change.class == Class::NEW {
                self.mark_ready(change.db, &change.key);
            }
            if self.changes.notify.intersects(change.class) {
                self.publish_event(change);
            }
        }
        // The list's room is kept for the next command.
        list.clear();
        self.changes.list = list;
    }
}

/// The arguments with every secret replaced, as logs may show them.
pub(super) fn without_secrets<'a>(entry: &Entry, args: Args<'a>) -> Vec<&'a [u8]> {
    const REDACTED: &[u8] = b"(redacted)";
    let mut shown: Vec<&[u8]> = args.iter().collect();
    let secrets = match entry.full_name.as_str() {
        "auth" => 1..args.len(),
        "hello" => {
            let mut index = 2;
            while index + 2 < args.len() && !args.is(index, "auth") {
                index += if args.is(index, "setname") { 2 } else { 1 };
            }
            if index + 2 < args.len() {
                index + 1..index + 3
            } else {
                0..0
            }
        }
        "config|set" => {
            for index in (3..args.len()).step_by(2) {
                if Config::is_sensitive(args.at(index - 1)) {
                    shown[index] = REDACTED;
                }
            }
            0..0
        }
        _ => 0..0,
    };
    shown[secrets].fill(REDACTED);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::table::table;
    use crate::resp::args::OwnedArgs;

    #[test]
    fn passwords_are_not_shown() {
        let shown = |line: &str| {
            let args: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
            let args = args.as_args();
            let entry = crate::engine::dispatch::find(table(), args).expect("a command");
            let words = without_secrets(entry, args);
            words
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(shown("AUTH u pw"), "AUTH (redacted) (redacted)");
        assert_eq!(
            shown("HELLO 3 AUTH u pw SETNAME n"),
            "HELLO 3 AUTH (redacted) (redacted) SETNAME n"
        );
        assert_eq!(
            shown("HELLO 3 SETNAME auth AUTH u pw"),
            "HELLO 3 SETNAME auth AUTH (redacted) (redacted)"
        );
        assert_eq!(shown("HELLO 3 AUTH u"), "HELLO 3 AUTH u");
        assert_eq!(
            shown("CONFIG SET timeout 1 requirepass pw"),
            "CONFIG SET timeout 1 requirepass (redacted)"
        );
        assert_eq!(shown("SET k auth"), "SET k auth");
    }
}
