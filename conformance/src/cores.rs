//! Which processor core a thread, and every process it starts from then on, runs on. Knows nothing of who works there.

/// Keeps the calling thread on one of the cores it may use, chosen by its number among threads of its kind; what it starts
/// stays there too. Where that cannot be had nothing changes, for it saves time and decides nothing.
pub(crate) fn stay_on_one(thread: usize) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

        let Ok(allowed) = sched_getaffinity(None) else {
            return;
        };
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|&core| allowed.is_set(core))
            .collect();
        if allowed.is_empty() {
            return;
        }
        let mut one = CpuSet::new();
        one.set(allowed[thread % allowed.len()]);
        // Refused in some sandboxes.
        let _ = sched_setaffinity(None, &one);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = thread;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::thread::sched_getaffinity;
    use std::thread;

    #[test]
    fn threads_are_dealt_out_over_the_cores_in_turn() {
        let cores = sched_getaffinity(None).unwrap().count();
        let core_of = |number: u32| {
            let worker = thread::spawn(move || {
                stay_on_one(number as usize);
                sched_getaffinity(None).unwrap()
            });
            worker.join().unwrap()
        };
        let first = core_of(0);
        assert_eq!(first.count(), 1);
        assert!(core_of(cores) == first);
        assert_eq!(core_of(1) == first, cores == 1);
    }
}
