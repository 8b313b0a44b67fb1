//! Pub/sub: subscriptions, messages, and who listens.

use crate::commands::help::write_help;
use crate::engine::{Call, ClientFlags, Engine};
use crate::pubsub::Kind;
use crate::registry::command::{Arg, ArgKind, Command, Flags, Group, KeyFlags, Keys, Outcome, Run};
use crate::resp::error::Error;
use crate::resp::reply::Aggregate;
use crate::text::glob;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        "subscribe",
        "2.0.0",
        Group::PubSub,
        -2,
        Run::Engine(subscribe),
    )
    .flags(
        Flags::PUBSUB
            .union(Flags::NOSCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE),
    )
    .args(&[Arg::new("channel", ArgKind::String).multiple()])
    .summary("Listens for messages published to channels.")
    .complexity("O(N) where N is the number of channels to subscribe to."),
    Command::new(
        "unsubscribe",
        "2.0.0",
        Group::PubSub,
        -1,
        Run::Engine(unsubscribe),
    )
    .flags(
        Flags::PUBSUB
            .union(Flags::NOSCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE),
    )
    .args(&[Arg::new("channel", ArgKind::String).optional().multiple()])
    .summary("Stops listening to messages posted to channels.")
    .complexity("O(N) where N is the number of channels to unsubscribe."),
    Command::new(
        "psubscribe",
        "2.0.0",
        Group::PubSub,
        -2,
        Run::Engine(psubscribe),
    )
    .flags(
        Flags::PUBSUB
            .union(Flags::NOSCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE),
    )
    .args(&[Arg::new("pattern", ArgKind::Pattern).multiple()])
    .summary(
        "Listens for messages published to channels that match one or \
         more patterns.",
    )
    .complexity("O(N) where N is the number of patterns to subscribe to."),
    Command::new(
        "punsubscribe",
        "2.0.0",
        Group::PubSub,
        -1,
        Run::Engine(punsubscribe),
    )
    .flags(
        Flags::PUBSUB
            .union(Flags::NOSCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE),
    )
    .args(&[Arg::new("pattern", ArgKind::Pattern).optional().multiple()])
    .summary(
        "Stops listening to messages published to channels that match \
         one or more patterns.",
    )
    .complexity("O(N) where N is the number of patterns to unsubscribe."),
    Command::new(
        "ssubscribe",
        "7.0.0",
        Group::PubSub,
        -2,
        Run::Engine(ssubscribe),
    )
    .flags(
        Flags::PUBSUB
            .union(Flags::NOSCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE),
    )
    .keys(&[Keys::range(1, -1, 1, KeyFlags::NOT_KEY)])
    .args(&[Arg::new("shardchannel", ArgKind::String).multiple()])
    .summary("Listens for messages published to shard channels.")
    .complexity("O(N) where N is the number of shard channels to subscribe to."),
    Command::new(
        "sunsubscribe",
        "7.0.0",
        Group::PubSub,
        -1,
        Run::Engine(sunsubscribe),
    )
    .flags(
        Flags::PUBSUB
            .union(Flags::NOSCRIPT)
            .union(Flags::LOADING)
            .union(Flags::STALE),
    )
    .keys(&[Keys::range(1, -1, 1, KeyFlags::NOT_KEY)])
    .args(&[Arg::new("shardchannel", ArgKind::String)
        .optional()
        .multiple()])
    .summary("Stops listening to messages posted to shard channels.")
    .complexity("O(N) where N is the number of shard channels to unsubscribe."),
    Command::new("publish", "2.0.0", Group::PubSub, 3, Run::Engine(publish))
        .flags(
            Flags::PUBSUB
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::FAST)
                .union(Flags::MAY_REPLICATE),
        )
        .args(&[
            Arg::new("channel", ArgKind::String),
            Arg::new("message", ArgKind::String),
        ])
        .summary("Posts a message to a channel.")
        .complexity(
            "O(N+M) where N is the number of clients subscribed to the \
             receiving channel and M is the total number of subscribed \
             patterns (by any client).",
        ),
    Command::new("spublish", "7.0.0", Group::PubSub, 3, Run::Engine(spublish))
        .flags(
            Flags::PUBSUB
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::FAST)
                .union(Flags::MAY_REPLICATE),
        )
        .keys(&[Keys::one(1, KeyFlags::NOT_KEY)])
        .args(&[
            Arg::new("shardchannel", ArgKind::String),
            Arg::new("message", ArgKind::String),
        ])
        .summary("Post a message to a shard channel")
        .complexity(
            "O(N) where N is the number of clients subscribed to the \
             receiving shard channel.",
        ),
    Command::new("pubsub", "2.8.0", Group::PubSub, -2, Run::Container)
        .summary("A container for Pub/Sub commands.")
        .complexity("Depends on subcommand.")
        .subcommands(&[
            Command::new(
                "channels",
                "2.8.0",
                Group::PubSub,
                -2,
                Run::Engine(channels),
            )
            .flags(Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE))
            .args(&[Arg::new("pattern", ArgKind::Pattern).optional()])
            .summary("Returns the active channels.")
            .complexity(
                "O(N) where N is the number of active channels, and assuming \
                 constant time pattern matching (relatively short channels and \
                 patterns)",
            ),
            Command::new("help", "6.2.0", Group::PubSub, 2, Run::Engine(help))
                .flags(Flags::LOADING.union(Flags::STALE))
                .summary("Returns helpful text about the different subcommands.")
                .complexity("O(1)"),
            Command::new("numpat", "2.8.0", Group::PubSub, 2, Run::Engine(numpat))
                .flags(Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE))
                .summary("Returns a count of unique pattern subscriptions.")
                .complexity("O(1)"),
            Command::new("numsub", "2.8.0", Group::PubSub, -2, Run::Engine(numsub))
                .flags(Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE))
                .args(&[Arg::new("channel", ArgKind::String).optional().multiple()])
                .summary("Returns a count of subscribers to channels.")
                .complexity(
                    "O(N) for the NUMSUB subcommand, where N is the number of \
                 requested channels",
                ),
            Command::new(
                "shardchannels",
                "7.0.0",
                Group::PubSub,
                -2,
                Run::Engine(shardchannels),
            )
            .flags(Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE))
            .args(&[Arg::new("pattern", ArgKind::Pattern).optional()])
            .summary("Returns the active shard channels.")
            .complexity(
                "O(N) where N is the number of active shard channels, and \
                 assuming constant time pattern matching (relatively short \
                 shard channels).",
            ),
            Command::new(
                "shardnumsub",
                "7.0.0",
                Group::PubSub,
                -2,
                Run::Engine(shardnumsub),
            )
            .flags(Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE))
            .args(&[Arg::new("shardchannel", ArgKind::String)
                .optional()
                .multiple()])
            .summary("Returns the count of subscribers of shard channels.")
            .complexity(
                "O(N) for the SHARDNUMSUB subcommand, where N is the number of \
                 requested shard channels",
            ),
        ]),
];

const HELP: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
];

fn help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    write_help(&mut call.reply, call.args.at(0), HELP);
    Ok(())
}

fn subscribe(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    begin(engine, call, Kind::Channel, "subscribe");
    Ok(())
}

fn psubscribe(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    begin(engine, call, Kind::Pattern, "psubscribe");
    Ok(())
}

fn ssubscribe(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let in_transaction = engine
        .clients
        .get(call.client)
        .is_some_and(|client| client.is(ClientFlags::MULTI));
    if in_transaction {
        return Err(Error::fixed(
            "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
        ));
    }
    begin(engine, call, Kind::Shard, "ssubscribe");
    Ok(())
}

fn unsubscribe(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    end(engine, call, Kind::Channel, "unsubscribe");
    Ok(())
}

fn punsubscribe(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    end(engine, call, Kind::Pattern, "punsubscribe");
    Ok(())
}

fn sunsubscribe(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    end(engine, call, Kind::Shard, "sunsubscribe");
    Ok(())
}

fn begin(engine: &mut Engine, call: &mut Call<'_>, kind: Kind, word: &str) {
    for name in call.args.rest(1) {
        engine.pubsub.subscribe(call.client, kind, name);
        confirm(engine, call, kind, word, Some(name));
    }
    if let Some(client) = engine.clients.get_mut(call.client) {
        client.flags.insert(ClientFlags::PUBSUB);
    }
}

/// Ends the subscriptions named, or all of their kind where none is named.
fn end(engine: &mut Engine, call: &mut Call<'_>, kind: Kind, word: &str) {
    if call.args.len() > 1 {
        for name in call.args.rest(1) {
            engine.pubsub.unsubscribe(call.client, kind, name);
            confirm(engine, call, kind, word, Some(name));
        }
    } else {
        let names = engine.pubsub.topics(kind).of(call.client);
        for name in &names {
            engine.pubsub.unsubscribe(call.client, kind, name);
            confirm(engine, call, kind, word, Some(name));
        }
        if names.is_empty() {
            confirm(engine, call, kind, word, None);
        }
    }
    let listening = engine.pubsub.is_listening(call.client);
    if let Some(client) = engine.clients.get_mut(call.client) {
        client.flags.set(ClientFlags::PUBSUB, listening);
    }
}

/// Tells of one subscription begun or ended. It is a message, not a reply, so CLIENT REPLY OFF does not hold it back.
fn confirm(engine: &Engine, call: &mut Call<'_>, kind: Kind, word: &str, name: Option<&[u8]>) {
    let closing = engine
        .clients
        .get(call.client)
        .is_none_or(|client| client.is(ClientFlags::CLOSE_AFTER_REPLY));
    let muted = call.reply.set_muted(closing);
    call.reply.push(3);
    call.reply.bulk(word.as_bytes());
    match name {
        Some(name) => call.reply.bulk(name),
        None => call.reply.null(),
    }
    let left = engine.pubsub.confirmed(call.client, kind);
    call.reply.count(left);
    call.reply.set_muted(muted);
}

fn publish(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let delivered = engine.publish(call.args.at(1), call.args.at(2));
    call.reply.count(delivered);
    Ok(())
}

fn spublish(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let delivered = engine.publish_to_shard(call.args.at(1), call.args.at(2));
    call.reply.count(delivered);
    Ok(())
}

fn channels(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    names(engine, call, Kind::Channel)
}

fn shardchannels(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    names(engine, call, Kind::Shard)
}

fn names(engine: &Engine, call: &mut Call<'_>, kind: Kind) -> Outcome {
    if call.args.len() > 3 {
        return Err(Error::subcommand("PUBSUB", call.args.at(1)));
    }
    let pattern = call.args.get(2);
    let array = call.reply.deferred(Aggregate::Array);
    let mut count = 0;
    for (name, _) in engine.pubsub.topics(kind).names() {
        if pattern.is_none_or(|pattern| glob::matches(pattern, name)) {
            call.reply.bulk(name);
            count += 1;
        }
    }
    call.reply.finish(array, count);
    Ok(())
}

fn numsub(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    counts(engine, call, Kind::Channel)
}

fn shardnumsub(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    counts(engine, call, Kind::Shard)
}

fn counts(engine: &Engine, call: &mut Call<'_>, kind: Kind) -> Outcome {
    // An array of pairs in both protocols: it was never made a map.
    call.reply.array((call.args.len() - 2) * 2);
    for name in call.args.rest(2) {
        call.reply.bulk(name);
        let listeners = engine.pubsub.topics(kind).listeners(name).count();
        call.reply.count(listeners);
    }
    Ok(())
}

fn numpat(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let patterns = engine.pubsub.topics(Kind::Pattern).names().len();
    call.reply.count(patterns);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use crate::Embedded;
    use crate::keyspace::changes::Class;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn ones_own_message_comes_after_the_reply_and_never_inside_it() {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        redis.exchange(client, b"HELLO 3\r\nSUBSCRIBE c\r\n");
        let message = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n";
        assert_eq!(
            text(&redis.exchange(client, b"PUBLISH c m\r\nPING\r\n")),
            format!(":1\r\n{message}+PONG\r\n")
        );
        assert_eq!(
            text(&redis.exchange(client, b"MULTI\r\nPUBLISH c m\r\nPING\r\nEXEC\r\n")),
            format!("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+PONG\r\n{message}")
        );
    }

    #[test]
    fn a_subscriber_that_leaves_is_not_counted() {
        for ending in ["QUIT", "RESET", "UNSUBSCRIBE", "*x"] {
            let mut redis = Embedded::new(1);
            let (a, b) = (redis.connect(), redis.connect());
            redis.exchange(a, b"SUBSCRIBE c\r\n");
            assert_eq!(redis.exchange(b, b"PUBLISH c m\r\n"), b":1\r\n");
            redis.exchange(a, format!("{ending}\r\n").as_bytes());
            assert_eq!(redis.exchange(b, b"PUBLISH c m\r\n"), b":0\r\n", "{ending}");
        }
    }

    #[test]
    fn a_subscriber_over_its_limit_is_cut_and_nobody_else() {
        let mut redis = Embedded::new(1);
        let limits = &mut redis.engine.config.client_output_buffer_limit;
        limits.pubsub.hard_bytes = 100_000;
        let (slow, quick, publisher) = (redis.connect(), redis.connect(), redis.connect());
        redis.exchange(slow, b"SUBSCRIBE a b\r\n");
        redis.exchange(quick, b"SUBSCRIBE a\r\n");
        let payload = "x".repeat(60_000);
        let mut pipeline = String::new();
        for channel in ["a", "b"] {
            let _ = write!(
                pipeline,
                "*3\r\n$7\r\nPUBLISH\r\n$1\r\n{channel}\r\n$60000\r\n{payload}\r\n"
            );
        }
        assert_eq!(
            redis.exchange(publisher, pipeline.as_bytes()),
            b":2\r\n:1\r\n"
        );
        assert!(!redis.is_connected(slow));
        assert!(redis.output(quick).ends_with(b"x\r\n"));
        assert_eq!(redis.exchange(publisher, b"PUBLISH b m\r\n"), b":0\r\n");
    }

    #[test]
    fn a_keyspace_event_is_told_of_the_key_first() {
        let mut redis = Embedded::new(1);
        redis.engine.changes.notify = Class::KEYSPACE | Class::KEYEVENT | Class::STRING;
        let (a, b) = (redis.connect(), redis.connect());
        redis.exchange(a, b"PSUBSCRIBE *\r\n");
        redis.exchange(b, b"SELECT 2\r\nSET k v\r\nDEL k\r\n");
        assert_eq!(
            text(&redis.output(a)),
            "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$16\r\n__keyspace@2__:k\r\n$3\r\nset\r\n\
             *4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$18\r\n__keyevent@2__:set\r\n$1\r\nk\r\n",
            "DEL is of another class"
        );
    }
}
