//! SORT: the elements of a list, a set or a sorted set in order of themselves, or of what other keys hold.

use std::cmp::Ordering;
use std::ops::Range;

use crate::commands::{arguments, hash, list, zset};
use crate::data::hash::Hash;
use crate::data::list::{End, List};
use crate::data::listpack::Item;
use crate::data::zset::Zset;
use crate::engine::Data;
use crate::keyspace::value::ValueRef;
use crate::registry::command::{
    Arg, ArgKind, Begin, Categories, Command, Find, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::registry::keys::KeyRef;
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::text::integers::until_nul;

const NOT_NUMBERS: Error = Error::fixed("ERR One or more scores can't be converted into double");

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("sort", "1.0.0", Group::Generic, -2, Run::Data(sort))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
        .categories(
            Categories::SET
                .union(Categories::SORTEDSET)
                .union(Categories::LIST)
                .union(Categories::DANGEROUS),
        )
        .keys(&[
            Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
            Keys {
                begin: Begin::Unknown,
                find: Find::Unknown,
                flags: KeyFlags::RO.union(KeyFlags::ACCESS),
                notes: Some(
                    "For the optional BY/GET keyword. It is marked 'unknown' \
                     because the key names derive from the content of the key we \
                     sort",
                ),
            },
            Keys {
                begin: Begin::Unknown,
                find: Find::Unknown,
                flags: KeyFlags::OW.union(KeyFlags::UPDATE),
                notes: Some(
                    "For the optional STORE keyword. It is marked 'unknown' because \
                     the keyword can appear anywhere in the argument array",
                ),
            },
        ])
        .find_keys(sort_keys)
        .args(&[
            Arg::key("key", 0),
            Arg::new("by-pattern", ArgKind::Pattern)
                .display("pattern")
                .key_spec(1)
                .token("BY")
                .optional(),
            Arg::block(
                "limit",
                &[
                    Arg::new("offset", ArgKind::Integer),
                    Arg::new("count", ArgKind::Integer),
                ],
            )
            .token("LIMIT")
            .optional(),
            Arg::new("get-pattern", ArgKind::Pattern)
                .display("pattern")
                .key_spec(1)
                .token("GET")
                .optional()
                .multiple()
                .multiple_token(),
            Arg::one_of(
                "order",
                &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
            )
            .optional(),
            Arg::word("sorting", "ALPHA").optional(),
            Arg::key("destination", 2).token("STORE").optional(),
        ])
        .summary(
            "Sorts the elements in a list, a set, or a sorted set, \
             optionally storing the result.",
        )
        .complexity(
            "O(N+M*log(M)) where N is the number of elements in the list or \
             set to sort, and M the number of returned elements. When the \
             elements are not sorted, complexity is O(N).",
        ),
    Command::new("sort_ro", "7.0.0", Group::Generic, -2, Run::Data(sort_ro))
        .flags(Flags::READONLY.union(Flags::MOVABLEKEYS))
        .categories(
            Categories::SET
                .union(Categories::SORTEDSET)
                .union(Categories::LIST)
                .union(Categories::DANGEROUS),
        )
        .keys(&[
            Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
            Keys {
                begin: Begin::Unknown,
                find: Find::Unknown,
                flags: KeyFlags::RO.union(KeyFlags::ACCESS),
                notes: Some(
                    "For the optional BY/GET keyword. It is marked 'unknown' \
                     because the key names derive from the content of the key we \
                     sort",
                ),
            },
        ])
        .find_keys(sort_ro_keys)
        .args(&[
            Arg::key("key", 0),
            Arg::new("by-pattern", ArgKind::Pattern)
                .display("pattern")
                .key_spec(1)
                .token("BY")
                .optional(),
            Arg::block(
                "limit",
                &[
                    Arg::new("offset", ArgKind::Integer),
                    Arg::new("count", ArgKind::Integer),
                ],
            )
            .token("LIMIT")
            .optional(),
            Arg::new("get-pattern", ArgKind::Pattern)
                .display("pattern")
                .key_spec(1)
                .token("GET")
                .optional()
                .multiple()
                .multiple_token(),
            Arg::one_of(
                "order",
                &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
            )
            .optional(),
            Arg::word("sorting", "ALPHA").optional(),
        ])
        .summary("Returns the sorted elements of a list, a set, or a sorted set.")
        .complexity(
            "O(N+M*log(M)) where N is the number of elements in the list or \
             set to sort, and M the number of returned elements. When the \
             elements are not sorted, complexity is O(N).",
        ),
];

/// The key that is sorted, and the last one to store into, wherever it stands among the options.
fn sort_keys(args: Args<'_>) -> Vec<KeyRef> {
    let mut keys = sort_ro_keys(args);
    let (mut store, mut index) = (None, 2);
    while index < args.len() {
        if args.is(index, "LIMIT") {
            index += 2;
        } else if args.is(index, "GET") || args.is(index, "BY") {
            index += 1;
        } else if args.is(index, "STORE") && index + 1 < args.len() {
            store = Some(KeyRef {
                position: index + 1,
                flags: KeyFlags::OW.union(KeyFlags::UPDATE),
            });
        }
        index += 1;
    }
    keys.extend(store);
    keys
}

fn sort_ro_keys(_: Args<'_>) -> Vec<KeyRef> {
    vec![KeyRef {
        position: 1,
        flags: KeyFlags::RO.union(KeyFlags::ACCESS),
    }]
}

fn sort(d: &mut Data<'_>) -> Outcome {
    let options = Options::parse(d.args, true)?;
    run(d, options)
}

fn sort_ro(d: &mut Data<'_>) -> Outcome {
    let options = Options::parse(d.args, false)?;
    run(d, options)
}

/// What SORT is asked for.
#[derive(Debug)]
struct Options<'a> {
    descending: bool,
    /// By bytes and not by numbers.
    alpha: bool,
    offset: i64,
    /// Negative for all.
    count: i64,
    /// Which key's value stands for an element.
    by: Option<&'a [u8]>,
    /// The elements are wanted as they come: some BY named a key that is the same for all of them.
    unsorted: bool,
    /// Which values are answered in the place of an element.
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, may_store: bool) -> Result<Options<'a>, Error> {
        let mut options = Options {
            descending: false,
            alpha: false,
            offset: 0,
            count: -1,
            by: None,
            unsorted: false,
            get: Vec::new(),
            store: None,
        };
        let mut index = 2;
        while index < args.len() {
            let (value, second) = (args.get(index + 1), args.get(index + 2));
            let taken = match (value, second) {
                _ if args.is(index, "ASC") => {
                    options.descending = false;
                    0
                }
                _ if args.is(index, "DESC") => {
                    options.descending = true;
                    0
                }
                _ if args.is(index, "ALPHA") => {
                    options.alpha = true;
                    0
                }
                (Some(offset), Some(count)) if args.is(index, "LIMIT") => {
                    options.offset = arguments::integer(offset)?;
                    options.count = arguments::integer(count)?;
                    2
                }
                (Some(key), _) if may_store && args.is(index, "STORE") => {
                    options.store = Some(key);
                    1
                }
                (Some(pattern), _) if args.is(index, "BY") => {
                    options.by = Some(pattern);
                    options.unsorted |= star(pattern).is_none();
                    1
                }
                (Some(pattern), _) if args.is(index, "GET") => {
                    options.get.push(pattern);
                    1
                }
                _ => return Err(Error::SYNTAX),
            };
            index += 1 + taken;
        }
        Ok(options)
    }

    /// The elements that are wanted of so many.
    fn range(&self, len: usize) -> Range<usize> {
        let clamp = |number: i64| usize::try_from(number).map_or(0, |number| number.min(len));
        let start = clamp(self.offset);
        let end = match self.count {
            ..0 => len,
            count => start.saturating_add(clamp(count)).min(len),
        };
        start..end
    }
}

fn run(d: &mut Data<'_>, mut options: Options<'_>) -> Outcome {
    let key = d.args.at(1);
    let mut elements = elements(d, key, &mut options)?;
    if !options.unsorted {
        let range = options.range(elements.len());
        sort_elements(d, &mut elements, &options)?;
        elements = elements.drain(range).collect();
    }
    match options.store {
        Some(to) => store(d, to, &elements, &options.get),
        None => answer(d, &elements, &options.get),
    }
    Ok(())
}

/// The elements of a key: all that are to be sorted, or those that are wanted where none are.
fn elements(
    d: &mut Data<'_>,
    key: &[u8],
    options: &mut Options<'_>,
) -> Result<Vec<Vec<u8>>, Error> {
    let Some(value) = d.keys.read(key).map(|entry| entry.value()) else {
        return Ok(Vec::new());
    };
    let range = |len: usize, options: &Options<'_>| match options.unsorted {
        true => options.range(len),
        false => 0..len,
    };
    let backwards = options.unsorted && options.descending;
    Ok(match value {
        ValueRef::List(list) => {
            let (len, range) = (list.len(), range(list.len(), options));
            let (start, from) = match backwards {
                true => (len.saturating_sub(range.start + 1), End::Tail),
                false => (range.start, End::Head),
            };
            let walk = list.walk(start, from).take(range.len());
            walk.map(Item::to_vec).collect()
        }
        ValueRef::Set(set) => {
            // What is stored has to be the same wherever the command is repeated, so it is put into some order at least.
            if options.unsorted && options.store.is_some() {
                options.unsorted = false;
                options.by = None;
                options.alpha = true;
            }
            let range = range(set.len(), options);
            let wanted = set.iter().skip(range.start).take(range.len());
            wanted.map(Item::to_vec).collect()
        }
        ValueRef::Zset(set) => {
            let (len, range) = (set.len(), range(set.len(), options));
            let elements = match backwards {
                true => texts(set.iter(len - range.end..len - range.start).rev()),
                false => texts(set.iter(range)),
            };
            enlarge(d, key)?;
            elements
        }
        _ => return Err(Error::WRONG_TYPE),
    })
}

fn texts<'a>(members: impl Iterator<Item = (Item<'a>, f64)>) -> Vec<Vec<u8>> {
    members.map(|(member, _)| member.to_vec()).collect()
}

/// A sorted set that is sorted takes its large form for good, as in Redis.
fn enlarge(d: &mut Data<'_>, key: &[u8]) -> Result<(), Error> {
    let limits = zset::limits(d);
    if let Some(set) = d.keys.collection_mut::<Zset>(key)? {
        set.expect(usize::MAX, &limits);
    }
    Ok(())
}

fn sort_elements(
    d: &mut Data<'_>,
    elements: &mut Vec<Vec<u8>>,
    options: &Options<'_>,
) -> Result<(), Error> {
    let directed = |order: Ordering| match options.descending {
        true => order.reverse(),
        false => order,
    };
    // Without STORE strings are compared as those of C, which end with a NUL.
    let shown = |text: &'_ Vec<u8>| match options.store {
        Some(_) => text.clone(),
        None => until_nul(text).to_vec(),
    };
    let taken = std::mem::take(elements);
    match (options.alpha, options.by) {
        (true, None) => {
            *elements = taken;
            elements.sort_by(|a, b| match options.store {
                Some(_) => directed(a.cmp(b)),
                None => directed(until_nul(a).cmp(until_nul(b))),
            });
        }
        (true, Some(by)) => {
            let mut weighed: Vec<(Option<Vec<u8>>, Vec<u8>)> = Vec::with_capacity(taken.len());
            for element in taken {
                let weight = look_up(d, by, &element).as_ref().map(shown);
                weighed.push((weight, element));
            }
            weighed.sort_by(|(a, _), (b, _)| directed(a.cmp(b)));
            elements.extend(weighed.into_iter().map(|(_, element)| element));
        }
        (false, by) => {
            let mut weighed: Vec<(f64, Vec<u8>)> = Vec::with_capacity(taken.len());
            let mut all_numbers = true;
            for element in taken {
                let weight = match by {
                    None => number(&element),
                    // A missing key counts for nothing.
                    Some(by) => look_up(d, by, &element).map_or(Some(0.0), |text| number(&text)),
                };
                all_numbers &= weight.is_some();
                weighed.push((weight.unwrap_or(0.0), element));
            }
            if !all_numbers {
                return Err(NOT_NUMBERS);
            }
            weighed.sort_by(|a, b| directed(a.partial_cmp(b).unwrap_or(Ordering::Equal)));
            elements.extend(weighed.into_iter().map(|(_, element)| element));
        }
    }
    Ok(())
}

/// The number that a text is, up to a NUL; nothing is 0.
fn number(text: &[u8]) -> Option<f64> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// Where the element is put into a pattern.
fn star(pattern: &[u8]) -> Option<usize> {
    until_nul(pattern).iter().position(|&byte| byte == b'*')
}

/// What a pattern stands for with this element: `#` for itself, any other for the string of a key, or for a field of a hash
/// behind `->`.
fn look_up(d: &mut Data<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if until_nul(pattern) == b"#" {
        return Some(element.to_vec());
    }
    let star = star(pattern)?;
    let (prefix, rest) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = until_nul(rest).windows(2).position(|pair| pair == b"->");
    // An arrow that nothing follows is a part of the key.
    let arrow = arrow.filter(|arrow| !until_nul(&rest[arrow + 2..]).is_empty());
    let (suffix, field) = match arrow {
        Some(arrow) => (&rest[..arrow], Some(&rest[arrow + 2..])),
        None => (rest, None),
    };
    let key = [prefix, element, suffix].concat();
    match field {
        None => {
            let string = d.keys.read(&key)?.value().as_string()?;
            Some(string.to_vec())
        }
        Some(field) => {
            let now_ms = d.keys.now_ms;
            let hash: &Hash = d.keys.read(&key)?.value().collection()?;
            let found = hash.get(field)?;
            if found.has_expired(now_ms) {
                hash::expire_field(d, &key, field);
                return None;
            }
            Some(found.value.to_vec())
        }
    }
}

/// What is answered for the elements: themselves, or what each pattern stands for.
fn results(
    d: &mut Data<'_>,
    elements: &[Vec<u8>],
    get: &[&[u8]],
    mut emit: impl FnMut(&mut Data<'_>, Option<&[u8]>),
) {
    for element in elements {
        if get.is_empty() {
            emit(d, Some(element));
        }
        for pattern in get {
            let found = look_up(d, pattern, element);
            emit(d, found.as_deref());
        }
    }
}

fn answer(d: &mut Data<'_>, elements: &[Vec<u8>], get: &[&[u8]]) {
    d.reply.array(elements.len() * get.len().max(1));
    results(d, elements, get, |d, found| match found {
        Some(found) => d.reply.bulk(found),
        None => d.reply.null(),
    });
}

fn store(d: &mut Data<'_>, to: &[u8], elements: &[Vec<u8>], get: &[&[u8]]) {
    let limits = list::limits(d);
    let mut stored = List::from_nodes(Vec::new(), limits);
    results(d, elements, get, |_, found| {
        stored.push(End::Tail, found.unwrap_or(b""), limits);
    });
    let len = stored.len();
    if len > 0 {
        stored.compact(limits);
        d.keys.set_collection(to, stored);
        list::changed(&mut d.keys, to, "sortstore", len);
    } else {
        d.keys.delete(to);
    }
    d.reply.count(len);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    #[test]
    fn the_key_to_store_into_is_the_last_that_is_none_of_the_others_values() {
        let keys = |line: &str| {
            let args: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
            let keys = sort_keys(args.as_args());
            keys.iter().map(|key| key.position).collect::<Vec<_>>()
        };
        assert_eq!(keys("SORT k"), [1]);
        assert_eq!(keys("SORT k STORE"), [1]);
        assert_eq!(keys("SORT k BY store STORE d GET STORE STORE e"), [1, 9]);
        assert_eq!(keys("SORT k LIMIT STORE x STORE y"), [1, 6]);
    }

    #[test]
    fn a_text_is_a_number_as_the_whole_of_it_is_one() {
        let cases: [(&[u8], Option<f64>); 9] = [
            (b"1.5", Some(1.5)),
            (b"+5", Some(5.0)),
            (b"", Some(0.0)),
            (b"1\x002", Some(1.0)),
            (b"1e400", Some(f64::INFINITY)),
            (b" 1", None),
            (b"0x10", None),
            (b"nan", None),
            (b"1x", None),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text), expected, "{}", text.escape_ascii());
        }
    }
}
