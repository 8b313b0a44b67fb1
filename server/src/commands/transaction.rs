//! Transactions: MULTI queues, EXEC carries out, WATCH says what must not change in between.

use crate::engine::{Call, ClientFlags, Engine, Transaction};
use crate::registry::command::{
    Arg, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("multi", "1.2.0", Group::Transactions, 1, Run::Engine(multi))
        .flags(
            Flags::NOSCRIPT
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::FAST)
                .union(Flags::ALLOW_BUSY),
        )
        .categories(Categories::TRANSACTION)
        .summary("Starts a transaction.")
        .complexity("O(1)"),
    Command::new("exec", "1.2.0", Group::Transactions, 1, Run::Engine(exec))
        .flags(
            Flags::NOSCRIPT
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::SKIP_SLOWLOG),
        )
        .categories(Categories::TRANSACTION)
        .summary("Executes all commands in a transaction.")
        .complexity("Depends on commands in the transaction"),
    Command::new(
        "discard",
        "2.0.0",
        Group::Transactions,
        1,
        Run::Engine(discard),
    )
    .flags(
        Flags::NOSCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::ALLOW_BUSY),
    )
    .categories(Categories::TRANSACTION)
    .summary("Discards a transaction.")
    .complexity("O(N), when N is the number of queued commands"),
    Command::new(
        "watch",
        "2.2.0",
        Group::Transactions,
        -2,
        Run::Engine(watch),
    )
    .flags(
        Flags::NOSCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::ALLOW_BUSY),
    )
    .categories(Categories::TRANSACTION)
    .keys(&[Keys::range(1, -1, 1, KeyFlags::RO)])
    .args(&[Arg::key("key", 0).multiple()])
    .summary(
        "Monitors changes to keys to determine the execution of a \
         transaction.",
    )
    .complexity("O(1) for every key."),
    Command::new(
        "unwatch",
        "2.2.0",
        Group::Transactions,
        1,
        Run::Engine(unwatch),
    )
    .flags(
        Flags::NOSCRIPT
            .union(Flags::LOADING)
            .union(Flags::STALE)
            .union(Flags::FAST)
            .union(Flags::ALLOW_BUSY),
    )
    .categories(Categories::TRANSACTION)
    .summary("Forgets about watched keys of a transaction.")
    .complexity("O(1)"),
];

const EXEC_ABORT: Error =
    Error::fixed("EXECABORT Transaction discarded because of previous errors.");

fn is(engine: &Engine, call: &Call<'_>, flags: ClientFlags) -> bool {
    engine
        .clients
        .get(call.client)
        .is_some_and(|client| client.is(flags))
}

fn multi(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    if is(engine, call, ClientFlags::MULTI) {
        return Err(Error::fixed("ERR MULTI calls can not be nested"));
    }
    if let Some(client) = engine.clients.get_mut(call.client) {
        client.flags.insert(ClientFlags::MULTI);
        client.transaction = Some(Box::new(Transaction::default()));
    }
    call.reply.ok();
    Ok(())
}

fn discard(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    if !is(engine, call, ClientFlags::MULTI) {
        return Err(Error::fixed("ERR DISCARD without MULTI"));
    }
    engine.discard(call.client);
    call.reply.ok();
    Ok(())
}

fn exec(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let client = call.client;
    if !is(engine, call, ClientFlags::MULTI) {
        return Err(Error::fixed("ERR EXEC without MULTI"));
    }
    if is(engine, call, ClientFlags::DIRTY_EXEC) {
        engine.discard(client);
        return Err(EXEC_ABORT);
    }
    if is(engine, call, ClientFlags::DIRTY_CAS) || engine.has_watched_expired(client) {
        engine.discard(client);
        call.reply.null_array();
        return Ok(());
    }
    // What the transaction itself changes concerns nobody but the others.
    engine.unwatch(client);
    call.reply.array(queued(engine, call));
    for index in 0..queued(engine, call) {
        let next = engine
            .clients
            .get_mut(client)
            .and_then(|client| client.transaction.as_mut())
            .and_then(|transaction| transaction.take(index));
        let Some((entry, args)) = next else { break };
        engine.call(client, entry, args.as_args(), call.reply.reborrow());
        // HELLO, RESET, CLIENT REPLY and a CLIENT KILL of oneself say how the rest is answered.
        if let Some(client) = engine.clients.get(client) {
            call.reply.set_protocol(client.protocol);
            call.reply.set_muted(client.is_muted());
        }
    }
    engine.discard(client);
    Ok(())
}

fn queued(engine: &Engine, call: &Call<'_>) -> usize {
    engine
        .clients
        .get(call.client)
        .and_then(|client| client.transaction.as_ref())
        .map_or(0, |transaction| transaction.queued.len())
}

fn watch(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    if is(engine, call, ClientFlags::MULTI) {
        return Err(Error::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    // A transaction that will not be carried out anyway needs no more reasons.
    if !is(engine, call, ClientFlags::DIRTY_CAS) {
        for key in call.args.rest(1) {
            engine.watch(call.client, key);
        }
    }
    call.reply.ok();
    Ok(())
}

fn unwatch(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.unwatch(call.client);
    if let Some(client) = engine.clients.get_mut(call.client) {
        client.flags.remove(ClientFlags::DIRTY_CAS);
    }
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::Embedded;
    use crate::config::values::Permission;

    /// What a transaction with one PING answers when, between WATCH and EXEC, something happens to a server.
    fn after(happening: impl FnOnce(&mut Embedded)) -> String {
        let mut redis = Embedded::new(1);
        let client = redis.connect();
        redis.exchange(client, b"SET k v PX 100\r\nWATCH k gone\r\n");
        happening(&mut redis);
        let answer = redis.exchange(client, b"MULTI\r\nPING\r\nEXEC\r\n");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer
            .strip_prefix("+OK\r\n+QUEUED\r\n")
            .expect("MULTI and PING are accepted")
            .to_owned()
    }

    fn sends(line: &'static [u8]) -> impl FnOnce(&mut Embedded) {
        move |redis| {
            let other = redis.connect();
            redis.exchange(other, line);
        }
    }

    const DONE: &str = "*1\r\n+PONG\r\n";
    const SPOILT: &str = "*-1\r\n";

    #[test]
    fn a_transaction_is_carried_out_only_if_nothing_watched_changed() {
        assert_eq!(after(|_| ()), DONE);
        assert_eq!(after(sends(b"GET k\r\nSET other v\r\n")), DONE);
        assert_eq!(after(sends(b"SELECT 1\r\nSET k v\r\n")), DONE);
        assert_eq!(after(sends(b"SET k v\r\n")), SPOILT);
        assert_eq!(after(sends(b"SET gone v\r\nDEL gone\r\n")), SPOILT);
    }

    #[test]
    fn a_key_that_dies_while_watched_has_changed_even_unnoticed() {
        let late = |redis: &mut Embedded| redis.advance(Duration::from_millis(101));
        assert_eq!(after(late), SPOILT);
        assert_eq!(
            after(|redis| {
                redis.engine.keyspace.active_expire = false;
                late(redis);
            }),
            SPOILT
        );
    }

    #[test]
    fn a_key_that_was_dead_when_the_watch_began_may_be_buried() {
        let mut redis = Embedded::new(1);
        redis.engine.keyspace.active_expire = false;
        let (a, b) = (redis.connect(), redis.connect());
        let mut exec_after = |line: &[u8]| {
            redis.exchange(b, b"SET k v PX 1\r\n");
            redis.advance(Duration::from_millis(2));
            redis.exchange(a, b"WATCH k\r\n");
            redis.exchange(b, line);
            let answer = redis.exchange(a, b"MULTI\r\nPING\r\nEXEC\r\n");
            answer.ends_with(DONE.as_bytes())
        };
        assert!(exec_after(b"GET k\r\n"));
        assert!(!exec_after(b"SET k v\r\n"));
        assert!(!exec_after(b"GET k\r\nSET k v\r\n"));
    }

    #[test]
    fn a_flush_and_a_swap_change_only_what_was_or_will_be_there() {
        assert_eq!(after(sends(b"SELECT 1\r\nFLUSHDB\r\n")), DONE);
        assert_eq!(after(sends(b"SWAPDB 1 2\r\nSWAPDB 0 0\r\n")), DONE);
        assert_eq!(after(sends(b"FLUSHALL\r\n")), SPOILT);
        assert_eq!(after(sends(b"SWAPDB 0 1\r\n")), SPOILT);

        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        let mut exec_after = |lines: &[u8]| {
            redis.exchange(a, b"WATCH missing\r\n");
            redis.exchange(b, lines);
            let answer = redis.exchange(a, b"MULTI\r\nPING\r\nEXEC\r\n");
            answer.ends_with(DONE.as_bytes())
        };
        assert!(exec_after(b"FLUSHALL\r\nSWAPDB 0 1\r\n"));
        assert!(!exec_after(b"SELECT 1\r\nSET missing v\r\nSWAPDB 0 1\r\n"));
    }

    #[test]
    fn a_transaction_is_one_moment() {
        let mut redis = Embedded::new(1);
        let a = redis.connect();
        redis.engine.config.enable_debug_command = Permission::Yes;
        let lines =
            b"MULTI\r\nSET k v PX 5\r\nDEBUG SLEEP 0.03\r\nGET k\r\nPTTL k\r\nEXEC\r\nGET k\r\n";
        let answer = redis.exchange(a, lines);
        assert!(answer.ends_with(b"*4\r\n+OK\r\n+OK\r\n$1\r\nv\r\n:5\r\n$-1\r\n"));
    }

    #[test]
    fn what_waits_in_a_transaction_counts_as_unread() {
        let mut redis = Embedded::new(1);
        redis.engine.config.client_query_buffer_limit = 1000;
        let a = redis.connect();
        let set = format!("SET k {}\r\n", "x".repeat(400));
        assert_eq!(redis.exchange(a, b"MULTI\r\n"), b"+OK\r\n");
        assert_eq!(redis.exchange(a, set.as_bytes()), b"+QUEUED\r\n");
        assert_eq!(redis.exchange(a, set.as_bytes()), b"+QUEUED\r\n");
        redis.exchange(a, set.as_bytes());
        assert!(!redis.is_connected(a));
    }

    #[test]
    fn nobody_pays_for_watches_that_have_ended() {
        let mut redis = Embedded::new(1);
        for ending in [
            "UNWATCH",
            "RESET",
            "MULTI\r\nEXEC",
            "MULTI\r\nDISCARD",
            "QUIT",
        ] {
            let client = redis.connect();
            redis.exchange(client, b"WATCH k\r\n");
            assert!(redis.engine.changes.watched);
            redis.exchange(client, format!("{ending}\r\n").as_bytes());
            assert!(!redis.engine.changes.watched, "{ending}");
        }
    }

    #[test]
    fn a_client_may_mute_or_kill_itself_in_the_middle() {
        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        let answer = redis.exchange(
            a,
            b"MULTI\r\nPING\r\nCLIENT REPLY OFF\r\nPING\r\nEXEC\r\nPING\r\n",
        );
        assert!(answer.ends_with(b"*3\r\n+PONG\r\n"));
        let answer = redis.exchange(
            b,
            b"MULTI\r\nCLIENT KILL ID 2 SKIPME no\r\nSET k v\r\nEXEC\r\nPING\r\n",
        );
        assert!(answer.ends_with(b"*2\r\n:1\r\n") && !redis.is_connected(b));
        let c = redis.connect();
        assert_eq!(redis.exchange(c, b"GET k\r\n"), b"$1\r\nv\r\n");
    }
}
