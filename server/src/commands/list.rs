//! Lists that are made, read and changed in place. What takes elements away to give them to somebody is in `list_pop`.

use crate::commands::arguments;
use crate::data::list::{self, End, Limits, List};
use crate::data::listpack::Item;
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db::Keys as Database;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;
use crate::resp::reply::{Aggregate, Reply};

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("lpush", "1.0.0", Group::List, -3, Run::Data(lpush))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("element", ArgKind::String).multiple(),
        ])
        .summary(
            "Prepends one or more elements to a list. Creates the key if it \
             doesn't exist.",
        )
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when \
             the command is called with multiple arguments.",
        )
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")]),
    Command::new("rpush", "1.0.0", Group::List, -3, Run::Data(rpush))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("element", ArgKind::String).multiple(),
        ])
        .summary(
            "Appends one or more elements to a list. Creates the key if it \
             doesn't exist.",
        )
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when \
             the command is called with multiple arguments.",
        )
        .history(&[("2.4.0", "Accepts multiple `element` arguments.")]),
    Command::new("lpushx", "2.2.0", Group::List, -3, Run::Data(lpushx))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("element", ArgKind::String).multiple(),
        ])
        .summary(
            "Prepends one or more elements to a list only when the list \
             exists.",
        )
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when \
             the command is called with multiple arguments.",
        )
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")]),
    Command::new("rpushx", "2.2.0", Group::List, -3, Run::Data(rpushx))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("element", ArgKind::String).multiple(),
        ])
        .summary("Appends an element to a list only when the list exists.")
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when \
             the command is called with multiple arguments.",
        )
        .history(&[("4.0.0", "Accepts multiple `element` arguments.")]),
    Command::new("llen", "1.0.0", Group::List, 2, Run::Data(llen))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RO)])
        .args(&[Arg::key("key", 0)])
        .summary("Returns the length of a list.")
        .complexity("O(1)"),
    Command::new("lindex", "1.0.0", Group::List, 3, Run::Data(lindex))
        .flags(Flags::READONLY)
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0), Arg::new("index", ArgKind::Integer)])
        .summary("Returns an element from a list by its index.")
        .complexity(
            "O(N) where N is the number of elements to traverse to get to \
             the element at index. This makes asking for the first or the \
             last element of the list O(1).",
        ),
    Command::new("lset", "1.0.0", Group::List, 4, Run::Data(lset))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("index", ArgKind::Integer),
            Arg::new("element", ArgKind::String),
        ])
        .summary("Sets the value of an element in a list by its index.")
        .complexity(
            "O(N) where N is the length of the list. Setting either the \
             first or the last element of the list is O(1).",
        ),
    Command::new("linsert", "2.2.0", Group::List, 5, Run::Data(linsert))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "where",
                &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")],
            ),
            Arg::new("pivot", ArgKind::String),
            Arg::new("element", ArgKind::String),
        ])
        .summary("Inserts an element before or after another element in a list.")
        .complexity(
            "O(N) where N is the number of elements to traverse before \
             seeing the value pivot. This means that inserting somewhere on \
             the left end on the list (head) can be considered O(1) and \
             inserting somewhere on the right end (tail) is O(N).",
        ),
    Command::new("lrem", "1.0.0", Group::List, 4, Run::Data(lrem))
        .flags(Flags::WRITE)
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("count", ArgKind::Integer),
            Arg::new("element", ArgKind::String),
        ])
        .summary(
            "Removes elements from a list. Deletes the list if the last \
             element was removed.",
        )
        .complexity(
            "O(N+M) where N is the length of the list and M is the number \
             of elements removed.",
        ),
    Command::new("lrange", "1.0.0", Group::List, 4, Run::Data(lrange))
        .flags(Flags::READONLY)
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("start", ArgKind::Integer),
            Arg::new("stop", ArgKind::Integer),
        ])
        .summary("Returns a range of elements from a list.")
        .complexity(
            "O(S+N) where S is the distance of start offset from HEAD for \
             small lists, from nearest end (HEAD or TAIL) for large lists; \
             and N is the number of elements in the specified range.",
        ),
    Command::new("ltrim", "1.0.0", Group::List, 4, Run::Data(ltrim))
        .flags(Flags::WRITE)
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::DELETE))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("start", ArgKind::Integer),
            Arg::new("stop", ArgKind::Integer),
        ])
        .summary(
            "Removes elements from both ends a list. Deletes the list if \
             all elements were trimmed.",
        )
        .complexity(
            "O(N) where N is the number of elements to be removed by the \
             operation.",
        ),
    Command::new("lpos", "6.0.6", Group::List, -3, Run::Data(lpos))
        .flags(Flags::READONLY)
        .categories(Categories::LIST)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("element", ArgKind::String),
            Arg::new("rank", ArgKind::Integer).token("RANK").optional(),
            Arg::new("num-matches", ArgKind::Integer)
                .token("COUNT")
                .optional(),
            Arg::new("len", ArgKind::Integer).token("MAXLEN").optional(),
        ])
        .summary("Returns the index of matching elements in a list.")
        .complexity(
            "O(N) where N is the number of elements in the list, for the \
             average case. When searching for elements near the head or the \
             tail of the list, or when the MAXLEN option is provided, the \
             command may run in constant time.",
        ),
];

/// How much may lie in one piece of a list.
pub(super) fn limits(d: &Data<'_>) -> Limits {
    Limits {
        fill: d.config.list_max_listpack_size,
        packed_threshold: d.keys.keyspace.packed_threshold,
    }
}

/// Says that a list changed, and how many elements that concerned.
pub(super) fn changed(keys: &mut Database<'_>, key: &[u8], event: &'static str, elements: usize) {
    keys.changed(key, Class::LIST, event);
    keys.changes.dirty += elements as u64;
}

/// Says that elements were removed from a list, which goes with the last of them.
pub(super) fn removed(
    keys: &mut Database<'_>,
    key: &[u8],
    event: &'static str,
    elements: usize,
    is_empty: bool,
) {
    keys.reduced(key, Class::LIST, event, elements, is_empty);
}

/// Writes an element.
pub(super) fn write(reply: &mut Reply<'_>, item: Item<'_>) {
    reply.bulk(item.bytes(&mut itoa::Buffer::new()));
}

/// The word for adding at an end.
pub(super) fn push_event(end: End) -> &'static str {
    match end {
        End::Head => "lpush",
        End::Tail => "rpush",
    }
}

fn lpush(d: &mut Data<'_>) -> Outcome {
    push(d, End::Head)
}

fn rpush(d: &mut Data<'_>) -> Outcome {
    push(d, End::Tail)
}

fn lpushx(d: &mut Data<'_>) -> Outcome {
    push_if_there(d, End::Head)
}

fn rpushx(d: &mut Data<'_>) -> Outcome {
    push_if_there(d, End::Tail)
}

fn push_if_there(d: &mut Data<'_>, end: End) -> Outcome {
    if d.keys.collection_mut::<List>(d.args.at(1))?.is_none() {
        d.reply.int(0);
        return Ok(());
    }
    push(d, end)
}

fn push(d: &mut Data<'_>, end: End) -> Outcome {
    let (key, limits) = (d.args.at(1), limits(d));
    let count = d.args.len() - 2;
    let bytes = d.args.rest(2).map(<[u8]>::len).sum();
    let list: &mut List = d.keys.collection_or_new(key)?;
    list.make_room(bytes, count, limits);
    for text in d.args.rest(2) {
        list.push(end, text, limits);
    }
    d.reply.count(list.len());
    changed(&mut d.keys, key, push_event(end), count);
    Ok(())
}

fn llen(d: &mut Data<'_>) -> Outcome {
    let list = d.keys.collection::<List>(d.args.at(1))?;
    d.reply.count(list.map_or(0, List::len));
    Ok(())
}

fn lindex(d: &mut Data<'_>) -> Outcome {
    let Some(list) = d.keys.collection::<List>(d.args.at(1))? else {
        d.reply.null();
        return Ok(());
    };
    match list.get(arguments::integer(d.args.at(2))?) {
        Some(item) => write(&mut d.reply, item),
        None => d.reply.null(),
    }
    Ok(())
}

fn lset(d: &mut Data<'_>) -> Outcome {
    let (key, text, limits) = (d.args.at(1), d.args.at(3), limits(d));
    let list = d.keys.collection_mut::<List>(key)?;
    let list = list.ok_or(Error::NO_SUCH_KEY)?;
    // Redis looks at its lower 32 bits only: 9223372036854775807 is -1.
    let index = arguments::integer(d.args.at(2))? as i32;
    // It makes the room before it looks whether there is such an element.
    list.make_room(text.len(), 1, limits);
    if !list.set(index.into(), text, limits) {
        return Err(Error::fixed("ERR index out of range"));
    }
    list.shrink(limits);
    d.reply.ok();
    changed(&mut d.keys, key, "lset", 1);
    Ok(())
}

fn linsert(d: &mut Data<'_>) -> Outcome {
    let before = if d.args.is(2, "BEFORE") {
        true
    } else if d.args.is(2, "AFTER") {
        false
    } else {
        return Err(Error::SYNTAX);
    };
    let (key, pivot, text, limits) = (d.args.at(1), d.args.at(3), d.args.at(4), limits(d));
    let Some(list) = d.keys.collection_mut::<List>(key)? else {
        d.reply.int(0);
        return Ok(());
    };
    // Here too room is made before it is known to be needed.
    list.make_room(text.len(), 1, limits);
    if !list.insert(before, pivot, text, limits) {
        d.reply.int(-1);
        return Ok(());
    }
    d.reply.count(list.len());
    changed(&mut d.keys, key, "linsert", 1);
    Ok(())
}

fn lrem(d: &mut Data<'_>) -> Outcome {
    let (key, limits) = (d.args.at(1), limits(d));
    let count = arguments::within(d.args.at(2), -i64::MAX, i64::MAX)?;
    let Some(list) = d.keys.collection_mut::<List>(key)? else {
        d.reply.int(0);
        return Ok(());
    };
    let from = if count < 0 { End::Tail } else { End::Head };
    let count_max = match count {
        0 => usize::MAX,
        count => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    let gone = list.remove_equal(from, count_max, d.args.at(3));
    let is_empty = list.is_empty();
    if gone > 0 {
        list.shrink(limits);
        removed(&mut d.keys, key, "lrem", gone, is_empty);
    }
    d.reply.count(gone);
    Ok(())
}

/// The numbers of the first element and the one behind the last that two indexes mean, negative ones counted from the end.
fn range(start: i64, end: i64, len: usize) -> Option<(usize, usize)> {
    let len = len as i64;
    let number = |index: i64| if index < 0 { index + len } else { index };
    let (start, end) = (number(start).max(0), number(end).min(len - 1));
    (start <= end).then(|| (start as usize, end as usize + 1))
}

fn lrange(d: &mut Data<'_>) -> Outcome {
    let (start, end) = (
        arguments::integer(d.args.at(2))?,
        arguments::integer(d.args.at(3))?,
    );
    let list = d.keys.collection::<List>(d.args.at(1))?;
    let found = list.and_then(|list| Some((list, range(start, end, list.len())?)));
    match found {
        None => d.reply.array(0),
        Some((list, (start, end))) => {
            d.reply.array(end - start);
            for item in list.walk(start, End::Head).take(end - start) {
                write(&mut d.reply, item);
            }
        }
    }
    Ok(())
}

fn ltrim(d: &mut Data<'_>) -> Outcome {
    let (key, limits) = (d.args.at(1), limits(d));
    let (start, end) = (
        arguments::integer(d.args.at(2))?,
        arguments::integer(d.args.at(3))?,
    );
    if let Some(list) = d.keys.collection_mut::<List>(key)? {
        let len = list.len();
        let (start, end) = range(start, end, len).unwrap_or((len, len));
        list.drop_end(End::Head, start);
        list.drop_end(End::Tail, len - end);
        list.shrink(limits);
        let is_empty = list.is_empty();
        removed(&mut d.keys, key, "ltrim", start + len - end, is_empty);
    }
    d.reply.ok();
    Ok(())
}

/// The options of LPOS.
struct Search {
    /// The first matches that are passed over, plus one.
    rank: usize,
    from: End,
    /// How many matches are told, 0 for all of them; `None` for one, and not as an array.
    count: Option<usize>,
    /// How many elements are looked at, at most.
    looks_max: usize,
}

impl Search {
    fn parse(d: &Data<'_>) -> Result<Search, Error> {
        let mut search = Search {
            rank: 1,
            from: End::Head,
            count: None,
            looks_max: usize::MAX,
        };
        let size = |text: &[u8], refusal: &'static str| {
            let size = arguments::integer(text).ok();
            size.and_then(|size| usize::try_from(size).ok())
                .ok_or(Error::fixed(refusal))
        };
        for index in (3..d.args.len()).step_by(2) {
            let value = d.args.get(index + 1).ok_or(Error::SYNTAX)?;
            if d.args.is(index, "RANK") {
                let rank = arguments::within(value, -i64::MAX, i64::MAX)?;
                if rank == 0 {
                    return Err(Error::fixed(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
                search.from = if rank < 0 { End::Tail } else { End::Head };
                search.rank = usize::try_from(rank.unsigned_abs()).unwrap_or(usize::MAX);
            } else if d.args.is(index, "COUNT") {
                search.count = Some(size(value, "ERR COUNT can't be negative")?);
            } else if d.args.is(index, "MAXLEN") {
                search.looks_max = match size(value, "ERR MAXLEN can't be negative")? {
                    0 => usize::MAX,
                    looks_max => looks_max,
                };
            } else {
                return Err(Error::SYNTAX);
            }
        }
        Ok(search)
    }

    /// The numbers of the elements that match.
    fn matches<'a>(&self, list: &'a List, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let (len, from) = (list.len(), self.from);
        let first = match from {
            End::Head => 0,
            End::Tail => len.saturating_sub(1),
        };
        let equal = list::equals(text);
        list.walk(first, from)
            .take(self.looks_max)
            .enumerate()
            .filter(move |(_, item)| equal(*item))
            .map(move |(number, _)| match from {
                End::Head => number,
                End::Tail => len - 1 - number,
            })
            .skip(self.rank - 1)
    }
}

fn lpos(d: &mut Data<'_>) -> Outcome {
    let search = Search::parse(d)?;
    let list = d.keys.collection::<List>(d.args.at(1))?;
    let matches = list.map(|list| search.matches(list, d.args.at(2)));
    let mut matches = matches.into_iter().flatten();
    let Some(count) = search.count else {
        match matches.next() {
            Some(number) => d.reply.count(number),
            None => d.reply.null(),
        }
        return Ok(());
    };
    let count_max = if count == 0 { usize::MAX } else { count };
    let array = d.reply.deferred(Aggregate::Array);
    let mut told = 0;
    for number in matches.take(count_max) {
        d.reply.count(number);
        told += 1;
    }
    d.reply.finish(array, told);
    Ok(())
}
