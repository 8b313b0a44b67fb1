//! The slow log: the last commands that took long, newest first.

use std::collections::VecDeque;

/// More arguments than this are counted, not kept (SLOWLOG_ENTRY_MAX_ARGC).
const ARGS_MAX: usize = 32;

/// An argument longer than this is cut (SLOWLOG_ENTRY_MAX_STRING).
const ARG_LEN_MAX: usize = 128;

/// One slow command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slow {
    pub(crate) id: i64,
    /// Seconds since 1970.
    pub(crate) at_s: i64,
    pub(crate) took_us: u64,
    /// Shortened.
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) peer: String,
    pub(crate) client_name: Vec<u8>,
}

/// The log itself.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
    entries: VecDeque<Slow>,
    next_id: i64,
}

impl SlowLog {
    /// Adds a command and forgets the oldest beyond `len_max`.
    pub(crate) fn push<'a>(
        &mut self,
        len_max: usize,
        at_s: i64,
        took_us: u64,
        args: impl ExactSizeIterator<Item = &'a [u8]>,
        peer: String,
        client_name: &[u8],
    ) {
        let id = self.next_id;
        self.next_id += 1;
        let args = shortened(args);
        self.entries.push_front(Slow {
            id,
            at_s,
            took_us,
            args,
            peer,
            client_name: client_name.to_vec(),
        });
        self.entries.truncate(len_max);
    }

    /// The entries, newest first.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Slow> {
        self.entries.iter()
    }

    /// Forgets all entries; their numbers are not used again.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// Arguments as a log keeps them: neither too many nor too long, with a remark on what is left out.
pub(crate) fn shortened<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let count = args.len();
    // The last place is taken by the remark on how many there were.
    let kept = if count > ARGS_MAX {
        ARGS_MAX - 1
    } else {
        count
    };
    let mut short: Vec<Vec<u8>> = args.take(kept).map(shortened_arg).collect();
    if count > kept {
        short.push(format!("... ({} more arguments)", count - kept).into_bytes());
    }
    short
}

fn shortened_arg(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= ARG_LEN_MAX {
        return arg.to_vec();
    }
    let remark = format!("... ({} more bytes)", arg.len() - ARG_LEN_MAX);
    [&arg[..ARG_LEN_MAX], remark.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stand_first_and_numbers_are_not_reused() {
        let mut log = SlowLog::default();
        for i in 0..5 {
            log.push(
                3,
                i,
                1,
                [b"PING".as_slice()].into_iter(),
                String::new(),
                b"",
            );
        }
        assert_eq!(
            log.iter().map(|slow| slow.id).collect::<Vec<_>>(),
            [4, 3, 2]
        );
        log.clear();
        log.push(
            3,
            9,
            1,
            [b"PING".as_slice()].into_iter(),
            String::new(),
            b"",
        );
        assert_eq!(log.iter().map(|slow| slow.id).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn many_and_long_arguments_are_shortened_with_a_remark() {
        let long = vec![b'x'; 200];
        let args: Vec<&[u8]> = std::iter::repeat_n(long.as_slice(), 40).collect();
        let short = shortened(args.into_iter());
        assert_eq!(short.len(), 32);
        assert_eq!(short[31], b"... (9 more arguments)");
        assert!(short[0].ends_with(b"x... (72 more bytes)"));
    }
}
