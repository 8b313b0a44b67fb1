//! OBJECT: how a key is represented and used.

use crate::commands::help::write_help;
use crate::engine::Data;
use crate::keyspace::access::{self, Mode};
use crate::registry::command::{
    Arg, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;

const NO_FREQUENCY: Error = Error::fixed(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between \
     policies at runtime LRU and LFU data will take some time to adjust.",
);
const NO_IDLE_TIME: Error = Error::fixed(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies \
     at runtime LRU and LFU data will take some time to adjust.",
);

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("object", "2.2.3", Group::Generic, -2, Run::Container)
            .summary("A container for object introspection commands.")
            .complexity("Depends on subcommand.")
            .subcommands(&[
                Command::new(
                    "encoding",
                    "2.2.3",
                    Group::Generic,
                    3,
                    Run::Data(object_encoding),
                )
                .flags(Flags::READONLY)
                .categories(Categories::KEYSPACE)
                .keys(&[Keys::one(2, KeyFlags::RO)])
                .args(&[Arg::key("key", 0)])
                .summary("Returns the internal encoding of a Redis object.")
                .complexity("O(1)")
                .tips(&["nondeterministic_output"]),
                Command::new("freq", "4.0.0", Group::Generic, 3, Run::Data(object_freq))
                    .flags(Flags::READONLY)
                    .categories(Categories::KEYSPACE)
                    .keys(&[Keys::one(2, KeyFlags::RO)])
                    .args(&[Arg::key("key", 0)])
                    .summary(
                        "Returns the logarithmic access frequency counter of a Redis \
                     object.",
                    )
                    .complexity("O(1)")
                    .tips(&["nondeterministic_output"]),
                Command::new("help", "6.2.0", Group::Generic, 2, Run::Data(object_help))
                    .flags(Flags::LOADING.union(Flags::STALE))
                    .categories(Categories::KEYSPACE)
                    .summary("Returns helpful text about the different subcommands.")
                    .complexity("O(1)"),
                Command::new(
                    "idletime",
                    "2.2.3",
                    Group::Generic,
                    3,
                    Run::Data(object_idletime),
                )
                .flags(Flags::READONLY)
                .categories(Categories::KEYSPACE)
                .keys(&[Keys::one(2, KeyFlags::RO)])
                .args(&[Arg::key("key", 0)])
                .summary("Returns the time since the last access to a Redis object.")
                .complexity("O(1)")
                .tips(&["nondeterministic_output"]),
                Command::new(
                    "refcount",
                    "2.2.3",
                    Group::Generic,
                    3,
                    Run::Data(object_refcount),
                )
                .flags(Flags::READONLY)
                .categories(Categories::KEYSPACE)
                .keys(&[Keys::one(2, KeyFlags::RO)])
                .args(&[Arg::key("key", 0)])
                .summary("Returns the reference count of a value of a key.")
                .complexity("O(1)")
                .tips(&["nondeterministic_output"]),
            ]),
    ];

fn object_encoding(d: &mut Data<'_>) -> Outcome {
    match d.keys.inspect(d.args.at(2)) {
        Some(entry) => d.reply.bulk(entry.encoding().as_bytes()),
        None => d.reply.null(),
    }
    Ok(())
}

/// Always 1: since 8.2 Redis too gives every key a value of its own, small integers included.
fn object_refcount(d: &mut Data<'_>) -> Outcome {
    match d.keys.inspect(d.args.at(2)) {
        Some(_) => d.reply.int(1),
        None => d.reply.null(),
    }
    Ok(())
}

fn object_idletime(d: &mut Data<'_>) -> Outcome {
    let (mode, now_ms) = (d.keys.access, d.keys.now_ms);
    match (d.keys.inspect(d.args.at(2)), mode) {
        (None, _) => d.reply.null(),
        (Some(_), Mode::Lfu { .. }) => return Err(NO_IDLE_TIME),
        (Some(entry), Mode::Lru) => d.reply.int(access::idle_s(entry.access(), now_ms).into()),
    }
    Ok(())
}

fn object_freq(d: &mut Data<'_>) -> Outcome {
    let (mode, now_ms) = (d.keys.access, d.keys.now_ms);
    match (d.keys.inspect(d.args.at(2)), mode) {
        (None, _) => d.reply.null(),
        (Some(_), Mode::Lru) => return Err(NO_FREQUENCY),
        (Some(entry), Mode::Lfu { decay_min, .. }) => {
            let frequency = access::decayed(entry.access(), now_ms, decay_min);
            d.reply.int(frequency.into());
        }
    }
    Ok(())
}

fn object_help(d: &mut Data<'_>) -> Outcome {
    write_help(
        &mut d.reply,
        d.args.at(0),
        &[
            "ENCODING <key>",
            "    Return the kind of internal representation used in order to store the value",
            "    associated with a <key>.",
            "FREQ <key>",
            "    Return the access frequency index of the <key>. The returned integer is",
            "    proportional to the logarithm of the recent access frequency of the key.",
            "IDLETIME <key>",
            "    Return the idle time of the <key>, that is the approximated number of",
            "    seconds elapsed since the last access to the key.",
            "REFCOUNT <key>",
            "    Return the number of references of the value associated with the specified",
            "    <key>.",
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::embedded::{Connection, Embedded};

    /// The seconds since the last use of key `k`, or of `d` where a command moved it there, 1000 s after it was set.
    fn idle_after(command: &str, no_touch: bool) -> String {
        let mut redis = Embedded::new(1);
        let a: Connection = redis.connect();
        redis.ask(a, "SET k v");
        redis.ask(
            a,
            if no_touch {
                "CLIENT NO-TOUCH ON"
            } else {
                "CLIENT NO-TOUCH OFF"
            },
        );
        redis.advance(Duration::from_secs(1000));
        redis.ask(a, command);
        let key = if redis.ask(a, "EXISTS k") == ":1\r\n" {
            "k"
        } else {
            "d"
        };
        redis.ask(a, &format!("OBJECT IDLETIME {key}"))
    }

    #[test]
    fn a_key_is_used_by_what_reads_or_changes_its_value() {
        // Measured on 8.2.3: the command, whether it counts as a use, and whether it does under CLIENT NO-TOUCH.
        let commands = [
            ("GET k", true, false),
            ("STRLEN k", true, false),
            ("SET k w", true, false),
            ("SET k longer EX 100", true, false),
            ("APPEND k x", true, false),
            ("EXPIRE k 100", true, false),
            ("EXPIRE k -1 GT", true, false),
            ("PERSIST k", true, false),
            ("SETNX k x", true, false),
            ("COPY k d", true, false),
            ("TOUCH k", true, true),
            ("RENAME k d", true, true),
            ("RENAMENX k d", true, true),
            ("TYPE k", false, false),
            ("TTL k", false, false),
            ("EXISTS k", false, false),
            ("OBJECT ENCODING k", false, false),
            ("KEYS *", false, false),
            ("SCAN 0", false, false),
        ];
        let idle = |used| if used { ":0\r\n" } else { ":1000\r\n" };
        for (command, used, used_anyway) in commands {
            assert_eq!(idle_after(command, false), idle(used), "{command}");
            assert_eq!(
                idle_after(command, true),
                idle(used_anyway),
                "{command} with NO-TOUCH"
            );
        }
    }

    #[test]
    fn use_is_told_as_the_policy_keeps_it() {
        let mut redis = Embedded::new(1);
        let a = redis.connect();
        redis.ask(a, "SET k v");
        assert!(
            redis
                .ask(a, "OBJECT FREQ k")
                .starts_with("-ERR An LFU maxmemory policy is not selected,")
        );
        redis.ask(a, "CONFIG SET maxmemory-policy allkeys-lfu");
        assert!(
            redis
                .ask(a, "OBJECT IDLETIME k")
                .starts_with("-ERR An LFU maxmemory policy is selected,")
        );
        redis.ask(a, "SET new v");
        assert_eq!(redis.ask(a, "OBJECT FREQ new"), ":5\r\n");
        assert_eq!(redis.ask(a, "OBJECT FREQ missing"), "$-1\r\n");
    }
}
