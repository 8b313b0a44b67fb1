//! LATENCY: what the latency monitor saw, how long commands took, and advice on both.

use crate::commands::help::write_help;
use crate::engine::{Call, Engine};
use crate::registry::command::{Arg, ArgKind, Command, Flags, Group, Outcome, Run};
use crate::registry::table::Entry;
use crate::resp::error::Error;
use crate::resp::reply::Reply;
use crate::stats::latency::Latency;
use crate::text::sparkline;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("latency", "2.8.13", Group::Server, -2, Run::Container)
            .summary("A container for latency diagnostics commands.")
            .complexity("Depends on subcommand.")
            .subcommands(&[
                Command::new("doctor", "2.8.13", Group::Server, 2, Run::Engine(doctor))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .summary("Returns a human-readable latency analysis report.")
                    .complexity("O(1)")
                    .tips(&[
                        "nondeterministic_output",
                        "request_policy:all_nodes",
                        "response_policy:special",
                    ]),
                Command::new("graph", "2.8.13", Group::Server, 3, Run::Engine(graph))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .args(&[Arg::new("event", ArgKind::String)])
                    .summary("Returns a latency graph for an event.")
                    .complexity("O(1)")
                    .tips(&[
                        "nondeterministic_output",
                        "request_policy:all_nodes",
                        "response_policy:special",
                    ]),
                Command::new("help", "2.8.13", Group::Server, 2, Run::Engine(help))
                    .flags(Flags::LOADING.union(Flags::STALE))
                    .summary("Returns helpful text about the different subcommands.")
                    .complexity("O(1)"),
                Command::new(
                    "histogram",
                    "7.0.0",
                    Group::Server,
                    -2,
                    Run::Engine(histogram),
                )
                .flags(
                    Flags::ADMIN
                        .union(Flags::NOSCRIPT)
                        .union(Flags::LOADING)
                        .union(Flags::STALE),
                )
                .args(&[Arg::new("command", ArgKind::String).optional().multiple()])
                .summary(
                    "Returns the cumulative distribution of latencies of a subset \
                 or all commands.",
                )
                .complexity(
                    "O(N) where N is the number of commands with latency \
                 information being retrieved.",
                )
                .tips(&[
                    "nondeterministic_output",
                    "request_policy:all_nodes",
                    "response_policy:special",
                ]),
                Command::new("history", "2.8.13", Group::Server, 3, Run::Engine(history))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .args(&[Arg::new("event", ArgKind::String)])
                    .summary("Returns timestamp-latency samples for an event.")
                    .complexity("O(1)")
                    .tips(&[
                        "nondeterministic_output",
                        "request_policy:all_nodes",
                        "response_policy:special",
                    ]),
                Command::new("latest", "2.8.13", Group::Server, 2, Run::Engine(latest))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .summary("Returns the latest latency samples for all events.")
                    .complexity("O(1)")
                    .tips(&[
                        "nondeterministic_output",
                        "request_policy:all_nodes",
                        "response_policy:special",
                    ]),
                Command::new("reset", "2.8.13", Group::Server, -2, Run::Engine(reset))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .args(&[Arg::new("event", ArgKind::String).optional().multiple()])
                    .summary("Resets the latency data for one or more events.")
                    .complexity("O(1)")
                    .tips(&["request_policy:all_nodes", "response_policy:agg_sum"]),
            ]),
    ];

/// Columns of LATENCY GRAPH.
const GRAPH_COLUMNS: usize = 80;

fn help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let lines = [
        "DOCTOR",
        "    Return a human readable latency analysis report.",
        "GRAPH <event>",
        "    Return an ASCII latency graph for the <event> class.",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
        "    If no commands are specified then all histograms are replied.",
    ];
    write_help(&mut call.reply, call.args.at(0), &lines);
    Ok(())
}

/// A count or a time.
fn number(reply: &mut Reply<'_>, number: u64) {
    reply.int(i64::try_from(number).unwrap_or(i64::MAX));
}

/// LATENCY LATEST: of every event its newest spike, and the longest there was.
fn latest(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let reply = &mut call.reply;
    let events = engine.spikes.iter();
    let latest: Vec<_> = events
        .filter_map(|(event, series)| Some((event, series.latest()?, series.longest_ms)))
        .collect();
    reply.array(latest.len());
    for (event, spike, longest_ms) in latest {
        reply.array(4);
        reply.bulk(event.as_bytes());
        reply.int(spike.at_s);
        number(reply, spike.took_ms);
        number(reply, longest_ms);
    }
    Ok(())
}

/// LATENCY HISTORY event: its spikes, oldest first.
fn history(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let reply = &mut call.reply;
    let Some(series) = engine.spikes.series(call.args.at(2)) else {
        reply.array(0);
        return Ok(());
    };
    let spikes = series.iter();
    reply.array(spikes.len());
    for spike in spikes {
        reply.array(2);
        reply.int(spike.at_s);
        number(reply, spike.took_ms);
    }
    Ok(())
}

/// LATENCY RESET [event ...]: how many events were forgotten.
fn reset(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let forgotten = if call.args.len() == 2 {
        engine.spikes.clear()
    } else {
        let events = call.args.rest(2);
        events.filter(|event| engine.spikes.forget(event)).count()
    };
    call.reply.count(forgotten);
    Ok(())
}

/// LATENCY GRAPH event: its spikes as columns, labelled with how long ago they were.
fn graph(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let event = call.args.at(2);
    let series = engine
        .spikes
        .series(event)
        .ok_or_else(|| Error::quoting("ERR No samples available for event '", event, "'"))?;
    let now_s = engine.now.wall_s();
    let columns: Vec<(u64, String)> = series
        .iter()
        .map(|spike| (spike.took_ms, age(now_s - spike.at_s)))
        .collect();
    let high_ms = series.iter().map(|spike| spike.took_ms).max();
    let low_ms = series.iter().map(|spike| spike.took_ms).min();
    let text = format!(
        "{} - high {} ms, low {} ms (all time high {} ms)\n{}\n{}",
        String::from_utf8_lossy(event),
        high_ms.unwrap_or_default(),
        low_ms.unwrap_or_default(),
        series.longest_ms,
        "-".repeat(GRAPH_COLUMNS),
        sparkline::draw(&columns, GRAPH_COLUMNS)
    );
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// How long ago something was, in the greatest unit of which there is one.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400.. => format!("{}d", seconds / 86_400),
    }
}

/// LATENCY HISTOGRAM [command ...]: of each command that has run, how many of its calls took no longer than each power of
/// two. A container stands for its subcommands; what is no command is passed over.
fn histogram(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let registry = engine.registry;
    let mut asked: Vec<&Entry> = Vec::new();
    if call.args.len() == 2 {
        asked.extend(registry.entries());
    }
    for entry in call
        .args
        .rest(2)
        .filter_map(|name| registry.find_full(name))
    {
        asked.push(entry);
        asked.extend(entry.subcommands.iter().map(|slot| registry.entry(*slot)));
    }
    let ran: Vec<(&Entry, &Latency)> = asked
        .into_iter()
        .map(|entry| (entry, &engine.stats.latencies[entry.slot]))
        .filter(|(_, latency)| latency.total() > 0)
        .collect();
    let reply = &mut call.reply;
    reply.map(ran.len());
    for (entry, latency) in ran {
        let steps = latency.steps();
        reply.bulk(entry.full_name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        number(reply, latency.total());
        reply.bulk(b"histogram_usec");
        reply.map(steps.len());
        for (longest_us, count) in steps {
            number(reply, longest_us);
            number(reply, count);
        }
    }
    Ok(())
}

/// LATENCY DOCTOR: all spikes in figures, and what may help.
fn doctor(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let report = diagnosis(engine);
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

/// The words are Redis's.
fn diagnosis(engine: &Engine) -> String {
    const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \
         \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep \
         space mission I'd suggest to take a look at \
         https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor.\n";
    const HEALTHY: &str = "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest \
         bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n";
    const SICK: &str = "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you \
         Dave?\n\n";

    if engine.spikes.iter().len() == 0 {
        let disabled = engine.config.latency_monitor_threshold == 0;
        return if disabled { DISABLED } else { HEALTHY }.to_owned();
    }
    let mut report = SICK.to_owned();
    for (index, (event, series)) in engine.spikes.iter().enumerate() {
        let summary = series.summary(engine.now.wall_s());
        report += &format!(
            "{}. {event}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2} sec). \
             Worst all time event {}ms.\n",
            index + 1,
            summary.spikes,
            summary.mean_ms,
            summary.deviation_ms,
            summary.seconds as f64 / summary.spikes as f64,
            series.longest_ms
        );
    }
    report += "\nI have a few advices for you:\n\n";
    let had = |event: &&str| engine.spikes.series(event.as_bytes()).is_some();
    for (_, advice) in REMEDIES.iter().filter(|(events, _)| events.iter().any(had)) {
        report += &advice(engine).unwrap_or_default();
    }
    report
}

/// A remedy: the events it helps against, and the advice, unless it has been followed already.
type Remedy = (&'static [&'static str], fn(&Engine) -> Option<String>);

/// In the order in which they are told.
const REMEDIES: &[Remedy] = &[
    (&["command"], adjust_slow_log),
    (&["command"], |_| Some(READ_SLOW_LOG.to_owned())),
    (&["fast-command"], |_| Some(FREE_THE_PROCESSOR.to_owned())),
    (&["expire-cycle"], raise_hz),
    (&["command", "eviction-del", "expire-cycle"], |_| {
        Some(SPLIT_LARGE_OBJECTS.to_owned())
    }),
    (&["eviction-cycle"], |_| Some(AVOID_PRESSURE.to_owned())),
];

const READ_SLOW_LOG: &str = "- Check your Slow Log to understand what are the commands you are running which are too slow to execute. \
     Please check https://redis.io/commands/slowlog for more information.\n";

const FREE_THE_PROCESSOR: &str = "- The system is slow to execute Redis code paths not containing system calls. This usually means the system \
     does not provide Redis CPU time to run for long periods. You should try to:\n  1) Lower the system load.\n  \
     2) Use a computer / VM just for Redis if you are running other software in the same system.\n  3) Check if \
     you have a \"noisy neighbour\" problem.\n  4) Check with 'redis-cli --intrinsic-latency 100' what is the \
     intrinsic latency in your system.\n  5) Check if the problem is allocator-related by recompiling Redis with \
     MALLOC=libc, if you are using Jemalloc. However this may create fragmentation problems.\n";

const SPLIT_LARGE_OBJECTS: &str = "- Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking operation. If you \
     have very large objects that are often deleted, expired, or evicted, try to fragment those objects into \
     multiple smaller objects.\n";

const AVOID_PRESSURE: &str = "- Sudden changes to the 'maxmemory' setting via 'CONFIG SET', or allocation of large objects via sets or \
     sorted sets intersections, STORE option of SORT, Redis Cluster large keys migrations (RESTORE command), may \
     create sudden memory pressure forcing the server to block trying to evict keys. \n";

fn adjust_slow_log(engine: &Engine) -> Option<String> {
    let config = &engine.config;
    let from_ms = config.latency_monitor_threshold;
    let from_us = from_ms.saturating_mul(1000);
    if config.slowlog_log_slower_than < 0 || config.slowlog_max_len == 0 {
        return Some(format!(
            "- There are latency issues with potentially slow commands you are using. Try to enable the Slow Log \
             Redis feature using the command 'CONFIG SET slowlog-log-slower-than {from_us}'. If the Slow log is \
             disabled Redis is not able to log slow commands execution for you.\n"
        ));
    }
    (config.slowlog_log_slower_than / 1000 > from_ms).then(|| {
        format!(
            "- Your current Slow Log configuration only logs events that are slower than your configured latency \
             monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than {from_us}'.\n"
        )
    })
}

fn raise_hz(engine: &Engine) -> Option<String> {
    const RAISE_HZ: &str = "- In order to make the Redis keys expiring process more incremental, try to set the 'hz' configuration \
         parameter to 100 using 'CONFIG SET hz 100'.\n";

    (engine.config.hz < 100).then(|| RAISE_HZ.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Permission;
    use crate::embedded::{Connection, Embedded};
    use std::time::Duration;

    fn start() -> (Embedded, Connection) {
        let mut redis = Embedded::new(1);
        redis.engine.config.enable_debug_command = Permission::Yes;
        let client = redis.connect();
        (redis, client)
    }

    #[test]
    fn spikes_are_told_with_their_seconds() {
        let (mut redis, a) = start();
        redis.ask(a, "CONFIG SET latency-monitor-threshold 5");
        for (sleep, pause_s) in [("0.004", 0), ("0.03", 1), ("0.01", 5)] {
            redis.ask(a, &format!("DEBUG SLEEP {sleep}"));
            redis.advance(Duration::from_secs(pause_s));
        }
        assert_eq!(
            redis.ask(a, "LATENCY HISTORY command"),
            "*2\r\n*2\r\n:1767225600\r\n:30\r\n*2\r\n:1767225601\r\n:10\r\n"
        );
        assert_eq!(
            redis.ask(a, "LATENCY LATEST"),
            "*1\r\n*4\r\n$7\r\ncommand\r\n:1767225601\r\n:10\r\n:30\r\n"
        );
        let graph = redis.ask(a, "LATENCY GRAPH command");
        assert!(
            graph.ends_with("\n# \n| \n| \n|_\n  \n65\nss\n\r\n"),
            "{graph:?}"
        );
        let report = diagnosis(&redis.engine);
        assert!(
            report.contains(
                "\n1. command: 2 latency spikes (average 20ms, mean deviation 10ms, period 3.00 sec). \
                 Worst all time event 30ms.\n"
            ),
            "{report}"
        );
    }

    #[test]
    fn each_remedy_is_told_once_and_only_for_what_happened() {
        let (mut redis, a) = start();
        redis.ask(a, "CONFIG SET latency-monitor-threshold 5");
        let engine = &mut redis.engine;
        engine.note_latency("fast-command", 4999);
        assert_eq!(engine.spikes.iter().len(), 0);
        engine.note_latency("fast-command", 5000);
        let report = diagnosis(engine);
        assert!(report.ends_with(FREE_THE_PROCESSOR), "{report}");
        assert_eq!(report.matches("\n- ").count(), 1, "{report}");

        for event in ["expire-cycle", "command", "eviction-cycle"] {
            engine.note_latency(event, 7000);
        }
        let count = |engine: &Engine| diagnosis(engine).matches("\n- ").count();
        assert_eq!(count(engine), 6);
        engine.config.hz = 100;
        assert_eq!(count(engine), 5);
    }

    #[test]
    fn ages_are_in_the_greatest_unit() {
        assert_eq!(
            [0, 59, 60, 3599, 3600, 86_399, 172_800].map(age),
            ["0s", "59s", "1m", "59m", "1h", "23h", "2d"]
        );
    }
}
