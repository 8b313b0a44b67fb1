//! The values of every option, as typed fields; knows no file and no client.

/// Limits of one class of clients, as client-output-buffer-limit sets them; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct OutputLimit {
    pub(crate) hard_bytes: u64,
    pub(crate) soft_bytes: u64,
    pub(crate) soft_s: u64,
}

/// The configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) port: u16,
    pub(crate) bind: Vec<String>,
    pub(crate) tcp_backlog: i32,
    pub(crate) tcp_keepalive: u32,
    pub(crate) databases: usize,
    pub(crate) maxclients: usize,
    pub(crate) timeout: u64,
    pub(crate) hz: u32,
    pub(crate) requirepass: String,
    pub(crate) maxmemory: u64,
    pub(crate) maxmemory_policy: &'static str,
    pub(crate) slowlog_log_slower_than: i64,
    pub(crate) slowlog_max_len: usize,
    pub(crate) proto_max_bulk_len: i64,
    pub(crate) client_query_buffer_limit: u64,
    pub(crate) output_limit_normal: OutputLimit,
    pub(crate) output_limit_pubsub: OutputLimit,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            port: 6380,
            bind: vec!["*".to_owned(), "-::*".to_owned()],
            tcp_backlog: 511,
            tcp_keepalive: 300,
            databases: 16,
            maxclients: 10_000,
            timeout: 0,
            hz: 10,
            requirepass: String::new(),
            maxmemory: 0,
            maxmemory_policy: "noeviction",
            slowlog_log_slower_than: 10_000,
            slowlog_max_len: 128,
            proto_max_bulk_len: 512 * 1024 * 1024,
            client_query_buffer_limit: 1024 * 1024 * 1024,
            output_limit_normal: OutputLimit::default(),
            output_limit_pubsub: OutputLimit {
                hard_bytes: 32 << 20,
                soft_bytes: 8 << 20,
                soft_s: 60,
            },
        }
    }
}
