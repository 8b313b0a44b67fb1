//! What a command says of itself: the replies of `COMMAND INFO` and `COMMAND DOCS`, made from its constant alone.

use bitflags::Flags as Bits;

use crate::registry::command::{
    Arg, ArgKind, Begin, Categories, Find, Flags, Group, KeyFlags, Keys,
};
use crate::registry::table::{Entry, Table};
use crate::resp::reply::Reply;

/// Writes one element of `COMMAND INFO`: the command with its subcommands.
pub(crate) fn write_info(reply: &mut Reply<'_>, table: &Table, entry: &Entry) {
    let command = entry.command;
    let (first, last, step) = plain_range(command.keys);
    reply.array(10);
    reply.bulk(entry.full_name.as_bytes());
    reply.int(i64::from(command.arity));
    write_names(reply, "", command.flags - Flags::HIDDEN);
    reply.int(i64::from(first));
    reply.int(i64::from(last));
    reply.int(i64::from(step));
    write_names(reply, "@", command.all_categories());
    reply.set(command.tips.len());
    for tip in command.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(command.keys.len());
    for spec in command.keys {
        write_key_spec(reply, spec);
    }
    // Redis answers a set, not an array, for no subcommands.
    if entry.subcommands.is_empty() {
        return reply.set(0);
    }
    reply.array(entry.subcommands.len());
    for slot in &entry.subcommands {
        write_info(reply, table, table.entry(*slot));
    }
}

/// Writes one pair of `COMMAND DOCS`: the full name, and what is known of the command and its subcommands.
pub(crate) fn write_docs(reply: &mut Reply<'_>, table: &Table, entry: &Entry) {
    let command = entry.command;
    reply.bulk(entry.full_name.as_bytes());
    let doc_flags = [
        ("deprecated", command.deprecated_since.is_some()),
        ("syscmd", command.syscmd),
    ];
    let doc_flags = || {
        doc_flags
            .iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| *name)
    };
    let pairs = 3
        + usize::from(!command.complexity.is_empty())
        + usize::from(doc_flags().next().is_some())
        + usize::from(command.deprecated_since.is_some())
        + usize::from(command.replaced_by.is_some())
        + usize::from(!command.history.is_empty())
        + usize::from(!command.args.is_empty())
        + usize::from(!entry.subcommands.is_empty());
    reply.map(pairs);
    write_text(reply, "summary", Some(command.summary));
    write_text(reply, "since", Some(command.since));
    write_text(reply, "group", Some(group_name(command.group)));
    write_text(
        reply,
        "complexity",
        Some(command.complexity).filter(|text| !text.is_empty()),
    );
    write_status_set(reply, "doc_flags", doc_flags());
    write_text(reply, "deprecated_since", command.deprecated_since);
    write_text(reply, "replaced_by", command.replaced_by);
    if !command.history.is_empty() {
        reply.bulk(b"history");
        reply.set(command.history.len());
        for (version, change) in command.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !command.args.is_empty() {
        reply.bulk(b"arguments");
        write_args(reply, command.args);
    }
    if !entry.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(entry.subcommands.len());
        for slot in &entry.subcommands {
            write_docs(reply, table, table.entry(*slot));
        }
    }
}

/// Writes a set of statuses: the names of the bits, in Redis's order, each behind `prefix`.
pub(crate) fn write_names<F: Names>(reply: &mut Reply<'_>, prefix: &str, bits: F) {
    let names = || bits.iter_names();
    reply.set(names().count());
    for (name, _) in names() {
        reply.status(&format!("{prefix}{}", F::written(name)));
    }
}

/// Bits whose names Redis shows.
pub(crate) trait Names: Bits {
    /// A constant's name as Redis writes it.
    fn written(name: &str) -> String {
        name.to_ascii_lowercase()
    }
}

impl Names for Flags {}

impl Names for Categories {}

impl Names for KeyFlags {
    /// How the key is reached is written in capitals, the rest is not.
    fn written(name: &str) -> String {
        match name {
            "RO" | "RW" | "OW" | "RM" => name.to_owned(),
            other => other.to_ascii_lowercase(),
        }
    }
}

/// First key, last key and step as Redis said it before there were key specs: the whole span of those plain ranges that
/// follow each other; zeros where there is none.
fn plain_range(specs: &[Keys]) -> (i32, i32, i32) {
    let absolute = |first: i32, last: i32| if last >= 0 { first + last } else { last };
    if let [
        Keys {
            begin: Begin::Index(first),
            find: Find::Range { last, step, .. },
            ..
        },
    ] = specs
    {
        return (*first, absolute(*first, *last), *step);
    }
    let mut span: Option<(i32, i32)> = None;
    for spec in specs {
        let Keys {
            begin: Begin::Index(first),
            find: Find::Range { last, step: 1, .. },
            ..
        } = *spec
        else {
            continue;
        };
        let last = absolute(first, last);
        match span {
            None => span = Some((first, last)),
            Some((start, end)) if end == first - 1 => span = Some((start, last)),
            Some(_) => {}
        }
    }
    span.map_or((0, 0, 0), |(first, last)| (first, last, 1))
}

fn write_key_spec(reply: &mut Reply<'_>, spec: &Keys) {
    reply.map(3 + usize::from(spec.notes.is_some()));
    write_text(reply, "notes", spec.notes);
    reply.bulk(b"flags");
    write_names(reply, "", spec.flags);

    reply.bulk(b"begin_search");
    match spec.begin {
        Begin::Index(index) => {
            write_search(reply, "index", 1);
            write_number(reply, "index", index);
        }
        Begin::Keyword(word, from) => {
            write_search(reply, "keyword", 2);
            write_text(reply, "keyword", Some(word));
            write_number(reply, "startfrom", from);
        }
        Begin::Unknown => write_search(reply, "unknown", 0),
    }

    reply.bulk(b"find_keys");
    match spec.find {
        Find::Range { last, step, limit } => {
            write_search(reply, "range", 3);
            write_number(reply, "lastkey", last);
            write_number(reply, "keystep", step);
            write_number(reply, "limit", limit);
        }
        Find::KeyNum {
            numkeys,
            first,
            step,
        } => {
            write_search(reply, "keynum", 3);
            write_number(reply, "keynumidx", numkeys);
            write_number(reply, "firstkey", first);
            write_number(reply, "keystep", step);
        }
        Find::Unknown => write_search(reply, "unknown", 0),
    }
}

/// Begins one half of a key spec: its type and a map of `count` pairs, which follow.
fn write_search(reply: &mut Reply<'_>, kind: &str, count: usize) {
    reply.map(2);
    write_text(reply, "type", Some(kind));
    reply.bulk(b"spec");
    reply.map(count);
}

fn write_args(reply: &mut Reply<'_>, args: &[Arg]) {
    reply.array(args.len());
    for arg in args {
        write_arg(reply, arg);
    }
}

fn write_arg(reply: &mut Reply<'_>, arg: &Arg) {
    let nested = matches!(arg.kind, ArgKind::OneOf | ArgKind::Block);
    let display = if nested {
        None
    } else {
        Some(arg.display.unwrap_or(arg.name))
    };
    let flags = [
        ("optional", arg.optional),
        ("multiple", arg.multiple),
        ("multiple_token", arg.multiple_token),
    ];
    let flags = || flags.iter().filter(|(_, set)| *set).map(|(name, _)| *name);
    let pairs = 2
        + usize::from(display.is_some())
        + usize::from(arg.key_spec.is_some())
        + usize::from(arg.token.is_some())
        + usize::from(arg.since.is_some())
        + usize::from(arg.deprecated_since.is_some())
        + usize::from(flags().next().is_some())
        + usize::from(nested);
    reply.map(pairs);
    write_text(reply, "name", Some(arg.name));
    write_text(reply, "type", Some(kind_name(arg.kind)));
    write_text(reply, "display_text", display);
    if let Some(spec) = arg.key_spec {
        write_number(reply, "key_spec_index", i32::from(spec));
    }
    write_text(reply, "token", arg.token);
    write_text(reply, "since", arg.since);
    write_text(reply, "deprecated_since", arg.deprecated_since);
    write_status_set(reply, "flags", flags());
    if nested {
        reply.bulk(b"arguments");
        write_args(reply, arg.args);
    }
}

/// A pair of two texts, if there is a second.
fn write_text(reply: &mut Reply<'_>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        reply.bulk(key.as_bytes());
        reply.bulk(text.as_bytes());
    }
}

fn write_number(reply: &mut Reply<'_>, key: &str, number: i32) {
    reply.bulk(key.as_bytes());
    reply.int(i64::from(number));
}

/// A pair of a text and a set of statuses, if there are any.
fn write_status_set(
    reply: &mut Reply<'_>,
    key: &str,
    words: impl Iterator<Item = &'static str> + Clone,
) {
    let count = words.clone().count();
    if count > 0 {
        reply.bulk(key.as_bytes());
        reply.set(count);
        for word in words {
            reply.status(word);
        }
    }
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Generic => "generic",
        Group::String => "string",
        Group::List => "list",
        Group::Set => "set",
        Group::SortedSet => "sorted-set",
        Group::Hash => "hash",
        Group::PubSub => "pubsub",
        Group::Transactions => "transactions",
        Group::Connection => "connection",
        Group::Server => "server",
        Group::Scripting => "scripting",
        Group::HyperLogLog => "hyperloglog",
        Group::Cluster => "cluster",
        Group::Sentinel => "sentinel",
        Group::Geo => "geo",
        Group::Stream => "stream",
        Group::Bitmap => "bitmap",
        Group::Module => "module",
    }
}

fn kind_name(kind: ArgKind) -> &'static str {
    match kind {
        ArgKind::String => "string",
        ArgKind::Integer => "integer",
        ArgKind::Double => "double",
        ArgKind::Key => "key",
        ArgKind::Pattern => "pattern",
        ArgKind::UnixTime => "unix-time",
        ArgKind::PureToken => "pure-token",
        ArgKind::OneOf => "oneof",
        ArgKind::Block => "block",
    }
}
