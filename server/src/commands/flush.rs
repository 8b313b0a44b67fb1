//! Commands on whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.

use std::ops::Range;

use crate::engine::{Call, Client, ClientFlags, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("dbsize", "1.0.0", Group::Server, 1, Run::Engine(dbsize))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .summary("Returns the number of keys in the database.")
        .complexity("O(1)")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    Command::new("flushdb", "1.0.0", Group::Server, -1, Run::Engine(flushdb))
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
        .args(&[Arg::one_of(
            "flush-type",
            &[
                Arg::word("async", "ASYNC").since("4.0.0"),
                Arg::word("sync", "SYNC").since("6.2.0"),
            ],
        )
        .optional()])
        .summary("Remove all keys from the current database.")
        .complexity("O(N) where N is the number of keys in the selected database")
        .history(&[
            ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
            ("6.2.0", "Added the `SYNC` flushing mode modifier."),
        ])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::new(
        "flushall",
        "1.0.0",
        Group::Server,
        -1,
        Run::Engine(flushall),
    )
    .flags(Flags::WRITE)
    .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
    .args(&[Arg::one_of(
        "flush-type",
        &[
            Arg::word("async", "ASYNC").since("4.0.0"),
            Arg::word("sync", "SYNC").since("6.2.0"),
        ],
    )
    .optional()])
    .summary("Removes all keys from all databases.")
    .complexity("O(N) where N is the total number of keys in all databases")
    .history(&[
        ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
        ("6.2.0", "Added the `SYNC` flushing mode modifier."),
    ])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::new("swapdb", "4.0.0", Group::Server, 3, Run::Engine(swapdb))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
        .args(&[
            Arg::new("index1", ArgKind::Integer),
            Arg::new("index2", ArgKind::Integer),
        ])
        .summary("Swaps two Redis databases.")
        .complexity(
            "O(N) where N is the count of clients watching or blocking on \
             keys from both databases.",
        ),
];

fn dbsize(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let db = engine.with_keys(call.client, |keys| keys.db);
    call.reply.count(engine.keyspace.db(db).table.len());
    Ok(())
}

fn flushdb(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let how = How::from_args(engine, call)?;
    let db = engine.with_keys(call.client, |keys| keys.db);
    empty(engine, call, db..db + 1, how);
    call.reply.ok();
    Ok(())
}

fn flushall(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let how = How::from_args(engine, call)?;
    let all = 0..engine.keyspace.len();
    empty(engine, call, all, how);
    call.reply.ok();
    Ok(())
}

/// When what was removed is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Before the reply.
    Sync,
    /// While other commands run.
    Async,
}

impl How {
    fn from_args(engine: &Engine, call: &Call<'_>) -> Result<How, Error> {
        match call.args.len() {
            1 if engine.config.lazyfree_lazy_user_flush => Ok(How::Async),
            1 => Ok(How::Sync),
            2 if call.args.is(1, "SYNC") => Ok(How::Sync),
            2 if call.args.is(1, "ASYNC") => Ok(How::Async),
            _ => Err(Error::SYNTAX),
        }
    }
}

/// Empties databases.
pub(super) fn empty(engine: &mut Engine, call: &mut Call<'_>, dbs: Range<usize>, how: How) {
    if engine.changes.tracked {
        let keys = engine.invalidate_all();
        match how {
            How::Sync => drop(keys),
            How::Async => engine.host.discard(Box::new(keys), 0),
        }
        let queued = |client: &Client| client.is(ClientFlags::MULTI);
        if how == How::Sync && !engine.clients.get(call.client).is_some_and(queued) {
            engine.invalidate_before_reply(call.client, &mut call.reply);
        }
    }
    for db in dbs {
        engine.touch_watched_of(db, None);
        let removed = engine.keyspace.empty(db);
        engine.changes.dirty += removed.table.len() as u64;
        match how {
            How::Sync => drop(removed),
            How::Async => {
                let objects = removed.table.len();
                engine.keyspace.stats.lazyfreed += objects as u64;
                engine.host.discard(Box::new(removed), objects);
            }
        }
    }
}

fn swapdb(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let first = number(call.args.at(1), "ERR invalid first DB index")?;
    let second = number(call.args.at(2), "ERR invalid second DB index")?;
    let exists = |db: i32| {
        usize::try_from(db)
            .ok()
            .filter(|&db| db < engine.keyspace.len())
    };
    let (Some(first), Some(second)) = (exists(first), exists(second)) else {
        return Err(Error::fixed("ERR DB index is out of range"));
    };
    if first != second {
        // The watches stay with their database; what it holds becomes another.
        engine.touch_watched_of(first, Some(second));
        engine.touch_watched_of(second, Some(first));
        engine.keyspace.swap(first, second);
        engine.mark_ready_all(first);
        engine.mark_ready_all(second);
    }
    engine.changes.dirty += 1;
    call.reply.ok();
    Ok(())
}

fn number(text: &[u8], refusal: &'static str) -> Result<i32, Error> {
    integers::parse_i64(text)
        .and_then(|number| i32::try_from(number).ok())
        .ok_or(Error::fixed(refusal))
}
