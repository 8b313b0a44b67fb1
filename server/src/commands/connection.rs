//! Commands of the connection itself: who it is, what it speaks, which database it sees. CLIENT has a file of its own.

use crate::commands::{arguments, client};
use crate::config::REDIS_VERSION;
use crate::engine::{Call, ClientFlags, Data, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;
use crate::resp::reply::Protocol;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("auth", "1.0.0", Group::Connection, -2, Run::Engine(auth))
        .flags(
            Flags::NOSCRIPT
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::FAST)
                .union(Flags::NO_AUTH)
                .union(Flags::ALLOW_BUSY),
        )
        .categories(Categories::CONNECTION)
        .args(&[
            Arg::new("username", ArgKind::String)
                .since("6.0.0")
                .optional(),
            Arg::new("password", ArgKind::String),
        ])
        .summary("Authenticates the connection.")
        .complexity("O(N) where N is the number of passwords defined for the user")
        .history(&[("6.0.0", "Added ACL style (username and password).")]),
    Command::new("echo", "1.0.0", Group::Connection, 2, Run::Data(echo))
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .categories(Categories::CONNECTION)
        .args(&[Arg::new("message", ArgKind::String)])
        .summary("Returns the given string.")
        .complexity("O(1)"),
    Command::new("hello", "6.0.0", Group::Connection, -1, Run::Engine(hello))
        .flags(
            Flags::NOSCRIPT
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::FAST)
                .union(Flags::NO_AUTH)
                .union(Flags::ALLOW_BUSY),
        )
        .categories(Categories::CONNECTION)
        .args(&[Arg::block(
            "arguments",
            &[
                Arg::new("protover", ArgKind::Integer),
                Arg::block(
                    "auth",
                    &[
                        Arg::new("username", ArgKind::String),
                        Arg::new("password", ArgKind::String),
                    ],
                )
                .token("AUTH")
                .optional(),
                Arg::new("clientname", ArgKind::String)
                    .token("SETNAME")
                    .optional(),
            ],
        )
        .optional()])
        .summary("Handshakes with the Redis server.")
        .complexity("O(1)")
        .history(&[(
            "6.2.0",
            "`protover` made optional; when called without arguments the \
             command reports the current connection's context.",
        )]),
    Command::new("ping", "1.0.0", Group::Connection, -1, Run::Data(ping))
        .flags(Flags::FAST)
        .categories(Categories::CONNECTION)
        .args(&[Arg::new("message", ArgKind::String).optional()])
        .summary("Returns the server's liveliness response.")
        .complexity("O(1)")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    Command::new("quit", "1.0.0", Group::Connection, -1, Run::Engine(quit))
        .flags(
            Flags::NOSCRIPT
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::FAST)
                .union(Flags::NO_AUTH)
                .union(Flags::ALLOW_BUSY),
        )
        .categories(Categories::CONNECTION)
        .summary("Closes the connection.")
        .complexity("O(1)")
        .deprecated("7.2.0", "just closing the connection"),
    Command::new("reset", "6.2.0", Group::Connection, 1, Run::Engine(reset))
        .flags(
            Flags::NOSCRIPT
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::FAST)
                .union(Flags::NO_AUTH)
                .union(Flags::ALLOW_BUSY),
        )
        .categories(Categories::CONNECTION)
        .summary("Resets the connection.")
        .complexity("O(1)"),
    Command::new("select", "1.0.0", Group::Connection, 2, Run::Engine(select))
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .categories(Categories::CONNECTION)
        .args(&[Arg::new("index", ArgKind::Integer)])
        .summary("Changes the selected database.")
        .complexity("O(1)"),
];

/// The only user there is.
const DEFAULT_USER: &[u8] = b"default";

const WRONG_PASSWORD: Error =
    Error::fixed("WRONGPASS invalid username-password pair or user is disabled.");

fn auth(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let (user, password) = match (call.args.get(1), call.args.get(2), call.args.get(3)) {
        (Some(password), None, None) => {
            if engine.config.requirepass.is_empty() {
                return Err(Error::fixed(
                    "ERR AUTH <password> called without any password configured for the default user. \
                     Are you sure your configuration is correct?",
                ));
            }
            (DEFAULT_USER, password)
        }
        (Some(user), Some(password), None) => (user, password),
        _ => return Err(Error::SYNTAX),
    };
    authenticate(engine, call, user, password)?;
    call.reply.ok();
    Ok(())
}

/// Lets the client in. Being refused leaves it as it was, authenticated or not.
fn authenticate(
    engine: &mut Engine,
    call: &Call<'_>,
    user: &[u8],
    password: &[u8],
) -> Result<(), Error> {
    let expected = engine.config.requirepass.as_slice();
    let right = user == DEFAULT_USER && (expected.is_empty() || same(expected, password));
    if !right {
        engine.stats.auth_denied += 1;
        return Err(WRONG_PASSWORD);
    }
    if let Some(client) = engine.clients.get_mut(call.client) {
        client.flags.insert(ClientFlags::AUTHENTICATED);
    }
    Ok(())
}

/// Whether two passwords are the same, in a time that does not tell how much of them is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn echo(d: &mut Data<'_>) -> Outcome {
    d.reply.bulk(d.args.at(1));
    Ok(())
}

fn hello(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let protocol = match call.args.get(1).map(integers::parse_i64) {
        None => None,
        Some(Some(2)) => Some(Protocol::Resp2),
        Some(Some(3)) => Some(Protocol::Resp3),
        Some(Some(_)) => return Err(Error::fixed("NOPROTO unsupported protocol version")),
        Some(None) => {
            return Err(Error::fixed(
                "ERR Protocol version is not an integer or out of range",
            ));
        }
    };
    let mut credentials = None;
    let mut name = None;
    let mut options = call.args.rest(2);
    while let Some(option) = options.next() {
        let left = options.len();
        if option.eq_ignore_ascii_case(b"AUTH") && left >= 2 {
            credentials = options.next().zip(options.next());
        } else if option.eq_ignore_ascii_case(b"SETNAME") && left >= 1 {
            name = options.next();
            client::check_name(name.unwrap_or_default())?;
        } else {
            return Err(Error::quoting(
                "ERR Syntax error in HELLO option '",
                option,
                "'",
            ));
        }
    }
    if let Some((user, password)) = credentials {
        authenticate(engine, call, user, password)?;
    }
    // Unlike other commands, HELLO wants this of a client even after the password was taken away.
    let Some(session) = engine
        .clients
        .get_mut(call.client)
        .filter(|client| client.is(ClientFlags::AUTHENTICATED))
    else {
        return Err(Error::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP \
             protocol version at the same time",
        ));
    };
    if let Some(name) = name {
        session.set_name(name);
    }
    if let Some(protocol) = protocol {
        session.protocol = protocol;
        call.reply.set_protocol(protocol);
    }
    let (protocol, id) = (session.protocol, session.id);
    let reply = &mut call.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.int(i64::from(protocol.number()));
    reply.bulk(b"id");
    reply.int(id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(())
}

fn ping(d: &mut Data<'_>) -> Outcome {
    if d.args.len() > 2 {
        return Err(Error::arity("ping"));
    }
    let message = d.args.get(1);
    if d.reads_only_messages {
        // It must find a message here too.
        d.reply.array(2);
        d.reply.bulk(b"pong");
        d.reply.bulk(message.unwrap_or_default());
        return Ok(());
    }
    match message {
        None => d.reply.status("PONG"),
        Some(message) => d.reply.bulk(message),
    }
    Ok(())
}

fn quit(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    engine.close_after_reply(call.client);
    Ok(())
}

fn reset(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.reset_session(call.client);
    // A reply that REPLY SKIP swallows is swallowed still; one that REPLY OFF would have swallowed is not.
    if let Some(client) = engine.clients.get(call.client) {
        call.reply.set_muted(client.is(ClientFlags::REPLY_SKIP));
        call.reply.set_protocol(client.protocol);
    }
    call.reply.status("RESET");
    Ok(())
}

fn select(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let index = arguments::within(call.args.at(1), i64::from(i32::MIN), i64::from(i32::MAX))?;
    let db = usize::try_from(index)
        .ok()
        .filter(|db| *db < engine.keyspace.len())
        .ok_or(Error::fixed("ERR DB index is out of range"))?;
    if let Some(client) = engine.clients.get_mut(call.client) {
        client.db = db;
    }
    call.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Embedded;

    /// What a client is told that sends these lines one by one to a server whose password is `pw`.
    fn told(lines: &[&str]) -> Vec<String> {
        let mut redis = Embedded::new(1);
        redis.engine.config.requirepass = b"pw".to_vec();
        let client = redis.connect();
        lines
            .iter()
            .map(|line| {
                let answer = redis.exchange(client, format!("{line}\r\n").as_bytes());
                String::from_utf8_lossy(&answer).into_owned()
            })
            .collect()
    }

    #[test]
    fn a_refused_hello_changes_nothing() {
        let told = told(&[
            "AUTH pw",
            "HELLO 3 SETNAME a AUTH default no",
            "HELLO 3 SETNAME a FOO",
            "CLIENT GETNAME",
        ]);
        assert!(told[1].starts_with("-WRONGPASS "));
        assert_eq!(told[2], "-ERR Syntax error in HELLO option 'FOO'\r\n");
        assert_eq!(told[3], "$-1\r\n", "neither named nor RESP3");
    }

    #[test]
    fn a_wrong_password_does_not_lock_out_who_is_in() {
        let told = told(&["PING", "AUTH pw", "AUTH no", "PING", "RESET", "PING"]);
        assert_eq!(told[0], "-NOAUTH Authentication required.\r\n");
        assert!(told[2].starts_with("-WRONGPASS "));
        assert_eq!(told[3], "+PONG\r\n");
        assert_eq!(told[5], told[0], "RESET forgets who it was");
    }

    #[test]
    fn a_stranger_may_leave_no_more_than_a_buffer_of_replies_unread() {
        let (ping, refusal) = ("PING\r\n", "-NOAUTH Authentication required.\r\n");
        let fits = 16 * 1024 / refusal.len();
        assert_eq!(told(&[&ping.repeat(fits)])[0].len(), fits * refusal.len());
        assert_eq!(told(&[&ping.repeat(fits + 1)]), [""]);
    }

    #[test]
    fn a_reply_is_owed_even_when_others_wait() {
        // Redis 8.2.3 forgets WRONGPASS when replies wait already, and the client loses count of its pipeline.
        let told = told(&["PING\r\nAUTH no"]);
        assert_eq!(told[0].matches("\r\n").count(), 2);
    }
}
