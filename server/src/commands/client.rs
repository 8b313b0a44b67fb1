//! CLIENT: what a connection may ask and tell of itself and of the others.

use crate::commands::arguments;
use crate::commands::client_tracking::{CACHING, GETREDIR, TRACKING, TRACKING_INFO};
use crate::commands::help::write_help;
use crate::engine::{Address, Call, Client, ClientFlags, ClientKey, Engine};
use crate::registry::command::{Arg, ArgKind, Categories, Command, Flags, Group, Outcome, Run};
use crate::resp::error::Error;
use crate::text::integers;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] =
    &[
        Command::new("client", "2.4.0", Group::Connection, -2, Run::Container)
            .summary("A container for client connection commands.")
            .complexity("Depends on subcommand.")
            .subcommands(&[
                CACHING,
                Command::new(
                    "getname",
                    "2.6.9",
                    Group::Connection,
                    2,
                    Run::Engine(getname),
                )
                .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .summary("Returns the name of the connection.")
                .complexity("O(1)"),
                GETREDIR,
                Command::new("help", "5.0.0", Group::Connection, 2, Run::Engine(help))
                    .flags(Flags::LOADING.union(Flags::STALE))
                    .categories(Categories::CONNECTION)
                    .summary("Returns helpful text about the different subcommands.")
                    .complexity("O(1)"),
                Command::new("id", "5.0.0", Group::Connection, 2, Run::Engine(id))
                    .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
                    .categories(Categories::CONNECTION)
                    .summary("Returns the unique client ID of the connection.")
                    .complexity("O(1)"),
                Command::new("info", "6.2.0", Group::Connection, 2, Run::Engine(info))
                    .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
                    .categories(Categories::CONNECTION)
                    .summary("Returns information about the connection.")
                    .complexity("O(1)")
                    .tips(&["nondeterministic_output"]),
                Command::new("kill", "2.4.0", Group::Connection, -3, Run::Engine(kill))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .categories(Categories::CONNECTION)
                    .args(&[Arg::one_of(
                        "filter",
                        &[
                            Arg::new("old-format", ArgKind::String)
                                .display("ip:port")
                                .deprecated_since("2.8.12"),
                            Arg::one_of(
                                "new-format",
                                &[
                                    Arg::new("client-id", ArgKind::Integer)
                                        .token("ID")
                                        .since("2.8.12")
                                        .optional(),
                                    Arg::one_of(
                                        "client-type",
                                        &[
                                            Arg::word("normal", "NORMAL"),
                                            Arg::word("master", "MASTER").since("3.2.0"),
                                            Arg::word("slave", "SLAVE"),
                                            Arg::word("replica", "REPLICA").since("5.0.0"),
                                            Arg::word("pubsub", "PUBSUB"),
                                        ],
                                    )
                                    .token("TYPE")
                                    .since("2.8.12")
                                    .optional(),
                                    Arg::new("username", ArgKind::String)
                                        .token("USER")
                                        .optional(),
                                    Arg::new("addr", ArgKind::String)
                                        .display("ip:port")
                                        .token("ADDR")
                                        .optional(),
                                    Arg::new("laddr", ArgKind::String)
                                        .display("ip:port")
                                        .token("LADDR")
                                        .since("6.2.0")
                                        .optional(),
                                    Arg::one_of(
                                        "skipme",
                                        &[Arg::word("yes", "YES"), Arg::word("no", "NO")],
                                    )
                                    .token("SKIPME")
                                    .optional(),
                                    Arg::new("maxage", ArgKind::Integer)
                                        .token("MAXAGE")
                                        .since("7.4.0")
                                        .optional(),
                                ],
                            )
                            .multiple(),
                        ],
                    )])
                    .summary("Terminates open connections.")
                    .complexity("O(N) where N is the number of client connections")
                    .history(&[
                        ("2.8.12", "Added new filter format."),
                        ("2.8.12", "`ID` option."),
                        ("3.2.0", "Added `master` type in for `TYPE` option."),
                        (
                            "5.0.0",
                            "Replaced `slave` `TYPE` with `replica`. `slave` still \
                     supported for backward compatibility.",
                        ),
                        ("6.2.0", "`LADDR` option."),
                        ("7.4.0", "`MAXAGE` option."),
                    ]),
                Command::new("list", "2.4.0", Group::Connection, -2, Run::Engine(list))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .categories(Categories::CONNECTION)
                    .args(&[
                        Arg::one_of(
                            "client-type",
                            &[
                                Arg::word("normal", "NORMAL"),
                                Arg::word("master", "MASTER"),
                                Arg::word("replica", "REPLICA"),
                                Arg::word("pubsub", "PUBSUB"),
                            ],
                        )
                        .token("TYPE")
                        .since("5.0.0")
                        .optional(),
                        Arg::new("client-id", ArgKind::Integer)
                            .token("ID")
                            .since("6.2.0")
                            .optional()
                            .multiple(),
                    ])
                    .summary("Lists open connections.")
                    .complexity("O(N) where N is the number of client connections")
                    .history(&[
                        ("2.8.12", "Added unique client `id` field."),
                        ("5.0.0", "Added optional `TYPE` filter."),
                        ("6.0.0", "Added `user` field."),
                        (
                            "6.2.0",
                            "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and \
                     the optional `ID` filter.",
                        ),
                        (
                            "7.0.0",
                            "Added `resp`, `multi-mem`, `rbs` and `rbp` fields.",
                        ),
                        ("7.0.3", "Added `ssub` field."),
                        ("7.2.0", "Added `lib-name` and `lib-ver` fields."),
                        ("7.4.0", "Added `watch` field."),
                        ("8.0.0", "Added `io-thread` field."),
                    ])
                    .tips(&["nondeterministic_output"]),
                Command::new(
                    "no-evict",
                    "7.0.0",
                    Group::Connection,
                    3,
                    Run::Engine(no_evict),
                )
                .flags(
                    Flags::ADMIN
                        .union(Flags::NOSCRIPT)
                        .union(Flags::LOADING)
                        .union(Flags::STALE),
                )
                .categories(Categories::CONNECTION)
                .args(&[Arg::one_of(
                    "enabled",
                    &[Arg::word("on", "ON"), Arg::word("off", "OFF")],
                )])
                .summary("Sets the client eviction mode of the connection.")
                .complexity("O(1)"),
                Command::new(
                    "no-touch",
                    "7.2.0",
                    Group::Connection,
                    3,
                    Run::Engine(no_touch),
                )
                .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[Arg::one_of(
                    "enabled",
                    &[Arg::word("on", "ON"), Arg::word("off", "OFF")],
                )])
                .summary(
                    "Controls whether commands sent by the client affect the \
                 LRU/LFU of accessed keys.",
                )
                .complexity("O(1)"),
                Command::new("pause", "3.0.0", Group::Connection, -3, Run::Engine(pause))
                    .flags(
                        Flags::ADMIN
                            .union(Flags::NOSCRIPT)
                            .union(Flags::LOADING)
                            .union(Flags::STALE),
                    )
                    .categories(Categories::CONNECTION)
                    .args(&[
                        Arg::new("timeout", ArgKind::Integer),
                        Arg::one_of(
                            "mode",
                            &[Arg::word("write", "WRITE"), Arg::word("all", "ALL")],
                        )
                        .since("6.2.0")
                        .optional(),
                    ])
                    .summary("Suspends commands processing.")
                    .complexity("O(1)")
                    .history(&[(
                        "6.2.0",
                        "`CLIENT PAUSE WRITE` mode added along with the `mode` option.",
                    )]),
                Command::new("reply", "3.2.0", Group::Connection, 3, Run::Engine(reply))
                    .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
                    .categories(Categories::CONNECTION)
                    .args(&[Arg::one_of(
                        "action",
                        &[
                            Arg::word("on", "ON"),
                            Arg::word("off", "OFF"),
                            Arg::word("skip", "SKIP"),
                        ],
                    )])
                    .summary("Instructs the server whether to reply to commands.")
                    .complexity("O(1)"),
                Command::new(
                    "setinfo",
                    "7.2.0",
                    Group::Connection,
                    4,
                    Run::Engine(setinfo),
                )
                .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[Arg::one_of(
                    "attr",
                    &[
                        Arg::new("libname", ArgKind::String).token("LIB-NAME"),
                        Arg::new("libver", ArgKind::String).token("LIB-VER"),
                    ],
                )])
                .summary("Sets information specific to the client or connection.")
                .complexity("O(1)")
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
                Command::new(
                    "setname",
                    "2.6.9",
                    Group::Connection,
                    3,
                    Run::Engine(setname),
                )
                .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE))
                .categories(Categories::CONNECTION)
                .args(&[Arg::new("connection-name", ArgKind::String)])
                .summary("Sets the connection name.")
                .complexity("O(1)")
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
                TRACKING,
                TRACKING_INFO,
                Command::new(
                    "unblock",
                    "5.0.0",
                    Group::Connection,
                    -3,
                    Run::Engine(unblock),
                )
                .flags(
                    Flags::ADMIN
                        .union(Flags::NOSCRIPT)
                        .union(Flags::LOADING)
                        .union(Flags::STALE),
                )
                .categories(Categories::CONNECTION)
                .args(&[
                    Arg::new("client-id", ArgKind::Integer),
                    Arg::one_of(
                        "unblock-type",
                        &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")],
                    )
                    .optional(),
                ])
                .summary(
                    "Unblocks a client blocked by a blocking command from a \
                 different connection.",
                )
                .complexity("O(log N) where N is the number of client connections"),
                Command::new(
                    "unpause",
                    "6.2.0",
                    Group::Connection,
                    2,
                    Run::Engine(unpause),
                )
                .flags(
                    Flags::ADMIN
                        .union(Flags::NOSCRIPT)
                        .union(Flags::LOADING)
                        .union(Flags::STALE),
                )
                .categories(Categories::CONNECTION)
                .summary("Resumes processing commands from paused clients.")
                .complexity("O(N) Where N is the number of paused clients"),
            ]),
    ];

const HELP: &[&str] = &[
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * ID <client-id>",
    "      Kill connections by client id.",
    "    * MAXAGE <maxage>",
    "      Kill connections older than the specified age.",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
];

fn help(_: &mut Engine, call: &mut Call<'_>) -> Outcome {
    write_help(&mut call.reply, call.args.at(0), HELP);
    Ok(())
}

/// The client that asks. It is connected as long as its command runs.
pub(super) fn own<'a>(engine: &'a mut Engine, call: &Call<'_>) -> Result<&'a mut Client, Error> {
    engine
        .clients
        .get_mut(call.client)
        .ok_or(Error::fixed("ERR No such client"))
}

fn id(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let id = own(engine, call)?.id;
    call.reply.int(id as i64);
    Ok(())
}

fn getname(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    match &own(engine, call)?.labels {
        Some(labels) if !labels.name.is_empty() => call.reply.bulk(&labels.name),
        _ => call.reply.null(),
    }
    Ok(())
}

fn setname(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let name = call.args.at(2);
    check_name(name)?;
    own(engine, call)?.set_name(name);
    call.reply.ok();
    Ok(())
}

/// Refuses a name that would not survive a line of CLIENT LIST.
///
/// # Errors
/// `Client names cannot contain spaces, newlines or special characters.`
pub(super) fn check_name(name: &[u8]) -> Result<(), Error> {
    if is_label(name) {
        Ok(())
    } else {
        Err(Error::fixed(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ))
    }
}

fn is_label(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

fn setinfo(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let (option, value) = (call.args.at(2), call.args.at(3));
    let of_name = option.eq_ignore_ascii_case(b"LIB-NAME");
    if !of_name && !option.eq_ignore_ascii_case(b"LIB-VER") {
        return Err(Error::quoting("ERR Unrecognized option '", option, "'"));
    }
    if !is_label(value) {
        return Err(Error::quoting(
            "ERR ",
            option,
            " cannot contain spaces, newlines or special characters.",
        ));
    }
    let labels = own(engine, call)?.labels_mut();
    if of_name {
        labels.lib_name = value.to_vec();
    } else {
        labels.lib_ver = value.to_vec();
    }
    call.reply.ok();
    Ok(())
}

/// The kinds of client that CLIENT LIST and CLIENT KILL tell apart. There are no replicas and no masters among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Replica,
    PubSub,
    Master,
}

impl Kind {
    fn of(client: &Client) -> Kind {
        if client.is(ClientFlags::PUBSUB) {
            Kind::PubSub
        } else {
            Kind::Normal
        }
    }

    /// # Errors
    /// `Unknown client type`
    fn named(name: &[u8]) -> Result<Kind, Error> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Kind::Normal),
            b"slave" | b"replica" => Ok(Kind::Replica),
            b"pubsub" => Ok(Kind::PubSub),
            b"master" => Ok(Kind::Master),
            _ => Err(Error::quoting("ERR Unknown client type '", name, "'")),
        }
    }
}

fn info(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let mut text = String::new();
    if let Some(client) = engine.clients.get(call.client) {
        write_line(engine, call, client, &mut text);
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn list(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let mut text = String::new();
    let count = call.args.len();
    if count == 2 {
        for client in engine.clients.by_age() {
            write_line(engine, call, client, &mut text);
        }
    } else if count == 4 && call.args.is(2, "TYPE") {
        let kind = Kind::named(call.args.at(3))?;
        let mut clients = engine.clients.by_age();
        clients.retain(|client| Kind::of(client) == kind);
        for client in clients {
            write_line(engine, call, client, &mut text);
        }
    } else if count > 3 && call.args.is(2, "ID") {
        for id in call.args.rest(3) {
            let id = integers::parse_i64(id).ok_or(Error::fixed("ERR Invalid client ID"))?;
            let client = u64::try_from(id)
                .ok()
                .and_then(|id| engine.clients.by_id(id));
            if let Some(client) = client {
                write_line(engine, call, client, &mut text);
            }
        }
    } else {
        return Err(Error::SYNTAX);
    }
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn write_line(engine: &Engine, call: &Call<'_>, client: &Client, text: &mut String) {
    let running = (client.key == call.client).then_some(call.args);
    engine.describe(client, running, text);
    text.push('\n');
}

/// Which clients CLIENT KILL means: those that meet every condition named.
#[derive(Debug)]
struct Filter {
    id: Option<u64>,
    kind: Option<Kind>,
    addr: Option<Vec<u8>>,
    laddr: Option<Vec<u8>>,
    max_age_s: Option<i64>,
    skip_me: bool,
}

impl Filter {
    /// # Errors
    /// `syntax error`, or one for the value that makes no sense.
    fn parse(call: &Call<'_>) -> Result<Filter, Error> {
        let mut filter = Filter {
            id: None,
            kind: None,
            addr: None,
            laddr: None,
            max_age_s: None,
            skip_me: true,
        };
        let mut options = call.args.rest(2);
        while let Some(option) = options.next() {
            let value = options.next().ok_or(Error::SYNTAX)?;
            match option.to_ascii_lowercase().as_slice() {
                b"id" => {
                    let id = integers::parse_i64(value).and_then(|id| u64::try_from(id).ok());
                    filter.id = Some(
                        id.filter(|id| *id > 0)
                            .ok_or(Error::fixed("ERR client-id should be greater than 0"))?,
                    );
                }
                b"maxage" => {
                    let age = integers::parse_i64(value)
                        .ok_or(Error::fixed("ERR maxage is not an integer or out of range"))?;
                    if age <= 0 {
                        return Err(Error::fixed("ERR maxage should be greater than 0"));
                    }
                    filter.max_age_s = Some(age);
                }
                b"type" => filter.kind = Some(Kind::named(value)?),
                b"addr" => filter.addr = Some(value.to_vec()),
                b"laddr" => filter.laddr = Some(value.to_vec()),
                // Everybody is the default user.
                b"user" if value == b"default" => {}
                b"user" => return Err(Error::quoting("ERR No such user '", value, "'")),
                b"skipme" if value.eq_ignore_ascii_case(b"yes") => filter.skip_me = true,
                b"skipme" if value.eq_ignore_ascii_case(b"no") => filter.skip_me = false,
                _ => return Err(Error::SYNTAX),
            }
        }
        Ok(filter)
    }

    fn matches(&self, client: &Client, me: ClientKey, now_s: i64) -> bool {
        let age_s = now_s - client.created_ms.div_euclid(1000);
        self.id.is_none_or(|id| client.id == id)
            && self.kind.is_none_or(|kind| Kind::of(client) == kind)
            && is_addr(self.addr.as_deref(), &client.peer.addr)
            && is_addr(self.laddr.as_deref(), &client.peer.local)
            && self.max_age_s.is_none_or(|age| age_s >= age)
            && !(self.skip_me && client.key == me)
    }
}

fn is_addr(wanted: Option<&[u8]>, addr: &Address) -> bool {
    wanted.is_none_or(|wanted| wanted == addr.to_string().as_bytes())
}

fn kill(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let old_form = call.args.len() == 3;
    let filter = if old_form {
        Filter {
            id: None,
            kind: None,
            addr: Some(call.args.at(2).to_vec()),
            laddr: None,
            max_age_s: None,
            skip_me: false,
        }
    } else {
        Filter::parse(call)?
    };
    let now_s = engine.now.wall_s();
    let condemned: Vec<ClientKey> = engine
        .clients
        .by_age()
        .into_iter()
        .filter(|client| filter.matches(client, call.client, now_s))
        .map(|client| client.key)
        .collect();
    if old_form && condemned.is_empty() {
        return Err(Error::fixed("ERR No such client"));
    }
    for key in &condemned {
        if *key != call.client {
            engine.kill(*key);
        }
    }
    if old_form {
        call.reply.ok();
    } else {
        call.reply.count(condemned.len());
    }
    // Who kills itself is still told that it did.
    if condemned.contains(&call.client) {
        engine.close_after_reply(call.client);
    }
    Ok(())
}

/// `ON` or `OFF`.
fn switch(word: &[u8]) -> Result<bool, Error> {
    if word.eq_ignore_ascii_case(b"ON") {
        Ok(true)
    } else if word.eq_ignore_ascii_case(b"OFF") {
        Ok(false)
    } else {
        Err(Error::SYNTAX)
    }
}

fn no_evict(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let on = switch(call.args.at(2))?;
    own(engine, call)?.flags.set(ClientFlags::NO_EVICT, on);
    call.reply.ok();
    Ok(())
}

fn no_touch(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let on = switch(call.args.at(2))?;
    own(engine, call)?.flags.set(ClientFlags::NO_TOUCH, on);
    call.reply.ok();
    Ok(())
}

fn pause(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let writes_only = match call.args.len() {
        3 => false,
        4 if call.args.is(3, "WRITE") => true,
        4 if call.args.is(3, "ALL") => false,
        4 => return Err(Error::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => {
            return Err(Error::subcommand("CLIENT", call.args.at(1)));
        }
    };
    let until_ms = arguments::timeout_until_ms(call.args.at(2), engine.now.wall_ms())?;
    engine.pause_clients(until_ms, writes_only);
    call.reply.ok();
    Ok(())
}

/// CLIENT UNBLOCK id [TIMEOUT|ERROR].
fn unblock(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let error = match call.args.len() {
        3 => None,
        4 if call.args.is(3, "TIMEOUT") => None,
        4 if call.args.is(3, "ERROR") => Some(Error::fixed(
            "UNBLOCKED client unblocked via CLIENT UNBLOCK",
        )),
        4 => {
            return Err(Error::fixed(
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
        _ => return Err(Error::subcommand("CLIENT", call.args.at(1))),
    };
    let id = arguments::integer(call.args.at(2))?;
    let client = u64::try_from(id)
        .ok()
        .and_then(|id| engine.clients.by_id(id))
        .map(|client| client.key);
    let unblocked = client.is_some_and(|client| engine.end_wait(client, error));
    call.reply.flag(unblocked);
    Ok(())
}

fn unpause(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    engine.unpause();
    call.reply.ok();
    Ok(())
}

fn reply(engine: &mut Engine, call: &mut Call<'_>) -> Outcome {
    let word = call.args.at(2);
    let client = own(engine, call)?;
    if word.eq_ignore_ascii_case(b"ON") {
        client
            .flags
            .remove(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP);
        call.reply.set_muted(false);
        call.reply.ok();
    } else if word.eq_ignore_ascii_case(b"OFF") {
        client.flags.insert(ClientFlags::REPLY_OFF);
    } else if word.eq_ignore_ascii_case(b"SKIP") {
        if !client.is(ClientFlags::REPLY_OFF) {
            client.flags.insert(ClientFlags::REPLY_SKIP_NEXT);
        }
    } else {
        return Err(Error::SYNTAX);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::Embedded;

    #[test]
    fn the_killed_are_gone_for_the_next_command() {
        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        redis.exchange(b, b"PING\r\n");
        let answer = redis.exchange(a, b"CLIENT KILL TYPE normal\r\nCLIENT LIST\r\n");
        assert!(answer.starts_with(b":1\r\n"));
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(text.matches("id=").count(), 1, "{text}");
        assert!(!redis.is_connected(b));
    }

    #[test]
    fn a_client_that_kills_itself_is_answered_and_runs_nothing_more() {
        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        let kill = b"CLIENT KILL TYPE normal SKIPME no MAXAGE 2\r\nSET k v\r\n";
        assert_eq!(redis.exchange(a, kill), b":0\r\n+OK\r\n", "too young");
        redis.advance(Duration::from_secs(2));
        assert_eq!(redis.exchange(a, &kill[..]), b":2\r\n");
        assert!(!redis.is_connected(a) && !redis.is_connected(b));
    }

    #[test]
    fn writes_wait_for_the_end_of_a_pause_in_the_order_they_came() {
        let mut redis = Embedded::new(1);
        let (a, b, c) = (redis.connect(), redis.connect(), redis.connect());
        assert_eq!(redis.exchange(a, b"CLIENT PAUSE 100 WRITE\r\n"), b"+OK\r\n");
        assert_eq!(redis.exchange(c, b"SET k c\r\nGET k\r\n"), b"");
        assert_eq!(redis.exchange(b, b"GET k\r\nSET k b\r\n"), b"$-1\r\n");
        redis.advance(Duration::from_millis(99));
        assert_eq!(redis.output(b), b"");
        redis.advance(Duration::from_millis(2));
        assert_eq!(redis.output(c), b"+OK\r\n$1\r\nc\r\n");
        assert_eq!(redis.output(b), b"+OK\r\n");
        assert_eq!(redis.exchange(a, b"GET k\r\n"), b"$1\r\nb\r\n");
    }

    #[test]
    fn no_key_goes_away_during_a_pause_though_it_is_not_seen() {
        let mut redis = Embedded::new(1);
        let a = redis.connect();
        redis.exchange(a, b"SET k v PX 10\r\nCLIENT PAUSE 1000 WRITE\r\n");
        redis.advance(Duration::from_millis(500));
        assert_eq!(
            redis.exchange(a, b"GET k\r\nTTL k\r\nDBSIZE\r\n"),
            b"$-1\r\n:-2\r\n:1\r\n"
        );
        assert_eq!(redis.exchange(a, b"RANDOMKEY\r\n"), b"$1\r\nk\r\n");
        redis.exchange(a, b"CLIENT UNPAUSE\r\n");
        redis.advance(Duration::from_millis(200));
        assert_eq!(redis.exchange(a, b"DBSIZE\r\n"), b":0\r\n");
    }

    #[test]
    fn a_pause_is_never_shortened() {
        let mut redis = Embedded::new(1);
        let (a, b) = (redis.connect(), redis.connect());
        redis.exchange(a, b"CLIENT PAUSE 100 WRITE\r\nCLIENT PAUSE 10 WRITE\r\n");
        assert_eq!(redis.exchange(b, b"SET k v\r\n"), b"");
        redis.advance(Duration::from_millis(50));
        assert_eq!(redis.output(b), b"");
        redis.advance(Duration::from_millis(60));
        assert_eq!(redis.output(b), b"+OK\r\n");
    }
}
