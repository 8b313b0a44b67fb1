//! A pipeline's data commands, read ahead: their keys are fetched from memory together, then each runs in its turn.
//!
//! This is the usual case made short, never a second meaning: whatever is not a data command of a client in its plain
//! state is left to [`Engine::dispatch`]. While data commands run, nothing about their client can change.

use crate::engine::Engine;
use crate::engine::call::View;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::registry::command::{Begin, Find, Run};
use crate::registry::table::Entry;
use crate::resp::args::Args;
use crate::resp::output::Output;
use crate::resp::reply::Reply;
use crate::resp::request::{Ahead, Parser};

/// Commands read ahead at a time.
const COMMANDS_MAX: usize = 16;

/// Room for what was read ahead, kept between uses.
#[derive(Default)]
pub(crate) struct ReadAhead {
    commands: Vec<Ahead>,
    entries: Vec<&'static Entry>,
}

impl Engine {
    /// Runs the data commands at the front of `bytes`, at most `commands_max`; returns how many there were.
    pub(super) fn run_ahead(
        &mut self,
        key: ClientKey,
        parser: &mut Parser,
        bytes: &[u8],
        out: &mut Output,
        commands_max: usize,
    ) -> usize {
        let Some(client) = self.clients.get(key) else {
            return 0;
        };
        // Authenticated, and in no state that a check of the gate or the reply writer asks for.
        let states =
            ClientFlags::PENDING_WRITE | ClientFlags::WRITE_BLOCKED | ClientFlags::NO_EVICT;
        let plain = client.flags.difference(states) == ClientFlags::AUTHENTICATED;
        let limited = self.config.maxmemory != 0 || self.client_memory.is_limited();
        if !plain || limited || self.pause.is_some() {
            return 0;
        }
        let output_max = match self.config.client_output_buffer_limit.normal.hard_bytes {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        };
        let (protocol, mut last) = (client.protocol, client.last);
        let view = View {
            db: client.db,
            ..View::default()
        };
        let mut ahead = std::mem::take(&mut self.ahead);
        parser.read_ahead(bytes, &mut ahead.commands, commands_max.min(COMMANDS_MAX));
        ahead.entries.clear();
        for command in &ahead.commands {
            let args = parser.args_ahead(bytes, *command);
            match self.data_command(args, last) {
                Some(entry) => ahead.entries.push(entry),
                None => break,
            }
            last = ahead.entries.last().copied();
        }
        if ahead.entries.len() > 1 {
            let commands = ahead.commands.iter().zip(&ahead.entries);
            let keys = commands
                .flat_map(|(command, entry)| keys(parser.args_ahead(bytes, *command), entry));
            self.keyspace.db(view.db).table.warm(keys);
        }
        let mut count = 0;
        for (command, entry) in ahead.commands.iter().zip(&ahead.entries) {
            let args = parser.args_ahead(bytes, *command);
            let Run::Data(run) = entry.command.run else {
                break;
            };
            let mut reply = Reply::new(out, protocol, false);
            let begun = self.begin_call(&reply);
            let outcome = self.run_data(view, run, args, reply.reborrow());
            self.end_call(key, entry, args, reply, begun, outcome);
            if self.blocked.has_ready() {
                self.serve_ready();
            }
            parser.ran(*command);
            count += 1;
            last = Some(*entry);
            // Whoever leaves too much unread is about to be closed, and runs nothing more.
            if out.len() >= output_max {
                break;
            }
        }
        self.ahead = ahead;
        if count > 0
            && let Some(client) = self.clients.get_mut(key)
        {
            client.last = last;
            client.commands += count as u64;
        }
        count
    }

    /// The data command that the arguments are, if they are one with as many arguments as it takes.
    fn data_command(&self, args: Args<'_>, last: Option<&'static Entry>) -> Option<&'static Entry> {
        let name = args.at(0);
        // Pipelines repeat themselves.
        let again = last.filter(|entry| name.eq_ignore_ascii_case(entry.full_name.as_bytes()));
        let entry = again.or_else(|| self.registry.find(name))?;
        let usable = matches!(entry.command.run, Run::Data(_))
            && entry.subcommands.is_empty()
            && entry.command.accepts(args.len());
        usable.then_some(entry)
    }
}

/// The keys of a command that says where they are by their places, as nearly all do.
fn keys<'a>(args: Args<'a>, entry: &Entry) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let place = entry
        .command
        .keys
        .first()
        .and_then(|spec| match (spec.begin, spec.find) {
            (
                Begin::Index(first),
                Find::Range {
                    last,
                    step,
                    limit: 0,
                },
            ) => {
                let first = usize::try_from(first).ok()?;
                let count = usize::try_from(last).map_or(usize::MAX, |last| last + 1);
                Some((first, usize::try_from(step).ok()?.max(1), count))
            }
            _ => None,
        });
    let (first, step, count) = place.unwrap_or((usize::MAX, 1, 0));
    args.rest(first).take(count).step_by(step)
}
