//! The one table of options: field, type, default, name, alias, kind and what may be done to it. It must not know how it is used.
//!
//! Names, bounds and defaults are those of Redis 8.2.3, but for the port. At the end stand options that can mean nothing here but
//! that files and tools name; others of that kind (TLS, the nodes of a cluster …) are left out.

use super::kinds::{
    Addresses, Bounds, Choice, Directory, Empty, Events, Field, Integer, Kind, Memory, OomScores,
    OutputLimits, Password, Percentiles, Permissions, RaisedMemory, ReplicaOf, SavePoints, Share,
    Shutdown, Switch, Text,
};
use super::values::{
    AclPubsubDefault, AppendFsync, BufferLimit, BufferLimits, DisklessLoad, EventClasses, Loglevel,
    MaxmemoryPolicy, MemoryOrPercent, OomScoreAdj, Permission, Primary, SanitizeDump, SavePoint,
    ShutdownFlags,
};

/// An option.
pub(super) struct Opt {
    pub(super) name: &'static str,
    /// The name it had before.
    pub(super) alias: Option<&'static str>,
    pub(super) flags: Flags,
    pub(super) kind: &'static dyn Kind,
}

bitflags::bitflags! {
    /// What may be done to an option.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Flags: u8 {
        /// `CONFIG SET` never changes it.
        const IMMUTABLE = 1;
        /// `CONFIG SET` changes it only where `enable-protected-configs` allows.
        const PROTECTED = 2;
        /// Its value is a secret.
        const SENSITIVE = 4;
    }
}

/// Words that Redis itself still accepts in redis.conf without doing anything.
pub(super) const OBSOLETE: &[&str] = &[
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
];

const INT: Bounds = Bounds::signed(0, i32::MAX as i64);
const POSITIVE_INT: Bounds = Bounds::signed(1, i32::MAX as i64);
const LONG: Bounds = Bounds::signed(0, i64::MAX);
const SIZE: Bounds = Bounds::unsigned(0, i64::MAX);
const PORT: Bounds = Bounds::signed(0, 65535);
const KB: u64 = 1 << 10;
const MB: u64 = 1 << 20;
const GB: u64 = 1 << 30;

fn anything(_: &[u8]) -> Result<(), &'static str> {
    Ok(())
}

fn locale(name: &[u8]) -> Result<(), &'static str> {
    // Only the locales that compare bytes: others would need the C library.
    if [&b""[..], b"C", b"POSIX"].contains(&name) {
        Ok(())
    } else {
        Err("Invalid locale name")
    }
}

fn dump_name(name: &[u8]) -> Result<(), &'static str> {
    if name.contains(&b'/') {
        Err("dbfilename can't be a path, just a filename")
    } else {
        Ok(())
    }
}

fn append_name(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"" => Err("appendfilename can't be empty"),
        _ if name.contains(&b'/') => Err("appendfilename can't be a path, just a filename"),
        _ => Ok(()),
    }
}

fn supervision(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"no" | b"auto" | b"systemd" | b"upstart" => Ok(()),
        _ => Err("argument(s) must be one of the following: upstart, systemd, auto, no"),
    }
}

fn propagation_errors(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"ignore" | b"panic" | b"panic-on-replicas" => Ok(()),
        _ => Err("argument(s) must be one of the following: ignore, panic, panic-on-replicas"),
    }
}

fn only_no(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"no" => Ok(()),
        _ => Err("this server cannot be part of a cluster"),
    }
}

fn append_directory(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"" => Err("appenddirname can't be empty"),
        _ if name.contains(&b'/') => Err("appenddirname can't be a path, just a dirname"),
        _ => Ok(()),
    }
}

/// From each line of the table: a field of [`Config`], its default, and an entry of [`OPTIONS`].
macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $field:ident: $type:ty = $default:expr => $name:literal $(or $alias:literal)?, $kind:ident { $($rest:tt)* } $(, $flag:ident)*;
    )*) => {
        /// The value of every option. Sizes are in bytes and times in the unit Redis gives the option.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct Config {
            $( $(#[$doc])* pub(crate) $field: $type, )*
        }

        impl Default for Config {
            fn default() -> Config {
                Config { $( $field: $default, )* }
            }
        }

        /// Every option.
        pub(super) const OPTIONS: &[Opt] = &[ $( Opt {
            name: $name,
            alias: [$( Some($alias), )? None][0],
            flags: Flags::empty()$( .union(Flags::$flag) )*,
            kind: &$kind {
                field: Field { read: |config| &config.$field, write: |config| &mut config.$field },
                $($rest)*
            },
        }, )* ];
    };
}

#[rustfmt::skip]
options! {
    // Network.
    /// Addresses to listen on; one after `-` may be missing on this machine.
    bind: Vec<String> = vec!["*".to_owned(), "-::*".to_owned()] => "bind", Addresses {};
    /// TCP port; 0 listens on none.
    port: u16 = 6380 => "port", Integer { bounds: PORT };
    /// Path of the Unix socket to listen on as well; empty for none.
    unixsocket: Vec<u8> = Vec::new() => "unixsocket", Text { empty: Empty::Unset, check: anything }, IMMUTABLE;
    /// Its permissions; 0 leaves them to the process's mask.
    unixsocketperm: u32 = 0 => "unixsocketperm", Permissions {}, IMMUTABLE;
    /// Connections the kernel may hold before they are accepted.
    tcp_backlog: i32 = 511 => "tcp-backlog", Integer { bounds: INT }, IMMUTABLE;
    /// Seconds between probes of a silent connection; 0 sends none.
    tcp_keepalive: u32 = 300 => "tcp-keepalive", Integer { bounds: INT };
    /// Seconds after which an idle client is closed; 0 keeps it.
    timeout: u64 = 0 => "timeout", Integer { bounds: INT };
    /// Clients that may be connected at once.
    maxclients: usize = 10000 => "maxclients", Integer { bounds: Bounds::unsigned(1, u32::MAX as i64) };
    /// Connections accepted in one turn of the event loop.
    max_new_connections_per_cycle: u32 = 10 => "max-new-connections-per-cycle", Integer { bounds: Bounds::unsigned(1, 1000) };
    /// Whether clients from other machines are refused while the default user has no password.
    protected_mode: bool = true => "protected-mode", Switch {};

    // General.
    /// Whether the server detaches itself from its terminal.
    daemonize: bool = false => "daemonize", Switch {}, IMMUTABLE;
    /// File that holds the process number; empty for none.
    pidfile: Vec<u8> = Vec::new() => "pidfile", Text { empty: Empty::Unset, check: anything }, IMMUTABLE;
    /// What to log.
    loglevel: Loglevel = Loglevel::Notice => "loglevel", Choice {};
    /// File to log to; empty for the standard output.
    logfile: Vec<u8> = Vec::new() => "logfile", Text { empty: Empty::Kept, check: anything }, IMMUTABLE;
    /// Databases that SELECT can choose from.
    databases: usize = 16 => "databases", Integer { bounds: POSITIVE_INT }, IMMUTABLE;
    /// Whether the logo is logged even where it would be out of place.
    always_show_logo: bool = false => "always-show-logo", Switch {}, IMMUTABLE;
    /// Locale by which SORT ALPHA compares.
    locale_collate: Vec<u8> = Vec::new() => "locale-collate", Text { empty: Empty::Kept, check: locale };
    /// Times a second background work is done.
    hz: u32 = 10 => "hz", Integer { bounds: INT.kept(1, 500) };
    /// Whether `hz` grows with the number of clients.
    dynamic_hz: bool = true => "dynamic-hz", Switch {};
    /// Whether idle time is used to finish growing tables.
    activerehashing: bool = true => "activerehashing", Switch {};
    /// How hard expired keys are looked for, 1 to 10.
    active_expire_effort: u32 = 1 => "active-expire-effort", Integer { bounds: Bounds::signed(1, 10) };
    /// Milliseconds a script or function may run before others are told that the server is busy; 0 for ever.
    busy_reply_threshold: i64 = 5000 => "busy-reply-threshold" or "lua-time-limit", Integer { bounds: LONG };
    /// Seconds SHUTDOWN waits for replicas.
    shutdown_timeout: u32 = 10 => "shutdown-timeout", Integer { bounds: INT };
    /// What SIGINT does.
    shutdown_on_sigint: ShutdownFlags = ShutdownFlags::empty() => "shutdown-on-sigint", Shutdown {};
    /// What SIGTERM does.
    shutdown_on_sigterm: ShutdownFlags = ShutdownFlags::empty() => "shutdown-on-sigterm", Shutdown {};
    /// Who may use DEBUG.
    enable_debug_command: Permission = Permission::No => "enable-debug-command", Choice {}, IMMUTABLE;
    /// Who may use MODULE.
    enable_module_command: Permission = Permission::No => "enable-module-command", Choice {}, IMMUTABLE;
    /// Who may change protected options.
    enable_protected_configs: Permission = Permission::No => "enable-protected-configs", Choice {}, IMMUTABLE;
    /// Whether Linux's score for killing this process is changed.
    oom_score_adj: OomScoreAdj = OomScoreAdj::No => "oom-score-adj", Choice {};
    /// That score for a primary, a replica and a background child.
    oom_score_adj_values: [i32; 3] = [0, 200, 800] => "oom-score-adj-values", OomScores {};

    // Snapshots.
    /// When snapshots are written.
    save: Vec<SavePoint> = [(3600, 1), (300, 100), (60, 10000)].map(|(seconds, changes)| SavePoint { seconds, changes }).into() => "save", SavePoints {};
    /// Whether writes are refused while the last snapshot failed.
    stop_writes_on_bgsave_error: bool = true => "stop-writes-on-bgsave-error", Switch {};
    /// Whether strings in a snapshot are compressed.
    rdbcompression: bool = true => "rdbcompression", Switch {};
    /// Whether a snapshot ends with a checksum.
    rdbchecksum: bool = true => "rdbchecksum", Switch {}, IMMUTABLE;
    /// How thoroughly payloads are checked.
    sanitize_dump_payload: SanitizeDump = SanitizeDump::No => "sanitize-dump-payload", Choice {};
    /// Name of the snapshot in `dir`.
    dbfilename: Vec<u8> = b"dump.rdb".to_vec() => "dbfilename", Text { empty: Empty::Kept, check: dump_name }, PROTECTED;
    /// Whether snapshots made for replication are deleted afterwards.
    rdb_del_sync_files: bool = false => "rdb-del-sync-files", Switch {};
    /// Whether a snapshot is flushed to the disk bit by bit.
    rdb_save_incremental_fsync: bool = true => "rdb-save-incremental-fsync", Switch {};
    /// Working directory.
    dir: Vec<u8> = Vec::new() => "dir", Directory {}, PROTECTED;

    // Replication.
    /// Server to follow from the start.
    replicaof: Option<Primary> = None => "replicaof" or "slaveof", ReplicaOf {}, IMMUTABLE;
    /// User to follow it as; empty for the default user.
    masteruser: Vec<u8> = Vec::new() => "masteruser", Text { empty: Empty::Unset, check: anything };
    /// Password to follow it with; empty for none.
    masterauth: Vec<u8> = Vec::new() => "masterauth", Password {}, SENSITIVE;
    /// Whether a replica that lost its primary still answers.
    replica_serve_stale_data: bool = true => "replica-serve-stale-data" or "slave-serve-stale-data", Switch {};
    /// Whether a replica refuses writes.
    replica_read_only: bool = true => "replica-read-only" or "slave-read-only", Switch {};
    /// Whether a replica leaves eviction to its primary.
    replica_ignore_maxmemory: bool = true => "replica-ignore-maxmemory" or "slave-ignore-maxmemory", Switch {};
    /// Whether a replica empties itself in the background.
    replica_lazy_flush: bool = false => "replica-lazy-flush" or "slave-lazy-flush", Switch {};
    /// Lower ones are promoted first, 0 never.
    replica_priority: u32 = 100 => "replica-priority" or "slave-priority", Integer { bounds: INT };
    /// Whether Sentinel is told of this replica.
    replica_announced: bool = true => "replica-announced", Switch {};
    /// Address a replica gives as its own; empty for the real one.
    replica_announce_ip: Vec<u8> = Vec::new() => "replica-announce-ip" or "slave-announce-ip", Text { empty: Empty::Unset, check: anything };
    /// Port a replica gives as its own; 0 for the real one.
    replica_announce_port: u16 = 0 => "replica-announce-port" or "slave-announce-port", Integer { bounds: PORT };
    /// Whether snapshots go to replicas without a file in between.
    repl_diskless_sync: bool = true => "repl-diskless-sync", Switch {};
    /// Seconds to wait for more replicas before such a snapshot.
    repl_diskless_sync_delay: u32 = 5 => "repl-diskless-sync-delay", Integer { bounds: INT };
    /// Replicas that end that wait; 0 for no such number.
    repl_diskless_sync_max_replicas: u32 = 0 => "repl-diskless-sync-max-replicas", Integer { bounds: INT };
    /// How a replica loads a snapshot.
    repl_diskless_load: DisklessLoad = DisklessLoad::Disabled => "repl-diskless-load", Choice {};
    /// Seconds between pings to replicas.
    repl_ping_replica_period: u32 = 10 => "repl-ping-replica-period" or "repl-ping-slave-period", Integer { bounds: POSITIVE_INT };
    /// Seconds of silence that end a replication link.
    repl_timeout: u32 = 60 => "repl-timeout", Integer { bounds: POSITIVE_INT };
    /// Whether small packets to replicas are held back.
    repl_disable_tcp_nodelay: bool = false => "repl-disable-tcp-nodelay", Switch {};
    /// Bytes of the stream kept for replicas that return.
    repl_backlog_size: u64 = MB => "repl-backlog-size", RaisedMemory { bounds: Bounds::signed(1, i64::MAX), least: 16 * KB as i64 };
    /// Seconds they are kept without any replica; 0 for ever.
    repl_backlog_ttl: i64 = 3600 => "repl-backlog-ttl", Integer { bounds: LONG };
    /// Bytes a replica may gather while it loads; 0 for the limit of its output buffer.
    replica_full_sync_buffer_limit: u64 = 0 => "replica-full-sync-buffer-limit", Memory { bounds: LONG };
    /// Replicas without which writes are refused; 0 for none.
    min_replicas_to_write: u32 = 0 => "min-replicas-to-write" or "min-slaves-to-write", Integer { bounds: INT };
    /// Seconds of silence after which a replica does not count among them.
    min_replicas_max_lag: u32 = 10 => "min-replicas-max-lag" or "min-slaves-max-lag", Integer { bounds: INT };

    // Security.
    /// Password of the default user; empty for none.
    requirepass: Vec<u8> = Vec::new() => "requirepass", Password {}, SENSITIVE;
    /// File of users; empty for none.
    aclfile: Vec<u8> = Vec::new() => "aclfile", Text { empty: Empty::Kept, check: anything }, IMMUTABLE;
    /// Entries the log of refusals holds.
    acllog_max_len: u64 = 128 => "acllog-max-len", Integer { bounds: LONG };
    /// Which channels a new user may use.
    acl_pubsub_default: AclPubsubDefault = AclPubsubDefault::ResetChannels => "acl-pubsub-default", Choice {};

    // Memory and limits.
    /// Bytes of memory to use at most; 0 for no limit.
    maxmemory: u64 = 0 => "maxmemory", Memory { bounds: SIZE };
    /// What to do when they are used.
    maxmemory_policy: MaxmemoryPolicy = MaxmemoryPolicy::Noeviction => "maxmemory-policy", Choice {};
    /// Keys looked at to find one to evict.
    maxmemory_samples: u32 = 5 => "maxmemory-samples", Integer { bounds: Bounds::signed(1, 64) };
    /// How much time eviction may take, 0 to 100.
    maxmemory_eviction_tenacity: u32 = 10 => "maxmemory-eviction-tenacity", Integer { bounds: Bounds::signed(0, 100) };
    /// Memory of all clients together above which the largest is closed.
    maxmemory_clients: MemoryOrPercent = MemoryOrPercent::Bytes(0) => "maxmemory-clients", Share {};
    /// Whether evicted values are freed in the background.
    lazyfree_lazy_eviction: bool = false => "lazyfree-lazy-eviction", Switch {};
    /// Whether expired values are.
    lazyfree_lazy_expire: bool = false => "lazyfree-lazy-expire", Switch {};
    /// Whether values replaced by a command are.
    lazyfree_lazy_server_del: bool = false => "lazyfree-lazy-server-del", Switch {};
    /// Whether DEL is UNLINK.
    lazyfree_lazy_user_del: bool = false => "lazyfree-lazy-user-del", Switch {};
    /// Whether FLUSHALL, FLUSHDB and the like are asynchronous unless told otherwise.
    lazyfree_lazy_user_flush: bool = false => "lazyfree-lazy-user-flush", Switch {};
    /// How slowly the use of a key saturates its counter.
    lfu_log_factor: u32 = 10 => "lfu-log-factor", Integer { bounds: INT };
    /// Minutes after which that counter is lowered.
    lfu_decay_time: u32 = 1 => "lfu-decay-time", Integer { bounds: INT };
    /// Bytes of commands a client may have waiting.
    client_query_buffer_limit: u64 = GB => "client-query-buffer-limit", Memory { bounds: Bounds::unsigned(MB as i64, i64::MAX) };
    /// Bytes of replies that may wait for a client.
    client_output_buffer_limit: BufferLimits = BufferLimits {
        normal: BufferLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 },
        replica: BufferLimit { hard_bytes: 256 * MB, soft_bytes: 64 * MB, soft_s: 60 },
        pubsub: BufferLimit { hard_bytes: 32 * MB, soft_bytes: 8 * MB, soft_s: 60 },
    } => "client-output-buffer-limit", OutputLimits {};
    /// Bytes of the longest argument.
    proto_max_bulk_len: i64 = 512 << 20 => "proto-max-bulk-len", Memory { bounds: Bounds::signed(MB as i64, i64::MAX) };
    /// Keys that may be remembered for client-side caching; 0 for any number.
    tracking_table_max_keys: usize = 1000000 => "tracking-table-max-keys", Integer { bounds: SIZE };

    // The append-only file.
    /// Whether every write is logged.
    appendonly: bool = false => "appendonly", Switch {};
    /// How the names of its files start.
    appendfilename: Vec<u8> = b"appendonly.aof".to_vec() => "appendfilename", Text { empty: Empty::Kept, check: append_name }, IMMUTABLE;
    /// Directory in `dir` that holds them.
    appenddirname: Vec<u8> = b"appendonlydir".to_vec() => "appenddirname", Text { empty: Empty::Kept, check: append_directory }, IMMUTABLE;
    /// When it is flushed to the disk.
    appendfsync: AppendFsync = AppendFsync::Everysec => "appendfsync", Choice {};
    /// Whether flushing pauses while a child writes.
    no_appendfsync_on_rewrite: bool = false => "no-appendfsync-on-rewrite", Switch {};
    /// Growth in percent that has it rewritten; 0 never.
    auto_aof_rewrite_percentage: u32 = 100 => "auto-aof-rewrite-percentage", Integer { bounds: INT };
    /// Bytes below which it is not.
    auto_aof_rewrite_min_size: u64 = 64 * MB => "auto-aof-rewrite-min-size", Memory { bounds: LONG };
    /// Whether a file that ends in the middle of a command is loaded.
    aof_load_truncated: bool = true => "aof-load-truncated", Switch {};
    /// Whether a rewritten file starts with a snapshot.
    aof_use_rdb_preamble: bool = true => "aof-use-rdb-preamble", Switch {};
    /// Whether times are logged.
    aof_timestamp_enabled: bool = false => "aof-timestamp-enabled", Switch {};
    /// Whether a rewritten file is flushed to the disk bit by bit.
    aof_rewrite_incremental_fsync: bool = true => "aof-rewrite-incremental-fsync", Switch {};

    // Observation.
    /// Microseconds after which a command is logged as slow; -1 logs none, 0 all.
    slowlog_log_slower_than: i64 = 10000 => "slowlog-log-slower-than", Integer { bounds: Bounds::signed(-1, i64::MAX) };
    /// Slow commands kept.
    slowlog_max_len: usize = 128 => "slowlog-max-len", Integer { bounds: LONG };
    /// Milliseconds after which an event is a latency spike; 0 watches for none.
    latency_monitor_threshold: i64 = 0 => "latency-monitor-threshold", Integer { bounds: LONG };
    /// Whether the time of every command is counted.
    latency_tracking: bool = true => "latency-tracking", Switch {};
    /// Percentiles of these times in INFO.
    latency_tracking_info_percentiles: Vec<f64> = vec![50.0, 99.0, 99.9] => "latency-tracking-info-percentiles", Percentiles {};
    /// Keyspace events that are published.
    notify_keyspace_events: EventClasses = EventClasses::empty() => "notify-keyspace-events", Events {};

    // Limits of the compact encodings.
    /// Fields of a hash.
    hash_max_listpack_entries: usize = 512 => "hash-max-listpack-entries" or "hash-max-ziplist-entries", Integer { bounds: SIZE };
    /// Bytes of a field or value.
    hash_max_listpack_value: usize = 64 => "hash-max-listpack-value" or "hash-max-ziplist-value", Memory { bounds: SIZE };
    /// Elements of a node of a list, or, below zero, its size: -1 for 4 KiB to -5 for 64 KiB.
    list_max_listpack_size: i32 = -2 => "list-max-listpack-size" or "list-max-ziplist-size", Integer { bounds: Bounds::signed(i32::MIN as i64, i32::MAX as i64) };
    /// Nodes at each end of a list that are not compressed; 0 compresses none.
    list_compress_depth: u32 = 0 => "list-compress-depth", Integer { bounds: INT };
    /// Elements of a set of integers.
    set_max_intset_entries: usize = 512 => "set-max-intset-entries", Integer { bounds: SIZE };
    /// Elements of another set.
    set_max_listpack_entries: usize = 128 => "set-max-listpack-entries", Integer { bounds: SIZE };
    /// Bytes of such an element.
    set_max_listpack_value: usize = 64 => "set-max-listpack-value", Integer { bounds: SIZE };
    /// Members of a sorted set.
    zset_max_listpack_entries: usize = 128 => "zset-max-listpack-entries" or "zset-max-ziplist-entries", Integer { bounds: SIZE };
    /// Bytes of a member.
    zset_max_listpack_value: usize = 64 => "zset-max-listpack-value" or "zset-max-ziplist-value", Memory { bounds: SIZE };
    /// Bytes of a sparse HyperLogLog.
    hll_sparse_max_bytes: usize = 3000 => "hll-sparse-max-bytes", Memory { bounds: SIZE };
    /// Bytes of a node of a stream; 0 for no limit.
    stream_node_max_bytes: usize = 4 * KB as usize => "stream-node-max-bytes", Memory { bounds: SIZE };
    /// Entries of a node of a stream; 0 for no limit.
    stream_node_max_entries: u64 = 100 => "stream-node-max-entries", Integer { bounds: LONG };

    // Accepted because files and tools name them. Memory is not moved about, and there is one thread.
    /// Whether memory is defragmented.
    activedefrag: bool = false => "activedefrag", Switch {};
    /// Bytes of waste below which it is not.
    active_defrag_ignore_bytes: u64 = 100 * MB => "active-defrag-ignore-bytes", Memory { bounds: Bounds::signed(1, i64::MAX) };
    /// Percent of waste at which it begins.
    active_defrag_threshold_lower: u32 = 10 => "active-defrag-threshold-lower", Integer { bounds: Bounds::signed(0, 1000) };
    /// Percent of waste at which it does its most.
    active_defrag_threshold_upper: u32 = 100 => "active-defrag-threshold-upper", Integer { bounds: Bounds::signed(0, 1000) };
    /// Percent of the processor it takes at least.
    active_defrag_cycle_min: u32 = 1 => "active-defrag-cycle-min", Integer { bounds: Bounds::signed(1, 99) };
    /// Percent of the processor it takes at most.
    active_defrag_cycle_max: u32 = 25 => "active-defrag-cycle-max", Integer { bounds: Bounds::signed(1, 99) };
    /// Elements of a collection it looks at in one go.
    active_defrag_max_scan_fields: u64 = 1000 => "active-defrag-max-scan-fields", Integer { bounds: Bounds::signed(1, i64::MAX) };
    /// Whether the allocator has a thread.
    jemalloc_bg_thread: bool = true => "jemalloc-bg-thread", Switch {};
    /// Threads that read and write sockets.
    io_threads: u32 = 1 => "io-threads", Integer { bounds: Bounds::signed(1, 128) }, IMMUTABLE;
    /// Processors of the main thread.
    server_cpulist: Vec<u8> = Vec::new() => "server-cpulist", Text { empty: Empty::Unset, check: anything }, IMMUTABLE;
    /// Processors of background threads.
    bio_cpulist: Vec<u8> = Vec::new() => "bio-cpulist", Text { empty: Empty::Unset, check: anything }, IMMUTABLE;
    /// Processors of the child that rewrites the append-only file.
    aof_rewrite_cpulist: Vec<u8> = Vec::new() => "aof-rewrite-cpulist", Text { empty: Empty::Unset, check: anything }, IMMUTABLE;
    /// Processors of the child that writes a snapshot.
    bgsave_cpulist: Vec<u8> = Vec::new() => "bgsave-cpulist", Text { empty: Empty::Unset, check: anything }, IMMUTABLE;
    /// Who watches over the process.
    supervised: Vec<u8> = b"no".to_vec() => "supervised", Text { empty: Empty::Kept, check: supervision }, IMMUTABLE;
    /// Whether the system's log is told as well.
    syslog_enabled: bool = false => "syslog-enabled", Switch {}, IMMUTABLE;
    /// The name it is told under.
    syslog_ident: Vec<u8> = b"redis".to_vec() => "syslog-ident", Text { empty: Empty::Kept, check: anything }, IMMUTABLE;
    /// The part of that log.
    syslog_facility: Vec<u8> = b"local0".to_vec() => "syslog-facility", Text { empty: Empty::Kept, check: anything }, IMMUTABLE;
    /// Whether a crash is reported in the log.
    crash_log_enabled: bool = true => "crash-log-enabled", Switch {};
    /// Whether memory is tested after a crash.
    crash_memcheck_enabled: bool = true => "crash-memcheck-enabled", Switch {};
    /// Whether huge pages are refused: the business of whoever starts the process.
    disable_thp: bool = true => "disable-thp", Switch {}, IMMUTABLE;
    /// Whether the process changes its title; it keeps the one it was started with.
    set_proc_title: bool = true => "set-proc-title", Switch {}, IMMUTABLE;
    /// That title.
    proc_title_template: Vec<u8> = b"{title} {listen-addr} {server-mode}".to_vec() => "proc-title-template", Text { empty: Empty::Kept, check: anything };
    /// Warnings that do not keep the server from starting.
    ignore_warnings: Vec<u8> = Vec::new() => "ignore-warnings", Text { empty: Empty::Kept, check: anything };
    /// What is done when a write fails that a primary sent.
    propagation_error_behavior: Vec<u8> = b"ignore".to_vec() => "propagation-error-behavior", Text { empty: Empty::Kept, check: propagation_errors };
    /// Whether a replica goes on though it cannot write to its disk.
    replica_ignore_disk_write_errors: bool = false => "replica-ignore-disk-write-errors", Switch {};
    /// Address that connections to others come from.
    bind_source_addr: Vec<u8> = Vec::new() => "bind-source-addr", Text { empty: Empty::Unset, check: anything };
    /// Mark that the system's firewall knows sockets by.
    socket_mark_id: u32 = 0 => "socket-mark-id", Integer { bounds: Bounds::unsigned(0, u32::MAX as i64) }, IMMUTABLE;
    /// Whether the server is part of a cluster.
    cluster_enabled: Vec<u8> = b"no".to_vec() => "cluster-enabled", Text { empty: Empty::Kept, check: only_no }, IMMUTABLE;
    /// Port for TLS, which there is none.
    tls_port: u16 = 0 => "tls-port", Integer { bounds: Bounds::signed(0, 0) };
}
