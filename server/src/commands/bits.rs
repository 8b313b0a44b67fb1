//! Commands on the bits of a string.

use super::arguments::integer;
use super::substring::{clamp, clamp_in_order};
use crate::data::bits::{self, Combination, IntType, Operation, Overflow};
use crate::data::string;
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db::{self, Deadline};
use crate::keyspace::value::New;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::registry::keys::KeyRef;
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::text::integers::parse_i64;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("setbit", "2.2.0", Group::Bitmap, 4, Run::Data(setbit))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::BITMAP)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE),
        )])
        .args(&[
            Arg::key("key", 0),
            Arg::new("offset", ArgKind::Integer),
            Arg::new("value", ArgKind::Integer),
        ])
        .summary(
            "Sets or clears the bit at offset of the string value. Creates \
             the key if it doesn't exist.",
        )
        .complexity("O(1)"),
    Command::new("getbit", "2.2.0", Group::Bitmap, 3, Run::Data(getbit))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::BITMAP)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[Arg::key("key", 0), Arg::new("offset", ArgKind::Integer)])
        .summary("Returns a bit value by offset.")
        .complexity("O(1)"),
    Command::new("bitcount", "2.6.0", Group::Bitmap, -2, Run::Data(bitcount))
        .flags(Flags::READONLY)
        .categories(Categories::BITMAP)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::block(
                "range",
                &[
                    Arg::new("start", ArgKind::Integer),
                    Arg::new("end", ArgKind::Integer),
                    Arg::one_of(
                        "unit",
                        &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")],
                    )
                    .since("7.0.0")
                    .optional(),
                ],
            )
            .optional(),
        ])
        .summary(
            "Counts the number of set bits (population counting) in a \
             string.",
        )
        .complexity("O(N)")
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")]),
    Command::new("bitpos", "2.8.7", Group::Bitmap, -3, Run::Data(bitpos))
        .flags(Flags::READONLY)
        .categories(Categories::BITMAP)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("bit", ArgKind::Integer),
            Arg::block(
                "range",
                &[
                    Arg::new("start", ArgKind::Integer),
                    Arg::block(
                        "end-unit-block",
                        &[
                            Arg::new("end", ArgKind::Integer),
                            Arg::one_of(
                                "unit",
                                &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")],
                            )
                            .since("7.0.0")
                            .optional(),
                        ],
                    )
                    .optional(),
                ],
            )
            .optional(),
        ])
        .summary("Finds the first set (1) or clear (0) bit in a string.")
        .complexity("O(N)")
        .history(&[("7.0.0", "Added the `BYTE|BIT` option.")]),
    Command::new("bitop", "2.6.0", Group::Bitmap, -4, Run::Data(bitop))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::BITMAP)
        .keys(&[
            Keys::one(2, KeyFlags::OW.union(KeyFlags::UPDATE)),
            Keys::range(3, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ])
        .args(&[
            Arg::one_of(
                "operation",
                &[
                    Arg::word("and", "AND"),
                    Arg::word("or", "OR"),
                    Arg::word("xor", "XOR"),
                    Arg::word("not", "NOT"),
                    Arg::word("diff", "DIFF"),
                    Arg::word("diff1", "DIFF1"),
                    Arg::word("andor", "ANDOR"),
                    Arg::word("one", "ONE"),
                ],
            ),
            Arg::key("destkey", 0),
            Arg::key("key", 1).multiple(),
        ])
        .summary(
            "Performs bitwise operations on multiple strings, and stores \
             the result.",
        )
        .complexity("O(N)"),
    Command::new("bitfield", "3.2.0", Group::Bitmap, -2, Run::Data(bitfield))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::BITMAP)
        .keys(&[Keys::one(
            1,
            KeyFlags::RW
                .union(KeyFlags::ACCESS)
                .union(KeyFlags::UPDATE)
                .union(KeyFlags::VARIABLE_FLAGS),
        )
        .notes("This command allows both access and modification of the key")])
        .find_keys(bitfield_keys)
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "operation",
                &[
                    Arg::block(
                        "get-block",
                        &[
                            Arg::new("encoding", ArgKind::String),
                            Arg::new("offset", ArgKind::Integer),
                        ],
                    )
                    .token("GET"),
                    Arg::block(
                        "write",
                        &[
                            Arg::one_of(
                                "overflow-block",
                                &[
                                    Arg::word("wrap", "WRAP"),
                                    Arg::word("sat", "SAT"),
                                    Arg::word("fail", "FAIL"),
                                ],
                            )
                            .token("OVERFLOW")
                            .optional(),
                            Arg::one_of(
                                "write-operation",
                                &[
                                    Arg::block(
                                        "set-block",
                                        &[
                                            Arg::new("encoding", ArgKind::String),
                                            Arg::new("offset", ArgKind::Integer),
                                            Arg::new("value", ArgKind::Integer),
                                        ],
                                    )
                                    .token("SET"),
                                    Arg::block(
                                        "incrby-block",
                                        &[
                                            Arg::new("encoding", ArgKind::String),
                                            Arg::new("offset", ArgKind::Integer),
                                            Arg::new("increment", ArgKind::Integer),
                                        ],
                                    )
                                    .token("INCRBY"),
                                ],
                            ),
                        ],
                    ),
                ],
            )
            .optional()
            .multiple(),
        ])
        .summary("Performs arbitrary bitfield integer operations on strings.")
        .complexity("O(1) for each subcommand specified"),
    Command::new(
        "bitfield_ro",
        "6.0.0",
        Group::Bitmap,
        -2,
        Run::Data(bitfield_ro),
    )
    .flags(Flags::READONLY.union(Flags::FAST))
    .categories(Categories::BITMAP)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::block(
            "get-block",
            &[
                Arg::new("encoding", ArgKind::String),
                Arg::new("offset", ArgKind::Integer),
            ],
        )
        .token("GET")
        .optional()
        .multiple()
        .multiple_token(),
    ])
    .summary(
        "Performs arbitrary read-only bitfield integer operations on \
         strings.",
    )
    .complexity("O(1) for each subcommand specified"),
];

const BAD_OFFSET: Error = Error::fixed("ERR bit offset is not an integer or out of range");
const BAD_BIT: Error = Error::fixed("ERR bit is not an integer or out of range");
const BAD_BIT_WANTED: Error = Error::fixed("ERR The bit argument must be 1 or 0.");
const BAD_TYPE: Error = Error::fixed(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);
const BAD_OVERFLOW: Error = Error::fixed("ERR Invalid OVERFLOW type specified");
const ONLY_GET: Error = Error::fixed("ERR BITFIELD_RO only supports the GET subcommand");

/// The offset of a bit, which must lie within the longest string allowed.
fn bit_offset(d: &Data<'_>, offset: Option<i64>) -> Result<usize, Error> {
    offset
        .filter(|offset| offset >> 3 < d.config.proto_max_bulk_len)
        .and_then(|offset| usize::try_from(offset).ok())
        .ok_or(BAD_OFFSET)
}

/// The bytes of a key, to be changed, grown with zeros until they contain this bit; and whether they had to grow.
fn bytes_up_to<'a>(
    keys: &'a mut db::Keys<'_>,
    key: &[u8],
    bit: usize,
) -> Result<(&'a mut Vec<u8>, bool), Error> {
    let bytes = keys.string_mut(key)?;
    let grown = string::grow(bytes, bit / 8 + 1);
    Ok((bytes, grown))
}

fn setbit(d: &mut Data<'_>) -> Outcome {
    let key = d.args.at(1);
    let offset = bit_offset(d, parse_i64(d.args.at(2)))?;
    let on = match parse_i64(d.args.at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(BAD_BIT),
    };
    let (bytes, grown) = bytes_up_to(&mut d.keys, key, offset)?;
    let byte = &mut bytes[offset / 8];
    let mask = 0x80 >> (offset % 8);
    let was_on = *byte & mask != 0;
    *byte = if on { *byte | mask } else { *byte & !mask };
    if grown || was_on != on {
        d.keys.touch(key, Class::STRING, "setbit");
    }
    d.reply.flag(was_on);
    Ok(())
}

fn getbit(d: &mut Data<'_>) -> Outcome {
    let offset = bit_offset(d, parse_i64(d.args.at(2)))?;
    let string = d.keys.string(d.args.at(1))?;
    let mut digits = itoa::Buffer::new();
    let bytes = string.as_ref().map(|string| string.bytes(&mut digits));
    let byte = bytes.and_then(|bytes| bytes.get(offset / 8));
    d.reply
        .flag(byte.is_some_and(|byte| byte & (0x80 >> (offset % 8)) != 0));
    Ok(())
}

/// Bits in the unit that argument `index`, if given, chooses for a range.
fn unit_bits(args: Args<'_>, index: usize) -> Result<usize, Error> {
    if args.len() <= index || args.is(index, "byte") {
        Ok(8)
    } else if args.is(index, "bit") {
        Ok(1)
    } else {
        Err(Error::SYNTAX)
    }
}

fn bitcount(d: &mut Data<'_>) -> Outcome {
    let (start, end, unit) = match d.args.len() {
        2 => (0, -1, 8),
        4 | 5 => {
            let (start, end) = (integer(d.args.at(2))?, integer(d.args.at(3))?);
            (start, end, unit_bits(d.args, 4)?)
        }
        _ => return Err(Error::SYNTAX),
    };
    let Some(string) = d.keys.string(d.args.at(1))? else {
        d.reply.int(0);
        return Ok(());
    };
    let mut digits = itoa::Buffer::new();
    let bytes = string.bytes(&mut digits);
    let range = clamp_in_order(start, end, bytes.len() * 8 / unit);
    let count = range.map_or(0, |(first, last)| {
        bits::count(bytes, first * unit, last * unit + unit - 1)
    });
    d.reply.int(count as i64);
    Ok(())
}

fn bitpos(d: &mut Data<'_>) -> Outcome {
    let wanted = match integer(d.args.at(2))? {
        0 => false,
        1 => true,
        _ => return Err(BAD_BIT_WANTED),
    };
    if d.args.len() > 6 {
        return Err(Error::SYNTAX);
    }
    let start = d.args.get(3).map_or(Ok(0), integer)?;
    let unit = unit_bits(d.args, 5)?;
    let end = d.args.get(4).map_or(Ok(-1), integer)?;
    let end_given = d.args.len() >= 5;

    let Some(string) = d.keys.string(d.args.at(1))? else {
        // A missing key is zeros without end, whatever the range.
        d.reply.int(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let mut digits = itoa::Buffer::new();
    let bytes = string.bytes(&mut digits);
    let position = clamp(start, end, bytes.len() * 8 / unit).and_then(|(first, last)| {
        bits::find(bytes, wanted, first * unit, last * unit + unit - 1)
            // Unless an end is given, zeros follow the string.
            .or((!wanted && !end_given).then_some(bytes.len() * 8))
    });
    d.reply.int(position.map_or(-1, |position| position as i64));
    Ok(())
}

fn bitop(d: &mut Data<'_>) -> Outcome {
    let operation = operation(d.args)?;
    let mut combination = Combination::new(operation);
    for key in d.args.rest(3) {
        match d.keys.string(key)? {
            None => combination.add(&[]),
            Some(string) => combination.add(string.bytes(&mut itoa::Buffer::new())),
        }
    }
    let destination = d.args.at(2);
    let result = combination.finish();
    let len = result.len();
    if len > 0 {
        d.keys
            .set(destination, New::from_vec(result), Deadline::Clear);
        d.keys.touch(destination, Class::STRING, "set");
    } else {
        d.keys.delete_result(destination);
    }
    d.reply.count(len);
    Ok(())
}

fn operation(args: Args<'_>) -> Result<Operation, Error> {
    let words = [
        ("AND", Operation::And),
        ("OR", Operation::Or),
        ("XOR", Operation::Xor),
        ("NOT", Operation::Not),
        ("DIFF", Operation::Diff),
        ("DIFF1", Operation::Diff1),
        ("ANDOR", Operation::AndOr),
        ("ONE", Operation::One),
    ];
    let found = words.iter().find(|(word, _)| args.is(1, word));
    let &(word, operation) = found.ok_or(Error::SYNTAX)?;
    match (operation, args.len() - 3) {
        (Operation::Not, 2..) => Err(Error::fixed(
            "ERR BITOP NOT must be called with a single source key.",
        )),
        (Operation::Diff | Operation::Diff1 | Operation::AndOr, 1) => Err(Error::new(format!(
            "ERR BITOP {word} must be called with at least two source keys."
        ))),
        _ => Ok(operation),
    }
}

/// One operation of BITFIELD.
#[derive(Clone, Copy, Debug)]
struct Field {
    int: IntType,
    offset: usize,
    action: Action,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Get,
    Set(i64, Overflow),
    IncrBy(i64, Overflow),
}

fn bitfield(d: &mut Data<'_>) -> Outcome {
    let fields = fields(d)?;
    let written = fields
        .iter()
        .filter(|field| !matches!(field.action, Action::Get));
    match written
        .map(|field| field.offset + field.int.bits as usize - 1)
        .max()
    {
        None => read_fields(d, &fields),
        Some(last_bit) => write_fields(d, &fields, last_bit),
    }
}

/// BITFIELD's key, which it only reads where it is nothing but GETs; what is no BITFIELD may write.
fn bitfield_keys(args: Args<'_>) -> Vec<KeyRef> {
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "get") {
            at += 3;
        } else if args.is(at, "overflow") {
            at += 2;
        } else {
            break;
        }
    }
    let flags = if at == args.len() {
        KeyFlags::RO | KeyFlags::ACCESS
    } else {
        KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE
    };
    vec![KeyRef { position: 1, flags }]
}

fn bitfield_ro(d: &mut Data<'_>) -> Outcome {
    let fields = fields(d)?;
    if fields
        .iter()
        .any(|field| !matches!(field.action, Action::Get))
    {
        return Err(ONLY_GET);
    }
    read_fields(d, &fields)
}

fn read_fields(d: &mut Data<'_>, fields: &[Field]) -> Outcome {
    let string = d.keys.string(d.args.at(1))?;
    let mut digits = itoa::Buffer::new();
    let bytes = string
        .as_ref()
        .map_or(&[][..], |string| string.bytes(&mut digits));
    d.reply.array(fields.len());
    for field in fields {
        d.reply.int(field.int.get(bytes, field.offset));
    }
    Ok(())
}

fn write_fields(d: &mut Data<'_>, fields: &[Field], last_bit: usize) -> Outcome {
    let key = d.args.at(1);
    // Room is made for all of them first, and stays even if none is written in the end.
    let (bytes, grown) = bytes_up_to(&mut d.keys, key, last_bit)?;
    d.reply.array(fields.len());
    let mut changes = 0;
    for &Field {
        int,
        offset,
        action,
    } in fields
    {
        let old = int.get(bytes, offset);
        let (new, answers_old) = match action {
            Action::Get => {
                d.reply.int(old);
                continue;
            }
            Action::Set(value, overflow) => (int.sum(value, 0, overflow), true),
            Action::IncrBy(by, overflow) => (int.sum(old, by, overflow), false),
        };
        let Some(new) = new else {
            d.reply.null();
            continue;
        };
        int.set(bytes, offset, new);
        changes += u64::from(grown || new != old);
        d.reply.int(if answers_old { old } else { new });
    }
    if changes > 0 {
        // One event for all, but each counts as a change.
        d.keys.touch(key, Class::STRING, "setbit");
        d.keys.changes.dirty += changes - 1;
    }
    Ok(())
}

/// Reads the operations, each with the OVERFLOW that stands before it.
fn fields(d: &Data<'_>) -> Result<Vec<Field>, Error> {
    let args = d.args;
    let mut fields = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut index = 2;
    while index < args.len() {
        let is = |word, operands| args.is(index, word) && index + operands < args.len();
        let operands = if is("get", 2) {
            2
        } else if is("set", 3) || is("incrby", 3) {
            3
        } else if is("overflow", 1) {
            overflow = overflow_mode(args, index + 1)?;
            index += 2;
            continue;
        } else {
            return Err(Error::SYNTAX);
        };
        let int = int_type(args.at(index + 1)).ok_or(BAD_TYPE)?;
        let offset = bit_offset(d, field_offset(args.at(index + 2), int))?;
        let action = if operands == 2 {
            Action::Get
        } else {
            let operand = integer(args.at(index + 3))?;
            if args.is(index, "set") {
                Action::Set(operand, overflow)
            } else {
                Action::IncrBy(operand, overflow)
            }
        };
        fields.push(Field {
            int,
            offset,
            action,
        });
        index += 1 + operands;
    }
    Ok(fields)
}

fn overflow_mode(args: Args<'_>, index: usize) -> Result<Overflow, Error> {
    if args.is(index, "wrap") {
        Ok(Overflow::Wrap)
    } else if args.is(index, "sat") {
        Ok(Overflow::Saturate)
    } else if args.is(index, "fail") {
        Ok(Overflow::Fail)
    } else {
        Err(BAD_OVERFLOW)
    }
}

/// `i1` to `i64`, `u1` to `u63`.
fn int_type(text: &[u8]) -> Option<IntType> {
    let (signed, bits_max, bits) = match text {
        [b'i', bits @ ..] => (true, 64, bits),
        [b'u', bits @ ..] => (false, 63, bits),
        _ => return None,
    };
    let bits = u32::try_from(parse_i64(bits)?).ok()?;
    (1..=bits_max)
        .contains(&bits)
        .then_some(IntType { signed, bits })
}

/// A number of bits, or `#` and a number of fields. Redis multiplies without minding that this overflows.
fn field_offset(text: &[u8], int: IntType) -> Option<i64> {
    match text {
        [b'#', index @ ..] => parse_i64(index).map(|index| index.wrapping_mul(i64::from(int.bits))),
        offset => parse_i64(offset),
    }
}
