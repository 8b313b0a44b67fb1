//! Lists that give elements away, to a client or to another list, and clients that wait for one.

use std::ops::Range;

use crate::commands::arguments;
use crate::commands::list::{changed, limits, push_event, removed, write};
use crate::data::list::{End, List};
use crate::data::listpack::Item;
use crate::engine::{Block, Data, Flow, Nil};
use crate::registry::command::{
    Arg, ArgKind, Begin, Categories, Command, Find, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::error::Error;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("lpop", "1.0.0", Group::List, -2, Run::Data(lpop))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::LIST)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("count", ArgKind::Integer)
                .since("6.2.0")
                .optional(),
        ])
        .summary(
            "Returns the first elements in a list after removing it. \
             Deletes the list if the last element was popped.",
        )
        .complexity("O(N) where N is the number of elements returned")
        .history(&[("6.2.0", "Added the `count` argument.")]),
    Command::new("rpop", "1.0.0", Group::List, -2, Run::Data(rpop))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::LIST)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("count", ArgKind::Integer)
                .since("6.2.0")
                .optional(),
        ])
        .summary(
            "Returns and removes the last elements of a list. Deletes the \
             list if the last element was popped.",
        )
        .complexity("O(N) where N is the number of elements returned")
        .history(&[("6.2.0", "Added the `count` argument.")]),
    Command::new("lmpop", "7.0.0", Group::List, -4, Run::Data(lmpop))
        .flags(Flags::WRITE.union(Flags::MOVABLEKEYS))
        .categories(Categories::LIST)
        .keys(&[Keys {
            begin: Begin::Index(1),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            notes: None,
        }])
        .args(&[
            Arg::new("numkeys", ArgKind::Integer),
            Arg::key("key", 0).multiple(),
            Arg::one_of(
                "where",
                &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
            ),
            Arg::new("count", ArgKind::Integer)
                .token("COUNT")
                .optional(),
        ])
        .summary(
            "Returns multiple elements from a list after removing them. \
             Deletes the list if the last element was popped.",
        )
        .complexity(
            "O(N+M) where N is the number of provided keys and M is the \
             number of elements returned.",
        ),
    Command::new("lmove", "6.2.0", Group::List, 5, Run::Data(lmove))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::LIST)
        .keys(&[
            Keys::one(
                1,
                KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            ),
            Keys::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
        ])
        .args(&[
            Arg::key("source", 0),
            Arg::key("destination", 1),
            Arg::one_of(
                "wherefrom",
                &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
            ),
            Arg::one_of(
                "whereto",
                &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
            ),
        ])
        .summary(
            "Returns an element after popping it from one list and pushing \
             it to another. Deletes the list if the last element was moved.",
        )
        .complexity("O(1)"),
    Command::new("rpoplpush", "1.2.0", Group::List, 3, Run::Data(rpoplpush))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::LIST)
        .keys(&[
            Keys::one(
                1,
                KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            ),
            Keys::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
        ])
        .args(&[Arg::key("source", 0), Arg::key("destination", 1)])
        .summary(
            "Returns the last element of a list after removing and pushing \
             it to another list. Deletes the list if the last element was \
             popped.",
        )
        .complexity("O(1)")
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
    Command::new("blpop", "2.0.0", Group::List, -3, Run::Blocking(blpop))
        .flags(Flags::WRITE.union(Flags::BLOCKING))
        .categories(Categories::LIST)
        .keys(&[Keys::range(
            1,
            -2,
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0).multiple(),
            Arg::new("timeout", ArgKind::Double),
        ])
        .summary(
            "Removes and returns the first element in a list. Blocks until \
             an element is available otherwise. Deletes the list if the \
             last element was popped.",
        )
        .complexity("O(N) where N is the number of provided keys.")
        .history(&[(
            "6.0.0",
            "`timeout` is interpreted as a double instead of an integer.",
        )]),
    Command::new("brpop", "2.0.0", Group::List, -3, Run::Blocking(brpop))
        .flags(Flags::WRITE.union(Flags::BLOCKING))
        .categories(Categories::LIST)
        .keys(&[Keys::range(
            1,
            -2,
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        )])
        .args(&[
            Arg::key("key", 0).multiple(),
            Arg::new("timeout", ArgKind::Double),
        ])
        .summary(
            "Removes and returns the last element in a list. Blocks until \
             an element is available otherwise. Deletes the list if the \
             last element was popped.",
        )
        .complexity("O(N) where N is the number of provided keys.")
        .history(&[(
            "6.0.0",
            "`timeout` is interpreted as a double instead of an integer.",
        )]),
    Command::new("blmpop", "7.0.0", Group::List, -5, Run::Blocking(blmpop))
        .flags(
            Flags::WRITE
                .union(Flags::BLOCKING)
                .union(Flags::MOVABLEKEYS),
        )
        .categories(Categories::LIST)
        .keys(&[Keys {
            begin: Begin::Index(2),
            find: Find::KeyNum {
                numkeys: 0,
                first: 1,
                step: 1,
            },
            flags: KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            notes: None,
        }])
        .args(&[
            Arg::new("timeout", ArgKind::Double),
            Arg::new("numkeys", ArgKind::Integer),
            Arg::key("key", 0).multiple(),
            Arg::one_of(
                "where",
                &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
            ),
            Arg::new("count", ArgKind::Integer)
                .token("COUNT")
                .optional(),
        ])
        .summary(
            "Pops the first element from one of multiple lists. Blocks \
             until an element is available otherwise. Deletes the list if \
             the last element was popped.",
        )
        .complexity(
            "O(N+M) where N is the number of provided keys and M is the \
             number of elements returned.",
        ),
    Command::new("blmove", "6.2.0", Group::List, 6, Run::Blocking(blmove))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::BLOCKING))
        .categories(Categories::LIST)
        .keys(&[
            Keys::one(
                1,
                KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
            ),
            Keys::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
        ])
        .args(&[
            Arg::key("source", 0),
            Arg::key("destination", 1),
            Arg::one_of(
                "wherefrom",
                &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
            ),
            Arg::one_of(
                "whereto",
                &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
            ),
            Arg::new("timeout", ArgKind::Double),
        ])
        .summary(
            "Pops an element from a list, pushes it to another list and \
             returns it. Blocks until an element is available otherwise. \
             Deletes the list if the last element was moved.",
        )
        .complexity("O(1)"),
    Command::new(
        "brpoplpush",
        "2.2.0",
        Group::List,
        4,
        Run::Blocking(brpoplpush),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::BLOCKING))
    .categories(Categories::LIST)
    .keys(&[
        Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE),
        ),
        Keys::one(2, KeyFlags::RW.union(KeyFlags::INSERT)),
    ])
    .args(&[
        Arg::key("source", 0),
        Arg::key("destination", 1),
        Arg::new("timeout", ArgKind::Double),
    ])
    .summary(
        "Pops an element from a list, pushes it to another list and \
             returns it. Block until an element is available otherwise. \
             Deletes the list if the last element was popped.",
    )
    .complexity("O(1)")
    .history(&[(
        "6.0.0",
        "`timeout` is interpreted as a double instead of an integer.",
    )])
    .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
];

/// The word for taking from an end.
fn pop_event(end: End) -> &'static str {
    match end {
        End::Head => "lpop",
        End::Tail => "rpop",
    }
}

/// `LEFT` or `RIGHT`.
fn end(d: &Data<'_>, index: usize) -> Result<End, Error> {
    if d.args.is(index, "LEFT") {
        Ok(End::Head)
    } else if d.args.is(index, "RIGHT") {
        Ok(End::Tail)
    } else {
        Err(Error::SYNTAX)
    }
}

fn lpop(d: &mut Data<'_>) -> Outcome {
    pop(d, End::Head)
}

fn rpop(d: &mut Data<'_>) -> Outcome {
    pop(d, End::Tail)
}

fn pop(d: &mut Data<'_>, end: End) -> Outcome {
    let key = d.args.at(1);
    if d.args.len() > 3 {
        return Err(Error::arity(pop_event(end)));
    }
    let count = d.args.get(2).map(arguments::positive).transpose()?;
    let is_there = d.keys.collection_mut::<List>(key)?.is_some();
    match (is_there, count) {
        (false, None) => d.reply.null(),
        (false, Some(_)) => d.reply.null_array(),
        (true, None) => take_one(d, key, end)?,
        (true, Some(0)) => d.reply.array(0),
        (true, Some(count)) => take(d, key, end, usize::try_from(count).unwrap_or(usize::MAX))?,
    }
    Ok(())
}

/// Answers with the element at an end of a list that is there, and removes it.
fn take_one(d: &mut Data<'_>, key: &[u8], end: End) -> Outcome {
    let limits = limits(d);
    if let Some(list) = d.keys.collection_mut::<List>(key)? {
        if let Some(item) = list.peek(end) {
            write(&mut d.reply, item);
        }
        list.drop_end(end, 1);
        list.shrink(limits);
        let is_empty = list.is_empty();
        removed(&mut d.keys, key, pop_event(end), 1, is_empty);
    }
    Ok(())
}

/// Answers with an array of at most `count` elements at an end of a list that is there, and removes them.
fn take(d: &mut Data<'_>, key: &[u8], end: End, count: usize) -> Outcome {
    let limits = limits(d);
    if let Some(list) = d.keys.collection_mut::<List>(key)? {
        let count = count.min(list.len());
        let first = match end {
            End::Head => 0,
            End::Tail => list.len() - 1,
        };
        d.reply.array(count);
        for item in list.walk(first, end).take(count) {
            write(&mut d.reply, item);
        }
        list.drop_end(end, count);
        list.shrink(limits);
        let is_empty = list.is_empty();
        removed(&mut d.keys, key, pop_event(end), count, is_empty);
    }
    Ok(())
}

/// What LMPOP and BLMPOP are asked for.
struct Pops {
    /// The arguments that are keys.
    keys: Range<usize>,
    end: End,
    count: usize,
}

impl Pops {
    /// Reads `numkeys key [key …] LEFT|RIGHT [COUNT count]`, where `numkeys` is argument `first`.
    fn parse(d: &Data<'_>, first: usize) -> Result<Pops, Error> {
        let keys =
            arguments::at_least_one(d.args.at(first), "ERR numkeys should be greater than 0")?;
        let side = keys
            .checked_add(first + 1)
            .filter(|side| *side < d.args.len())
            .ok_or(Error::SYNTAX)?;
        let end = end(d, side)?;
        let count = match d.args.len() - side - 1 {
            0 => 1,
            2 if d.args.is(side + 1, "COUNT") => {
                arguments::at_least_one(d.args.at(side + 2), "ERR count should be greater than 0")?
            }
            // A second COUNT is too much, but only once the first one makes sense.
            more if more > 2 && d.args.is(side + 1, "COUNT") => {
                arguments::at_least_one(d.args.at(side + 2), "ERR count should be greater than 0")?;
                return Err(Error::SYNTAX);
            }
            _ => return Err(Error::SYNTAX),
        };
        Ok(Pops {
            keys: first + 1..side,
            end,
            count,
        })
    }

    /// Answers with the elements of the first list there is; returns whether there is one.
    fn run(&self, d: &mut Data<'_>) -> Result<bool, Error> {
        let Some(key) = first_list(d, self.keys.clone())? else {
            return Ok(false);
        };
        d.reply.array(2);
        d.reply.bulk(key);
        take(d, key, self.end, self.count)?;
        Ok(true)
    }
}

/// The first of these keys that exists.
///
/// # Errors
/// WRONGTYPE if that is no list.
fn first_list<'a>(d: &mut Data<'a>, keys: Range<usize>) -> Result<Option<&'a [u8]>, Error> {
    for key in d.args.rest(keys.start).take(keys.len()) {
        if d.keys.collection_mut::<List>(key)?.is_some() {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

fn lmpop(d: &mut Data<'_>) -> Outcome {
    if !Pops::parse(d, 1)?.run(d)? {
        d.reply.null_array();
    }
    Ok(())
}

fn lmove(d: &mut Data<'_>) -> Outcome {
    let (from, to) = (end(d, 3)?, end(d, 4)?);
    if !shift(d, from, to)? {
        d.reply.null();
    }
    Ok(())
}

fn rpoplpush(d: &mut Data<'_>) -> Outcome {
    if !shift(d, End::Tail, End::Head)? {
        d.reply.null();
    }
    Ok(())
}

/// Moves an element from the end of one list to an end of another, and answers with it; returns whether there was one.
fn shift(d: &mut Data<'_>, from: End, to: End) -> Result<bool, Error> {
    let (source, destination, limits) = (d.args.at(1), d.args.at(2), limits(d));
    if d.keys.collection_mut::<List>(source)?.is_none() {
        return Ok(false);
    }
    d.keys.collection_mut::<List>(destination)?;
    let Some(list) = d.keys.collection_again::<List>(source)? else {
        return Ok(false);
    };
    let Some(item) = list.peek(from) else {
        return Ok(false);
    };
    // Redis does not count the digits of an integer that it moves.
    let counted = match item {
        Item::Int(_) => 0,
        Item::Bytes(bytes) => bytes.len(),
    };
    let text = item.to_vec();
    list.drop_end(from, 1);
    let list = match d.keys.collection_again(destination)? {
        Some(list) => list,
        None => d.keys.create_collection(destination, List::default()),
    };
    list.make_room(counted, 1, limits);
    list.push(to, &text, limits);
    d.reply.bulk(&text);
    changed(&mut d.keys, destination, push_event(to), 0);
    // Only now, for it may be the same list.
    if let Some(list) = d.keys.collection_again::<List>(source)? {
        list.shrink(limits);
        let is_empty = list.is_empty();
        removed(&mut d.keys, source, pop_event(from), 1, is_empty);
    }
    Ok(true)
}

/// Has the client wait for one of these keys to become a list.
fn wait(keys: Range<usize>, until_us: Option<u64>, refusal: Nil) -> Result<Flow, Error> {
    Ok(Flow::Block(Block {
        keys,
        wanted: "list",
        until_us,
        refusal,
    }))
}

fn blpop(d: &mut Data<'_>) -> Result<Flow, Error> {
    blocking_pop(d, End::Head)
}

fn brpop(d: &mut Data<'_>) -> Result<Flow, Error> {
    blocking_pop(d, End::Tail)
}

fn blocking_pop(d: &mut Data<'_>, end: End) -> Result<Flow, Error> {
    let last = d.args.len() - 1;
    let until_us = arguments::waits_until_us(d.args.at(last), d.now)?;
    let Some(key) = first_list(d, 1..last)? else {
        return wait(1..last, until_us, Nil::Array);
    };
    d.reply.array(2);
    d.reply.bulk(key);
    take_one(d, key, end)?;
    Ok(Flow::Done)
}

fn blmpop(d: &mut Data<'_>) -> Result<Flow, Error> {
    let pops = Pops::parse(d, 2)?;
    let until_us = arguments::waits_until_us(d.args.at(1), d.now)?;
    if pops.run(d)? {
        return Ok(Flow::Done);
    }
    wait(pops.keys, until_us, Nil::Array)
}

fn blmove(d: &mut Data<'_>) -> Result<Flow, Error> {
    let (from, to) = (end(d, 3)?, end(d, 4)?);
    blocking_shift(d, from, to, 5)
}

fn brpoplpush(d: &mut Data<'_>) -> Result<Flow, Error> {
    blocking_shift(d, End::Tail, End::Head, 3)
}

fn blocking_shift(d: &mut Data<'_>, from: End, to: End, timeout: usize) -> Result<Flow, Error> {
    let until_us = arguments::waits_until_us(d.args.at(timeout), d.now)?;
    // A look to see whether it has to wait, and one to move.
    if d.keys.collection_mut::<List>(d.args.at(1))?.is_some() {
        d.keys.look_anew();
    }
    if shift(d, from, to)? {
        return Ok(Flow::Done);
    }
    wait(1..2, until_us, Nil::Bulk)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{Connection, Embedded};

    const WAITS: &str = "";
    const IN_VAIN: &str = "*-1\r\n";

    fn server() -> (Embedded, [Connection; 4]) {
        let mut redis = Embedded::new(1);
        let clients = std::array::from_fn(|_| redis.connect());
        (redis, clients)
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("the tests store text")
    }

    fn popped(key: &str, value: &str) -> String {
        format!(
            "*2\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n",
            key.len(),
            value.len()
        )
    }

    #[test]
    fn who_waited_longest_is_served_first_and_goes_on_with_what_it_sent() {
        let (mut redis, [a, b, c, writer]) = server();
        assert_eq!(
            redis.exchange(a, b"BLPOP k 0\r\nECHO then\r\n"),
            WAITS.as_bytes()
        );
        assert_eq!(redis.ask(b, "BLPOP other k 0"), WAITS);
        assert_eq!(redis.ask(c, "BRPOP k 0"), WAITS);
        assert_eq!(redis.ask(writer, "RPUSH k 1 2"), ":2\r\n");
        assert_eq!(text(redis.output(a)), popped("k", "1") + "$4\r\nthen\r\n");
        assert_eq!(text(redis.output(b)), popped("k", "2"));
        assert_eq!(text(redis.output(c)), WAITS);
        assert_eq!(redis.ask(writer, "EXISTS k"), ":0\r\n");
        assert_eq!(redis.ask(writer, "LPUSH other x"), ":1\r\n");
        assert_eq!(text(redis.output(b)), WAITS, "it waits no more");
    }

    #[test]
    fn a_timeout_is_exact() {
        let (mut redis, [a, b, c, _]) = server();
        redis.send(a, b"BLPOP k 0.25\r\nPING\r\n");
        redis.send(b, b"BLMOVE k d LEFT LEFT 0.1004\r\n");
        assert_eq!(redis.ask(c, "BLMPOP 86400 1 k LEFT"), WAITS);
        redis.advance(Duration::from_micros(100_999));
        assert_eq!(text(redis.output(b)), WAITS);
        redis.advance(Duration::from_micros(1));
        assert_eq!(text(redis.output(b)), IN_VAIN);
        redis.advance(Duration::from_micros(148_999));
        assert_eq!(text(redis.output(a)), WAITS);
        redis.advance(Duration::from_micros(1));
        assert_eq!(text(redis.output(a)), "*-1\r\n+PONG\r\n");
        assert_eq!(redis.engine.blocked.deadlines(), 1);
    }

    #[test]
    fn waiting_again_does_not_move_the_deadline() {
        let (mut redis, [a, b, writer, _]) = server();
        redis.ask(a, "BLMOVE k d LEFT LEFT 0.1");
        redis.advance(Duration::from_millis(60));
        // During a pause nobody is served, and must wait on.
        redis.exchange(
            writer,
            b"MULTI\r\nLPUSH k 1\r\nCLIENT PAUSE 20 WRITE\r\nEXEC\r\n",
        );
        assert_eq!(redis.ask(b, "EXISTS k d"), ":1\r\n");
        redis.advance(Duration::from_millis(21));
        assert_eq!(text(redis.output(a)), "$1\r\n1\r\n");
        redis.ask(a, "BLPOP k 0.1");
        redis.advance(Duration::from_millis(60));
        redis.exchange(
            writer,
            b"MULTI\r\nLPUSH k 1\r\nCLIENT PAUSE 200 WRITE\r\nEXEC\r\n",
        );
        redis.advance(Duration::from_millis(41));
        assert_eq!(text(redis.output(a)), IN_VAIN);
    }

    #[test]
    fn nobody_sees_what_a_transaction_does_in_between() {
        let (mut redis, [a, writer, ..]) = server();
        redis.ask(a, "BLPOP k 0");
        redis.exchange(writer, b"MULTI\r\nLPUSH k 1\r\nDEL k\r\nEXEC\r\n");
        assert_eq!(text(redis.output(a)), WAITS);
        redis.exchange(
            writer,
            b"MULTI\r\nLPUSH k 1\r\nLPUSH k 2\r\nSET other x\r\nEXEC\r\n",
        );
        assert_eq!(text(redis.output(a)), popped("k", "2"));
    }

    #[test]
    fn inside_a_transaction_nobody_waits() {
        let (mut redis, [a, ..]) = server();
        let lines = b"MULTI\r\nBLPOP k 0\r\nBLMOVE k d LEFT LEFT 0\r\nRPUSH k 1\r\nBLMPOP 0 1 k LEFT\r\nEXEC\r\n";
        let answer = text(redis.exchange(a, lines));
        assert!(
            answer.ends_with("*4\r\n*-1\r\n$-1\r\n:1\r\n*2\r\n$1\r\nk\r\n*1\r\n$1\r\n1\r\n"),
            "{answer:?}"
        );
    }

    #[test]
    fn one_move_makes_the_next_possible() {
        let (mut redis, [a, b, c, writer]) = server();
        redis.ask(c, "BLPOP three 0");
        redis.ask(b, "BLMOVE two three LEFT RIGHT 0");
        redis.ask(a, "BRPOPLPUSH one two 0");
        assert_eq!(redis.ask(writer, "RPUSH one x"), ":1\r\n");
        assert_eq!(text(redis.output(a)), "$1\r\nx\r\n");
        assert_eq!(text(redis.output(b)), "$1\r\nx\r\n");
        assert_eq!(text(redis.output(c)), popped("three", "x"));
        assert_eq!(redis.ask(writer, "DBSIZE"), ":0\r\n");
    }

    #[test]
    fn whatever_makes_a_list_serves_who_waits_for_it() {
        for line in [
            "RENAME source k",
            "RENAMENX source k",
            "COPY source k",
            "LMOVE source k LEFT LEFT",
            "MULTI\r\nSET k x\r\nCOPY source k REPLACE\r\nEXEC",
            "SELECT 1\r\nRPUSH k 1\r\nMOVE k 0",
            "SELECT 1\r\nRPUSH k 1\r\nSWAPDB 0 1",
        ] {
            let (mut redis, [a, writer, ..]) = server();
            redis.ask(writer, "RPUSH source 1");
            redis.ask(a, "BLPOP k 0");
            redis.ask(writer, "SET k string");
            redis.ask(writer, "DEL k");
            assert_eq!(text(redis.output(a)), WAITS);
            redis.ask(writer, line);
            assert_eq!(text(redis.output(a)), popped("k", "1"), "{line}");
        }
    }

    #[test]
    fn an_error_ends_the_waiting() {
        let (mut redis, [a, writer, ..]) = server();
        redis.ask(writer, "SET d string");
        redis.ask(a, "BLMOVE k d LEFT LEFT 0");
        redis.ask(writer, "RPUSH k 1");
        assert!(text(redis.output(a)).starts_with("-WRONGTYPE"));
        assert_eq!(redis.ask(writer, "LLEN k"), ":1\r\n");
    }

    #[test]
    fn whoever_is_gone_takes_nothing_along() {
        let (mut redis, [a, b, c, writer]) = server();
        redis.ask(a, "BLPOP k 0");
        redis.ask(b, "BLPOP k 0");
        redis.ask(c, "BLPOP k 0");
        redis.disconnect(a);
        // Killed by the same transaction that has something for it.
        redis.exchange(
            writer,
            b"MULTI\r\nRPUSH k 1\r\nCLIENT KILL ID 2\r\nEXEC\r\n",
        );
        assert!(!redis.is_connected(b));
        assert_eq!(text(redis.output(c)), popped("k", "1"));
        assert_eq!(redis.engine.blocked.keys(), 0);
        assert!(!redis.engine.changes.awaited);
    }

    #[test]
    fn a_client_can_be_unblocked() {
        let (mut redis, [a, other, ..]) = server();
        redis.ask(a, "BLPOP k k j 10");
        assert!(
            redis
                .ask(other, "INFO clients")
                .contains("blocked_clients:1\r\n")
        );
        assert_eq!(redis.engine.blocked.keys(), 2);
        assert_eq!(redis.ask(other, "CLIENT UNBLOCK 1"), ":1\r\n");
        assert_eq!(text(redis.output(a)), IN_VAIN);
        redis.ask(a, "CLIENT REPLY SKIP");
        redis.ask(a, "BLPOP k 0");
        assert_eq!(redis.ask(other, "CLIENT UNBLOCK 1 ERROR"), ":1\r\n");
        assert_eq!(text(redis.output(a)), "", "the answer was to be skipped");
        assert_eq!(redis.ask(other, "CLIENT UNBLOCK 1 ERROR"), ":0\r\n");
        assert_eq!(redis.ask(a, "PING"), "+PONG\r\n");
        let stats = redis.ask(other, "INFO commandstats");
        assert!(stats.contains("cmdstat_blpop:calls=2,"), "{stats}");
        assert!(stats.contains("failed_calls=1"), "{stats}");
    }
}
