//! When a key was last used, or how often: 24 bits beside every key, as Redis approximates LRU and LFU.

/// Seconds per tick of the LRU clock.
const LRU_TICK_MS: i64 = 1000;
const LRU_MASK: i64 = (1 << 24) - 1;

/// What LFU starts a new key with, so that it survives its first minutes (LFU_INIT_VAL).
const LFU_INITIAL: u8 = 5;

/// How the 24 bits are to be read: maxmemory-policy says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Time of the last use, in seconds.
    Lru,
    /// 16 bits of minutes, 8 bits of a logarithmic counter.
    Lfu { log_factor: u32, decay_min: u32 },
}

/// The 24 bits a key that is created now starts with.
pub(crate) fn fresh(mode: Mode, wall_ms: i64) -> u32 {
    match mode {
        Mode::Lru => lru_clock(wall_ms),
        Mode::Lfu { .. } => used_often(LFU_INITIAL, wall_ms),
    }
}

/// The 24 bits after one more use; `chance` is uniform in 0..1.
pub(crate) fn used(mode: Mode, access: u32, wall_ms: i64, chance: impl FnOnce() -> f64) -> u32 {
    match mode {
        Mode::Lru => lru_clock(wall_ms),
        Mode::Lfu {
            log_factor,
            decay_min,
        } => {
            let mut counter = decayed(access, wall_ms, decay_min);
            if counter < u8::MAX {
                let base = f64::from(counter.saturating_sub(LFU_INITIAL));
                if chance() < 1.0 / (base * f64::from(log_factor) + 1.0) {
                    counter += 1;
                }
            }
            used_often(counter, wall_ms)
        }
    }
}

/// The 24 bits of a key that was last used so many seconds ago.
pub(crate) fn idle_for(seconds: i64, wall_ms: i64) -> u32 {
    lru_clock(wall_ms).wrapping_sub(seconds as u32) & LRU_MASK as u32
}

/// The 24 bits of a key that was used so often, by LFU's logarithmic counter.
pub(crate) fn used_often(counter: u8, wall_ms: i64) -> u32 {
    minutes(wall_ms) << 8 | u32::from(counter)
}

/// Seconds since the last use, as OBJECT IDLETIME answers.
pub(crate) fn idle_s(access: u32, wall_ms: i64) -> u32 {
    // The clock wraps after 194 days; so does the answer, as in Redis.
    lru_clock(wall_ms).wrapping_sub(access) & LRU_MASK as u32
}

/// The logarithmic counter as it stands now, as OBJECT FREQ answers.
pub(crate) fn decayed(access: u32, wall_ms: i64, decay_min: u32) -> u8 {
    let counter = (access & 0xff) as u8;
    if decay_min == 0 {
        return counter;
    }
    let elapsed = minutes(wall_ms).wrapping_sub(access >> 8) & 0xffff;
    counter.saturating_sub(u8::try_from(elapsed / decay_min).unwrap_or(u8::MAX))
}

/// Seconds, in 24 bits.
pub(crate) fn lru_clock(wall_ms: i64) -> u32 {
    ((wall_ms / LRU_TICK_MS) & LRU_MASK) as u32
}

fn minutes(wall_ms: i64) -> u32 {
    ((wall_ms / 60_000) & 0xffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_resets_the_idle_time() {
        let access = fresh(Mode::Lru, 5_000);
        assert_eq!(idle_s(access, 65_000), 60);
        let access = used(Mode::Lru, access, 65_000, || 0.0);
        assert_eq!(idle_s(access, 65_000), 0);
    }

    #[test]
    fn lfu_counts_by_chance_and_decays_by_the_minute() {
        let mode = Mode::Lfu {
            log_factor: 10,
            decay_min: 1,
        };
        let mut access = fresh(mode, 0);
        assert_eq!(decayed(access, 0, 1), 5);
        access = used(mode, access, 0, || 0.0);
        assert_eq!(decayed(access, 0, 1), 6, "a sure chance counts");
        access = used(mode, access, 0, || 0.99);
        assert_eq!(decayed(access, 0, 1), 6, "a poor chance does not");
        assert_eq!(decayed(access, 3 * 60_000, 1), 3);
        assert_eq!(
            decayed(access, 3 * 60_000, 0),
            6,
            "a decay time of 0 never decays"
        );
    }
}
