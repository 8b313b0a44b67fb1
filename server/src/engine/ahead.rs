//! A pipeline's data commands, read ahead: their keys are fetched from memory together, then each runs in its turn.
//!
//! This is the usual case made short, never a second meaning: whatever is not a data command of a client in its plain
//! state is left to [`Engine::dispatch`]. While data commands run, nothing about their client can change.
//!
//! Reading the clock costs as much as a small command, so brief ones share a reading: each is counted as long as the
//! average of its row. What makes that safe is a coarse clock, cheap enough to be looked at after every command, that
//! moves at least every 10 ms: a command that takes so long ends its row and is timed with the few microseconds of
//! those before it, so that the slow log and the statistics name the right one. Whoever wants to know of shorter times
//! through `slowlog-log-slower-than` or `latency-monitor-threshold` has every command timed by itself.

use crate::data::dict::Soon;
use crate::engine::Engine;
use crate::engine::call::View;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::registry::table::{Entry, Plan};
use crate::resp::args::{Args, Span};
use crate::resp::output::Output;
use crate::resp::reply::Reply;
use crate::resp::request::{Parser, read_ahead};

/// Commands read ahead at a time.
const COMMANDS_MAX: usize = 64;

/// Keys fetched at a time: what one fetches must not drive out of the cache what another one did.
const KEYS_MAX: usize = 256;

/// An element is fetched so many keys before it is needed: the bucket that says where it is has come by then, and the
/// element has as long to come. About as many are on their way as a processor can wait for.
const KEYS_BETWEEN: usize = 10;

/// Within this much time the coarse clock moves.
const COARSE_US: u64 = 10_000;

/// Room for what was read ahead, kept between uses.
#[derive(Default)]
pub(crate) struct ReadAhead {
    commands: Vec<Planned>,
    spans: Vec<Span>,
    /// The keys of the commands, in their order; up to [`KEYS_MAX`] of them, and none while nothing is worth fetching.
    keys: Vec<Soon>,
    /// How many of the keys have had their elements fetched.
    fetched: usize,
}

/// A command read ahead.
struct Planned {
    entry: &'static Entry,
    plan: &'static Plan,
    /// Where its arguments are among the spans.
    spans: (usize, usize),
    /// Its keys, and all before, end here.
    keys_end: usize,
    /// Where the next command begins.
    end: usize,
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
        let states = ClientFlags::PENDING_WRITE
            | ClientFlags::WRITE_BLOCKED
            | ClientFlags::NO_EVICT
            | ClientFlags::UNIX_SOCKET;
        let plain = client.flags.difference(states) == ClientFlags::AUTHENTICATED;
        let limited = self.is_over_memory()
            || self.client_memory.is_limited()
            || !self.monitors.is_empty()
            || self.changes.tracked && self.has_too_many_tracked_keys();
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
        let Some(from) = parser.ahead_from() else {
            return 0;
        };
        let mut ahead = std::mem::take(&mut self.ahead);
        self.plan(view.db, bytes, from, commands_max, &mut ahead);

        let exact = self.slow_from_us < COARSE_US;
        let coarse = if ahead.commands.len() > 1 {
            self.host.coarse_time()
        } else {
            0
        };
        let (mut row, mut count) = (0, 0);
        for command in &ahead.commands {
            let fetched = (command.keys_end + KEYS_BETWEEN).min(ahead.keys.len());
            if ahead.fetched < fetched {
                let table = &self.keyspace.db(view.db).table;
                for soon in &ahead.keys[ahead.fetched..fetched] {
                    table.fetch_element(*soon);
                }
                ahead.fetched = fetched;
            }
            let Planned { entry, plan, .. } = *command;
            let (first, end) = command.spans;
            let args = Args::new(bytes, &ahead.spans[first..end], &[]);
            if !plan.brief && row < count {
                self.end_row(key, &ahead.commands[row..count], args);
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
            // Whoever leaves too much unread is about to be closed, and runs nothing more. Memory is made free, or the next
            // command refused, before that one runs.
            let ends =
                count == ahead.commands.len() || out.len() >= output_max || self.is_over_memory();
            let ready = self.blocked.has_ready();
            if ends || exact || ready || !plan.brief || self.host.coarse_time() != coarse {
                self.end_row(key, &ahead.commands[row..count], args);
                row = count;
            }
            if ready {
                self.serve_ready();
            }
            if ends {
                break;
            }
        }
        let last = count.checked_sub(1).map(|last| &ahead.commands[last]);
        if let Some(last) = last
            && let Some(client) = self.clients.get_mut(key)
        {
            parser.ran(last.end);
            client.last = Some(last.entry);
            client.commands += count as u64;
        }
        self.ahead = ahead;
        count
    }

    /// Reads the data commands that stand at `at`, at most `commands_max`, and begins to fetch what their keys need.
    #[inline]
    fn plan(
        &self,
        db: usize,
        bytes: &[u8],
        mut at: usize,
        commands_max: usize,
        ahead: &mut ReadAhead,
    ) {
        ahead.commands.clear();
        ahead.spans.clear();
        ahead.keys.clear();
        ahead.fetched = 0;
        let table = &self.keyspace.db(db).table;
        let fetching = table.is_worth_fetching();
        // A pipeline says the same again and again.
        let mut before: Option<(&[u8], &'static Entry, &'static Plan)> = None;
        while ahead.commands.len() < commands_max.min(COMMANDS_MAX) {
            let first = ahead.spans.len();
            let Some(end) = read_ahead(bytes, at, &mut ahead.spans) else {
                break;
            };
            let spans = &ahead.spans[first..];
            let name = spans[0].of(bytes);
            let (entry, plan) = match before {
                Some((same, entry, plan)) if same == name => (entry, plan),
                _ => {
                    let Some(entry) = self.registry.find(name) else {
                        break;
                    };
                    let Some(plan) = &entry.plan else {
                        break;
                    };
                    before = Some((name, entry, plan));
                    (entry, plan)
                }
            };
            if !entry.command.accepts(spans.len()) {
                break;
            }
            // The only key of an only command is fetched no sooner by being fetched ahead.
            let only = end == bytes.len() && ahead.commands.is_empty() && spans.len() <= 3;
            if fetching && !only {
                let (first, last, step) = plan.keys;
                let mut index = first;
                while index <= last
                    && ahead.keys.len() < KEYS_MAX
                    && let Some(key) = spans.get(index)
                {
                    ahead.keys.push(table.fetch_bucket(key.of(bytes)));
                    index += step;
                }
            }
            ahead.commands.push(Planned {
                entry,
                plan,
                spans: (first, ahead.spans.len()),
                keys_end: ahead.keys.len(),
                end,
            });
            at = end;
        }
    }

    /// Counts a row of commands that ended just now, each as long as their average; `args` are those of the last.
    fn end_row(&mut self, key: ClientKey, row: &[Planned], args: Args<'_>) {
        let Some((last, count)) = row.last().zip(u64::try_from(row.len()).ok()) else {
            return;
        };
        let now = self.host.now();
        let took_us = now.mono_us - self.now.mono_us;
        self.now = now;
        self.stats.commands_us += took_us;
        let (mut ended, mut counted_us) = (0, 0);
        for same in row.chunk_by(|a, b| std::ptr::eq(a.entry, b.entry)) {
            let slot = same[0].entry.slot;
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
        self.note_slow(key, last.entry, args, took_us);
    }
}
