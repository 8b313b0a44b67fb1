//! What a changed option means for what already runs.

use crate::config::values::MaxmemoryPolicy;
use crate::config::{Asker, Config, SetError};
use crate::engine::Engine;
use crate::keyspace::access::Mode;
use crate::keyspace::changes::Class;
use crate::stats::Stats;

impl Engine {
    /// Changes options, all or none, and carries out what that means.
    ///
    /// # Errors
    /// in Redis's words, and nothing has changed.
    pub(crate) fn configure(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        asker: Asker,
    ) -> Result<(), SetError> {
        let before = self.config.clone();
        let changed = self.config.set(pairs, asker)?;
        for name in &changed {
            if let Err(reason) = self.carry_out(name) {
                self.config = before;
                // What was carried out before the refusal is undone by carrying out the old values.
                for name in changed.iter().take_while(|undone| *undone != name) {
                    if let Err(reason) = self.carry_out(name) {
                        log::warn!("Failed restoring {name}: {reason}");
                    }
                }
                return Err(SetError::Failed {
                    name: name.as_bytes().to_vec(),
                    reason: reason.into(),
                });
            }
        }
        self.derive();
        Ok(())
    }

    /// Tells the outside about the new value of an option that the outside has to do with.
    fn carry_out(&mut self, name: &str) -> Result<(), String> {
        let config = &self.config;
        match name {
            "bind" => self
                .host
                .listen(&config.bind, config.port)
                .map_err(|_| "Failed to bind to specified addresses.".to_owned()),
            "port" => self
                .host
                .listen(&config.bind, config.port)
                .map_err(|_| "Unable to listen on this port. Check server logs.".to_owned()),
            "dir" => self.host.enter(&config.dir),
            "loglevel" => {
                self.host.set_loglevel(config.loglevel);
                Ok(())
            }
            "maxclients" => match self.host.make_room_for(config.maxclients) {
                fits if fits < config.maxclients => Err(format!(
                    "The operating system is not able to handle the specified number of clients, try with {fits}"
                )),
                _ => Ok(()),
            },
            "maxmemory" => {
                self.begin_evicting();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Brings up to date what is kept outside the configuration because hot paths read it there.
    pub(crate) fn derive(&mut self) {
        self.access = access_mode(&self.config);
        // Events that no channel is named for are not even noted.
        let notify = self.config.notify_keyspace_events;
        self.changes.notify = if notify.intersects(Class::KEYSPACE | Class::KEYEVENT) {
            notify
        } else {
            Class::empty()
        };
        self.slow_from_us = slow_from_us(&self.config);
        self.derive_client_memory();
        self.keyspace.lazy_expire = self.config.lazyfree_lazy_expire;
        self.keyspace.lazy_server_del = self.config.lazyfree_lazy_server_del;
        let measuring = self.config.maxmemory != 0 && self.host.memory_used() == 0;
        self.changes.measured = measuring;
        self.keyspace.set_measuring(measuring);
    }

    /// At the start: as many clients as were asked for, or as the system allows.
    pub(crate) fn make_room_for_clients(&mut self) {
        self.config.maxclients = self.host.make_room_for(self.config.maxclients);
    }

    /// CONFIG RESETSTAT.
    pub(crate) fn reset_stats(&mut self) {
        let used = self.memory_used();
        self.stats = Stats::new(self.registry.entries().len());
        self.stats.memory_peak = used;
        self.stats.memory_peak_s = self.now.wall_s();
        self.keyspace.stats = Default::default();
    }
}

/// How the 24 bits beside each key are read under the present policy.
fn access_mode(config: &Config) -> Mode {
    match config.maxmemory_policy {
        MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu => Mode::Lfu {
            log_factor: config.lfu_log_factor,
            decay_min: config.lfu_decay_time,
        },
        _ => Mode::Lru,
    }
}

/// The least time, in microseconds, that a command must take for the slow log or the latency monitor to care.
fn slow_from_us(config: &Config) -> u64 {
    let log_from_us = u64::try_from(config.slowlog_log_slower_than).unwrap_or(u64::MAX);
    match u64::try_from(config.latency_monitor_threshold) {
        Ok(from_ms @ 1..) => log_from_us.min(from_ms.saturating_mul(1000)),
        _ => log_from_us,
    }
}
