//! The process's limit on open files, which bounds the number of clients.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors the server needs beside its clients (CONFIG_MIN_RESERVED_FDS).
const RESERVED: u64 = 32;

/// Raises the limit on open files so that `maxclients` fit.
///
/// # Returns
/// how many clients fit: fewer than asked for where the system does not allow more.
pub(crate) fn make_room_for(maxclients: usize) -> usize {
    let wanted = maxclients as u64 + RESERVED;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return maxclients;
    };
    if soft >= wanted {
        return maxclients;
    }
    // A privileged process may raise even the hard limit; others get as far as that.
    let granted = [(wanted, hard.max(wanted)), (hard, hard)]
        .into_iter()
        .find(|(soft, hard)| setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard).is_ok())
        .map_or(soft, |(soft, _)| soft);
    if granted >= wanted {
        return maxclients;
    }
    let fits = granted.saturating_sub(RESERVED).max(1) as usize;
    log::warn!(
        "You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors. Current maximum \
         open files is {granted}. maxclients has been reduced to {fits} to compensate for low ulimit. If you need \
         higher maxclients increase 'ulimit -n'."
    );
    fits
}
