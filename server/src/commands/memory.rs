//! MEMORY: what keys cost, and what the allocator says.

use crate::commands::help::write_help;
use crate::engine::{Call, Data, Engine};
use crate::registry::command::{Arg, ArgKind, Command, Flags, Group, KeyFlags, Keys, Outcome, Run};
use crate::resp::error::Error;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("memory", "4.0.0", Group::Server, -2, Run::Container)
            .summary("A container for memory diagnostics commands.")
            .complexity("Depends on subcommand.")
            .subcommands(&[
                Command::new("doctor", "4.0.0", Group::Server, 2, Run::Engine(doctor))
                    .summary("Outputs a memory problems report.")
                    .complexity("O(1)")
                    .tips(&[
                        "nondeterministic_output",
                        "request_policy:all_shards",
                        "response_policy:special",
                    ]),
                Command::new("help", "4.0.0", Group::Server, 2, Run::Engine(help))
                    .flags(Flags::LOADING.union(Flags::STALE))
                    .summary("Returns helpful text about the different subcommands.")
                    .complexity("O(1)"),
                Command::new(
                    "malloc-stats",
                    "4.0.0",
                    Group::Server,
                    2,
                    Run::Engine(malloc_stats),
                )
                .summary("Returns the allocator statistics.")
                .complexity("Depends on how much memory is allocated, could be slow")
                .tips(&[
                    "nondeterministic_output",
                    "request_policy:all_shards",
                    "response_policy:special",
                ]),
                Command::new("purge", "4.0.0", Group::Server, 2, Run::Engine(purge))
                    .summary("Asks the allocator to release memory.")
                    .complexity("Depends on how much memory is allocated, could be slow")
                    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
                Command::new("stats", "4.0.0", Group::Server, 2, Run::Engine(stats))
                    .summary("Returns details about memory usage.")
                    .complexity("O(1)")
                    .tips(&[
                        "nondeterministic_output",
                        "request_policy:all_shards",
                        "response_policy:special",
                    ]),
                Command::new("usage", "4.0.0", Group::Server, -3, Run::Data(usage))
                    .flags(Flags::READONLY)
                    .keys(&[Keys::one(2, KeyFlags::RO)])
                    .args(&[
                        Arg::key("key", 0),
                        Arg::new("count", ArgKind::Integer)
                            .token("SAMPLES")
                            .optional(),
                    ])
                    .summary("Estimates the memory usage of a key.")
                    .complexity("O(N) where N is the number of samples."),
            ]),
    ];

/// Below this there is too little in memory to say anything about it.
const DOCTOR_BYTES_MIN: usize = 5 * 1024 * 1024;

/// More than this is unusual: the peak and the resident memory, as multiples of what is in use; and what a client holds on
/// average. The resident memory matters only where it is more by so many bytes.
const PEAK_MAX: f64 = 1.5;
const RESIDENT_MAX: f64 = 1.4;
const OVERHEAD_BYTES_MIN: usize = 10 * 1024 * 1024;
const CLIENT_BYTES_MAX: usize = 200 * 1024;

const EMPTY: &str = "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these \
    conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our \
    programming as soon as I finished rebooting.\n";
const WELL: &str = "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n";
const ISSUES: &str = "Sam, I detected a few issues in this Redis instance memory implants:\n\n";
const PEAK: &str = " * Peak memory: In the past this instance used more than 150% the memory that is currently using. The \
    allocator is normally not able to release memory after a peak, so you can expect to see a big fragmentation ratio, however \
    this is actually harmless and is only due to the memory peak, and if the Redis instance Resident Set Size (RSS) is currently \
    bigger than expected, the memory will be used as soon as you fill the Redis instance with more data. If the memory peak was \
    only occasional and you want to try to reclaim memory, please try the MEMORY PURGE command, otherwise the only other option \
    is to shutdown and restart the instance.\n\n";
/// Between them stands the allocator.
const RESIDENT: [&str; 2] = [
    " * High total RSS: This instance has a memory fragmentation and RSS overhead greater than 1.4 (this means that the Resident \
     Set Size of the Redis process is much larger than the sum of the logical allocations Redis performed). This problem is \
     usually due either to a large peak memory (check if there is a peak memory entry above in the report) or may result from a \
     workload that causes the allocator to fragment memory a lot. If the problem is a large peak memory, then there is no issue. \
     Otherwise, make sure you are using the Jemalloc allocator and not the default libc malloc. Note: The currently used \
     allocator is \"",
    "\".\n\n",
];
const CLIENTS: &str = " * Big client buffers: The clients output buffers in this instance are greater than 200K per client (on \
    average). This may result from different causes, like Pub/Sub clients subscribed to channels bot not receiving data fast \
    enough, so that data piles on the Redis instance output buffer, or clients sending commands with large replies or very large \
    sequences of commands in the same pipeline. Please use the CLIENT LIST command in order to investigate the issue if it \
    causes problems in your instance, or to understand better why certain clients are using a big amount of memory.\n\n";
const FAREWELL: &str = "I'm here to keep you safe, Sam. I want to help you.\n";

fn help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let lines = [
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
    ];
    write_help(&mut call.reply, call.args.at(0), &lines);
    Ok(())
}

/// MEMORY USAGE key [SAMPLES count]: the bytes of the key's block and of what hangs on it, its table slot included.
fn usage(d: &mut Data<'_>) -> Outcome {
    for index in (3..d.args.len()).step_by(2) {
        let count = d
            .args
            .get(index + 1)
            .filter(|_| d.args.is(index, "samples"));
        let count = integers::parse_i64(count.ok_or(Error::SYNTAX)?).ok_or(Error::NOT_INTEGER)?;
        if count < 0 {
            return Err(Error::SYNTAX);
        }
    }
    /// A pointer and a tag, in a table that is four fifths full.
    const SLOT_LEN: usize = 12;
    match d.keys.peek(d.args.at(2)) {
        None => d.reply.null(),
        Some(entry) => d.reply.count(SLOT_LEN + entry.memory()),
    }
    Ok(())
}

/// MEMORY DOCTOR: what is unusual about the memory of a server that holds more than next to nothing.
fn doctor(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let used = engine.memory_used();
    if used < DOCTOR_BYTES_MIN {
        call.reply.verbatim("txt", EMPTY.as_bytes());
        return Ok(());
    }
    let facts = engine.host.facts();
    let resident = usize::try_from(facts.resident).unwrap_or(usize::MAX);
    let peak = engine.stats.memory_peak.max(used);
    let mut report = String::new();
    if peak as f64 / used as f64 > PEAK_MAX {
        report.push_str(PEAK);
    }
    let overhead = resident.saturating_sub(used);
    if resident as f64 / used as f64 > RESIDENT_MAX && overhead > OVERHEAD_BYTES_MIN {
        let [before, after] = RESIDENT;
        report.extend([before, facts.allocator, after]);
    }
    let clients = engine.clients.len().max(1);
    if engine.clients.memory() / clients > CLIENT_BYTES_MAX {
        report.push_str(CLIENTS);
    }
    if report.is_empty() {
        call.reply.verbatim("txt", WELL.as_bytes());
    } else {
        let report = format!("{ISSUES}{report}{FAREWELL}");
        call.reply.verbatim("txt", report.as_bytes());
    }
    Ok(())
}

fn malloc_stats(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let facts = engine.host.facts();
    let report = format!(
        "Allocated: {}, resident: {}, allocator: {}\n",
        engine.memory_used(),
        facts.resident,
        facts.allocator
    );
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

fn purge(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.host.purge_memory();
    call.reply.ok();
    Ok(())
}

/// One value of MEMORY STATS.
enum Stat {
    Count(usize),
    Ratio(f64),
    /// One database: its own map follows.
    Table {
        main: usize,
        expires: usize,
    },
}

fn stats(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let facts = engine.host.facts();
    let used = engine.memory_used();
    let resident = usize::try_from(facts.resident).unwrap_or(usize::MAX);
    let overhead = engine.memory_overhead();
    let peak = engine.stats.memory_peak.max(used);
    let keys: usize = (0..engine.keyspace.len())
        .map(|db| engine.keyspace.db(db).table.len())
        .sum();
    let net = used.saturating_sub(engine.memory_at_start);
    let dataset = used.saturating_sub(overhead);
    let ratio = |part: usize, whole: usize| {
        if whole == 0 {
            0.0
        } else {
            part as f64 / whole as f64
        }
    };
    let mut rows: Vec<(String, Stat)> = Vec::new();
    let mut row = |name: &str, stat| rows.push((name.to_owned(), stat));
    row("peak.allocated", Stat::Count(peak));
    row("total.allocated", Stat::Count(used));
    row("startup.allocated", Stat::Count(engine.memory_at_start));
    row("replication.backlog", Stat::Count(0));
    row("replica.fullsync.buffer", Stat::Count(0));
    row("clients.slaves", Stat::Count(0));
    row("clients.normal", Stat::Count(engine.clients.memory()));
    row("cluster.links", Stat::Count(0));
    row("aof.buffer", Stat::Count(0));
    row("lua.caches", Stat::Count(0));
    row("functions.caches", Stat::Count(0));
    row("script.VMs", Stat::Count(0));
    for index in 0..engine.keyspace.len() {
        let table = &engine.keyspace.db(index).table;
        if table.len() > 0 {
            row(
                &format!("db.{index}"),
                Stat::Table {
                    main: table.memory(),
                    expires: 0,
                },
            );
        }
    }
    let tables = (0..engine.keyspace.len())
        .map(|db| engine.keyspace.db(db).table.memory())
        .sum();
    row("overhead.db.hashtable.lut", Stat::Count(tables));
    row("overhead.db.hashtable.rehashing", Stat::Count(0));
    row("overhead.total", Stat::Count(overhead));
    row("db.dict.rehashing.count", Stat::Count(0));
    row("keys.count", Stat::Count(keys));
    row(
        "keys.bytes-per-key",
        Stat::Count(net.checked_div(keys).unwrap_or_default()),
    );
    row("dataset.bytes", Stat::Count(dataset));
    row(
        "dataset.percentage",
        Stat::Ratio(100.0 * ratio(dataset.min(net), net)),
    );
    row("peak.percentage", Stat::Ratio(100.0 * ratio(used, peak)));
    row("allocator.allocated", Stat::Count(used));
    row("allocator.active", Stat::Count(resident));
    row("allocator.resident", Stat::Count(resident));
    row("allocator.muzzy", Stat::Count(0));
    row(
        "allocator-fragmentation.ratio",
        Stat::Ratio(ratio(resident, used)),
    );
    row(
        "allocator-fragmentation.bytes",
        Stat::Count(resident.saturating_sub(used)),
    );
    row("allocator-rss.ratio", Stat::Ratio(1.0));
    row("allocator-rss.bytes", Stat::Count(0));
    row("rss-overhead.ratio", Stat::Ratio(1.0));
    row("rss-overhead.bytes", Stat::Count(0));
    row("fragmentation", Stat::Ratio(ratio(resident, used)));
    row(
        "fragmentation.bytes",
        Stat::Count(resident.saturating_sub(used)),
    );

    let reply = &mut call.reply;
    reply.map(rows.len());
    for (name, stat) in rows {
        reply.bulk(name.as_bytes());
        match stat {
            Stat::Count(count) => reply.count(count),
            Stat::Ratio(ratio) => reply.double(ratio),
            Stat::Table { main, expires } => {
                reply.map(2);
                reply.bulk(b"overhead.hashtable.main");
                reply.count(main);
                reply.bulk(b"overhead.hashtable.expires");
                reply.count(expires);
            }
        }
    }
    Ok(())
}
