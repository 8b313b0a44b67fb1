//! A pipeline's data commands, read ahead: their keys are fetched from memory together, then each runs in its turn.
//!
//! This is the usual case made short, never a second meaning: whatever is not a data command of a client in its plain
//! state is left to [`Engine::dispatch`]. While data commands run, nothing about their client can change.
//!
//! Reading the clock costs as much as a small command, so brief ones share a reading: each is counted as long as the
//! average of its row. What makes that safe is a coarse clock, cheap enough to be looked at after every command, that
//! moves at least every 10 ms: a command that takes so long ends its row and is timed with the few microseconds of
//! those before it, so that the slow log and the statistics name the right one. Whoever wants to know of shorter times
//! through `slowlog-log-slower-than` has every command timed by itself.

use crate::engine::Engine;
use crate::engine::call::View;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::registry::table::{Entry, Plan};
use crate::resp::args::Args;
use crate::resp::output::Output;
use crate::resp::reply::Reply;
use crate::resp::request::{Ahead, Parser};

/// Commands read ahead at a time.
const COMMANDS_MAX: usize = 16;

/// Within this much time the coarse clock moves.
const COARSE_US: i64 = 10_000;

/// Room for what was read ahead, kept between uses.
#[derive(Default)]
pub(crate) struct ReadAhead {
    commands: Vec<Ahead>,
    entries: Vec<(&'static Entry, Plan)>,
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
        let protocol = client.protocol;
        let view = View {
            db: client.db,
            ..View::default()
        };
        let mut ahead = std::mem::take(&mut self.ahead);
        parser.read_ahead(bytes, &mut ahead.commands, commands_max.min(COMMANDS_MAX));
        ahead.entries.clear();
        for command in &ahead.commands {
            match self.planned(parser.args_ahead(bytes, *command)) {
                Some(entry) => ahead.entries.push(entry),
                None => break,
            }
        }
        let commands = &ahead.commands[..ahead.entries.len()];
        // A single key is fetched no sooner by being fetched ahead.
        if commands.len() > 1 || commands.first().is_some_and(|only| only.len() > 3) {
            self.warm(view.db, parser, bytes, commands, &ahead.entries);
        }

        let exact = (0..COARSE_US).contains(&self.config.slowlog_log_slower_than);
        let coarse = if commands.len() > 1 {
            self.host.coarse_time()
        } else {
            0
        };
        let (mut row, mut count) = (0, 0);
        for (command, (entry, plan)) in commands.iter().zip(&ahead.entries) {
            let args = parser.args_ahead(bytes, *command);
            if !plan.brief && row < count {
                self.end_row(key, &ahead.entries[row..count], args);
                row = count;
            }
            let held = out.len();
            let outcome = self.run_data(view, plan.run, args, Reply::new(out, protocol, false));
            if let Err(error) = outcome {
                debug_assert_eq!(out.len(), held, "{} wrote half a reply", entry.full_name);
                self.stats.count_failure(entry.slot, error.code());
                Reply::new(out, protocol, false).error(&error);
            }
            if !self.changes.list.is_empty() {
                self.announce();
            }
            count += 1;
            // Whoever leaves too much unread is about to be closed, and runs nothing more.
            let ends = count == commands.len() || out.len() >= output_max;
            let ready = self.blocked.has_ready();
            if ends || exact || ready || !plan.brief || self.host.coarse_time() != coarse {
                self.end_row(key, &ahead.entries[row..count], args);
                row = count;
            }
            if ready {
                self.serve_ready();
            }
            if ends {
                break;
            }
        }
        let last = count
            .checked_sub(1)
            .map(|last| (commands[last], ahead.entries[last].0));
        self.ahead = ahead;
        if let Some((command, entry)) = last
            && let Some(client) = self.clients.get_mut(key)
        {
            parser.ran(command);
            client.last = Some(entry);
            client.commands += count as u64;
        }
        count
    }

    /// The data command that the arguments are, if they are one with as many arguments as it takes.
    #[inline]
    fn planned(&self, args: Args<'_>) -> Option<(&'static Entry, Plan)> {
        let entry = self.registry.find(args.at(0))?;
        let plan = entry.plan?;
        entry.command.accepts(args.len()).then_some((entry, plan))
    }

    /// Fetches what looking the commands' keys up will touch.
    fn warm(
        &self,
        db: usize,
        parser: &Parser,
        bytes: &[u8],
        commands: &[Ahead],
        entries: &[(&'static Entry, Plan)],
    ) {
        let Some(mut warming) = self.keyspace.db(db).table.warm() else {
            return;
        };
        for (command, (_, plan)) in commands.iter().zip(entries) {
            let args = parser.args_ahead(bytes, *command);
            let (first, last, step) = plan.keys;
            let mut index = first;
            while index <= last
                && let Some(key) = args.get(index)
            {
                warming.add(key);
                index += step;
            }
        }
        warming.finish();
    }

    /// Counts a row of commands that ended just now, each as long as their average; `args` are those of the last.
    fn end_row(&mut self, key: ClientKey, row: &[(&'static Entry, Plan)], args: Args<'_>) {
        let Some(((last, _), count)) = row.last().zip(u64::try_from(row.len()).ok()) else {
            return;
        };
        let now = self.host.now();
        let took_us = now.mono_us - self.now.mono_us;
        self.now = now;
        self.stats.commands_us += took_us;
        let (mut ended, mut counted_us) = (0, 0);
        for same in row.chunk_by(|(a, _), (b, _)| std::ptr::eq(*a, *b)) {
            let slot = same[0].0.slot;
            // What dividing leaves over is not lost, but goes to the next.
            ended += same.len() as u64;
            let until_us = took_us * ended / count;
            self.stats
                .count_calls(slot, same.len() as u64, until_us - counted_us);
            counted_us = until_us;
            if self.config.latency_tracking {
                let each_ns = took_us.saturating_mul(1000) / count;
                self.stats.latencies[slot].record(each_ns, same.len() as u32);
            }
        }
        self.note_slow(key, last, args, took_us);
    }
}
