//! INFO: every section and field that Redis 8.2.3 shows, in its order.

use std::fmt::{Display, Write};

use crate::config::REDIS_VERSION;
use crate::config::values::{Vocabulary, percentile};
use crate::engine::{Call, ClientFlags, Engine, Facts};
use crate::keyspace::access;
use crate::keyspace::value::ValueRef;
use crate::pubsub::Kind;
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};

/// Above this many keys a database's distribution of sizes is left out of plain INFO: it takes a walk over all keys.
const KEYSIZES_KEYS_MAX: usize = 100_000;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("info", "1.0.0", Group::Server, -1, Run::Engine(info))
            .flags(Flags::LOADING.union(Flags::STALE))
            .categories(Categories::DANGEROUS)
            .args(&[Arg::new("section", ArgKind::String).optional().multiple()])
            .summary("Returns information and statistics about the server.")
            .complexity("O(1)")
            .history(&[(
                "7.0.0",
                "Added support for taking multiple section arguments.",
            )])
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_shards",
                "response_policy:special",
            ]),
    ];

/// A section: its name, who is shown it, and what writes its fields.
type Section = (&'static str, Shown, fn(&Engine, &Facts, &mut Fields));

/// Who is shown a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    /// Who asks for it by its name.
    ByName,
    /// Also who asks for all.
    InAll,
    /// Also who asks for nothing in particular.
    ByDefault,
}

const SECTIONS: &[Section] = &[
    ("Server", Shown::ByDefault, server),
    ("Clients", Shown::ByDefault, clients),
    ("Memory", Shown::ByDefault, memory),
    ("Persistence", Shown::ByDefault, persistence),
    ("Threads", Shown::ByDefault, threads),
    ("Stats", Shown::ByDefault, stats),
    ("Replication", Shown::ByDefault, replication),
    ("CPU", Shown::ByDefault, cpu),
    ("Modules", Shown::ByDefault, modules),
    ("Commandstats", Shown::InAll, commandstats),
    ("Errorstats", Shown::ByDefault, errorstats),
    ("Latencystats", Shown::InAll, latencystats),
    ("Cluster", Shown::ByDefault, cluster),
    ("Keyspace", Shown::ByDefault, keyspace),
    ("Keysizes", Shown::ByDefault, keysizes),
    ("Debug", Shown::ByName, debug),
];

fn info(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let facts = engine.host.facts();
    let mut text = String::new();
    for (name, shown, write) in SECTIONS {
        let wanted = |word: &[u8]| match word.to_ascii_lowercase().as_slice() {
            b"all" | b"everything" => *shown >= Shown::InAll,
            b"default" => *shown == Shown::ByDefault,
            word => word.eq_ignore_ascii_case(name.as_bytes()),
        };
        let plain = call.args.len() == 1;
        if plain && *shown == Shown::ByDefault || call.args.rest(1).any(wanted) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {name}\r\n");
            let asked_for = call
                .args
                .rest(1)
                .any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
            let mut fields = Fields {
                text: &mut text,
                asked_for,
            };
            write(engine, &facts, &mut fields);
        }
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// The lines of one section.
struct Fields<'a> {
    text: &'a mut String,
    /// Asked for by its own name.
    asked_for: bool,
}

impl Fields<'_> {
    fn field(&mut self, name: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{name}:{value}\r\n");
    }

    /// Fields that are 0 as long as the server does not do what they count.
    fn zeros(&mut self, names: &[&str]) {
        for name in names {
            self.field(name, 0);
        }
    }

    /// A number of bytes, and the same for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human(bytes));
    }
}

/// Bytes as Redis writes them for people: `52.78M`.
fn human(bytes: u64) -> String {
    const UNITS: [(&str, f64); 5] = [
        ("K", 1024.0),
        ("M", 1024.0 * 1024.0),
        ("G", 1024.0 * 1024.0 * 1024.0),
        ("T", 1024.0 * 1024.0 * 1024.0 * 1024.0),
        ("P", 1024.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0),
    ];
    match UNITS.iter().rev().find(|(_, unit)| bytes as f64 >= *unit) {
        None => format!("{bytes}B"),
        Some((name, unit)) => format!("{:.2}{name}", bytes as f64 / unit),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn server(engine: &Engine, facts: &Facts, fields: &mut Fields<'_>) {
    let uptime_s = (engine.now.mono_us - engine.started.mono_us) / 1_000_000;
    fields.field("redis_version", REDIS_VERSION);
    fields.field("redis_git_sha1", "00000000");
    fields.field("redis_git_dirty", 0);
    fields.field("redis_build_id", env!("CARGO_PKG_VERSION"));
    fields.field("redis_mode", "standalone");
    fields.field("os", &facts.os);
    fields.field("arch_bits", usize::BITS);
    fields.field("monotonic_clock", "POSIX clock_gettime");
    fields.field(
        "multiplexing_api",
        if cfg!(target_os = "linux") {
            "epoll"
        } else {
            "kqueue"
        },
    );
    fields.field("atomicvar_api", "c11-builtin");
    fields.field("gcc_version", "0.0.0");
    fields.field("process_id", facts.process_id);
    fields.field("process_supervised", "no");
    fields.field("run_id", &engine.run_id);
    fields.field("tcp_port", engine.config.port);
    fields.field("server_time_usec", engine.now.wall_us);
    fields.field("uptime_in_seconds", uptime_s);
    fields.field("uptime_in_days", uptime_s / 86_400);
    fields.field("hz", engine.config.hz);
    fields.field("configured_hz", engine.config.hz);
    fields.field("lru_clock", access::lru_clock(engine.now.wall_ms()));
    fields.field("executable", &facts.executable);
    let config_file = engine.config_file.as_deref().unwrap_or_default();
    fields.field("config_file", String::from_utf8_lossy(config_file));
    fields.field("io_threads_active", 0);
    let config = &engine.config;
    if config.port != 0 {
        let binds: Vec<String> = config
            .bind
            .iter()
            .map(|addr| format!("bind={addr}"))
            .collect();
        fields.field(
            "listener0",
            format_args!("name=tcp,{},port={}", binds.join(","), config.port),
        );
    }
    if !config.unixsocket.is_empty() {
        let path = String::from_utf8_lossy(&config.unixsocket);
        fields.field("listener1", format_args!("name=unix,bind={path}"));
    }
}

fn clients(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    let count = |flags: ClientFlags| {
        engine
            .clients
            .iter()
            .filter(|client| client.is(flags))
            .count()
    };
    let input = engine
        .clients
        .iter()
        .map(|client| client.input.buffer.len())
        .max();
    let output = engine
        .clients
        .iter()
        .map(|client| client.output.len())
        .max();
    fields.field("connected_clients", engine.clients.len());
    fields.field("cluster_connections", 0);
    fields.field("maxclients", engine.config.maxclients);
    fields.field("client_recent_max_input_buffer", input.unwrap_or_default());
    fields.field(
        "client_recent_max_output_buffer",
        output.unwrap_or_default(),
    );
    fields.field(
        "blocked_clients",
        count(ClientFlags::POSTPONED | ClientFlags::BLOCKED),
    );
    fields.field("tracking_clients", engine.trackers());
    fields.field("pubsub_clients", count(ClientFlags::PUBSUB));
    fields.field("watching_clients", engine.watches.watchers());
    fields.field("clients_in_timeout_table", engine.blocked.deadlines());
    fields.field("total_watched_keys", engine.watches.watched());
    fields.field("total_blocking_keys", engine.blocked.keys());
    fields.field("total_blocking_keys_on_nokey", 0);
}

fn memory(engine: &Engine, facts: &Facts, fields: &mut Fields<'_>) {
    let used = engine.memory_used() as u64;
    let startup = engine.memory_at_start as u64;
    let overhead = engine.memory_overhead() as u64;
    let dataset = used.saturating_sub(overhead);
    let peak = (engine.stats.memory_peak as u64).max(used);
    fields.bytes("used_memory", used);
    fields.bytes("used_memory_rss", facts.resident);
    fields.bytes("used_memory_peak", peak);
    fields.field("used_memory_peak_time", engine.stats.memory_peak_s);
    fields.field(
        "used_memory_peak_perc",
        format_args!("{:.2}%", 100.0 * ratio(used, peak)),
    );
    fields.field("used_memory_overhead", overhead);
    fields.field("used_memory_startup", startup);
    fields.field("used_memory_dataset", dataset);
    let net = used.saturating_sub(startup);
    fields.field(
        "used_memory_dataset_perc",
        format_args!("{:.2}%", 100.0 * ratio(dataset.min(net), net)),
    );
    fields.field("allocator_allocated", used);
    fields.field("allocator_active", facts.resident);
    fields.field("allocator_resident", facts.resident);
    fields.field("allocator_muzzy", 0);
    fields.bytes("total_system_memory", facts.system_memory);
    fields.zeros(&["used_memory_lua", "used_memory_vm_eval"]);
    fields.field("used_memory_lua_human", "0B");
    fields.zeros(&[
        "used_memory_scripts_eval",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
        "used_memory_vm_functions",
    ]);
    fields.bytes("used_memory_vm_total", 0);
    fields.field("used_memory_functions", 0);
    fields.bytes("used_memory_scripts", 0);
    fields.bytes("maxmemory", engine.config.maxmemory);
    fields.field("maxmemory_policy", engine.config.maxmemory_policy.name());
    let resident = facts.resident;
    fields.field(
        "allocator_frag_ratio",
        format_args!("{:.2}", ratio(resident, used)),
    );
    fields.field("allocator_frag_bytes", resident.saturating_sub(used));
    fields.field("allocator_rss_ratio", "1.00");
    fields.field("allocator_rss_bytes", 0);
    fields.field("rss_overhead_ratio", "1.00");
    fields.field("rss_overhead_bytes", 0);
    fields.field(
        "mem_fragmentation_ratio",
        format_args!("{:.2}", ratio(resident, used)),
    );
    fields.field("mem_fragmentation_bytes", resident.saturating_sub(used));
    fields.zeros(&[
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_replica_full_sync_buffer",
        "mem_clients_slaves",
    ]);
    fields.field("mem_clients_normal", engine.clients.memory());
    fields.zeros(&["mem_cluster_links", "mem_aof_buffer"]);
    fields.field("mem_allocator", facts.allocator);
    fields.zeros(&[
        "mem_overhead_db_hashtable_rehashing",
        "active_defrag_running",
    ]);
    let pending = facts.lazyfree_pending + engine.keyspace.garbage.len();
    let handed_over = engine.keyspace.stats.lazyfreed;
    fields.field("lazyfree_pending_objects", pending);
    fields.field(
        "lazyfreed_objects",
        handed_over.saturating_sub(pending as u64),
    );
}

fn persistence(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    fields.zeros(&[
        "loading",
        "async_loading",
        "current_cow_peak",
        "current_cow_size",
        "current_cow_size_age",
    ]);
    fields.field("current_fork_perc", "0.00");
    fields.zeros(&["current_save_keys_processed", "current_save_keys_total"]);
    fields.field("rdb_changes_since_last_save", engine.changes.dirty);
    fields.field("rdb_bgsave_in_progress", 0);
    fields.field("rdb_last_save_time", engine.started.wall_s());
    fields.field("rdb_last_bgsave_status", "ok");
    fields.field("rdb_last_bgsave_time_sec", -1);
    fields.field("rdb_current_bgsave_time_sec", -1);
    fields.zeros(&[
        "rdb_saves",
        "rdb_last_cow_size",
        "rdb_last_load_keys_expired",
        "rdb_last_load_keys_loaded",
    ]);
    fields.zeros(&[
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
    ]);
    fields.field("aof_last_rewrite_time_sec", -1);
    fields.field("aof_current_rewrite_time_sec", -1);
    fields.field("aof_last_bgrewrite_status", "ok");
    fields.zeros(&["aof_rewrites", "aof_rewrites_consecutive_failures"]);
    fields.field("aof_last_write_status", "ok");
    fields.zeros(&[
        "aof_last_cow_size",
        "module_fork_in_progress",
        "module_fork_last_cow_size",
    ]);
}

fn threads(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    let (reads, writes) = (engine.stats.reads_processed, engine.stats.writes_processed);
    fields.field(
        "io_thread_0",
        format_args!(
            "clients={},reads={reads},writes={writes}",
            engine.clients.len()
        ),
    );
}

fn stats(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    let (stats, keys) = (&engine.stats, &engine.keyspace.stats);
    let kilobytes = |rate: u64| format!("{:.2}", rate as f64 / 1024.0);
    fields.field("total_connections_received", stats.connections_received);
    fields.field("total_commands_processed", stats.commands_processed);
    fields.field("instantaneous_ops_per_sec", stats.command_rate.mean());
    fields.field("total_net_input_bytes", stats.net_input_bytes);
    fields.field("total_net_output_bytes", stats.net_output_bytes);
    fields.zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    fields.field(
        "instantaneous_input_kbps",
        kilobytes(stats.input_rate.mean()),
    );
    fields.field(
        "instantaneous_output_kbps",
        kilobytes(stats.output_rate.mean()),
    );
    fields.field("instantaneous_input_repl_kbps", "0.00");
    fields.field("instantaneous_output_repl_kbps", "0.00");
    fields.field("rejected_connections", stats.connections_rejected);
    fields.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    fields.field("expired_subkeys", keys.expired_fields);
    fields.field("expired_keys", keys.expired);
    fields.field(
        "expired_stale_perc",
        format_args!("{:.2}", stats.expired_stale_share * 100.0),
    );
    fields.field(
        "expired_time_cap_reached_count",
        stats.expired_time_cap_reached,
    );
    fields.field(
        "expire_cycle_cpu_milliseconds",
        stats.active_expire_us / 1000,
    );
    fields.field("evicted_keys", keys.evicted);
    fields.field("evicted_clients", stats.evicted_clients);
    fields.field("evicted_scripts", 0);
    let since_us = stats.eviction_exceeded_since_us;
    let exceeded_us = since_us.map_or(0, |since_us| engine.now.mono_us - since_us);
    let total_us = stats.eviction_exceeded_us + exceeded_us;
    fields.field("total_eviction_exceeded_time", total_us / 1000);
    fields.field("current_eviction_exceeded_time", exceeded_us / 1000);
    fields.field("keyspace_hits", keys.hits);
    fields.field("keyspace_misses", keys.misses);
    let topics = |kind| engine.pubsub.topics(kind).names().len();
    fields.field("pubsub_channels", topics(Kind::Channel));
    fields.field("pubsub_patterns", topics(Kind::Pattern));
    fields.field("pubsubshard_channels", topics(Kind::Shard));
    fields.zeros(&[
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ]);
    fields.field("tracking_total_keys", engine.tracking.keys());
    fields.field("tracking_total_items", engine.tracking.items());
    fields.field("tracking_total_prefixes", engine.tracking.prefixes());
    fields.field("unexpected_error_replies", 0);
    fields.field("total_error_replies", stats.error_replies);
    fields.field("dump_payload_sanitizations", 0);
    fields.field("total_reads_processed", stats.reads_processed);
    fields.field("total_writes_processed", stats.writes_processed);
    fields.zeros(&[
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "io_threaded_total_prefetch_batches",
        "io_threaded_total_prefetch_entries",
    ]);
    fields.field(
        "client_query_buffer_limit_disconnections",
        stats.query_buffer_limit_disconnections,
    );
    fields.field(
        "client_output_buffer_limit_disconnections",
        stats.output_buffer_limit_disconnections,
    );
    fields.zeros(&["reply_buffer_shrinks", "reply_buffer_expands"]);
    fields.field("eventloop_cycles", stats.turns);
    fields.field("eventloop_duration_sum", stats.turns_us);
    fields.field("eventloop_duration_cmd_sum", stats.commands_us);
    fields.field(
        "instantaneous_eventloop_cycles_per_sec",
        stats.turn_rate.mean(),
    );
    fields.field(
        "instantaneous_eventloop_duration_usec",
        stats.turn_time.mean(),
    );
    fields.field("acl_access_denied_auth", stats.auth_denied);
    fields.zeros(&[
        "acl_access_denied_cmd",
        "acl_access_denied_key",
        "acl_access_denied_channel",
    ]);
}

fn replication(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    fields.field("role", "master");
    fields.field("connected_slaves", 0);
    fields.field("master_failover_state", "no-failover");
    fields.field("master_replid", &engine.replication_id);
    fields.field("master_replid2", "0".repeat(40));
    fields.field("master_repl_offset", 0);
    fields.field("second_repl_offset", -1);
    fields.field("repl_backlog_active", 0);
    fields.field("repl_backlog_size", 1_048_576);
    fields.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

fn cpu(_: &Engine, facts: &Facts, fields: &mut Fields<'_>) {
    let times = [
        ("used_cpu_sys", facts.cpu.system),
        ("used_cpu_user", facts.cpu.user),
        ("used_cpu_sys_children", facts.cpu.system_children),
        ("used_cpu_user_children", facts.cpu.user_children),
        ("used_cpu_sys_main_thread", facts.cpu.system_main_thread),
        ("used_cpu_user_main_thread", facts.cpu.user_main_thread),
    ];
    for (name, time) in times {
        fields.field(name, format_args!("{:.6}", time.as_secs_f64()));
    }
}

/// There are none; the section's title is all that Redis shows then too.
fn modules(_: &Engine, _: &Facts, _: &mut Fields<'_>) {}

fn commandstats(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    for (entry, stat) in engine.registry.entries().iter().zip(&engine.stats.commands) {
        if stat.calls + stat.rejected + stat.failed == 0 {
            continue;
        }
        fields.field(
            &format!("cmdstat_{}", entry.full_name),
            format_args!(
                "calls={},usec={},usec_per_call={:.2},rejected_calls={},failed_calls={}",
                stat.calls,
                stat.usec,
                ratio(stat.usec, stat.calls),
                stat.rejected,
                stat.failed
            ),
        );
    }
}

fn errorstats(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    for (code, count) in &engine.stats.errors {
        fields.field(
            &format!("errorstat_{}", String::from_utf8_lossy(code)),
            format_args!("count={count}"),
        );
    }
}

fn latencystats(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    if !engine.config.latency_tracking {
        return;
    }
    let entries = engine
        .registry
        .entries()
        .iter()
        .zip(&engine.stats.latencies);
    for (entry, latency) in entries.filter(|(_, latency)| latency.total() > 0) {
        let percentiles: Vec<String> = engine
            .config
            .latency_tracking_info_percentiles
            .iter()
            .map(|percent| {
                format!(
                    "p{}={:.3}",
                    percentile(*percent),
                    latency.percentile_us(*percent)
                )
            })
            .collect();
        fields.field(
            &format!("latency_percentiles_usec_{}", entry.full_name),
            percentiles.join(","),
        );
    }
}

fn cluster(_: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    fields.field("cluster_enabled", 0);
}

fn keyspace(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    for index in 0..engine.keyspace.len() {
        let db = engine.keyspace.db(index);
        if db.table.len() > 0 {
            fields.field(
                &format!("db{index}"),
                format_args!(
                    "keys={},expires={},avg_ttl={},subexpiry={}",
                    db.table.len(),
                    db.volatile,
                    db.avg_ttl_ms,
                    db.due.len()
                ),
            );
        }
    }
}

/// What is counted of each type in its distribution of sizes.
const SIZED: [&str; 5] = [
    "strings_sizes",
    "lists_items",
    "sets_items",
    "zsets_items",
    "hashes_items",
];

/// The type's place in [`SIZED`], and the size.
fn size(value: ValueRef<'_>) -> (usize, usize) {
    match value {
        ValueRef::List(list) => (1, list.len()),
        ValueRef::Set(set) => (2, set.len()),
        ValueRef::Zset(set) => (3, set.len()),
        ValueRef::Hash(hash) => (4, hash.len()),
        string => (0, string.as_string().map_or(0, |string| string.len())),
    }
}

/// How many values of each type there are of each size, by powers of two.
fn keysizes(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    for index in 0..engine.keyspace.len() {
        let table = &engine.keyspace.db(index).table;
        if table.len() == 0 || table.len() > KEYSIZES_KEYS_MAX && !fields.asked_for {
            continue;
        }
        let mut counts = [[0_u64; usize::BITS as usize + 1]; SIZED.len()];
        for entry in table.iter() {
            let (kind, size) = size(entry.value());
            counts[kind][(usize::BITS - size.leading_zeros()) as usize] += 1;
        }
        for (what, counts) in SIZED.iter().zip(counts) {
            let bins: Vec<String> = (0..)
                .zip(counts)
                .filter(|(_, count)| *count > 0)
                .map(|(bits, count)| format!("{}={count}", size_name(bits)))
                .collect();
            if !bins.is_empty() {
                fields.field(&format!("db{index}_distrib_{what}"), bins.join(","));
            }
        }
    }
}

/// What the loop's time went into, for those who know to ask.
fn debug(engine: &Engine, _: &Facts, fields: &mut Fields<'_>) {
    let stats = &engine.stats;
    fields.field("eventloop_duration_aof_sum", 0);
    fields.field("eventloop_duration_cron_sum", stats.cron_us);
    fields.field("eventloop_duration_max", stats.longest_turn_us);
    fields.field("eventloop_cmd_per_cycle_max", stats.most_commands_in_turn);
}

/// The name of the bin of lengths that need so many bits: the smallest of them, `4K` for 4096.
fn size_name(bits: usize) -> String {
    let Some(shift) = bits.checked_sub(1) else {
        return "0".to_owned();
    };
    let units = ["", "K", "M", "G", "T", "P", "E"];
    format!("{}{}", 1_u64 << (shift % 10), units[shift / 10])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_for_people() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1024), "1.00K");
        assert_eq!(human(55_347_192), "52.78M");
    }

    #[test]
    fn bins_are_named_by_their_smallest_length() {
        assert_eq!(
            [0, 1, 2, 10, 11, 13, 21].map(size_name),
            ["0", "1", "2", "512", "1K", "4K", "1M"]
        );
    }
}
