//! Running one command: the handler, its error, its time, and what follows from the keys it touched.

use crate::engine::Engine;
use crate::engine::client::{ClientFlags, ClientKey};
use crate::engine::data::Data;
use crate::keyspace::db::Keys;
use crate::registry::command::Run;
use crate::registry::table::Entry;
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::resp::reply::Reply;

/// What a command sees that sequences subsystems.
pub(crate) struct Call<'a> {
    pub(crate) client: ClientKey,
    pub(crate) args: Args<'a>,
    pub(crate) reply: Reply<'a>,
    /// The command itself: its full name stands in some errors.
    pub(crate) entry: &'static Entry,
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
        let started_us = self.now.mono_us;
        let before = reply.output_len();
        let outcome = match entry.command.run {
            Run::Data(run) => {
                let Some(session) = self.clients.get(client) else {
                    return;
                };
                let (db, no_touch) = (session.db, session.is(ClientFlags::NO_TOUCH));
                run(&mut Data {
                    args,
                    keys: Keys {
                        keyspace: &mut self.keyspace,
                        changes: &mut self.changes,
                        rng: &mut self.rng,
                        db,
                        now_ms: self.now.wall_ms(),
                        access: self.access,
                        no_touch,
                    },
                    reply: reply.reborrow(),
                    config: &self.config,
                    now: self.now,
                })
            }
            Run::Engine(run) => {
                let mut call = Call {
                    client,
                    args,
                    reply: reply.reborrow(),
                    entry,
                };
                let outcome = run(self, &mut call);
                // HELLO and RESET choose the protocol of their own reply.
                let protocol = call.reply.protocol();
                reply.set_protocol(protocol);
                outcome
            }
            Run::Container => Err(Error::arity(&entry.full_name)),
        };
        let failed = outcome.is_err();
        if let Err(error) = outcome {
            debug_assert_eq!(
                reply.output_len(),
                before,
                "{} wrote half a reply and failed",
                entry.full_name
            );
            self.stats.count_error(error.code());
            reply.error(&error);
        }
        self.tick();
        let stat = &mut self.stats.commands[entry.slot];
        stat.calls += 1;
        stat.usec += self.now.mono_us - started_us;
        stat.failed += u64::from(failed);
        self.stats.commands_processed += 1;
        if !self.changes.list.is_empty() {
            self.announce();
        }
    }

    /// Turns what happened to keys into everything that follows from it.
    pub(crate) fn announce(&mut self) {
        self.changes.list.clear();
    }
}
